// SPDX-License-Identifier: LGPL-2.1-or-later
// The socket that iscsiadm talks to. Serves root only, one request a connection, in the JSON of
// control/messages.hpp or the structs of control/legacy.hpp; the first byte tells which. What a
// client sends or fails to read costs a bounded amount of memory and nobody else's time.
#pragma once

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "base/error.hpp"
#include "iscsid/requests.hpp"
#include "os/fd.hpp"

namespace iscsi::iscsid {

// Clients connected at the same time; one that has not asked anything makes room.
inline constexpr std::size_t kClientsMax = 4096;
// Answers not yet read by a client, and by all of them; who goes over it is dropped.
inline constexpr std::size_t kBacklogBytesMax = 64UL * 1024 * 1024;
inline constexpr std::size_t kBacklogBytesTotalMax = 256UL * 1024 * 1024;
// Requests being received, all clients together; who asks for more waits no longer.
inline constexpr std::size_t kIncomingBytesMax = 64UL * 1024 * 1024;

class ControlServer {
public:
    struct Options {
        std::uint32_t allowed_uid = 0;
        // A fixed-size request that is not complete by then never will be.
        std::chrono::milliseconds fixed_request_time{5000};
    };

    // `listening`: a listening Unix stream socket.
    ControlServer(asio::io_context& io, os::Fd listening, Requests& requests, Options options);
    ~ControlServer();

    // No new clients; those that are being answered stay connected.
    void stop_accepting();

private:
    class Client;

    void accept();
    void add(asio::local::stream_protocol::socket socket);

    asio::io_context& io_;
    asio::local::stream_protocol::acceptor acceptor_;
    Requests& requests_;
    Options options_;
    std::set<std::shared_ptr<Client>> clients_;  // owners: this, and the client's own operations
    std::size_t incoming_bytes_ = 0;             // of all clients
    std::size_t outgoing_bytes_ = 0;             // of all clients
};

}  // namespace iscsi::iscsid
