// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/data_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "os/fd.hpp"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

namespace iscsi::os {

namespace {

bool write_text(const char* path, std::string_view text) {
    const Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
    return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

std::vector<std::string> protect_from_memory_pressure() {
    std::vector<std::string> refused;
    // ONFAULT: what was never touched (stacks, big buffers) costs nothing until it is.
    if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
        refused.push_back(fmt::format("cannot lock memory: {}", std::strerror(errno)));
    }
    if (::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) != 0) {
        refused.push_back(fmt::format("cannot become an I/O flusher: {}", std::strerror(errno)));
    }
    if (!write_text("/proc/self/oom_score_adj", "-1000")) {
        refused.push_back(fmt::format("cannot set oom_score_adj: {}", std::strerror(errno)));
    }
    return refused;
}

void leave_terminal() {
    (void)::setsid();  // refused to a process that leads one already
    (void)!::chdir("/");
    const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) return;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
}

}  // namespace iscsi::os
