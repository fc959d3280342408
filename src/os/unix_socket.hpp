// SPDX-License-Identifier: LGPL-2.1-or-later
// AF_UNIX sockets: abstract names and paths, credentials of the peer, descriptors as cargo.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "os/fd.hpp"

namespace iscsi::os {

enum class SocketKind { Stream, SeqPacket };

// An address: a path, or with `abstract` a name without file (no leading NUL needed).
struct UnixAddress {
    std::string_view name;
    bool abstract = false;
};

// All descriptors are close-on-exec. Errors keep errno's text and name the address:
// DaemonNotConnected when nobody listens there, Access when we may not, else Internal.
base::Result<Fd> connect_unix(SocketKind kind, UnixAddress address);
// Nonblocking. A stale socket file at a path is replaced.
base::Result<Fd> listen_unix(SocketKind kind, UnixAddress address, int backlog);

// The next connection that waits, nonblocking; nullopt: none waits (any more).
std::optional<Fd> accept_unix(int listening);

// One datagram to whoever is bound there. Errors as those of connect_unix(); does not block.
base::Status send_datagram(UnixAddress address, std::string_view text);
// Whether the descriptor is a Unix stream socket that listens.
bool listens(int socket);

struct PeerCredentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};
std::optional<PeerCredentials> peer_credentials(int socket);

// One message of a SeqPacket socket. `cargo` travels with it when not -1 (the caller keeps its
// own). Error: Again when the socket is full, else Internal.
base::Status send_message(int socket, std::string_view text, int cargo = -1);

struct ReceivedMessage {
    std::string text;
    Fd cargo;  // the first descriptor that came along; others are closed
};
// nullopt: nothing there now. Error: DaemonNotConnected at the end of the connection,
// InvalidRequest for a message over `bytes_max` (it is lost), else Internal.
base::Result<std::optional<ReceivedMessage>> receive_message(int socket, std::size_t bytes_max);

}  // namespace iscsi::os
