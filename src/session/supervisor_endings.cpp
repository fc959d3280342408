// SPDX-License-Identifier: LGPL-2.1-or-later
// How sessions end: logout, giving up, and what whoever waits is told.
#include <utility>

#include "session/supervisor.hpp"

namespace iscsi::session {

using base::ErrorCode;
using base::Instant;
using base::kNever;
using base::LogLevel;
using State = SupervisorState;

namespace {

// What the requester of a login hears that somebody else has logged out.
constexpr std::string_view kEndedByLogout = "a logout has ended the login";

}  // namespace

void Supervisor::reply_login(ErrorCode code, std::string message) {
    if (std::exchange(login_answered_, true)) return;
    act(ReplyLogin{code, std::move(message)});
}

void Supervisor::terminate(ErrorCode code, std::string message, Instant now) {
    if (state_ == State::Connecting || state_ == State::LoggingIn) abandon();
    ending_ = {.code = code, .text = std::move(message)};
    state_ = State::Ending;
    is_stuck_ = false;
    deadline_ = now + kEndingLimit;
    act(StopDataPath{.terminate = true});
}

void Supervisor::end() {
    log(LogLevel::Warning, "Connection{}:0 to {} is shutdown.", sid_, where());
    state_ = State::Ended;
    deadline_ = kNever;
    reply_login(ending_.code, std::move(ending_.text));
    if (std::exchange(logout_pending_, false)) {
        act(ReplyLogout{ErrorCode::Success, std::move(losses_)});
    }
    act(Finished{});
}

// Whoever waits has waited long enough. The session is still there, and listed: it can be told to
// end once more.
void Supervisor::stuck(std::string_view reason) {
    const std::string text = fmt::format("session {} does not end: {}", sid_, reason);
    log(LogLevel::Error, "{}", text);
    state_ = State::Ending;
    deadline_ = kNever;
    is_stuck_ = true;
    reply_login(ErrorCode::Internal, text);
    if (std::exchange(logout_pending_, false)) act(ReplyLogout{ErrorCode::Logout, text});
}

void Supervisor::log_out(Failure why, Instant now) {
    ending_ = std::move(why);
    state_ = State::LoggingOut;
    deadline_ = now + config_.logout_timeout + kEndingLimit;
    act(SendLogout{config_.logout_timeout});
}

bool Supervisor::logging_in() const {
    return purpose_ == Purpose::FirstLogin && state_ != State::Idle && state_ != State::Ending &&
           state_ != State::Ended;
}

base::Status Supervisor::request_logout(Instant now) {
    const auto invalid_state = [this] {
        return base::fail(ErrorCode::Internal,
                          "session {} in invalid state for logout. Try again later", sid_);
    };
    switch (state_) {
        case State::Idle:
        case State::Creating:
        case State::LoggingOut:
        case State::Ended:
            return invalid_state();
        case State::Ending:
            if (!is_stuck_) return invalid_state();
            logout_pending_ = true;
            terminate(ErrorCode::Success, {}, now);
            return {};
        case State::Connecting:
        case State::LoggingIn:
        case State::Starting:
        case State::Waiting:
            if (purpose_ == Purpose::FirstLogin) {
                logout_pending_ = true;
                terminate(ErrorCode::Internal, std::string(kEndedByLogout), now);
                return {};
            }
            if (purpose_ == Purpose::Resume) {
                return base::fail(ErrorCode::SessionNotConnected,
                                  "session {} cannot be terminted because it's trying to "
                                  "reconnect: try again later",  // Compat: open-iscsi's spelling
                                  sid_);
            }
            [[fallthrough]];
        case State::LogoutRequested:
            logout_pending_ = true;
            terminate(ErrorCode::Success, {}, now);
            return {};
        case State::Scanning:
            logout_pending_ = true;
            log_out({.code = ErrorCode::Internal, .text = std::string(kEndedByLogout)}, now);
            return {};
        case State::LoggedIn:
            logout_pending_ = true;
            log_out({.code = ErrorCode::Success, .text = {}}, now);
            return {};
    }
    return invalid_state();
}

}  // namespace iscsi::session
