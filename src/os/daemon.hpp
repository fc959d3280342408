// SPDX-License-Identifier: LGPL-2.1-or-later
// What makes a process a daemon: the pid file, the step into the background, the service manager.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/error.hpp"
#include "os/fd.hpp"

namespace iscsi::os {

// The pid file, locked (lockf) as long as this object lives and by nobody else. It is not removed:
// the lock, not the file, says that a daemon runs.
class PidFile {
public:
    PidFile() = default;  // none
    // Error: Busy when another process holds it (its pid is in the message), else Access or
    // Internal. Changes nothing in that case.
    static base::Result<PidFile> acquire(const std::string& path);
    // Call after the last fork: a lock belongs to a process.
    base::Status write_own_pid();

private:
    explicit PidFile(std::string path, Fd file) : path_(std::move(path)), file_(std::move(file)) {}
    std::string path_;
    Fd file_;
};

// fork() in two halves. The parent waits until the child says that it is ready, or dies, so that
// whoever started the daemon can use it at once.
class Background {
public:
    // Returns in the child, in a new session. The parent leaves from inside with 0, or with the
    // child's exit status when that ends before ready().
    static base::Result<Background> enter();
    // Lets the parent go; stdin, stdout and stderr become /dev/null.
    void ready();

private:
    explicit Background(Fd pipe) : pipe_(std::move(pipe)) {}
    Fd pipe_;
};

// Tells systemd, when it is there: "READY=1", "STATUS=...", "STOPPING=1". No effect otherwise.
void notify_service_manager(const std::string& state);
// The listening socket that the service manager made (LISTEN_FDS), or none. It is meant for the
// process that was started: call before the step into the background.
Fd inherited_socket();

}  // namespace iscsi::os
