// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/resolver.hpp"

#include <asio/ip/address.hpp>
#include <asio/post.hpp>
#include <utility>

namespace iscsi::iscsid {

using base::ErrorCode;

namespace {

constexpr std::size_t kThreads = 4;
constexpr std::size_t kEndpointsMax = 16;  // a name with more addresses is tried no further

base::Result<Endpoints> look_up(const std::string& host, std::uint16_t port) {
    asio::io_context local;
    asio::ip::tcp::resolver resolver(local);
    asio::error_code error;
    const auto results = resolver.resolve(host, std::to_string(port), error);
    if (error) return base::fail(ErrorCode::Transport, "{}", error.message());
    Endpoints out;
    for (const auto& entry : results) {
        if (out.size() < kEndpointsMax) out.push_back(entry.endpoint());
    }
    return out;
}

}  // namespace

Resolver::Resolver(asio::io_context& io) : io_(io) {}

Resolver::~Resolver() {
    if (!pool_) return;
    pool_->stop();
    // Joining would wait for DNS. The process is about to end.
    (void)pool_.release();
}

void Resolver::resolve(const std::string& host, std::uint16_t port, Handler handler) {
    asio::error_code not_numeric;
    const auto address = asio::ip::make_address(host, not_numeric);
    if (!not_numeric) {
        asio::post(io_, [handler = std::move(handler), address, port] {
            handler(Endpoints{{address, port}});
        });
        return;
    }
    // Most portals are numbers; threads are started for the first that is not.
    if (!pool_) pool_ = std::make_unique<asio::thread_pool>(kThreads);
    asio::post(*pool_, [this, host, port, handler = std::move(handler)]() mutable {
        asio::post(io_, [handler = std::move(handler), found = look_up(host, port)]() mutable {
            handler(std::move(found));
        });
    });
}

}  // namespace iscsi::iscsid
