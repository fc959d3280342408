// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/control_server.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "os/unix_socket.hpp"

namespace iscsi::userd {

using base::ErrorCode;
using userlink::Failure;

ControlServer::ControlServer(os::Fd listening, os::Epoll& epoll, std::uint64_t first_token,
                             ControlListener& listener)
    : listening_(std::move(listening)),
      epoll_(epoll),
      first_token_(first_token),
      listener_(listener),
      next_id_(first_token + 1) {}

base::Status ControlServer::start() {
    return epoll_.add(listening_.get(), first_token_, {.readable = true});
}

void ControlServer::on_ready(const os::Epoll::Ready& ready) {
    if (ready.token == first_token_) return accept_clients();
    if (ready.writable) flush(ready.token);
    if (ready.readable || ready.broken) read_client(ready.token);
}

void ControlServer::accept_clients() {
    while (auto socket = os::accept_unix(listening_.get())) {
        const auto peer = os::peer_credentials(socket->get());
        // Only root may, as for the socket file itself.
        if (!peer || peer->uid != 0 || clients_.size() >= kClientsMax) continue;
        const ClientId id = next_id_++;
        if (!epoll_.add(socket->get(), id, {.readable = true})) continue;
        clients_[id].socket = std::move(*socket);
    }
}

void ControlServer::read_client(ClientId id) {
    while (true) {
        const auto found = clients_.find(id);
        if (found == clients_.end()) return;
        auto message = os::receive_message(found->second.socket.get(), userlink::kMessageBytesMax);
        if (!message) return drop(id);
        if (!*message) return;
        on_message(id, (*message)->text, std::move((*message)->cargo));
    }
}

void ControlServer::on_message(ClientId id, const std::string& text, os::Fd cargo) {
    const auto request = userlink::decode_request(text);
    if (!request) {
        const auto request_id = userlink::request_id(text);
        if (!request_id) return drop(id);
        return answer(id, {.id = *request_id,
                           .body = Failure{request.error().code, request.error().message}});
    }
    if (auto failure = refuse(id, *request)) {
        return answer(id, {.id = request->id, .body = std::move(*failure)});
    }
    if (std::holds_alternative<userlink::Hello>(request->body)) {
        answer(id, {.id = request->id, .body = userlink::Done{}});
        return send_early_log();
    }
    listener_.on_request(id, *request, std::move(cargo));
}

std::optional<Failure> ControlServer::refuse(ClientId id, const userlink::Request& request) {
    if (const auto* hello = std::get_if<userlink::Hello>(&request.body)) return greet(id, *hello);
    const auto role = clients_.at(id).role;
    if (!role) return Failure{ErrorCode::InvalidRequest, "the first request must be hello"};
    const bool only_looks =
        std::holds_alternative<userlink::GetStats>(request.body) ||
        std::holds_alternative<userlink::GetStatus>(request.body) ||
        (std::holds_alternative<userlink::Rescan>(request.body) && !has_controller());
    if (*role == userlink::Role::Observer && !only_looks) {
        return Failure{ErrorCode::Access, "an observer may only look"};
    }
    return std::nullopt;
}

std::optional<Failure> ControlServer::greet(ClientId id, const userlink::Hello& hello) {
    Client& client = clients_.at(id);
    const bool wants_control = hello.role == userlink::Role::Controller;
    if (wants_control && client.role != userlink::Role::Controller && has_controller()) {
        return Failure{ErrorCode::Busy, "another iscsid controls this session"};
    }
    client.role = hello.role;
    client.wants_log = wants_control && hello.log;
    return std::nullopt;
}

bool ControlServer::has_controller() const {
    return std::ranges::any_of(
        clients_, [](const auto& c) { return c.second.role == userlink::Role::Controller; });
}

bool ControlServer::flushed() const {
    return std::ranges::all_of(clients_, [](const auto& c) { return c.second.unsent.empty(); });
}

void ControlServer::answer(ClientId client, const userlink::Answer& answer) {
    send(client, encode(answer));
}

void ControlServer::send_event(const userlink::Event& event) {
    const auto controller = std::ranges::find_if(
        clients_, [](const auto& c) { return c.second.role == userlink::Role::Controller; });
    if (controller != clients_.end()) send(controller->first, encode(event));
}

void ControlServer::send_log(userlink::LogLine line) {
    if (!had_controller_ && !has_controller()) {
        if (early_log_.size() < kEarlyLinesMax) early_log_.push_back(std::move(line));
        return;
    }
    const auto reader =
        std::ranges::find_if(clients_, [](const auto& c) { return c.second.wants_log; });
    // A log that nobody reads as fast must not cost the connection.
    if (reader == clients_.end() || reader->second.waiting_for_room) return;
    send(reader->first, encode(userlink::Event{std::move(line)}));
}

void ControlServer::send_early_log() {
    if (had_controller_ || !has_controller()) return;
    had_controller_ = true;
    for (userlink::LogLine& line : std::exchange(early_log_, {})) send_log(std::move(line));
}

void ControlServer::send(ClientId id, std::string text) {
    const auto found = clients_.find(id);
    if (found == clients_.end()) return;
    if (found->second.unsent.size() >= kUnsentMax) {
        base::log(base::LogLevel::Warning, "a client does not read its messages: cut off");
        return drop(id);
    }
    found->second.unsent.push_back(std::move(text));
    flush(id);
}

void ControlServer::flush(ClientId id) {
    const auto found = clients_.find(id);
    if (found == clients_.end()) return;
    Client& client = found->second;
    while (!client.unsent.empty()) {
        const auto sent = os::send_message(client.socket.get(), client.unsent.front());
        if (!sent && sent.error().code != ErrorCode::Again) return drop(id);
        if (!sent) break;
        client.unsent.pop_front();
    }
    const bool wait = !client.unsent.empty();
    if (wait != client.waiting_for_room) {
        client.waiting_for_room = wait;
        epoll_.change(client.socket.get(), id, {.readable = true, .writable = wait});
    }
}

void ControlServer::drop(ClientId id) {
    const auto found = clients_.find(id);
    if (found == clients_.end()) return;
    epoll_.remove(found->second.socket.get());
    clients_.erase(found);
}

}  // namespace iscsi::userd
