// SPDX-License-Identifier: LGPL-2.1-or-later
// The session's socket: iscsid, the controller, one at a time, and any number of observers.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "os/epoll.hpp"
#include "os/fd.hpp"
#include "userlink/messages.hpp"

namespace iscsi::userd {

using ClientId = std::uint64_t;

class ControlListener {
public:
    virtual ~ControlListener() = default;
    // To be answered with ControlServer::answer(), now or later.
    virtual void on_request(ClientId client, const userlink::Request& request, os::Fd cargo) = 0;
};

class ControlServer {
public:
    // `listening` is the socket; `first_token` and those above it are this object's in `epoll`.
    ControlServer(os::Fd listening, os::Epoll& epoll, std::uint64_t first_token,
                  ControlListener& listener);
    base::Status start();

    bool owns(std::uint64_t token) const { return token >= first_token_; }
    void on_ready(const os::Epoll::Ready& ready);

    // A client that has gone meanwhile gets nothing.
    void answer(ClientId client, const userlink::Answer& answer);
    // Without controller the event is lost: the next one asks for the status.
    void send_event(const userlink::Event& event);
    // For a controller that wants the log; the first one gets what came before it.
    void send_log(userlink::LogLine line);
    bool has_controller() const;
    // Whether everything has been handed to the kernel.
    bool flushed() const;

private:
    struct Client {
        os::Fd socket;
        std::optional<userlink::Role> role;  // after Hello
        std::deque<std::string> unsent;
        bool waiting_for_room = false;
        bool wants_log = false;
    };
    static constexpr std::size_t kClientsMax = 64;
    static constexpr std::size_t kUnsentMax = 256;  // messages; a client that does not read is cut

    static constexpr std::size_t kEarlyLinesMax = 64;

    void accept_clients();
    void send_early_log();
    void read_client(ClientId id);
    void on_message(ClientId id, const std::string& text, os::Fd cargo);
    std::optional<userlink::Failure> refuse(ClientId id, const userlink::Request& request);
    std::optional<userlink::Failure> greet(ClientId id, const userlink::Hello& hello);
    void send(ClientId id, std::string text);
    void flush(ClientId id);
    void drop(ClientId id);

    os::Fd listening_;
    os::Epoll& epoll_;
    std::uint64_t first_token_;
    ControlListener& listener_;
    ClientId next_id_;
    bool had_controller_ = false;
    std::deque<userlink::LogLine> early_log_;  // before the first controller
    std::map<ClientId, Client> clients_;
};

}  // namespace iscsi::userd
