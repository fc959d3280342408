// SPDX-License-Identifier: LGPL-2.1-or-later
// Host names to addresses without holding up the event loop. Only logins to a name that this
// iscsid has not met wait for it: see known_addresses.hpp.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace iscsi::iscsid {

using Addresses = std::vector<asio::ip::address>;

// A name with more addresses is tried no further.
inline constexpr std::size_t kAddressesMax = 16;
// Names that are looked up at a time. Each has a thread to itself, so that one whose DNS server
// says nothing delays no other.
inline constexpr std::size_t kLookupsMax = 64;

// The address that a text stands for without asking anybody (IPv6 with %scope too).
std::optional<asio::ip::address> numeric_address(const std::string& host);

// Asks the system, and waits for it. Error: Transport, worded as the resolver words it.
base::Result<Addresses> look_up(const std::string& host);

class Resolver {
public:
    using LookUp = std::function<base::Result<Addresses>(const std::string& host)>;
    using Handler = std::function<void(const base::Result<Addresses>&)>;

    // `look_up` is called from threads that may outlive the resolver.
    explicit Resolver(asio::io_context& io, LookUp look_up = iscsid::look_up);
    // Waits for no name that is being looked up, and calls no handler any more.
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    // The handler is called from the event loop, later. All who ask for a name while it is being
    // looked up get the one answer.
    void resolve(const std::string& host, Handler handler);

private:
    struct Gate;

    void start_waiting();
    base::Status start(const std::string& host);
    void finish(const std::string& host, const base::Result<Addresses>& found);

    asio::io_context& io_;
    LookUp look_up_;
    std::shared_ptr<Gate> gate_;  // with the threads: getaddrinfo() can't be interrupted
    std::map<std::string, std::vector<Handler>> asked_;
    std::deque<std::string> waiting_;  // of those asked for, the ones without a thread
    std::size_t lookups_ = 0;          // threads
};

}  // namespace iscsi::iscsid
