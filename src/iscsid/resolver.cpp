// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/resolver.hpp"

#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <mutex>
#include <utility>

#include "os/thread.hpp"

namespace iscsi::iscsid {

using base::ErrorCode;

// What the threads know of the resolver: whether there still is one to answer to.
struct Resolver::Gate {
    std::mutex mutex;
    Resolver* resolver = nullptr;  // none: it has gone
};

std::optional<asio::ip::address> numeric_address(const std::string& host) {
    asio::error_code not_numeric;
    auto address = asio::ip::make_address(host, not_numeric);
    if (not_numeric) return std::nullopt;
    return address;
}

base::Result<Addresses> look_up(const std::string& host) {
    asio::io_context local;
    asio::ip::tcp::resolver resolver(local);
    asio::error_code error;
    const auto results = resolver.resolve(host, "", error);
    if (error) return base::fail(ErrorCode::Transport, "{}", error.message());
    Addresses out;
    for (const auto& entry : results) {
        if (out.size() < kAddressesMax) out.push_back(entry.endpoint().address());
    }
    if (out.empty()) return base::fail(ErrorCode::Transport, "the name has no address");
    return out;
}

Resolver::Resolver(asio::io_context& io, LookUp look_up)
    : io_(io), look_up_(std::move(look_up)), gate_(std::make_shared<Gate>()) {
    gate_->resolver = this;
}

Resolver::~Resolver() {
    const std::lock_guard lock(gate_->mutex);
    gate_->resolver = nullptr;
}

void Resolver::resolve(const std::string& host, Handler handler) {
    auto& handlers = asked_[host];
    handlers.push_back(std::move(handler));
    if (handlers.size() > 1) return;
    waiting_.push_back(host);
    start_waiting();
}

void Resolver::start_waiting() {
    while (!waiting_.empty() && lookups_ < kLookupsMax) {
        const std::string host = std::move(waiting_.front());
        waiting_.pop_front();
        ++lookups_;
        if (const auto started = start(host); !started) {
            asio::post(io_, [gate = std::weak_ptr(gate_), host, error = started.error()] {
                const auto open = gate.lock();
                if (open && open->resolver != nullptr) {
                    open->resolver->finish(host, std::unexpected(error));
                }
            });
        }
    }
}

base::Status Resolver::start(const std::string& host) {
    return os::start_detached([gate = gate_, look_up = look_up_, host] {
        auto found = look_up(host);
        const std::lock_guard lock(gate->mutex);
        if (gate->resolver == nullptr) return;
        asio::post(gate->resolver->io_, [gate, host, found = std::move(found)] {
            // In the event loop's thread, which is the one that ends the resolver.
            if (gate->resolver != nullptr) gate->resolver->finish(host, found);
        });
    });
}

void Resolver::finish(const std::string& host, const base::Result<Addresses>& found) {
    --lookups_;
    const auto asked = asked_.extract(host);
    start_waiting();
    for (const Handler& handler : asked.mapped()) handler(found);
}

}  // namespace iscsi::iscsid
