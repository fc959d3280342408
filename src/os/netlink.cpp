// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/netlink.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace iscsi::os {

namespace {

using base::ErrorCode;

// Room for what arrives while the process is busy: a link failure reports every session at once.
constexpr int kReceiveBufferBytes = 4 * 1024 * 1024;

sockaddr_nl kernel_address() {
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    return address;
}

}  // namespace

base::Result<NetlinkSocket> NetlinkSocket::open(const Options& options) {
    Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, options.protocol));
    if (!fd) {
        return base::fail_errno(ErrorCode::TransportNotFound, errno,
                                "cannot open the kernel's iSCSI netlink socket");
    }
    // Best effort: without the privilege the usual limit stays.
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes,
                       sizeof kReceiveBufferBytes);
    sockaddr_nl address = kernel_address();
    address.nl_pid = options.port_id;
    address.nl_groups = options.groups;
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return base::fail_errno(ErrorCode::Internal, errno,
                                "cannot bind the kernel's iSCSI netlink socket");
    }
    socklen_t length = sizeof address;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
    return NetlinkSocket(std::move(fd), address.nl_pid);
}

base::Status NetlinkSocket::send(std::uint16_t type, base::ConstByteSpan payload) {
    nlmsghdr header{};
    header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(payload.size()));
    header.nlmsg_type = type;
    header.nlmsg_pid = port_id_;
    static_assert(sizeof header == NLMSG_HDRLEN);
    iovec parts[2] = {{&header, sizeof header},
                      {const_cast<std::byte*>(payload.data()), payload.size()}};
    sockaddr_nl address = kernel_address();
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = sizeof address;
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    while (::sendmsg(fd_.get(), &message, 0) < 0) {
        if (errno == EINTR) continue;
        return base::fail_errno(ErrorCode::Internal, errno, "cannot send to the kernel's iSCSI");
    }
    return {};
}

base::Result<std::optional<NetlinkSocket::Received>> NetlinkSocket::receive() {
    while (true) {
        // The length first: statistics are longer than anything else.
        const ssize_t size = ::recv(fd_.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC);
        if (size < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return std::nullopt;
            if (errno == ENOBUFS) return Received{.overrun = true};
            return base::fail_errno(ErrorCode::Internal, errno,
                                    "cannot receive from the kernel's iSCSI");
        }
        std::vector<std::byte> bytes(static_cast<std::size_t>(size));
        sockaddr_nl from{};
        socklen_t length = sizeof from;
        const ssize_t got = ::recvfrom(fd_.get(), bytes.data(), bytes.size(), 0,
                                       reinterpret_cast<sockaddr*>(&from), &length);
        if (got < static_cast<ssize_t>(NLMSG_HDRLEN) || from.nl_pid != 0) continue;
        nlmsghdr header{};
        std::memcpy(&header, bytes.data(), sizeof header);
        const auto whole = std::min<std::size_t>(header.nlmsg_len, static_cast<std::size_t>(got));
        if (whole < NLMSG_HDRLEN) continue;
        bytes.resize(whole);
        bytes.erase(bytes.begin(), bytes.begin() + NLMSG_HDRLEN);
        return Received{.payload = std::move(bytes)};
    }
}

}  // namespace iscsi::os
