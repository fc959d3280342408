// SPDX-License-Identifier: LGPL-2.1-or-later
// A netlink socket: whole messages out, whole messages in. Knows nothing of what they mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "os/fd.hpp"

namespace iscsi::os {

inline constexpr int kNetlinkIscsi = 8;  // protocol number of NETLINK_ISCSI

class NetlinkSocket {
public:
    struct Options {
        int protocol = kNetlinkIscsi;
        std::uint32_t groups = 0;   // multicast groups, as bits
        std::uint32_t port_id = 0;  // ours; 0: the kernel chooses
    };
    // Error TransportNotFound if the kernel does not have the protocol in this network namespace.
    static base::Result<NetlinkSocket> open(const Options& options);

    // One message of type `type` to the kernel. Blocks while the kernel works on it.
    base::Status send(std::uint16_t type, base::ConstByteSpan payload);

    struct Received {
        // Some messages were lost: the kernel had no room for them. Whoever keeps a picture of the
        // kernel's state must look again.
        bool overrun = false;
        std::vector<std::byte> payload;  // without the netlink header; empty if overrun
    };
    // The next message from the kernel, or nullopt if there is none. Messages that another process
    // forged (only the kernel has port 0) are dropped.
    base::Result<std::optional<Received>> receive();

    // For waiting until receive() has something.
    int fd() const { return fd_.get(); }

private:
    explicit NetlinkSocket(Fd fd, std::uint32_t port_id) : fd_(std::move(fd)), port_id_(port_id) {}

    Fd fd_;
    std::uint32_t port_id_ = 0;
};

}  // namespace iscsi::os
