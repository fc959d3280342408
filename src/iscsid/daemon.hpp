// SPDX-License-Identifier: LGPL-2.1-or-later
// iscsid put together: the event loop, signals, sessions and the control socket.
#pragma once

#include <functional>
#include <string>

#include "base/error.hpp"
#include "iscsid/settings.hpp"
#include "os/fd.hpp"

namespace iscsi::iscsid {

struct DaemonOptions {
    SettingsPaths paths;
    std::string rundir;            // of userspace sessions
    bool relay_userd_log = false;  // what iscsi-userd logs is logged here too
    std::string userd_program;     // iscsi-userd
    std::uint32_t allowed_uid = 0;
    bool stop_on_interrupt = false;  // SIGINT ends it; else it is ignored
};

// Serves until SIGTERM or a stop request. `ready` is called once sessions of an earlier iscsid have
// been found again and requests are answered. Sessions go on when it returns. Error: Internal, the
// system lacks what an event loop needs.
base::Status run_daemon(const DaemonOptions& options, os::Fd listening,
                        const std::function<void()>& ready);

}  // namespace iscsi::iscsid
