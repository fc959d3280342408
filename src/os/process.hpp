// SPDX-License-Identifier: LGPL-2.1-or-later
// Other programs: where ours are, how they are started, how they ended.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "os/fd.hpp"

namespace iscsi::os {

// The directory of the running program's file, without a closing '/'.
std::string program_directory();

// Where programs of ours were configured to be installed.
struct InstalledDirectories {
    std::string sbindir;
    std::string libexecdir;
};

// A helper program of ours: beside the running program, in the build tree's folder of that name
// (`../folder/name`), in `libexecdir` of the same staged installation (whatever stands before
// `sbindir` in the running program's path), or in `libexecdir`. The last one's path when there is
// none: starting it says what is missing.
std::string find_helper(std::string_view name, std::string_view folder,
                        const InstalledDirectories& installed);
// The same for a program in `here`.
std::string find_helper_from(std::string_view here, std::string_view name, std::string_view folder,
                             const InstalledDirectories& installed);

// Starts a program in a session of its own (so that no terminal's signals reach it), with none of
// our descriptors (it outlives whoever waits for the end of a pipe) and default signal handling.
// argv[0] is `path`. Error: Internal, with path and reason.
base::Result<pid_t> spawn_detached(const std::string& path, std::vector<std::string> arguments);

// A descriptor (pidfd) that becomes readable when the process ends, child or not. Error: Internal,
// for instance because it has ended already.
base::Result<Fd> watch_process(pid_t pid);

void kill_process(pid_t pid);  // SIGKILL

// Removes a child that has ended from the process table and tells how: "exit status 1", "killed by
// signal 9". Empty: it has not ended, or is no child of ours.
std::string collect_child(pid_t pid);

}  // namespace iscsi::os
