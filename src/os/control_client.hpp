// SPDX-License-Identifier: LGPL-2.1-or-later
// The asking side of a line protocol over a Unix stream socket, blocking: connect, send one
// request, read answer lines. Knows nothing of what the lines mean (control/messages.hpp does).
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

private:
    explicit ControlClient(Fd socket) : socket_(std::move(socket)) {}
    Fd socket_;
    std::string buffer_;
};

}  // namespace iscsi::os
