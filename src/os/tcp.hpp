// SPDX-License-Identifier: LGPL-2.1-or-later
// TCP connections for programs without an event loop: connecting and exchanging bytes, each with a
// deadline. iscsid has its own on Asio.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

#include "base/bytes.hpp"
#include "base/instant.hpp"
#include "os/fd.hpp"
#include "os/files.hpp"

namespace iscsi::os {

struct TcpEndpoint {
    std::string address;  // numeric, IPv6 without brackets, with its zone where it needs one
    std::uint16_t port = 0;
    std::string netdev;  // bind to this interface; empty: any
};

// Which step failed, and errno's number for it; ETIMEDOUT when the deadline has passed.
struct ConnectFailure {
    enum class Step : std::uint8_t { Address, Bind, Connect } step = Step::Connect;
    int error = 0;
};

// A connected, nonblocking socket with TCP_NODELAY.
std::expected<Fd, ConnectFailure> connect_tcp(const TcpEndpoint& endpoint, base::Instant deadline);

// Closes with a reset instead of a farewell: nothing lingers, also not on the peer.
void close_with_reset(Fd socket);

// Waits until bytes can be sent (or received), and sends (receives) as many as there is room
// (are). 0 from receive: the peer has closed. ETIMEDOUT: the deadline has passed.
Expected<std::size_t> send_some(const Fd& socket, base::ConstByteSpan bytes,
                                base::Instant deadline);
Expected<std::size_t> receive_some(const Fd& socket, base::ByteSpan bytes, base::Instant deadline);

}  // namespace iscsi::os
