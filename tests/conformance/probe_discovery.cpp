// SPDX-License-Identifier: LGPL-2.1-or-later
#include "probe_discovery.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "os/random.hpp"
#include "probe_socket.hpp"

namespace iscsi::conformance {

using base::ErrorCode;
using Json = nlohmann::json;

namespace {

constexpr int kAttemptsMax = 6;    // discovery.sendtargets.reopen_max, and the first
constexpr int kRedirectsMax = 16;  // in one attempt

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

int milliseconds_until(base::Instant instant) {
    if (instant == base::kNever) return -1;
    const auto left = instant - std::chrono::steady_clock::now();
    const auto whole = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return static_cast<int>(std::max<std::int64_t>(whole, 0));
}

std::string portal_text(const std::string& address, int port, int tag) {
    const bool v6 = address.contains(':');
    return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port) + "," +
           std::to_string(tag);
}

}  // namespace

void ProbeDiscovery::run() {
    Failure failure;
    for (int tries = 0; tries < kAttemptsMax; ++tries) {
        const auto answer = attempt();
        if (answer) return print(*answer);
        failure = answer.error();
        if (!failure.retryable) break;
        failure.code = ErrorCode::PduTimeout;
    }
    report_(text_of({{"event", "discovery"},
                     {"code", static_cast<int>(failure.code)},
                     {"text", failure.text}}));
}

void ProbeDiscovery::print(const session::SendTargetsAnswer& answer) {
    const auto& own = options_.supervisor.portal;
    for (const auto& target : answer.targets) {
        auto addresses = target.addresses;
        if (addresses.empty()) {
            addresses.push_back({.address = own.address,
                                 .port = static_cast<std::uint16_t>(own.port),
                                 .target_portal_group_tag = 1});
        }
        for (const auto& place : addresses) {
            const int tag = place.target_portal_group_tag.value_or(0);
            report_(text_of({{"event", "target"},
                             {"name", target.name},
                             {"address", portal_text(place.address, place.port, tag)}}));
        }
    }
    for (const auto& remark : answer.remarks) {
        report_(text_of({{"event", "remark"}, {"text", remark}}));
    }
    const bool none = answer.targets.empty();
    const ErrorCode code = none ? ErrorCode::NoObjectsFound : ErrorCode::Success;
    report_(text_of({{"event", "discovery"}, {"code", static_cast<int>(code)}, {"text", ""}}));
}

ProbeDiscovery::Attempt<session::SendTargetsAnswer> ProbeDiscovery::attempt() {
    session::TargetPortal portal = options_.supervisor.portal;
    for (int redirects = 0; redirects <= kRedirectsMax; ++redirects) {
        auto socket = connected(portal);
        if (!socket) return std::unexpected(socket.error());
        const auto before = portal;
        const auto logged_in = login(*socket, portal);
        if (!logged_in && portal != before) continue;
        if (!logged_in) return std::unexpected(logged_in.error());
        session::SendTargetsEngine engine(*logged_in,
                                          {.response_timeout = options_.text_timeout,
                                           .answer_deadline = clock_.now() + options_.text_timeout},
                                          clock_.now());
        if (const auto done = pump(engine, *socket); !done) return std::unexpected(done.error());
        auto event = *engine.next_event();
        if (auto* answer = std::get_if<session::SendTargetsAnswer>(&event)) {
            return std::move(*answer);
        }
        auto& failed = std::get<session::SendTargetsFailed>(event);
        return std::unexpected(Failure{failed.code, failed.retryable, failed.text});
    }
    return std::unexpected(Failure{.text = "redirected too often"});
}

ProbeDiscovery::Attempt<os::Fd> ProbeDiscovery::connected(const session::TargetPortal& portal) {
    auto socket = start_connect(portal);
    if (!socket) return std::unexpected(Failure{.text = socket.error()});
    pollfd entry{.fd = socket->get(), .events = POLLOUT, .revents = 0};
    poll(&entry, 1, static_cast<int>(options_.limit.count()));
    if (const int error = connect_result(*socket); error != 0) {
        return std::unexpected(Failure{.text = std::strerror(error)});
    }
    return std::move(*socket);
}

// `portal` is changed when the target sends us elsewhere.
ProbeDiscovery::Attempt<session::LoggedIn> ProbeDiscovery::login(const os::Fd& socket,
                                                                 session::TargetPortal& portal) {
    os::SystemRandom random;
    session::LoginConfig config = options_.login;
    config.session_type = session::SessionType::Discovery;
    config.target_name.clear();
    config.isid = session::isid_for_session(0);
    config.login_deadline = clock_.now() + options_.supervisor.login_timeout;
    session::LoginEngine engine(std::move(config), random, clock_.now());
    if (const auto done = pump(engine, socket); !done) return std::unexpected(done.error());
    while (auto event = engine.next_event()) {
        if (const auto* in = std::get_if<session::LoggedIn>(&*event)) return *in;
        if (const auto* there = std::get_if<session::Redirect>(&*event)) {
            portal = {.address = there->address, .port = there->port};
            return std::unexpected(Failure{.text = "redirected"});
        }
        if (const auto* failed = std::get_if<session::LoginFailed>(&*event)) {
            return std::unexpected(Failure{failed->code, failed->retryable, failed->text});
        }
    }
    return std::unexpected(Failure{.text = "the login has no outcome"});
}

template <class Engine>
ProbeDiscovery::Attempt<void> ProbeDiscovery::pump(Engine& engine, const os::Fd& socket) {
    while (!engine.done()) {
        if (const auto moved = exchange(engine, socket); !moved) return moved;
        if (engine.deadline() <= clock_.now()) engine.on_deadline(clock_.now());
    }
    return {};
}

template <class Engine>
ProbeDiscovery::Attempt<void> ProbeDiscovery::exchange(Engine& engine, const os::Fd& socket) {
    const bool sending = !engine.send_window().empty();
    pollfd entry{
        .fd = socket.get(), .events = sending ? short{POLLOUT} : short{POLLIN}, .revents = 0};
    if (poll(&entry, 1, milliseconds_until(clock_.real(engine.deadline()))) <= 0) return {};
    const std::array<base::ByteSpan, 1> window{sending ? base::ByteSpan{} : engine.recv_window()};
    const auto moved =
        sending ? send_some(socket, engine.send_window()) : receive_some(socket, window);
    if (!moved) {
        const int error = moved.error();
        return std::unexpected(Failure{.text = error == 0 ? "closed" : std::strerror(error)});
    }
    if (*moved == 0) return {};
    if (sending) {
        engine.on_sent(*moved, clock_.now());
    } else {
        engine.on_received(*moved, clock_.now());
    }
    return {};
}

}  // namespace iscsi::conformance
