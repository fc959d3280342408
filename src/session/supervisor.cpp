// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/supervisor.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "session/connection_error.hpp"

namespace iscsi::session {

using base::ErrorCode;
using base::Instant;
using base::kNever;
using base::LogLevel;
using std::chrono::seconds;
using State = SupervisorState;

namespace {

// RFC 7143 section 13.15: the longest DefaultTime2Wait.
constexpr seconds kTime2WaitMax{3600};
// A target whose DefaultTime2Wait is 0 would be tried without a pause after each failed login.
constexpr seconds kLoginRetryDelayMin{1};
// RFC 7143 section 11.9.1: AsyncEvent.
constexpr std::uint8_t kScsiEvent = 0;
constexpr std::uint8_t kLogoutRequest = 1;
constexpr std::uint8_t kConnectionDrop = 2;
constexpr std::uint8_t kSessionDrop = 3;
constexpr std::uint8_t kRenegotiation = 4;
// RFC 7143 section 11.15.1: responses after which the target keeps the tasks for Time2Wait.
constexpr std::uint8_t kRecoveryNotSupported = 2;
constexpr std::uint8_t kCleanupFailed = 3;
// A data path answers at once or not at all.
constexpr seconds kStartLimit{30};

}  // namespace

Supervisor::Supervisor(SupervisorConfig config)
    : config_(std::move(config)),
      current_(config_.portal),
      failback_(config_.portal),
      time2wait_(config_.time2wait) {}

std::string Supervisor::where() const {
    return fmt::format("[target: {}, portal: {},{}] through [iface: {}]", config_.target,
                       config_.portal.address, config_.portal.port, config_.iface);
}

std::optional<Action> Supervisor::next_action() {
    if (actions_.empty()) return std::nullopt;
    Action action = std::move(actions_.front());
    actions_.pop_front();
    return action;
}

void Supervisor::begin() {
    CHECK(state_ == State::Idle);
    state_ = State::Creating;
    act(CreateSession{});
}

void Supervisor::resume(const Running& running, Instant now) {
    CHECK(state_ == State::Idle);
    sid_ = running.sid;
    attempt_ = running.generation;
    time2wait_ = running.time2wait;
    has_run_ = true;
    login_answered_ = true;
    if (running.unfinished) {
        purpose_ = Purpose::Recovery;
        log(LogLevel::Warning, "session {}: its logout or first login was cut short; it ends",
            sid_);
        return running.alive ? log_out({}, now) : terminate(ErrorCode::Success, {}, now);
    }
    if (running.alive) {
        purpose_ = Purpose::Recovery;
        state_ = State::LoggedIn;
        return;
    }
    purpose_ = Purpose::Resume;
    reopens_ = 1;
    connect(now);
}

// Attempts ------------------------------------------------------------------------------------

Instant Supervisor::retry_limit() const {
    return *first_connect_ + std::max(config_.initial_login_retry_max, 0) * config_.login_timeout;
}

Instant Supervisor::redirect_limit() const {
    return *first_connect_ + std::max(config_.initial_login_retry_max, 1) * config_.login_timeout;
}

void Supervisor::connect(Instant now) {
    if (!first_connect_) first_connect_ = now;
    ++attempt_;
    state_ = State::Connecting;
    deadline_ = now + config_.login_timeout;
    if (purpose_ == Purpose::FirstLogin && redirects_ > 0) {
        deadline_ = std::min(deadline_, redirect_limit());
    }
    act(Connect{attempt_, current_});
}

void Supervisor::abandon() {
    act(Abandon{attempt_});
    state_ = State::Waiting;
}

void Supervisor::wait(seconds delay, Instant now) {
    state_ = State::Waiting;
    deadline_ = now + delay;
}

void Supervisor::on_wait_over(Instant now) {
    if (purpose_ == Purpose::FirstLogin) {
        // Compat: open-iscsi's timer finds itself in connect state here, so that the answer is a
        // connect time-out even if a login has failed before; unless the connection broke, which
        // it does not notice before the login's own time is over.
        if (now >= retry_limit()) {
            return terminate(ending_.late, std::move(ending_.text), now);
        }
    } else {
        ++reopens_;
        if (config_.reopen_max > 0 && reopens_ > config_.reopen_max) {
            log(LogLevel::Error, "connection{}:0: Giving up after {} retries", sid_,
                config_.reopen_max);
            return terminate(ErrorCode::TransportTimeout, std::move(ending_.text), now);
        }
    }
    connect(now);
}

void Supervisor::attempt_failed(Failure failure, Instant now) {
    current_ = failback_;
    redirects_ = 0;
    ending_ = std::move(failure);
    wait(ending_.delay, now);
}

// The target answered, so the retry is decided now and not after the delay.
void Supervisor::login_failed(ErrorCode code, std::string text, Instant now) {
    log(LogLevel::Error, "connection{}:0: {}", sid_, text);
    if (purpose_ == Purpose::FirstLogin && now >= retry_limit()) {
        return terminate(code, std::move(text), now);
    }
    attempt_failed({.code = code,
                    .text = std::move(text),
                    .delay = std::max(take_time2wait(), kLoginRetryDelayMin)},
                   now);
}

void Supervisor::on_connected(std::uint64_t attempt, Instant) {
    if (!is_current(attempt, State::Connecting)) return;
    state_ = State::LoggingIn;
    has_connected_ = true;
    act(StartLogin{attempt_, deadline_});
}

void Supervisor::on_connect_failed(std::uint64_t attempt, std::string_view why, Instant now) {
    if (!is_current(attempt, State::Connecting)) return;
    const bool quiet = config_.reopen_log_freq > 1 && reopens_ % config_.reopen_log_freq != 0;
    std::string text =
        fmt::format("connect to {}:{} failed ({})", current_.address, current_.port, why);
    log(quiet ? LogLevel::Debug : LogLevel::Error, "{}", text);
    attempt_failed(
        {.code = ErrorCode::TransportTimeout, .text = std::move(text), .delay = kConnectRetryDelay},
        now);
}

// Compat: the name in a record ends a first login here, at once; 2.1.8 does not ask the resolver
// again either. A name that the target has sent us to is one more portal that cannot be reached.
void Supervisor::on_unresolved(std::uint64_t attempt, std::string_view why, Instant now) {
    if (!is_current(attempt, State::Connecting)) return;
    const bool in_record = current_.address == config_.portal.address;
    if (purpose_ != Purpose::FirstLogin || !in_record) {
        if (!in_record) failback_ = config_.portal;
        return on_connect_failed(attempt, why, now);
    }
    std::string text = fmt::format("cannot resolve host name {} ({})", current_.address, why);
    log(LogLevel::Error, "{}", text);
    terminate(ErrorCode::Transport, std::move(text), now);
}

void Supervisor::on_logged_in(std::uint64_t attempt, const LoggedIn& login, Instant now) {
    if (!is_current(attempt, State::LoggingIn)) return;
    time2wait_ = seconds(login.params.default_time2wait);
    state_ = State::Starting;
    deadline_ = now + kStartLimit;
    act(StartDataPath{attempt_});
}

void Supervisor::on_redirected(std::uint64_t attempt, const Redirect& redirect, Instant now) {
    if (!is_current(attempt, State::LoggingIn)) return;
    abandon();
    ++redirects_;
    const bool first = purpose_ == Purpose::FirstLogin;
    if (redirects_ > kRedirectsMax || (first && now >= redirect_limit())) {
        return login_failed(ErrorCode::Login,
                            fmt::format("redirected {} times in a row", redirects_), now);
    }
    current_ = {.address = redirect.address, .port = redirect.port};
    if (redirect.permanent) failback_ = current_;
    log(LogLevel::Info, "connection{}:0: login {} redirected to {}:{}", sid_,
        redirect.permanent ? "permanently" : "temporarily", current_.address, current_.port);
    connect(now);
}

void Supervisor::on_login_failed(std::uint64_t attempt, const LoginFailed& failure, Instant now) {
    if (!is_current(attempt, State::LoggingIn)) return;
    abandon();
    if (!failure.retryable && purpose_ == Purpose::FirstLogin) {
        log(LogLevel::Error, "connection{}:0: {}", sid_, failure.text);
        return terminate(failure.code, failure.text, now);
    }
    const bool timed_out = failure.status == LoginStatus::IoError;
    login_failed(timed_out ? ErrorCode::PduTimeout : ErrorCode::Login, failure.text, now);
}

void Supervisor::on_login_broken(std::uint64_t attempt, std::string_view why, Instant now) {
    if (!is_current(attempt, State::LoggingIn)) return;
    abandon();
    login_failed(ErrorCode::PduTimeout, fmt::format("connection lost during login ({})", why), now);
    ending_.late = ErrorCode::PduTimeout;
}

void Supervisor::on_deadline(Instant now) {
    if (now < deadline_) return;
    deadline_ = kNever;
    switch (state_) {
        case State::Idle:
        case State::Creating:
        case State::Scanning:
        case State::LoggedIn:
        case State::Ended:
            return;
        case State::Connecting:
            abandon();
            attempt_failed(
                {.code = ErrorCode::TransportTimeout,
                 .text = fmt::format("connect to {}:{} timed out", current_.address, current_.port),
                 .delay = seconds{0}},
                now);
            log(LogLevel::Error, "{}", ending_.text);
            return;
        case State::LoggingIn:
            abandon();
            return login_failed(ErrorCode::PduTimeout, "login timed out", now);
        case State::Starting:
            return on_event(StartFailed{attempt_, ErrorCode::Internal, "no answer"}, now);
        case State::LogoutRequested:
            return recover(now);
        case State::Waiting:
            return on_wait_over(now);
        case State::LoggingOut:
            log(LogLevel::Warning, "session {}: logout timed out", sid_);
            return terminate(ending_.code, std::move(ending_.text), now);
        case State::Ending:
            return stuck("its data path does not let go of it");
    }
}

seconds Supervisor::take_time2wait() {
    const seconds wait = std::exchange(time2wait_demanded_, std::nullopt).value_or(time2wait_);
    return std::clamp(wait, seconds{0}, kTime2WaitMax);
}

// What the data path reports ------------------------------------------------------------------

void Supervisor::on_data_path(const DataPathEvent& event, Instant now) {
    std::visit([&](const auto& e) { on_event(e, now); }, event);
}

void Supervisor::on_event(const Created& event, Instant now) {
    if (state_ != State::Creating) return;
    sid_ = event.sid;
    connect(now);
}

void Supervisor::on_event(const CreateFailed& event, Instant now) {
    // Some make their session with the first connection.
    if (state_ == State::LoggingIn && sid_ == 0) return terminate(event.code, event.message, now);
    if (state_ != State::Creating) return;
    state_ = State::Ended;
    reply_login(event.code, event.message);
    act(Finished{});
}

void Supervisor::on_event(const Started& event, Instant) {
    if (!is_current(event.generation, State::Starting)) return;
    state_ = State::LoggedIn;
    deadline_ = kNever;
    redirects_ = 0;
    has_run_ = true;
    const bool first = std::exchange(purpose_, Purpose::Recovery) == Purpose::FirstLogin;
    if (!first) {
        log(LogLevel::Warning, "connection{}:0 is operational after recovery ({} attempts)", sid_,
            std::exchange(reopens_, 0));
        return;
    }
    log(LogLevel::Warning, "Connection{}:0 to {} is operational now", sid_, where());
    if (!config_.scan_auto) return reply_login(ErrorCode::Success, {});
    state_ = State::Scanning;
    act(StartScan{.initial = true});
}

void Supervisor::on_scan_done(const ScanResult& result, Instant now) {
    if (state_ != State::Scanning) return;
    if (!result.usable) {
        log(LogLevel::Error, "session {}: no disk of it could be made a device; logging out", sid_);
        return log_out({.code = ErrorCode::Internal, .text = result.text}, now);
    }
    state_ = State::LoggedIn;
    reply_login(ErrorCode::Success, result.text);
}

void Supervisor::on_event(const StartFailed& event, Instant now) {
    if (!is_current(event.generation, State::Starting)) return;
    std::string text = fmt::format("the data path refused the connection: {}", event.message);
    log(LogLevel::Error, "connection{}:0: {}", sid_, text);
    if (purpose_ == Purpose::FirstLogin) return terminate(event.code, std::move(text), now);
    act(StopDataPath{});
    attempt_failed({.code = event.code, .text = std::move(text), .delay = kStartRetryDelay}, now);
}

void Supervisor::on_event(const ConnectionError& event, Instant now) {
    if (event.generation != attempt_) return;
    switch (state_) {
        case State::Idle:
        case State::Creating:
        case State::Connecting:
        case State::Waiting:
        case State::LoggingOut:  // the data path finishes the logout by itself
        case State::Ending:
        case State::Ended:
            return;
        case State::LoggingIn:
            return on_login_broken(attempt_, event.text, now);
        case State::Starting:
            act(StopDataPath{});
            return login_failed(ErrorCode::Login, event.text, now);
        case State::Scanning:
        case State::LoggedIn:
        case State::LogoutRequested:
            return on_connection_lost(event, now);
    }
}

void Supervisor::on_connection_lost(const ConnectionError& error, Instant now) {
    const auto number = static_cast<ConnectionErrorNumber>(error.number);
    log(LogLevel::Warning, "detected conn error ({}) on connection {}:0: {} - {}",
        kConnectionErrorBase + error.number, sid_, connection_error_name(number), error.text);
    if (number == ConnectionErrorNumber::InvalidHost) {
        return terminate(ErrorCode::Transport, error.text, now);
    }
    recover(now);
}

void Supervisor::recover(Instant now) {
    // The session exists, whatever its connection does: that is what the requester waits for.
    reply_login(ErrorCode::Success, {});
    act(StopDataPath{});
    reopens_ = 0;
    attempt_failed({.code = ErrorCode::Transport, .text = {}, .delay = take_time2wait()}, now);
}

void Supervisor::log_out_connection(Instant now) {
    reply_login(ErrorCode::Success, {});
    state_ = State::LogoutRequested;
    deadline_ = now + config_.logout_timeout + kEndingLimit;
    act(SendConnectionLogout{config_.logout_timeout});
}

void Supervisor::on_event(const AsyncMessage& event, Instant now) {
    if (event.generation != attempt_) return;
    if (state_ != State::LoggedIn && state_ != State::Scanning) return;
    switch (event.event) {
        case kScsiEvent:
            if (event.luns_changed && config_.scan_auto) act(StartScan{});
            return;
        case kLogoutRequest:
            log(LogLevel::Warning, "Target requests logout within {} seconds for connection {}:0",
                event.parameter3, sid_);
            return log_out_connection(now);
        case kConnectionDrop:
            log(LogLevel::Warning, "Target dropping {}, reconnect min {} max {}", event.parameter1,
                event.parameter2, event.parameter3);
            time2wait_demanded_ = seconds(event.parameter2);
            return;
        case kSessionDrop:
            log(LogLevel::Warning, "Target dropping all connections, reconnect min {} max {}",
                event.parameter2, event.parameter3);
            time2wait_demanded_ = seconds(event.parameter2);
            return;
        case kRenegotiation:
            // Either a Text request or a Logout request may answer; the login after the logout
            // negotiates everything anew.
            log(LogLevel::Warning, "Received async event param negotiation, dropping session:{}",
                sid_);
            return log_out_connection(now);
        default:  // reserved and vendor-specific numbers
            log(LogLevel::Warning, "session {}: AEN {} not supported", sid_, event.event);
    }
}

void Supervisor::on_event(const ConnectionLogoutDone& event, Instant now) {
    if (!is_current(event.generation, State::LogoutRequested)) return;
    if (event.responded &&
        (event.response == kRecoveryNotSupported || event.response == kCleanupFailed)) {
        time2wait_demanded_ = seconds(event.time2wait_s);
    }
    recover(now);
}

void Supervisor::on_event(const LogoutDone& event, Instant now) {
    if (state_ == State::Ending) losses_ = event.message;  // of an end without a logout
    if (state_ != State::LoggingOut) return;
    if (event.code == ErrorCode::Busy) {
        state_ = State::LoggedIn;
        deadline_ = kNever;
        reply_login(ErrorCode::Success, {});
        if (std::exchange(logout_pending_, false)) act(ReplyLogout{event.code, event.message});
        return;
    }
    if (event.code == ErrorCode::Success) {
        losses_ = event.message;
        state_ = State::Ending;
        deadline_ = now + kEndingLimit;
        return;
    }
    // The target did not take leave of us; the session ends all the same.
    log(LogLevel::Warning, "session {}: logout: {}", sid_, event.message);
    terminate(ending_.code, std::move(ending_.text), now);
}

void Supervisor::on_event(const DevicesChanged&, Instant) {
    if (state_ == State::LoggedIn && config_.scan_auto) act(StartScan{});
}

void Supervisor::on_event(const Stuck& event, Instant) {
    const bool ending = state_ == State::LoggingOut || state_ == State::Ending;
    if (ending && !is_stuck_) stuck(event.reason);
}

void Supervisor::on_event(const RecoveryTimeout&, Instant) {
    log(LogLevel::Warning, "session {}: recovery timed out, I/O fails from now on", sid_);
}

void Supervisor::on_event(const Gone& event, Instant) {
    switch (state_) {
        case State::Idle:
        case State::Ended:
            return;
        case State::LoggingOut:
        case State::Ending:
            return end();
        case State::Connecting:
        case State::LoggingIn:
            abandon();
            break;
        case State::Creating:
        case State::Starting:
        case State::Scanning:
        case State::LoggedIn:
        case State::LogoutRequested:
        case State::Waiting:
            break;
    }
    ending_ = {.code = ErrorCode::Internal,
               .text = fmt::format("session {} ended unexpectedly: {}", sid_, event.reason)};
    log(LogLevel::Error, "{}", ending_.text);
    end();
}

// Settings ------------------------------------------------------------------------------------

SupervisorConfig supervisor_config(const record::Node& node) {
    const record::Connection& connection = node.conn[0];
    return {
        .target = node.name,
        .iface = node.iface.iscsi_ifacename,
        .portal = {.address = connection.address, .port = connection.port},
        .login_timeout = seconds(connection.timeo.login_timeout),
        .logout_timeout = seconds(connection.timeo.logout_timeout),
        .time2wait = seconds(node.session.iscsi.default_time2wait),
        .initial_login_retry_max = node.session.initial_login_retry_max,
        .reopen_max = node.session.reopen_max,
        .reopen_log_freq = node.session.sess_reopen_log_freq,
        .scan_auto = node.session.scan == record::Scan::Auto,
    };
}

std::vector<std::string> normalize_timeouts(record::Node& node) {
    std::vector<std::string> notes;
    auto& timeo = node.conn[0].timeo;
    const auto replace = [&notes](std::int32_t& value, std::int32_t good, std::string_view name) {
        notes.push_back(
            fmt::format("Invalid node.conn[0].timeo.{} {}. Using {}.", name, value, good));
        value = good;
    };
    if (timeo.logout_timeout <= 0) replace(timeo.logout_timeout, 15, "logout_timeout");
    if (timeo.login_timeout <= 0) replace(timeo.login_timeout, 30, "login_timeout");
    if (timeo.auth_timeout <= 0) replace(timeo.auth_timeout, 45, "auth_timeout");
    // Both zero means no pings at all; one of them alone means nothing.
    if (timeo.noop_out_interval < 0) replace(timeo.noop_out_interval, 0, "noop_out_interval");
    if (timeo.noop_out_timeout < 0) replace(timeo.noop_out_timeout, 0, "noop_out_timeout");
    if (timeo.noop_out_interval == 0 && timeo.noop_out_timeout != 0) {
        replace(timeo.noop_out_interval, 5, "noop_out_interval");
    } else if (timeo.noop_out_interval != 0 && timeo.noop_out_timeout == 0) {
        replace(timeo.noop_out_timeout, 5, "noop_out_timeout");
    }
    return notes;
}

std::string_view session_state_word(const Supervisor& supervisor) {
    switch (supervisor.state()) {
        case State::Scanning:
        case State::LoggedIn:
        case State::LogoutRequested:
        case State::LoggingOut:
            return "LOGGED_IN";
        case State::Idle:
        case State::Creating:
        case State::Connecting:
        case State::LoggingIn:
        case State::Starting:
        case State::Waiting:
        case State::Ending:
        case State::Ended:
            break;
    }
    return supervisor.has_run() ? "FAILED" : "FREE";
}

}  // namespace iscsi::session
