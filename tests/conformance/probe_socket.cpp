// SPDX-License-Identifier: LGPL-2.1-or-later
#include "probe_socket.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace iscsi::conformance {

namespace {

constexpr std::size_t kSpansMax = 64;

template <class Span>
std::vector<iovec> to_iovec(std::span<const Span> spans) {
    std::vector<iovec> list;
    for (const auto& span : spans.first(std::min(spans.size(), kSpansMax))) {
        list.push_back({.iov_base = const_cast<std::byte*>(span.data()), .iov_len = span.size()});
    }
    return list;
}

std::expected<std::size_t, int> outcome(ssize_t count) {
    if (count > 0) return static_cast<std::size_t>(count);
    if (count == 0) return std::unexpected(0);
    if (errno == EAGAIN || errno == EINTR) return 0;
    return std::unexpected(errno);
}

// The scripted target is at 127.0.0.1, and "localhost" may come as ::1 first.
const addrinfo* preferred(const addrinfo* list) {
    for (const auto* each = list; each != nullptr; each = each->ai_next) {
        if (each->ai_family == AF_INET) return each;
    }
    return list;
}

}  // namespace

std::expected<os::Fd, std::string> start_connect(const session::TargetPortal& portal) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(portal.port);
    const int code = getaddrinfo(portal.address.c_str(), port.c_str(), &hints, &found);
    if (code != 0) return std::unexpected(std::string(gai_strerror(code)));
    const addrinfo* chosen = preferred(found);
    os::Fd fd(socket(chosen->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int status = connect(fd.get(), chosen->ai_addr, chosen->ai_addrlen);
    const int error = errno;
    freeaddrinfo(found);
    if (status == 0 || error == EINPROGRESS) return fd;
    return std::unexpected(std::string(std::strerror(error)));
}

int connect_result(const os::Fd& socket) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

std::expected<std::size_t, int> send_some(const os::Fd& socket,
                                          std::span<const base::ConstByteSpan> spans) {
    auto list = to_iovec(spans);
    msghdr message{};
    message.msg_iov = list.data();
    message.msg_iovlen = list.size();
    return outcome(sendmsg(socket.get(), &message, MSG_NOSIGNAL));
}

std::expected<std::size_t, int> receive_some(const os::Fd& socket,
                                             std::span<const base::ByteSpan> spans) {
    const auto list = to_iovec(spans);
    return outcome(readv(socket.get(), list.data(), static_cast<int>(list.size())));
}

}  // namespace iscsi::conformance
