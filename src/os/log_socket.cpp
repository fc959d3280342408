// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/log_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace iscsi::os {

LogSocket::LogSocket(std::string program, std::string path)
    : program_(std::move(program)), path_(std::move(path)) {}

bool LogSocket::connect() {
    socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (!socket_ || path_.size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(socket_.get(), generic, sizeof address) == 0) return true;
    socket_.reset();
    return false;
}

void LogSocket::write(int priority, std::string_view text) {
    const std::lock_guard lock(mutex_);
    const std::string line =
        fmt::format("<{}>{}[{}]: {}", LOG_DAEMON | priority, program_, ::getpid(), text);
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (!socket_ && !connect()) return;
        if (::send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL) >= 0) return;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        socket_.reset();  // the log daemon has started anew
    }
}

}  // namespace iscsi::os
