// SPDX-License-Identifier: LGPL-2.1-or-later
// What a process in the path of dirty pages needs: it must not wait for memory that only it can
// free, nor be killed to free some.
#pragma once

#include <string>
#include <vector>

namespace iscsi::os {

// Locks memory: all of the program and its libraries, and of the rest each page that is ever used.
// Marks the process as an I/O flusher, puts it out of the OOM killer's reach. Each
// step is tried; those that the system refused come back, one line each, for the log.
std::vector<std::string> protect_from_memory_pressure();

// A session of its own; stdin, stdout and stderr become /dev/null, so that nobody who waits for the
// end of our starter's output waits for us.
void leave_terminal();

}  // namespace iscsi::os
