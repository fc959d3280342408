// SPDX-License-Identifier: LGPL-2.1-or-later
// Host names to addresses without holding up the event loop: a few threads wait for DNS.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace iscsi::iscsid {

using Endpoints = std::vector<asio::ip::tcp::endpoint>;

class Resolver {
public:
    using Handler = std::function<void(base::Result<Endpoints>)>;

    explicit Resolver(asio::io_context& io);
    // Waits for no name that is being looked up.
    ~Resolver();

    // The handler is called from the event loop, later. A numeric address (IPv6 with %scope too)
    // never waits. Error: Transport, worded as the resolver words it.
    void resolve(const std::string& host, std::uint16_t port, Handler handler);

private:
    asio::io_context& io_;
    // Kept alive by lookups still under way at the end: getaddrinfo() can't be interrupted.
    std::unique_ptr<asio::thread_pool> pool_;
};

}  // namespace iscsi::iscsid
