// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/unix_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace iscsi::os {

namespace {

using base::ErrorCode;

struct Address {
    sockaddr_un storage{};
    socklen_t length = 0;
};

base::Result<Address> make_address(UnixAddress address) {
    Address out;
    out.storage.sun_family = AF_UNIX;
    const std::size_t prefix = address.abstract ? 1 : 0;
    // A path needs its terminating NUL, an abstract name its leading one.
    if (address.name.empty() || address.name.size() + 1 > sizeof out.storage.sun_path) {
        return base::fail(ErrorCode::Invalid, "socket name \"{}\" must have 1 to {} characters",
                          address.name, sizeof out.storage.sun_path - 1);
    }
    std::memcpy(out.storage.sun_path + prefix, address.name.data(), address.name.size());
    const std::size_t bytes =
        offsetof(sockaddr_un, sun_path) + 1 + address.name.size();  // the NUL, wherever it stands
    out.length = static_cast<socklen_t>(bytes);
    return out;
}

std::string describe(UnixAddress address) {
    return fmt::format("{}{}", address.abstract ? "@" : "", address.name);
}

int type_of(SocketKind kind) { return kind == SocketKind::Stream ? SOCK_STREAM : SOCK_SEQPACKET; }

// Sockets take any sockaddr through one pointer type.
const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

ErrorCode code_of(int error_number) {
    switch (error_number) {
        case ECONNREFUSED:
        case ENOENT:
            return ErrorCode::DaemonNotConnected;
        case EACCES:
        case EPERM:
            return ErrorCode::Access;
        default:
            return ErrorCode::Internal;
    }
}

// Takes the descriptors out of the control message; keeps the first, closes the others.
Fd take_cargo(msghdr& header) {
    Fd first;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            Fd owned(fd);
            if (!first) first = std::move(owned);
        }
    }
    return first;
}

}  // namespace

base::Result<Fd> connect_unix(SocketKind kind, UnixAddress address) {
    ISCSI_TRY(const Address target, make_address(address));
    Fd fd(::socket(AF_UNIX, type_of(kind) | SOCK_CLOEXEC, 0));
    if (!fd) return base::fail_errno(ErrorCode::Internal, errno, "socket");
    if (::connect(fd.get(), generic(target.storage), target.length) != 0) {
        return base::fail_errno(code_of(errno), errno, describe(address));
    }
    return fd;
}

base::Result<Fd> listen_unix(SocketKind kind, UnixAddress address, int backlog) {
    ISCSI_TRY(const Address local, make_address(address));
    Fd fd(::socket(AF_UNIX, type_of(kind) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return base::fail_errno(ErrorCode::Internal, errno, "socket");
    if (!address.abstract) ::unlink(local.storage.sun_path);
    if (::bind(fd.get(), generic(local.storage), local.length) != 0 ||
        ::listen(fd.get(), backlog) != 0) {
        return base::fail_errno(code_of(errno), errno, describe(address));
    }
    return fd;
}

std::optional<Fd> accept_unix(int listening) {
    Fd fd(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return std::nullopt;
    return fd;
}

base::Status send_datagram(UnixAddress address, std::string_view text) {
    ISCSI_TRY(const Address target, make_address(address));
    const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return base::fail_errno(ErrorCode::Internal, errno, "socket");
    if (::sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL, generic(target.storage),
                 target.length) < 0) {
        return base::fail_errno(code_of(errno), errno, describe(address));
    }
    return {};
}

bool listens(int socket) {
    const auto is = [socket](int option, int wanted) {
        int value = 0;
        socklen_t length = sizeof value;
        return ::getsockopt(socket, SOL_SOCKET, option, &value, &length) == 0 && value == wanted;
    };
    return is(SO_DOMAIN, AF_UNIX) && is(SO_TYPE, SOCK_STREAM) && is(SO_ACCEPTCONN, 1);
}

std::optional<PeerCredentials> peer_credentials(int socket) {
    ucred peer{};
    socklen_t length = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
    return PeerCredentials{.pid = peer.pid, .uid = peer.uid, .gid = peer.gid};
}

base::Status send_message(int socket, std::string_view text, int cargo) {
    iovec part{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof cargo)] = {};
    if (cargo >= 0) {
        header.msg_control = control;
        header.msg_controllen = sizeof control;
        cmsghdr* c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof cargo);
        std::memcpy(CMSG_DATA(c), &cargo, sizeof cargo);
    }
    ssize_t sent = 0;
    do {
        sent = ::sendmsg(socket, &header, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) return {};
    const bool full = errno == EAGAIN || errno == EWOULDBLOCK;
    return base::fail_errno(full ? ErrorCode::Again : ErrorCode::Internal, errno, "sendmsg");
}

base::Result<std::optional<ReceivedMessage>> receive_message(int socket, std::size_t bytes_max) {
    ReceivedMessage message;
    message.text.resize(bytes_max);
    iovec part{.iov_base = message.text.data(), .iov_len = bytes_max};
    // Room for a few descriptors: those that do not fit are closed by the kernel.
    alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = {};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    ssize_t received = 0;
    do {
        received = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) return std::optional<ReceivedMessage>{};
        return base::fail_errno(ErrorCode::DaemonNotConnected, errno, "recvmsg");
    }
    message.cargo = take_cargo(header);
    if (received == 0) return base::fail(ErrorCode::DaemonNotConnected, "connection closed");
    if ((header.msg_flags & MSG_TRUNC) != 0) {
        return base::fail(ErrorCode::InvalidRequest, "a message of more than {} bytes", bytes_max);
    }
    message.text.resize(static_cast<std::size_t>(received));
    return std::optional(std::move(message));
}

}  // namespace iscsi::os
