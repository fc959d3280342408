// SPDX-License-Identifier: LGPL-2.1-or-later
// What a process in the path of dirty pages needs: it must not wait for memory that only it can
// free, nor be killed to free some.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"

namespace iscsi::os {

// Locks memory, marks the process as an I/O flusher, puts it out of the OOM killer's reach. Each
// step is tried; those that the system refused come back, one line each, for the log.
std::vector<std::string> protect_from_memory_pressure();

// Leaves the caller's session and terminal: forks; the parent waits until the child reports, then
// ends with its verdict. In the child the returned object reports; only the child returns.
class Daemon {
public:
    // Forks. Call before any thread exists.
    static base::Result<Daemon> start();
    // Ready: the parent exits with status 0. stdin, stdout and stderr go to /dev/null.
    void ready();
    // The parent prints the text on stderr and exits with `status`; so does the child.
    [[noreturn]] void give_up(int status, const std::string& text);

private:
    explicit Daemon(int report) : report_(report) {}
    int report_;
};

}  // namespace iscsi::os
