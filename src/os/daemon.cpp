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
#include "os/unix_socket.hpp"

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

void notify_service_manager(const std::string& state) {
    const char* const where = std::getenv("NOTIFY_SOCKET");
    if (where == nullptr || (where[0] != '/' && where[0] != '@')) return;
    const bool abstract = where[0] == '@';
    // A manager that is not there, or does not listen, is not to be told.
    (void)send_datagram({.name = where + (abstract ? 1 : 0), .abstract = abstract}, state);
}

Fd inherited_socket() {
    constexpr int kFirst = 3;
    const char* const pid = std::getenv("LISTEN_PID");
    const char* const count = std::getenv("LISTEN_FDS");
    const bool ours = pid != nullptr && count != nullptr &&
                      base::parse_unsigned(pid) == static_cast<std::uint64_t>(::getpid()) &&
                      base::parse_unsigned(count) == 1U;
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
    if (!ours || !listens(kFirst)) return {};
    ::fcntl(kFirst, F_SETFD, FD_CLOEXEC);
    ::fcntl(kFirst, F_SETFL, ::fcntl(kFirst, F_GETFL) | O_NONBLOCK);
    return Fd(kFirst);
}

}  // namespace iscsi::os
