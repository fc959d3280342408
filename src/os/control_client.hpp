// SPDX-License-Identifier: LGPL-2.1-or-later
// The asking side of a protocol over a Unix stream socket, blocking: connect, send one request,
// read answers, which are lines or blocks of a known size. Knows nothing of what they mean
// (control/messages.hpp and control/legacy.hpp do).
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "os/fd.hpp"
#include "os/unix_socket.hpp"

namespace iscsi::os {

class ControlClient {
public:
    // DaemonNotConnected when nobody listens (errno's text in the message).
    static base::Result<ControlClient> connect(UnixAddress address);

    // The whole text, blocking. A daemon that refuses it unread is no error here: read_line() gets
    // its answer. Error: DaemonCommunication.
    base::Status send(std::string_view text);

    // The next line without its '\n'; nullopt when the daemon has closed the connection after a
    // complete line. Waits without limit, or `timeout` for the line: then RequestTimedOut. A
    // broken connection, a half line or one longer than `bytes_max`: DaemonCommunication.
    base::Result<std::optional<std::string>> read_line(
        std::size_t bytes_max, std::optional<std::chrono::milliseconds> timeout = {});

    // The next `count` bytes, or fewer at the end of the stream. Waits without limit, or `timeout`
    // for all of them: then RequestTimedOut, and what has come is still there for the next call. A
    // broken connection: DaemonCommunication.
    base::Result<std::string> read_block(std::size_t count,
                                         std::optional<std::chrono::milliseconds> timeout = {});

    // The process that listens, as the kernel tells; 0 if it does not.
    pid_t peer_pid() const;
    // The user who listened there; nullopt where the kernel does not tell.
    std::optional<uid_t> peer_uid() const;

private:
    using Deadline = std::optional<std::chrono::steady_clock::time_point>;
    explicit ControlClient(Fd socket) : socket_(std::move(socket)) {}
    // Waits for more bytes; false at the end of the stream. Errors as those of read_block().
    base::Result<bool> receive_more(Deadline deadline);

    Fd socket_;
    std::string buffer_;
};

}  // namespace iscsi::os
