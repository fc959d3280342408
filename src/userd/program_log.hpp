// SPDX-License-Identifier: LGPL-2.1-or-later
// Where iscsi-userd's log goes.
#pragma once

#include <cstdint>

namespace iscsi::userd {

struct LogOptions {
    std::uint64_t sid = 0;
    bool to_stderr = false;  // else syslog
    bool debug = false;
};
void start_log(const LogOptions& options);

}  // namespace iscsi::userd
