// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/uevent.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace iscsi::os {

namespace {

// "add@/devices/...\0ACTION=add\0SUBSYSTEM=block\0DEVNAME=loop3p1\0..."
std::optional<BlockUevent> parse(std::string_view text) {
    BlockUevent event;
    bool block = false;
    while (!text.empty()) {
        const auto end = std::min(text.find('\0'), text.size());
        const std::string_view field = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (field == "SUBSYSTEM=block") block = true;
        if (field.starts_with("ACTION=")) event.action = field.substr(7);
        if (field.starts_with("DEVNAME=")) event.device = field.substr(8);
    }
    if (!block || event.device.empty()) return std::nullopt;
    return event;
}

}  // namespace

base::Result<Fd> listen_uevents() {
    Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
    if (!fd) return base::fail_errno(base::ErrorCode::Internal, errno, "uevent socket");
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = 1;  // the kernel's own messages; 2 is udev's
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(fd.get(), generic, sizeof address) != 0) {
        return base::fail_errno(base::ErrorCode::Internal, errno, "uevent socket");
    }
    return fd;
}

std::optional<BlockUevent> next_block_uevent(int socket) {
    std::array<char, 8192> buffer;
    while (true) {
        sockaddr_nl sender{};
        socklen_t length = sizeof sender;
        auto* generic = reinterpret_cast<sockaddr*>(&sender);
        const ssize_t count =
            ::recvfrom(socket, buffer.data(), buffer.size(), MSG_DONTWAIT, generic, &length);
        // ENOBUFS: news were lost, later ones still come.
        if (count < 0 && (errno == EINTR || errno == ENOBUFS)) continue;
        if (count <= 0) return std::nullopt;
        if (sender.nl_pid != 0) continue;  // not from the kernel
        auto event = parse({buffer.data(), static_cast<std::size_t>(count)});
        if (event) return event;
    }
}

}  // namespace iscsi::os
