// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/data_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

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

// The parent's part: relay what the child reports.
[[noreturn]] void wait_for_child(Fd report, pid_t child) {
    std::array<char, 512> buffer{};
    std::string text;
    ssize_t count = 0;
    while ((count = ::read(report.get(), buffer.data(), buffer.size())) > 0 ||
           (count < 0 && errno == EINTR)) {
        if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    if (text == "ok") ::_exit(EXIT_SUCCESS);
    if (!text.empty()) std::fprintf(stderr, "%s\n", text.c_str());
    int status = 0;
    ::waitpid(child, &status, 0);
    ::_exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : EXIT_FAILURE);
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

base::Result<Daemon> Daemon::start() {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
        return base::fail_errno(base::ErrorCode::Internal, errno, "pipe2");
    }
    Fd read_end(pipe[0]);
    Fd write_end(pipe[1]);
    const pid_t child = ::fork();
    if (child < 0) return base::fail_errno(base::ErrorCode::Internal, errno, "fork");
    if (child > 0) {
        write_end.reset();
        wait_for_child(std::move(read_end), child);
    }
    ::setsid();
    if (::chdir("/") != 0) return base::fail_errno(base::ErrorCode::Internal, errno, "chdir /");
    return Daemon(write_end.release());
}

void Daemon::ready() {
    const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (null) ::dup2(null.get(), fd);
    }
    const Fd report(report_);
    (void)!::write(report.get(), "ok", 2);  // a parent that was killed waits for nothing
}

void Daemon::give_up(int status, const std::string& text) {
    (void)!::write(report_, text.data(), text.size());
    ::_exit(status);
}

}  // namespace iscsi::os
