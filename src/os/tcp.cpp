// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/tcp.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

#include "os/clock.hpp"

namespace iscsi::os {

namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

AddressList parse_numeric(const TcpEndpoint& endpoint) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const auto port = fmt::format("{}", endpoint.port);
    if (::getaddrinfo(endpoint.address.c_str(), port.c_str(), &hints, &list) != 0) list = nullptr;
    return {list, ::freeaddrinfo};
}

// 0, or errno's number.
int wait_for(const Fd& socket, short events, base::Instant deadline) {
    for (;;) {
        pollfd entry{.fd = socket.get(), .events = events, .revents = 0};
        const int ready = ::poll(&entry, 1, poll_timeout_ms(deadline));
        if (ready > 0) return 0;
        if (ready == 0 && now() >= deadline) return ETIMEDOUT;
        if (ready < 0 && errno != EINTR) return errno;
    }
}

int finish_connecting(const Fd& socket, base::Instant deadline) {
    if (const int error = wait_for(socket, POLLOUT, deadline); error != 0) return error;
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
    return error;
}

std::unexpected<ConnectFailure> failed(ConnectFailure::Step step, int error) {
    return std::unexpected(ConnectFailure{step, error});
}

}  // namespace

std::expected<Fd, ConnectFailure> connect_tcp(const TcpEndpoint& endpoint, base::Instant deadline) {
    using enum ConnectFailure::Step;
    const auto address = parse_numeric(endpoint);
    if (!address) return failed(Address, EINVAL);
    Fd socket(::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return failed(Connect, errno);
    const auto& netdev = endpoint.netdev;
    if (!netdev.empty() && ::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, netdev.c_str(),
                                        static_cast<socklen_t>(netdev.size())) != 0) {
        return failed(Bind, errno);
    }
    const int yes = 1;  // a kernel that refuses costs speed only
    (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (::connect(socket.get(), address->ai_addr, address->ai_addrlen) != 0) {
        if (errno != EINPROGRESS && errno != EINTR) return failed(Connect, errno);
        if (const int error = finish_connecting(socket, deadline); error != 0) {
            return failed(Connect, error);
        }
    }
    return socket;
}

void close_with_reset(Fd socket) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Expected<std::size_t> send_some(const Fd& socket, base::ConstByteSpan bytes,
                                base::Instant deadline) {
    for (;;) {
        const auto count = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count >= 0) return static_cast<std::size_t>(count);
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return std::unexpected(Errno{errno});
        if (const int error = wait_for(socket, POLLOUT, deadline); error != 0) {
            return std::unexpected(Errno{error});
        }
    }
}

Expected<std::size_t> receive_some(const Fd& socket, base::ByteSpan bytes, base::Instant deadline) {
    for (;;) {
        const auto count = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
        if (count >= 0) return static_cast<std::size_t>(count);
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return std::unexpected(Errno{errno});
        if (const int error = wait_for(socket, POLLIN, deadline); error != 0) {
            return std::unexpected(Errno{error});
        }
    }
}

}  // namespace iscsi::os
