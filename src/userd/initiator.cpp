// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/initiator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "base/log.hpp"
#include "os/socket_io.hpp"

namespace iscsi::userd {

using base::Instant;
using session::ConnectionErrorNumber;
using session::FullFeature;

namespace {

constexpr int kReadRounds = 16;  // before other descriptors get their turn

void add(session::SessionStats& sum, const session::SessionStats& more) {
    using S = session::SessionStats;
    constexpr std::uint64_t S::* kCounters[] = {
        &S::txdata_octets,  &S::rxdata_octets, &S::noptx_pdus,   &S::scsicmd_pdus, &S::tmfcmd_pdus,
        &S::login_pdus,     &S::text_pdus,     &S::dataout_pdus, &S::logout_pdus,  &S::snack_pdus,
        &S::noprx_pdus,     &S::scsirsp_pdus,  &S::tmfrsp_pdus,  &S::textrsp_pdus, &S::datain_pdus,
        &S::logoutrsp_pdus, &S::r2t_pdus,      &S::async_pdus,   &S::rjt_pdus,     &S::digest_err,
        &S::timeout_err,    &S::eh_abort_cnt,
    };
    for (const auto counter : kCounters) sum.*counter += more.*counter;
}

bool same(const session::FullFeatureConfig& a, const session::FullFeatureConfig& b) {
    return a.queue_depth == b.queue_depth && a.noop_out_interval == b.noop_out_interval &&
           a.noop_out_timeout == b.noop_out_timeout && a.abort_timeout == b.abort_timeout &&
           a.lu_reset_timeout == b.lu_reset_timeout &&
           a.target_reset_timeout == b.target_reset_timeout && a.fast_abort == b.fast_abort;
}

std::size_t transferred(const Command& command, const session::TaskDone& done) {
    switch (command.direction) {
        case Direction::None:
            return 0;
        case Direction::Read:
            return done.bytes_in;
        case Direction::Write:
            break;
    }
    const std::size_t wanted = command.write_from.size();
    if (done.residual != session::Residual::Underflow) return wanted;
    return wanted - std::min<std::size_t>(wanted, done.residual_count);
}

std::string text_of(const session::Dropped& dropped) {
    if (dropped.protocol_error) return session::describe(*dropped.protocol_error);
    return std::string(session::connection_error_text(dropped.number));
}

}  // namespace

Initiator::Initiator(const Config& config, std::size_t slots, const Surroundings& surroundings)
    : config_(config),
      epoll_(surroundings.epoll),
      pool_(surroundings.pool),
      listener_(surroundings.listener),
      scheduler_(config.scheduler, slots),
      handles_(slots),
      token_(surroundings.first_token) {
    touched_.reserve(FullFeature::kSendSpansMax);
}

Initiator::~Initiator() = default;

void Initiator::set_config(const Config& config) {
    config_ = config;
    scheduler_.set_config(config.scheduler);
}

bool Initiator::connected() const {
    return socket_ && engine_ && engine_->state() == FullFeature::State::Running;
}

void Initiator::bind(os::Fd socket, const session::LoggedIn& logged_in, std::string_view received,
                     Instant now) {
    close_connection(now);
    os::prepare_data_socket(socket.get());
    socket_ = std::move(socket);
    // Fails only for want of memory or for a descriptor that is no socket; no event then ever
    // comes, and the pings end the connection.
    watched_ = {.readable = true};
    (void)epoll_.add(socket_.get(), ++token_, watched_);
    if (engine_ && same(engine_config_, config_.engine)) {
        engine_->restart(logged_in, now);
    } else {
        if (engine_) add(earlier_, engine_->stats());
        engine_config_ = config_.engine;
        engine_config_.escalate = false;  // the scheduler does that
        engine_ = std::make_unique<FullFeature>(engine_config_, logged_in, now);
    }
    send_blocked_ = false;
    scheduler_.on_connected(now);
    feed(received, now);
    pump(now);
}

void Initiator::feed(std::string_view bytes, Instant now) {
    auto rest = base::as_bytes(bytes);
    while (!rest.empty() && connected()) {
        drain_events(now);
        std::size_t count = 0;
        for (const base::ByteSpan span : engine_->recv_window()) {
            const std::size_t part = std::min(span.size(), rest.size() - count);
            if (part != 0) std::memcpy(span.data(), rest.data() + count, part);
            count += part;
        }
        if (count == 0) {
            // The engine wants to send first; what it has fits into an empty socket buffer.
            if (!send(now)) return;
            continue;
        }
        engine_->on_received(count, now);
        rest = rest.subspan(count);
    }
}

void Initiator::stop(Instant now) {
    close_connection(now);
    pump(now);
}

// Gives the engine's tasks back to the scheduler. Nothing is under way on the socket, since reads
// and writes never block.
void Initiator::close_connection(Instant now, Loss loss) {
    if (!engine_ || engine_->state() == FullFeature::State::Drained) return;
    const bool orderly = engine_->state() == FullFeature::State::LoggedOut;
    if (engine_->state() != FullFeature::State::Dropped && !orderly) {
        engine_->connection_lost(ConnectionErrorNumber::ConnectionFailed);
    }
    while (engine_->next_event()) {
        // Results on the eve of the loss count as not received: the commands are sent again.
    }
    engine_->drain(session::Disposition::Requeue);
    while (engine_->next_event()) {
        // The scheduler knows by itself what was running.
    }
    if (socket_) {
        epoll_.remove(socket_.get());
        if (!orderly) os::reset_on_close(socket_.get());
    }
    socket_.reset();
    send_blocked_ = false;
    scheduler_.on_connection_lost(now, loss);
}

bool Initiator::logout(proto::LogoutReason reason, std::chrono::seconds timeout, Instant now) {
    if (!connected()) return false;
    engine_->logout(reason, timeout, now);
    pump(now);
    return true;
}

// Socket -------------------------------------------------------------------------------------

bool Initiator::on_ready(const os::Epoll::Ready& ready, Instant now) {
    if (!socket_ || ready.token != token_) return false;
    if (ready.writable || ready.broken) send_blocked_ = false;
    if (ready.readable || ready.broken) receive(now);
    pump(now);
    return true;
}

// An engine that cannot take more before it has sent something is not asked to: a target that
// pings and never reads would keep this thread busy doing nothing.
void Initiator::watch() {
    if (!socket_) return;
    const os::Epoll::Interest wanted{.readable = !send_blocked_ || !engine_->recv_window().empty(),
                                     .writable = send_blocked_};
    if (wanted == watched_) return;
    watched_ = wanted;
    epoll_.change(socket_.get(), token_, wanted);
}

void Initiator::receive(Instant now) {
    for (int round = 0; round < kReadRounds && socket_; ++round) {
        drain_events(now);
        if (!socket_) break;
        const auto window = engine_->recv_window();
        if (window.empty()) break;
        touched_.assign(window.begin(), window.end());
        const auto result = os::receive_into(socket_.get(), window);
        switch (result.outcome) {
            case os::IoOutcome::Moved:
                break;
            case os::IoOutcome::WouldBlock:
                return;
            case os::IoOutcome::Closed:
                engine_->connection_lost(ConnectionErrorNumber::TcpConnectionClosed);
                return;
            case os::IoOutcome::Failed:
                base::log(base::LogLevel::Debug, "receive: {}", std::strerror(result.error_number));
                engine_->connection_lost(ConnectionErrorNumber::ConnectionFailed);
                return;
        }
        engine_->on_received(result.bytes, now);
        note_progress(now);
    }
}

// True: something was sent.
bool Initiator::send(Instant now) {
    bool moved = false;
    while (socket_ && !send_blocked_) {
        const auto window = engine_->send_window();
        if (window.empty()) break;
        touched_.assign(window.begin(), window.end());
        const auto result = os::send_from(socket_.get(), window);
        if (result.outcome == os::IoOutcome::WouldBlock) {
            send_blocked_ = true;
            break;
        }
        if (result.outcome != os::IoOutcome::Moved) {
            base::log(base::LogLevel::Debug, "send: {}", std::strerror(result.error_number));
            engine_->connection_lost(ConnectionErrorNumber::TransmitFailed);
            return true;
        }
        engine_->on_sent(result.bytes, now);
        note_progress(now);
        moved = true;
    }
    return moved;
}

void Initiator::note_progress(Instant now) {
    for (const auto span : touched_) {
        if (span.empty()) continue;
        if (const auto slot = pool_.slot_of(span.data())) scheduler_.on_progress(*slot, now);
    }
}

// Work ---------------------------------------------------------------------------------------

void Initiator::pump(Instant now) {
    bool again = true;
    while (again) {
        again = drain_events(now);
        again |= perform_actions(now);
        again |= send(now);
    }
    watch();
}

bool Initiator::drain_events(Instant now) {
    bool any = false;
    while (engine_) {
        const auto event = engine_->next_event();
        if (!event) break;
        any = true;
        on_event(*event, now);
    }
    return any;
}

void Initiator::on_event(const session::FullFeatureEvent& event, Instant now) {
    if (const auto* done = std::get_if<session::TaskDone>(&event)) return on_task_done(*done, now);
    if (const auto* done = std::get_if<session::TaskManagementDone>(&event)) {
        return scheduler_.on_task_management_done(
            done->outcome == session::TaskManagementOutcome::Answered &&
            done->response == static_cast<std::uint8_t>(proto::TaskManagementAnswer::Complete));
    }
    if (const auto* message = std::get_if<session::AsyncReceived>(&event)) {
        return listener_.on_async(*message);
    }
    if (const auto* reject = std::get_if<session::RejectReceived>(&event)) {
        base::log(base::LogLevel::Warning, "the target rejects opcode 0x{:02x}: reason 0x{:02x}",
                  reject->rejected_opcode, reject->reason);
        return;
    }
    if (const auto* answer = std::get_if<session::LogoutAnswered>(&event)) {
        const session::LogoutAnswered copy = *answer;
        close_connection(now);
        return listener_.on_logout(copy);
    }
    if (const auto* dropped = std::get_if<session::Dropped>(&event))
        return on_dropped(*dropped, now);
}

void Initiator::on_dropped(const session::Dropped& dropped, Instant now) {
    const auto number = static_cast<std::uint32_t>(dropped.number);
    const std::string text = text_of(dropped);
    close_connection(now, dropped.protocol_error ? Loss::BrokenRules : Loss::Link);
    listener_.on_connection_error(number, text);
}

void Initiator::on_task_done(const session::TaskDone& done, Instant now) {
    const auto slot = static_cast<Slot>(done.user);
    CommandResult result;
    switch (done.outcome) {
        case session::TaskOutcome::Completed:
            result = {.answered = true,
                      .status = done.status,
                      .sense = done.sense,
                      .transferred = transferred(scheduler_.command(slot), done)};
            break;
        case session::TaskOutcome::TargetFailure:
        case session::TaskOutcome::Rejected:
        case session::TaskOutcome::Aborted:
            break;
        case session::TaskOutcome::Requeue:
        case session::TaskOutcome::Failed:
            return;  // close_connection tells the scheduler
    }
    scheduler_.on_result(slot, result, now);
}

bool Initiator::perform_actions(Instant now) {
    bool any = false;
    while (true) {
        const bool may_start = connected() && engine_->free_slots() > 0;
        const auto action = scheduler_.next_action(may_start, now);
        if (!action) return any;
        any = true;
        perform(*action, now);
    }
}

void Initiator::perform(const Action& action, Instant now) {
    if (const auto* begin = std::get_if<StartCommand>(&action)) return start(begin->slot, now);
    if (const auto* complete = std::get_if<Complete>(&action)) {
        return listener_.on_complete(*complete);
    }
    if (const auto* wanted = std::get_if<AbortTask>(&action)) return abort(wanted->slot, now);
    if (const auto* reset = std::get_if<ResetLun>(&action)) {
        base::log(base::LogLevel::Warning, "resetting LUN {}", reset->lun.number());
        return on_reset_sent(engine_->reset_lun({reset->lun.wire()}, now).has_value());
    }
    if (std::holds_alternative<ResetTarget>(action)) {
        base::log(base::LogLevel::Warning, "resetting the target");
        return on_reset_sent(engine_->reset_target(now).has_value());
    }
    if (const auto* drop = std::get_if<DropConnection>(&action)) {
        base::log(base::LogLevel::Warning, "dropping the connection: {}", drop->text);
        return engine_->connection_lost(ConnectionErrorNumber::ScsiErrorHandlingReset);
    }
    if (const auto* notice = std::get_if<Notify>(&action)) return listener_.on_notice(*notice);
    if (std::holds_alternative<RecoveryExpired>(action)) listener_.on_recovery_expired();
}

void Initiator::start(Slot slot, Instant now) {
    const Command& command = scheduler_.command(slot);
    session::Task task;
    task.lun = {command.lun.wire()};
    task.cdb = base::ConstByteSpan(command.cdb.bytes).first(command.cdb.length);
    task.user = slot;
    if (command.direction == Direction::Read) task.data_in = std::span(&command.read_into, 1);
    if (command.direction == Direction::Write) task.data_out = std::span(&command.write_from, 1);
    const auto handle = engine_->submit(task, now);
    CHECK(handle.has_value());  // it said that it would take one
    handles_[slot] = *handle;
}

void Initiator::abort(Slot slot, Instant now) {
    base::log(base::LogLevel::Warning, "a command to LUN {} is not answered: aborting it",
              scheduler_.command(slot).lun.number());
    const auto sent = engine_->abort_task(handles_[slot], now);
    if (sent) return;
    // Not sent to the target yet: its end is among the events, and that is the end of the abort.
    drain_events(now);
    scheduler_.on_task_management_done(/*success=*/false);
}

void Initiator::on_reset_sent(bool sent) {
    if (!sent) scheduler_.on_task_management_done(/*success=*/false);
}

Instant Initiator::deadline() const {
    const Instant policy = scheduler_.deadline();
    return connected() || (engine_ && socket_) ? base::earlier(policy, engine_->deadline())
                                               : policy;
}

void Initiator::on_deadline(Instant now) {
    if (engine_ && socket_) engine_->on_deadline(now);
    scheduler_.on_deadline(now);
    pump(now);
}

session::SessionStats Initiator::stats() const {
    session::SessionStats sum = earlier_;
    if (engine_) add(sum, engine_->stats());
    return sum;
}

}  // namespace iscsi::userd
