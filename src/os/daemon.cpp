// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/daemon.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "base/numbers.hpp"

#if __has_include(<systemd/sd-daemon.h>)
#include <systemd/sd-daemon.h>
#define ISCSI_HAVE_SYSTEMD 1
#endif

namespace iscsi::os {

using base::ErrorCode;

namespace {

std::string pid_in(int file) {
    std::array<char, 32> text;
    const ssize_t length = ::pread(file, text.data(), text.size(), 0);
    if (length <= 0) return "unknown";
    const auto trimmed = base::trim({text.data(), static_cast<std::size_t>(length)});
    return base::parse_unsigned(trimmed) ? std::string(trimmed) : "unknown";
}

}  // namespace

base::Result<PidFile> PidFile::acquire(const std::string& path) {
    Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644 & ~077));
    if (!file) {
        const auto code = errno == EACCES ? ErrorCode::Access : ErrorCode::Internal;
        return base::fail_errno(code, errno, "pid file " + path);
    }
    if (::lockf(file.get(), F_TLOCK, 0) != 0) {
        if (errno != EACCES && errno != EAGAIN) {
            return base::fail_errno(ErrorCode::Internal, errno, "pid file " + path);
        }
        return base::fail(ErrorCode::Busy, "already running with pid {} (pid file {} is locked)",
                          pid_in(file.get()), path);
    }
    return PidFile(path, std::move(file));
}

base::Status PidFile::write_own_pid() {
    if (!file_) return {};
    if (::lockf(file_.get(), F_TLOCK, 0) != 0) {
        return base::fail_errno(ErrorCode::Busy, errno, "pid file " + path_);
    }
    const std::string text = fmt::format("{}\n", ::getpid());
    if (::ftruncate(file_.get(), 0) != 0 ||
        ::pwrite(file_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        return base::fail_errno(ErrorCode::Internal, errno, "pid file " + path_);
    }
    return {};
}

base::Result<Background> Background::enter() {
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return base::fail_errno(ErrorCode::Internal, errno, "pipe");
    }
    Fd read_end(ends[0]);
    Fd write_end(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) return base::fail_errno(ErrorCode::Internal, errno, "fork");
    if (child == 0) {
        ::setsid();
        return Background(std::move(write_end));
    }
    write_end.reset();
    char byte = 0;
    ssize_t count = 0;
    do {
        count = ::read(read_end.get(), &byte, 1);
    } while (count < 0 && errno == EINTR);
    if (count == 1) ::_exit(0);
    int status = 0;
    ::waitpid(child, &status, 0);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

void Background::ready() {
    if (!pipe_) return;
    Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (int target = STDIN_FILENO; null && target <= STDERR_FILENO; ++target) {
        ::dup2(null.get(), target);
    }
    // The parent waits for this byte; if it was killed there is nobody to tell.
    (void)!::write(pipe_.get(), "1", 1);
    pipe_.reset();
}

#ifdef ISCSI_HAVE_SYSTEMD

void notify_service_manager(const std::string& state) {
    (void)::sd_notify(/*unset_environment=*/0, state.c_str());  // nobody there: nobody to tell
}

Fd inherited_socket() {
    if (::sd_listen_fds(/*unset_environment=*/1) != 1) return {};
    const int first = SD_LISTEN_FDS_START;
    ::fcntl(first, F_SETFL, ::fcntl(first, F_GETFL) | O_NONBLOCK);
    return Fd(first);
}

#else

void notify_service_manager(const std::string&) {}
Fd inherited_socket() { return {}; }

#endif

}  // namespace iscsi::os
