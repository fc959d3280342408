// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/login_run.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <utility>

#include "base/check.hpp"
#include "os/clock.hpp"
#include "os/netdev.hpp"

namespace iscsi::iscsid {

using asio::ip::tcp;
using base::ErrorCode;
using os::now;

namespace {

// The interface that an iface record binds to, or none. Compat: open-iscsi's software transport
// binds by hardware address, else by interface name; never by IP address.
base::Result<std::string> bound_netdev(const record::Iface& iface) {
    if (record::is_bound(iface.hwaddress)) {
        auto name = os::netdev_with_hwaddress(iface.hwaddress);
        if (!name) {
            return base::fail(ErrorCode::Transport, "no interface has hardware address {}",
                              iface.hwaddress);
        }
        return std::move(*name);
    }
    if (record::is_bound(iface.net_ifacename)) return iface.net_ifacename;
    return std::string();
}

}  // namespace

LoginRun::LoginRun(asio::io_context& io, record::Node node, Handlers handlers)
    : DrivenLogin(io, std::move(handlers.login_event)),
      node_(std::move(node)),
      handlers_(std::move(handlers)),
      socket_(io) {}

void LoginRun::connect(const Addresses& addresses, std::uint16_t port) {
    for (const auto& address : addresses) endpoints_.emplace_back(address, port);
    // Later: whoever asks for it is not to hear of its failure from inside.
    asio::post(socket_.get_executor(), [this, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) try_next();
    });
}

base::Status LoginRun::prepare_socket(const tcp::endpoint& remote) {
    asio::error_code error;
    socket_.close(error);
    socket_.open(remote.protocol(), error);
    if (error) return base::fail(ErrorCode::Transport, "{}", error.message());
    ISCSI_TRY(const std::string netdev, bound_netdev(node_.iface));
    if (!netdev.empty()) ISCSI_TRY_VOID(os::bind_to_netdev(socket_.native_handle(), netdev));
    // Options that a kernel refuses cost speed, not correctness.
    asio::error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    const auto& settings = node_.conn[0].tcp;
    if (settings.window_size > 0) {
        socket_.set_option(asio::socket_base::receive_buffer_size(settings.window_size), ignored);
        socket_.set_option(asio::socket_base::send_buffer_size(settings.window_size), ignored);
    }
    if (!settings.congestion_control.empty() &&
        ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_CONGESTION,
                     settings.congestion_control.data(),
                     static_cast<socklen_t>(settings.congestion_control.size())) != 0) {
        base::log(base::LogLevel::Warning, "congestion control {} is not available",
                  settings.congestion_control);
    }
    return {};
}

void LoginRun::try_next() {
    while (next_endpoint_ < endpoints_.size()) {
        remote_ = endpoints_[next_endpoint_++];
        if (const auto prepared = prepare_socket(remote_); !prepared) {
            last_problem_ = prepared.error().message;
            continue;
        }
        socket_.async_connect(remote_, [this, alive = std::weak_ptr(alive_)](asio::error_code e) {
            if (!alive.expired()) on_connect(e);
        });
        return;
    }
    handlers_.connect_failed(last_problem_);
}

void LoginRun::on_connect(asio::error_code error) {
    if (error) {
        last_problem_ = error.message();
        return try_next();
    }
    asio::error_code ignored;
    local_ = socket_.local_endpoint(ignored);
    handlers_.connected();
}

void LoginRun::log_in(session::LoginConfig config, base::Random& random) {
    make_engine(std::move(config), random);
    pump();
}

void LoginRun::pump() {
    if (!drain()) return;
    if (engine_->done()) return;
    arm_timer();
    if (engine_->send_window().empty()) {
        receive();
    } else {
        send();
    }
}

void LoginRun::send() {
    gather_.clear();
    for (const base::ConstByteSpan part : engine_->send_window()) {
        gather_.emplace_back(part.data(), part.size());
    }
    socket_.async_write_some(
        gather_, [this, alive = std::weak_ptr(alive_)](asio::error_code error, std::size_t count) {
            if (alive.expired()) return;
            if (error) return handlers_.broken(error.message());
            engine_->on_sent(count, now());
            pump();
        });
}

void LoginRun::receive() {
    const base::ByteSpan window = engine_->recv_window();
    CHECK(!window.empty());  // an engine that is not done wants one or the other
    socket_.async_read_some(
        asio::buffer(window.data(), window.size()),
        [this, alive = std::weak_ptr(alive_)](asio::error_code error, std::size_t count) {
            if (alive.expired()) return;
            if (error == asio::error::eof) {
                return handlers_.broken("the target closed the connection");
            }
            if (error) return handlers_.broken(error.message());
            engine_->on_received(count, now());
            pump();
        });
}

os::Fd LoginRun::take_socket() {
    asio::error_code error;
    const int fd = socket_.release(error);
    return error ? os::Fd() : os::Fd(fd);
}

namespace {

// Without the IPv4-in-IPv6 form that a dual-stack resolver may hand out.
std::string text_of(const asio::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
    }
    return address.to_string();
}

std::uint32_t unsigned_of(std::int32_t value) {
    return static_cast<std::uint32_t>(std::max(value, 0));
}

}  // namespace

std::string LoginRun::local_address() const { return text_of(local_.address()); }
std::string LoginRun::remote_address() const { return text_of(remote_.address()); }

session::LoginConfig login_config(const record::Node& node) {
    const record::Connection& connection = node.conn[0];
    const record::SessionIscsi& keys = node.session.iscsi;
    session::LoginConfig config;
    config.target_name = node.name;
    config.auth = node.session.auth;
    config.login_timeout = std::chrono::seconds(connection.timeo.login_timeout);
    config.auth_timeout = std::chrono::seconds(connection.timeo.auth_timeout);
    config.offer = {
        .header_digest = connection.iscsi.header_digest,
        .data_digest = connection.iscsi.data_digest,
        .max_recv_data_segment_length = unsigned_of(connection.iscsi.max_recv_data_segment_length),
        .max_xmit_data_segment_length = unsigned_of(connection.iscsi.max_xmit_data_segment_length),
        .max_burst_length = unsigned_of(keys.max_burst_length),
        .first_burst_length = unsigned_of(keys.first_burst_length),
        .initial_r2t = keys.initial_r2t,
        .immediate_data = keys.immediate_data,
        .max_outstanding_r2t = unsigned_of(keys.max_outstanding_r2t),
        .default_time2wait = unsigned_of(keys.default_time2wait),
        .default_time2retain = unsigned_of(keys.default_time2retain),
        .error_recovery_level = 0,  // others are not implemented
    };
    return config;
}

}  // namespace iscsi::iscsid
