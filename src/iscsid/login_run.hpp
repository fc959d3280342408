// SPDX-License-Identifier: LGPL-2.1-or-later
// One attempt of a supervisor in the real world: connect, and the login engine over the socket.
// Decides nothing; the supervisor has the deadlines and destroys it when it is of no use.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "iscsid/driven_login.hpp"
#include "iscsid/resolver.hpp"
#include "os/fd.hpp"
#include "record/node.hpp"
#include "session/login.hpp"
#include "session/supervisor.hpp"

namespace iscsi::iscsid {

class LoginRun : public DrivenLogin {
public:
    // Called from the event loop. The run may be destroyed inside each of them.
    struct Handlers {
        std::function<void()> connected;
        std::function<void(std::string why)> connect_failed;
        EventHandler login_event;
        std::function<void(std::string why)> broken;  // in the middle of the login
    };

    // `node`: bindings and socket options. Only its iface and conn[0].tcp are looked at.
    LoginRun(asio::io_context& io, record::Node node, Handlers handlers);

    // To the first of them that answers.
    void connect(const Addresses& addresses, std::uint16_t port);
    // After `connected`. `random` must outlive the run.
    void log_in(session::LoginConfig config, base::Random& random);

    // After LoggedIn: the socket, nonblocking, and its two ends.
    os::Fd take_socket();
    std::string local_address() const;
    std::string remote_address() const;
    asio::ip::address remote() const { return remote_.address(); }
    std::uint16_t remote_port() const { return remote_.port(); }

private:
    void try_next();
    base::Status prepare_socket(const asio::ip::tcp::endpoint& remote);
    void on_connect(asio::error_code error);
    void pump();
    void send();
    void receive();

    record::Node node_;
    Handlers handlers_;
    asio::ip::tcp::socket socket_;
    std::vector<asio::ip::tcp::endpoint> endpoints_;
    std::size_t next_endpoint_ = 0;
    std::string last_problem_;
    asio::ip::tcp::endpoint remote_;
    asio::ip::tcp::endpoint local_;
    std::vector<asio::const_buffer> gather_;
};

// What a record says about a login.
session::LoginConfig login_config(const record::Node& node);

}  // namespace iscsi::iscsid
