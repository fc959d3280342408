// SPDX-License-Identifier: LGPL-2.1-or-later
#include "probe_session.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "probe_socket.hpp"

namespace iscsi::conformance {

using base::ErrorCode;
using Json = nlohmann::json;

namespace {

constexpr std::size_t kSlots = 64;
constexpr std::uint64_t kSid = 1'000'001;
// Tokens of the epoll: attempts count up from the first, the initiator's sockets from the second.
constexpr std::uint64_t kLoginTokens = 1;
constexpr std::uint64_t kDataTokens = std::uint64_t{1} << 32;

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

userd::Volume volume_of(const ProbeOptions& options) {
    userd::Volume volume;
    volume.blocks = options.blocks;
    volume.block_bytes = options.block_bytes;
    return volume;
}

}  // namespace

ProbeSession::ProbeSession(const ProbeOptions& options, const FastClock& clock, Report report)
    : options_(options),
      clock_(clock),
      report_(std::move(report)),
      epoll_(os::Epoll::create().value()),
      pool_(userd::SlotPool::create(kSlots).value()),
      initiator_({.scheduler = options.scheduler, .engine = options.engine}, kSlots,
                 {epoll_, kDataTokens, pool_, *this}),
      supervisor_(options.supervisor),
      ios_(kSlots) {
    initiator_.scheduler().set_volume(0, volume_of(options));
    supervisor_.begin();
}

void ProbeSession::submit(const ProbeCommand& command, std::size_t index) {
    const userd::Slot slot = *pool_.take();
    userd::Request request{.kind = userd::RequestKind::Flush, .lba = 0, .blocks = 0};
    if (command.verb != "flush") {
        request.kind = userd::RequestKind::Read;
        request.lba = command.numbers[0];
        request.blocks = command.numbers[1];
        request.data = pool_.data(slot).first(request.blocks * options_.block_bytes);
        std::ranges::fill(request.data, std::byte{0xEE});
    }
    if (command.verb == "write") {
        request.kind = userd::RequestKind::Write;
        fill_pattern(request.data, request.lba * options_.block_bytes, command.numbers[2]);
    }
    ios_[slot] = {index, request.data};
    initiator_.scheduler().submit(slot, request, now());
    initiator_.pump(now());
}

void ProbeSession::request_logout() {
    const auto accepted = supervisor_.request_logout(now());
    if (accepted) return;
    report_(text_of({{"event", "logout"},
                     {"code", static_cast<int>(accepted.error().code)},
                     {"text", accepted.error().message}}));
}

void ProbeSession::step(base::Instant limit) {
    settle();
    if (finished_) return;
    watch_login();
    for (const auto& ready : epoll_.wait(base::earlier(limit, clock_.real(deadline())))) {
        if (ready.token >= kDataTokens) {
            initiator_.on_ready(ready, now());
        } else if (ready.token == kLoginTokens + attempt_ && socket_) {
            on_login_socket(ready);
        }
        settle();
    }
    on_deadlines();
    settle();
}

void ProbeSession::settle() {
    initiator_.pump(now());
    while (run_supervisor() || run_login()) {
    }
}

bool ProbeSession::run_supervisor() {
    for (const auto& event : std::exchange(news_, {})) supervisor_.on_data_path(event, now());
    const auto action = supervisor_.next_action();
    if (action) std::visit([this](const auto& a) { act(a); }, *action);
    return action.has_value() || !news_.empty();
}

bool ProbeSession::run_login() {
    if (!login_) return false;
    const auto event = login_->next_event();
    if (event) std::visit([this](const auto& e) { on(e); }, *event);
    return event.has_value();
}

// The supervisor's wishes -----------------------------------------------------------------------

void ProbeSession::act(const session::CreateSession&) { news_.push_back(session::Created{kSid}); }

void ProbeSession::act(const session::Connect& action) {
    attempt_ = action.attempt;
    report_(text_of(
        {{"event", "connect"}, {"address", action.portal.address}, {"port", action.portal.port}}));
    auto socket = start_connect(action.portal);
    if (!socket) return supervisor_.on_connect_failed(action.attempt, socket.error(), now());
    socket_ = std::move(*socket);
    socket_state_ = Socket::Connecting;
    (void)epoll_.add(socket_.get(), kLoginTokens + attempt_, {.writable = true});
}

void ProbeSession::act(const session::StartLogin& action) {
    session::LoginConfig config = options_.login;
    config.isid = session::isid_for_session(kSid);
    config.login_deadline = action.deadline;
    login_.emplace(std::move(config), random_, now());
}

void ProbeSession::act(const session::Abandon&) { forget_login(); }

void ProbeSession::act(const session::StartDataPath& action) {
    epoll_.remove(socket_.get());
    os::Fd socket = std::move(socket_);
    forget_login();
    initiator_.bind(std::move(socket), *logged_in_, {}, now());
    news_.push_back(session::Started{action.attempt});
}

void ProbeSession::act(const session::StopDataPath& action) {
    initiator_.stop(now());
    if (!action.terminate) return;
    initiator_.scheduler().close(EIO);
    initiator_.pump(now());
    news_.push_back(session::Gone{"stopped"});
}

void ProbeSession::act(const session::SendLogout& action) {
    whole_session_logs_out_ = true;
    if (!initiator_.logout(proto::LogoutReason::CloseSession, action.timeout, now())) {
        news_.push_back(session::LogoutDone{ErrorCode::Logout, "not connected"});
    }
}

void ProbeSession::act(const session::SendConnectionLogout& action) {
    whole_session_logs_out_ = false;
    if (!initiator_.logout(proto::LogoutReason::CloseConnection, action.timeout, now())) {
        news_.push_back(session::ConnectionLogoutDone{.generation = attempt_});
    }
}

void ProbeSession::act(const session::StartScan&) { supervisor_.on_scan_done({}, now()); }

void ProbeSession::act(const session::ReplyLogin& action) {
    login_answered_ = true;
    report_(text_of(
        {{"event", "login"}, {"code", static_cast<int>(action.code)}, {"text", action.message}}));
}

void ProbeSession::act(const session::ReplyLogout& action) {
    report_(text_of(
        {{"event", "logout"}, {"code", static_cast<int>(action.code)}, {"text", action.message}}));
}

void ProbeSession::act(const session::LogLine& action) {
    report_(text_of(
        {{"event", "log"}, {"level", static_cast<int>(action.level)}, {"text", action.text}}));
}

// The data path's news
// ------------------------------------------------------------------------------

void ProbeSession::on_complete(const userd::Complete& complete) {
    const Io& io = ios_[complete.slot];
    report_(text_of({{"event", "done"},
                     {"index", io.index},
                     {"errno", complete.error_number},
                     {"crc", crc32(io.data)}}));
    pool_.give_back(complete.slot);
}

void ProbeSession::on_connection_error(std::uint32_t number, const std::string& text) {
    report_(text_of({{"event", "connerr"}, {"number", number}, {"text", text}}));
    news_.push_back(session::ConnectionError{attempt_, number, text});
}

void ProbeSession::on_async(const session::AsyncReceived& message) {
    report_(text_of({{"event", "async"}, {"number", message.event}}));
    news_.push_back(session::AsyncMessage{attempt_, message.event, message.vendor_code,
                                          message.parameter1, message.parameter2,
                                          message.parameter3, message.luns_changed});
}

void ProbeSession::on_logout(const session::LogoutAnswered& answer) {
    report_(text_of({{"event", "logout-answered"}, {"responded", answer.responded}}));
    if (!whole_session_logs_out_) {
        news_.push_back(session::ConnectionLogoutDone{attempt_, answer.responded, answer.response,
                                                      answer.time2wait_s});
        return;
    }
    initiator_.scheduler().close(EIO);
    news_.push_back(
        session::LogoutDone{answer.responded ? ErrorCode::Success : ErrorCode::Logout, {}});
    news_.push_back(session::Gone{"logged out"});
}

void ProbeSession::on_recovery_expired() {
    report_(text_of({{"event", "expired"}}));
    news_.push_back(session::RecoveryTimeout{});
}

// Login
// ---------------------------------------------------------------------------------------------

void ProbeSession::on(const session::LoggedIn& event) {
    logged_in_ = event;
    supervisor_.on_logged_in(attempt_, event, now());
}

void ProbeSession::on(const session::Redirect& event) {
    supervisor_.on_redirected(attempt_, event, now());
}

void ProbeSession::on(const session::LoginFailed& event) {
    report_(text_of({{"event", "login-failed"}, {"text", event.text}}));
    supervisor_.on_login_failed(attempt_, event, now());
}

void ProbeSession::forget_login() {
    login_.reset();
    if (socket_) epoll_.remove(socket_.get());
    socket_.reset();
    socket_state_ = Socket::Closed;
}

void ProbeSession::watch_login() {
    if (!socket_ || socket_state_ != Socket::Open || !login_) return;
    const bool sends = !login_->send_window().empty();
    epoll_.change(socket_.get(), kLoginTokens + attempt_, {.readable = !sends, .writable = sends});
}

void ProbeSession::on_login_socket(const os::Epoll::Ready& ready) {
    if (socket_state_ == Socket::Connecting) {
        const int error = connect_result(socket_);
        if (error == 0) {
            socket_state_ = Socket::Open;
            return supervisor_.on_connected(attempt_, now());
        }
        forget_login();
        return supervisor_.on_connect_failed(attempt_, std::strerror(error), now());
    }
    if (!login_) return;
    if (!login_->send_window().empty()) return login_writable();
    if (ready.readable || ready.broken) login_readable();
}

void ProbeSession::login_writable() {
    const auto sent = send_some(socket_, login_->send_window());
    if (!sent) return supervisor_.on_login_broken(attempt_, std::strerror(sent.error()), now());
    if (*sent != 0) login_->on_sent(*sent, now());
}

void ProbeSession::login_readable() {
    const base::ByteSpan window = login_->recv_window();
    if (window.empty()) return;
    const auto got = receive_some(socket_, std::span(&window, 1));
    if (!got) {
        const char* why = got.error() == 0 ? "closed by the target" : std::strerror(got.error());
        return supervisor_.on_login_broken(attempt_, why, now());
    }
    if (*got != 0) login_->on_received(*got, now());
}

base::Instant ProbeSession::deadline() const {
    base::Instant earliest = base::earlier(supervisor_.deadline(), initiator_.deadline());
    if (login_) earliest = base::earlier(earliest, login_->deadline());
    return earliest;
}

void ProbeSession::on_deadlines() {
    const base::Instant time = now();
    if (login_ && login_->deadline() <= time) login_->on_deadline(time);
    if (initiator_.deadline() <= time) initiator_.on_deadline(time);
    if (supervisor_.deadline() <= time) supervisor_.on_deadline(time);
}

}  // namespace iscsi::conformance
