// SPDX-License-Identifier: LGPL-2.1-or-later
#include "probe_session.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "os/random.hpp"
#include "probe_socket.hpp"
#include "session/connection_error.hpp"
#include "session/protocol_error.hpp"

namespace iscsi::conformance {

using base::ErrorCode;
using Json = nlohmann::json;

namespace {

constexpr std::size_t kSlots = 64;
constexpr std::uint64_t kSid = 1'000'001;

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

userd::Volume volume_of(const ProbeOptions& options) {
    userd::Volume volume;
    volume.blocks = options.blocks;
    volume.block_bytes = options.block_bytes;
    return volume;
}

// What counts of a command's data, as iscsi-userd reckons it.
std::size_t transferred(const session::TaskDone& done, const userd::Command& command) {
    if (command.direction == userd::Direction::Read) return done.bytes_in;
    const std::size_t length = command.write_from.size();
    const bool under = done.residual == session::Residual::Underflow;
    return under ? length - std::min<std::size_t>(length, done.residual_count) : length;
}

}  // namespace

ProbeSession::ProbeSession(const ProbeOptions& options, const FastClock& clock, Report report)
    : options_(options),
      clock_(clock),
      report_(std::move(report)),
      random_(std::make_unique<os::SystemRandom>()),
      supervisor_(options.supervisor),
      scheduler_(options.scheduler, kSlots),
      ios_(kSlots) {
    scheduler_.set_volume(0, volume_of(options));
    supervisor_.begin();
}

bool ProbeSession::can_submit() const {
    return std::ranges::any_of(ios_, [](const Io& io) { return !io.used; });
}

void ProbeSession::submit(const ProbeCommand& command, std::size_t index) {
    const auto free = std::ranges::find_if(ios_, [](const Io& io) { return !io.used; });
    Io& io = *free;
    io.used = true;
    io.index = index;
    io.task.reset();
    userd::Request request{.kind = userd::RequestKind::Flush, .lba = 0, .blocks = 0};
    if (command.verb != "flush") {
        request.lba = command.numbers[0];
        request.blocks = command.numbers[1];
        io.data.assign(request.blocks * options_.block_bytes, std::byte{0xEE});
        request.data = io.data;
        request.kind = userd::RequestKind::Read;
    }
    if (command.verb == "write") {
        request.kind = userd::RequestKind::Write;
        fill_pattern(io.data, request.lba * options_.block_bytes, command.numbers[2]);
    }
    scheduler_.submit(static_cast<userd::Slot>(free - ios_.begin()), request, now());
}

void ProbeSession::request_logout() {
    const auto accepted = supervisor_.request_logout(now());
    if (accepted) return;
    report_(text_of({{"event", "logout"},
                     {"code", static_cast<int>(accepted.error().code)},
                     {"text", accepted.error().message}}));
}

void ProbeSession::step(int limit_ms) {
    settle();
    if (finished_) return;
    wait(limit_ms);
    on_deadlines();
    settle();
}

void ProbeSession::settle() {
    while (run_supervisor() || run_engine() || run_login() || run_scheduler()) {
    }
}

bool ProbeSession::run_supervisor() {
    const auto action = supervisor_.next_action();
    if (action) std::visit([this](const auto& a) { act(a); }, *action);
    return action.has_value();
}

bool ProbeSession::run_engine() {
    if (!engine_) return false;
    const auto event = engine_->next_event();
    if (event) std::visit([this](const auto& e) { on(e); }, *event);
    return event.has_value();
}

bool ProbeSession::run_login() {
    if (!login_) return false;
    const auto event = login_->next_event();
    if (event) std::visit([this](const auto& e) { on(e); }, *event);
    return event.has_value();
}

bool ProbeSession::run_scheduler() {
    const bool may_start = engine_runs() && engine_->free_slots() > 0;
    const auto action = scheduler_.next_action(may_start, now());
    if (action) std::visit([this](const auto& a) { act(a); }, *action);
    return action.has_value();
}

bool ProbeSession::engine_runs() const {
    return engine_ && engine_->state() == session::FullFeature::State::Running;
}

// The supervisor's wishes -----------------------------------------------------------------------

void ProbeSession::act(const session::CreateSession&) {
    supervisor_.on_data_path(session::Created{kSid}, now());
}

void ProbeSession::act(const session::Connect& action) {
    attempt_ = action.attempt;
    report_(text_of(
        {{"event", "connect"}, {"address", action.portal.address}, {"port", action.portal.port}}));
    auto socket = start_connect(action.portal);
    if (!socket) return supervisor_.on_connect_failed(action.attempt, socket.error(), now());
    socket_ = std::move(*socket);
    socket_state_ = Socket::Connecting;
}

void ProbeSession::act(const session::StartLogin& action) {
    session::LoginConfig config = options_.login;
    config.isid = session::isid_for_session(kSid);
    config.login_deadline = action.deadline;
    login_.emplace(std::move(config), *random_, now());
}

void ProbeSession::act(const session::Abandon&) {
    login_.reset();
    socket_.reset();
    socket_state_ = Socket::Closed;
}

void ProbeSession::act(const session::StartDataPath& action) {
    login_.reset();
    if (engine_) {
        engine_->restart(*logged_in_, now());
    } else {
        engine_ = std::make_unique<session::FullFeature>(options_.engine, *logged_in_, now());
    }
    data_path_has_socket_ = true;
    scheduler_.on_connected(now());
    supervisor_.on_data_path(session::Started{action.attempt}, now());
}

void ProbeSession::act(const session::StopDataPath& action) {
    give_up_connection(action.terminate ? session::Disposition::Fail
                                        : session::Disposition::Requeue);
    if (!action.terminate) return;
    scheduler_.close(EIO);
    supervisor_.on_data_path(session::Gone{"stopped"}, now());
}

void ProbeSession::act(const session::SendLogout& action) {
    whole_session_logs_out_ = true;
    if (engine_runs()) {
        return engine_->logout(proto::LogoutReason::CloseSession, action.timeout, now());
    }
    supervisor_.on_data_path(session::LogoutDone{ErrorCode::Logout, "not connected"}, now());
}

void ProbeSession::act(const session::SendConnectionLogout& action) {
    whole_session_logs_out_ = false;
    if (engine_runs()) {
        engine_->logout(proto::LogoutReason::CloseConnection, action.timeout, now());
    }
}

void ProbeSession::act(const session::StartScan&) { supervisor_.on_scan_done(now()); }

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

void ProbeSession::act(const session::Finished&) { finished_ = true; }

// The scheduler's wishes --------------------------------------------------------------------------

void ProbeSession::act(const userd::StartCommand& action) {
    Io& io = ios_[action.slot];
    const userd::Command& command = scheduler_.command(action.slot);
    session::Task task{.lun = {command.lun.wire()},
                       .cdb = base::ConstByteSpan(command.cdb.bytes).first(command.cdb.length),
                       .user = action.slot};
    if (command.direction == userd::Direction::Read) io.spans_in.assign(1, command.read_into);
    if (command.direction == userd::Direction::Write) io.spans_out.assign(1, command.write_from);
    if (command.direction == userd::Direction::Read) task.data_in = io.spans_in;
    if (command.direction == userd::Direction::Write) task.data_out = io.spans_out;
    const auto handle = engine_->submit(task, now());
    if (handle) {
        io.task = *handle;
    } else {
        scheduler_.on_result(action.slot, {}, now());
    }
}

void ProbeSession::act(const userd::AbortTask& action) {
    report_(text_of({{"event", "abort"}}));
    const auto& task = ios_[action.slot].task;
    if (engine_ && task && engine_->abort_task(*task, now())) return;
    run_engine();
    scheduler_.on_task_management_done(true);
}

void ProbeSession::act(const userd::ResetLun& action) {
    report_(text_of({{"event", "reset-lun"}}));
    if (!engine_ || !engine_->reset_lun({action.lun.wire()}, now())) {
        scheduler_.on_task_management_done(false);
    }
}

void ProbeSession::act(const userd::ResetTarget&) {
    report_(text_of({{"event", "reset-target"}}));
    if (!engine_ || !engine_->reset_target(now())) scheduler_.on_task_management_done(false);
}

void ProbeSession::act(const userd::DropConnection& action) {
    if (engine_) {
        engine_->connection_lost(static_cast<session::ConnectionErrorNumber>(action.number));
    }
}

void ProbeSession::act(const userd::Complete& action) {
    Io& io = ios_[action.slot];
    Json json{{"event", "done"}, {"index", io.index}, {"errno", action.error_number}};
    json["crc"] = crc32(io.data);
    json["bytes"] = io.data.size();
    io.used = false;
    report_(text_of(json));
}

void ProbeSession::act(const userd::RecoveryExpired&) {
    report_(text_of({{"event", "expired"}}));
    supervisor_.on_data_path(session::RecoveryTimeout{}, now());
}

// The engine's news
// ---------------------------------------------------------------------------------

void ProbeSession::on(const session::TaskDone& event) {
    using session::TaskOutcome;
    // The connection is gone: on_connection_lost() has told the scheduler already, or will.
    if (event.outcome == TaskOutcome::Requeue || event.outcome == TaskOutcome::Failed) return;
    const auto slot = static_cast<userd::Slot>(event.user);
    ios_[slot].task.reset();
    const bool answered = event.outcome == TaskOutcome::Completed;
    scheduler_.on_result(slot,
                         {.answered = answered,
                          .status = event.status,
                          .sense = event.sense,
                          .transferred = transferred(event, scheduler_.command(slot))},
                         now());
}

void ProbeSession::on(const session::TaskManagementDone& event) {
    using session::TaskManagementOutcome;
    if (event.outcome == TaskManagementOutcome::Lost) return;
    scheduler_.on_task_management_done(event.outcome == TaskManagementOutcome::Answered &&
                                       event.response == 0);
}

void ProbeSession::on(const session::AsyncReceived& event) {
    report_(text_of({{"event", "async"}, {"number", event.event}}));
    supervisor_.on_data_path(
        session::AsyncMessage{attempt_, event.event, event.vendor_code, event.parameter1,
                              event.parameter2, event.parameter3, event.luns_changed},
        now());
}

void ProbeSession::on(const session::RejectReceived& event) {
    report_(text_of({{"event", "reject"}, {"reason", event.reason}}));
}

void ProbeSession::on(const session::LogoutAnswered& event) {
    give_up_connection(session::Disposition::Requeue);
    if (!whole_session_logs_out_) {
        supervisor_.on_data_path(session::ConnectionLogoutDone{attempt_, event.responded,
                                                               event.response, event.time2wait_s},
                                 now());
        return;
    }
    report_(text_of({{"event", "logout-answered"}, {"responded", event.responded}}));
    scheduler_.close(EIO);
    supervisor_.on_data_path(
        session::LogoutDone{event.responded ? ErrorCode::Success : ErrorCode::Logout, {}}, now());
    supervisor_.on_data_path(session::Gone{"logged out"}, now());
}

void ProbeSession::on(const session::Dropped& event) {
    std::string text(session::connection_error_text(event.number));
    if (event.protocol_error) text = session::describe(*event.protocol_error);
    const auto number = static_cast<std::uint32_t>(event.number);
    report_(text_of({{"event", "connerr"}, {"number", number}, {"text", text}}));
    give_up_connection(session::Disposition::Requeue);
    supervisor_.on_data_path(session::ConnectionError{attempt_, number, text}, now());
}

// Closes the socket of the data path and takes the unfinished tasks back.
void ProbeSession::give_up_connection(session::Disposition disposition) {
    if (!data_path_has_socket_) return;
    data_path_has_socket_ = false;
    socket_.reset();
    socket_state_ = Socket::Closed;
    if (engine_->state() == session::FullFeature::State::Running ||
        engine_->state() == session::FullFeature::State::LoggingOut) {
        engine_->connection_lost(session::ConnectionErrorNumber::ConnectionFailed);
    }
    engine_->drain(disposition);
    while (engine_->next_event()) {
    }
    scheduler_.on_connection_lost(now());
}

// The login engine's news
// -----------------------------------------------------------------------------

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

// The socket
// -----------------------------------------------------------------------------------------

void ProbeSession::wait(int limit_ms) {
    pollfd entry{.fd = socket_.get(), .events = 0, .revents = 0};
    if (socket_state_ == Socket::Connecting) entry.events = POLLOUT;
    if (socket_state_ == Socket::Open && data_path_has_socket_) {
        if (!engine_->send_window().empty()) entry.events |= POLLOUT;
        if (!engine_->recv_window().empty()) entry.events |= POLLIN;
    } else if (socket_state_ == Socket::Open && login_) {
        entry.events = !login_->send_window().empty() ? POLLOUT : POLLIN;
    }
    int timeout = clock_.milliseconds_until(deadline());
    if (timeout < 0 || timeout > limit_ms) timeout = limit_ms;
    if (poll(&entry, socket_ ? 1 : 0, timeout) <= 0) return;
    if ((entry.revents & POLLOUT) != 0) on_writable();
    if ((entry.revents & (POLLIN | POLLERR | POLLHUP)) != 0) on_readable();
}

void ProbeSession::on_writable() {
    if (socket_state_ == Socket::Connecting) {
        const int error = connect_result(socket_);
        socket_state_ = error == 0 ? Socket::Open : Socket::Closed;
        if (error == 0) return supervisor_.on_connected(attempt_, now());
        socket_.reset();
        return supervisor_.on_connect_failed(attempt_, std::strerror(error), now());
    }
    const auto window = data_path_has_socket_ ? engine_->send_window() : login_->send_window();
    const auto sent = send_some(socket_, window);
    if (!sent) return on_closed(std::strerror(sent.error()));
    if (*sent == 0) return;
    if (data_path_has_socket_) return engine_->on_sent(*sent, now());
    login_->on_sent(*sent, now());
}

void ProbeSession::on_readable() {
    if (!socket_ || (!data_path_has_socket_ && !login_)) return;
    base::ByteSpan login_window;
    std::span<const base::ByteSpan> window(&login_window, 1);
    if (data_path_has_socket_) {
        window = engine_->recv_window();
    } else {
        login_window = login_->recv_window();
    }
    if (window.empty() || window[0].empty()) return;
    const auto got = receive_some(socket_, window);
    if (!got) return on_closed(got.error() == 0 ? "closed" : std::strerror(got.error()));
    if (*got == 0) return;
    if (data_path_has_socket_) return engine_->on_received(*got, now());
    login_->on_received(*got, now());
}

void ProbeSession::on_closed(std::string_view why) {
    if (data_path_has_socket_) {
        return engine_->connection_lost(session::ConnectionErrorNumber::TcpConnectionClosed);
    }
    supervisor_.on_login_broken(attempt_, why, now());
}

base::Instant ProbeSession::deadline() const {
    base::Instant earliest = base::earlier(supervisor_.deadline(), scheduler_.deadline());
    if (login_) earliest = base::earlier(earliest, login_->deadline());
    if (data_path_has_socket_) earliest = base::earlier(earliest, engine_->deadline());
    return earliest;
}

void ProbeSession::on_deadlines() {
    const base::Instant time = now();
    if (login_ && login_->deadline() <= time) login_->on_deadline(time);
    if (data_path_has_socket_ && engine_->deadline() <= time) engine_->on_deadline(time);
    if (scheduler_.deadline() <= time) scheduler_.on_deadline(time);
    if (supervisor_.deadline() <= time) supervisor_.on_deadline(time);
}

}  // namespace iscsi::conformance
