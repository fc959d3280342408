// SPDX-License-Identifier: LGPL-2.1-or-later
// A supervisor on a bench: virtual time, its actions collected, and a target and a data path that
// do what the test says. For unit tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "session/supervisor.hpp"

namespace iscsi::session::testing {

using namespace std::chrono_literals;

class Supervised {
public:
    static SupervisorConfig config() {
        return {.target = "iqn.x:disk",
                .iface = "default",
                .portal = {.address = "192.0.2.7", .port = 3260},
                .login_timeout = 15s,
                .logout_timeout = 10s,
                .time2wait = 2s,
                .initial_login_retry_max = 4,
                .reopen_max = 0,
                .reopen_log_freq = 1,
                .scan_auto = false};
    }

    explicit Supervised(SupervisorConfig settings = config()) : supervisor(std::move(settings)) {}

    // Time since the bench was set up.
    std::chrono::milliseconds elapsed() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(now - kStart);
    }
    // Lets time pass up to the deadline, and tells the supervisor. False: it has none.
    bool pass_deadline() {
        if (supervisor.deadline() == base::kNever) return false;
        now = std::max(now, supervisor.deadline());
        supervisor.on_deadline(now);
        collect();
        return true;
    }
    void pass(std::chrono::milliseconds time) {
        now += time;
        supervisor.on_deadline(now);
        collect();
    }

    // Takes everything that has been asked for so far out of the supervisor.
    void collect() {
        while (auto action = supervisor.next_action()) {
            if (const auto* connect = std::get_if<Connect>(&*action)) attempt = connect->attempt;
            actions.push_back(std::move(*action));
        }
    }
    // How often an action of this kind was wanted; the latest of them.
    template <class T>
    std::size_t count() const {
        return static_cast<std::size_t>(std::ranges::count_if(
            actions, [](const Action& a) { return std::holds_alternative<T>(a); }));
    }
    template <class T>
    std::optional<T> last() const {
        for (auto a = actions.rbegin(); a != actions.rend(); ++a) {
            if (const auto* found = std::get_if<T>(&*a)) return *found;
        }
        return std::nullopt;
    }
    void forget() { actions.clear(); }
    bool logged(std::string_view part) const {
        return std::ranges::any_of(actions, [part](const Action& a) {
            const auto* line = std::get_if<LogLine>(&a);
            return line != nullptr && line->text.contains(part);
        });
    }
    SupervisorState state() const { return supervisor.state(); }

    void event(const DataPathEvent& e) {
        supervisor.on_data_path(e, now);
        collect();
    }
    void begin() {
        supervisor.begin();
        collect();
        event(Created{.sid = 7});
    }
    void connected() {
        supervisor.on_connected(attempt, now);
        collect();
    }
    void refused() {
        supervisor.on_connect_failed(attempt, "Connection refused", now);
        collect();
    }
    void logged_in(std::uint32_t time2wait = 2) {
        LoggedIn login;
        login.params.default_time2wait = time2wait;
        supervisor.on_logged_in(attempt, login, now);
        collect();
    }
    void login_failed(bool retryable, base::ErrorCode code,
                      LoginStatus status = LoginStatus::Failed) {
        supervisor.on_login_failed(
            attempt, {.status = status, .retryable = retryable, .code = code, .text = "refused"},
            now);
        collect();
    }
    void redirected(const std::string& address, bool permanent = false) {
        supervisor.on_redirected(attempt, {.address = address, .permanent = permanent}, now);
        collect();
    }
    void broken() {
        supervisor.on_login_broken(attempt, "closed", now);
        collect();
    }
    void started() { event(Started{attempt}); }
    void connection_error(std::uint32_t number = 20) {
        event(ConnectionError{.generation = attempt, .number = number, .text = "closed"});
    }
    base::Status log_out() {
        auto status = supervisor.request_logout(now);
        collect();
        return status;
    }
    // Up to a session that carries commands.
    void run() {
        begin();
        log_in_again();
    }
    void log_in_again() {
        connected();
        logged_in();
        started();
    }

    static constexpr base::Instant kStart = base::Instant{} + 1ms;
    base::Instant now = kStart;
    Supervisor supervisor;
    std::uint64_t attempt = 0;
    std::vector<Action> actions;
};

inline SupervisorConfig with_retries(int retries) {
    auto config = Supervised::config();
    config.initial_login_retry_max = retries;
    return config;
}

// What the requester got, after the data path has let the session go.
inline std::optional<ReplyLogin> reply_after_gone(Supervised& bench) {
    bench.event(Gone{"terminated"});
    return bench.last<ReplyLogin>();
}

}  // namespace iscsi::session::testing
