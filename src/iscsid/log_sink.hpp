// SPDX-License-Identifier: LGPL-2.1-or-later
// Where iscsid's log goes: stderr in the foreground, else syslog.
#pragma once

namespace iscsi::iscsid {

// `debug`: the -d level; above 0 debug messages are written as well.
void log_to_stderr(int debug);
void log_to_syslog(int debug);

}  // namespace iscsi::iscsid
