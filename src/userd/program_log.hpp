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

// A session of its own; stdin, stdout and stderr become /dev/null, so that nobody who waits for the
// end of our starter's output waits for us.
void leave_terminal();

}  // namespace iscsi::userd
