// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/session.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.hpp"
#include "os/clock.hpp"
#include "os/data_process.hpp"
#include "os/loop_device.hpp"
#include "os/process_identity.hpp"
#include "os/uevent.hpp"
#include "userd/convert.hpp"
#include "userd/session_io_side.hpp"

namespace iscsi::userd {

using base::ErrorCode;
using base::LogLevel;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kQueueToken = 0;
constexpr std::uint64_t kFuseToken = 1;
constexpr std::uint64_t kUeventToken = 2;
constexpr std::uint64_t kSocketTokens = 16;           // one for each connection
constexpr std::uint64_t kControlTokens = 1ULL << 48;  // one for each client

constexpr std::uint16_t kBackgroundMax = 128;  // the loop driver's own queue is that deep
constexpr std::size_t kSpareSlots = 32;        // synchronous requests, on top of those
constexpr std::size_t kReadySlots = 2;         // buffers that stay resident
constexpr int kFuseRounds = 64;                // before other descriptors get their turn
constexpr auto kTrimInterval = 10s;
constexpr auto kFlushLimit = 2s;  // for the last messages to iscsid

}  // namespace

base::Result<std::unique_ptr<Session>> Session::create(std::uint64_t sid, os::Fd listening) {
    ISCSI_TRY(auto epoll, os::Epoll::create());
    ISCSI_TRY(auto wake_up, os::WakeUp::create());
    std::unique_ptr<Session> session(
        new Session(sid, std::move(epoll), std::move(wake_up), std::move(listening)));
    ISCSI_TRY_VOID(session->epoll_.add(session->queue_.fd(), kQueueToken, {.readable = true}));
    ISCSI_TRY_VOID(session->control_.start());
    return session;
}

Session::Session(std::uint64_t sid, os::Epoll epoll, os::WakeUp wake_up, os::Fd listening)
    : sid_(sid),
      epoll_(std::move(epoll)),
      queue_(std::move(wake_up)),
      control_(std::move(listening), epoll_, kControlTokens, *this),
      now_(os::now()) {}

Session::~Session() = default;

void Session::relay_log(LogLevel level, std::string text) {
    queue_.post([this, line = userlink::LogLine{level, std::move(text)}]() mutable {
        control_.send_log(std::move(line));
    });
}

// Requests -----------------------------------------------------------------------------------

void Session::on_request(ClientId client, const userlink::Request& request, os::Fd cargo) {
    const Reply reply{client, request.id};
    if (std::holds_alternative<userlink::GetStats>(request.body)) {
        return control_.answer(client, {request.id, stats()});
    }
    if (std::holds_alternative<userlink::GetStatus>(request.body)) {
        return control_.answer(client, {request.id, status()});
    }
    const auto* configure = std::get_if<userlink::Configure>(&request.body);
    if (phase_ == Phase::Waiting && configure == nullptr) return on_early(reply, request);
    if (phase_ != Phase::Waiting && phase_ != Phase::Serving &&
        !std::holds_alternative<userlink::Stop>(request.body)) {
        return refuse(reply, ErrorCode::SessionNotFound, "the session is being removed");
    }
    if (configure != nullptr) return on(reply, *configure);
    if (const auto* bind = std::get_if<userlink::Bind>(&request.body)) {
        return on(reply, *bind, std::move(cargo));
    }
    if (const auto* stop = std::get_if<userlink::Stop>(&request.body)) return on(reply, *stop);
    if (const auto* rescan = std::get_if<userlink::Rescan>(&request.body)) {
        return on(reply, *rescan);
    }
    if (const auto* logout = std::get_if<userlink::Logout>(&request.body)) {
        return on(reply, *logout);
    }
    if (const auto* logout = std::get_if<userlink::LogoutConnection>(&request.body)) {
        return on(reply, *logout);
    }
    refuse(reply, ErrorCode::InvalidRequest, "not expected here");
}

// Before the session serves: it can be ended, and whatever else is wanted fails for the reason why
// it does not serve.
void Session::on_early(Reply reply, const userlink::Request& request) {
    if (std::holds_alternative<userlink::Stop>(request.body)) {
        done(reply);
        return end("terminated");
    }
    if (configure_error_) return refuse(reply, configure_error_->code, configure_error_->message);
    refuse(reply, ErrorCode::InvalidRequest, "the session is not configured yet");
}

void Session::done(Reply reply) { control_.answer(reply.client, {reply.id, userlink::Done{}}); }

void Session::refuse(Reply reply, ErrorCode code, std::string message) {
    control_.answer(reply.client, {reply.id, userlink::Failure{code, std::move(message)}});
}

void Session::on(Reply reply, const userlink::Configure& request) {
    if (request.config.sid != sid_) {
        return refuse(reply, ErrorCode::Invalid, "the session id is another one");
    }
    if (phase_ == Phase::Serving) {
        if (request.config.target != config_.target) {
            return refuse(reply, ErrorCode::Invalid, "the target is another one");
        }
        config_ = request.config;
        initiator_->set_config(to_initiator_config(config_));
        return done(reply);
    }
    const auto started = start_serving(request.config);
    if (!started) {
        configure_error_ = started.error();
        return refuse(reply, started.error().code, started.error().message);
    }
    done(reply);
}

base::Status Session::start_serving(const userlink::SessionConfig& config) {
    const Initiator::Config initiator = to_initiator_config(config);
    const auto background = static_cast<std::uint16_t>(
        std::min<std::size_t>(initiator.scheduler.cmds_max, kBackgroundMax));
    const std::size_t slots = background + kSpareSlots;
    ISCSI_TRY_VOID(os::check_loop_driver());  // a login without any disk would be no success
    ISCSI_TRY(pool_, SlotPool::create(slots));
    ISCSI_TRY(fuse_, FuseExport::create(*pool_, fmt::format("iscsi-{}", sid_), background));
    ISCSI_TRY_VOID(epoll_.add(fuse_->fd(), kFuseToken, {.readable = true}));
    fuse_watched_ = true;
    // One slot more, for commands of the set-up thread.
    initiator_ = std::make_unique<Initiator>(
        initiator, slots + 1, Initiator::Surroundings{epoll_, kSocketTokens, *pool_, *this});
    config_ = config;
    io_side_ = std::make_unique<IoSideImpl>(*this);
    const os::ProcessIdentity me = os::this_process();
    devices_ = std::make_unique<DeviceManager>(
        *io_side_,
        DeviceManager::Identity{
            .owner = {sid_, me.pid_namespace, me.pid, me.start_ticks},
            .portal = {config.persistent_address, config.persistent_port, config.target}});
    setup_ = std::make_unique<SetupThread>();
    pool_->prefault(kReadySlots);
    // After the set-up thread has started: that one must not pass for an I/O flusher, since it
    // causes I/O that this thread has to serve.
    for (const std::string& refused : os::protect_from_memory_pressure()) {
        base::log(LogLevel::Warning, "{}", refused);
    }
    if (auto uevents = os::listen_uevents()) {
        uevents_ = std::move(*uevents);
        ISCSI_TRY_VOID(epoll_.add(uevents_.get(), kUeventToken, {.readable = true}));
    }
    phase_ = Phase::Serving;
    return {};
}

void Session::on(Reply reply, const userlink::Bind& request, os::Fd socket) {
    if (!socket) return refuse(reply, ErrorCode::InvalidRequest, "bind came without a socket");
    if (request.binding.generation < binding_.generation) {
        return refuse(reply, ErrorCode::Invalid, "an older connection than the one in use");
    }
    const auto logged_in = to_logged_in(request.binding);
    const std::string received = request.binding.received;
    binding_ = request.binding;
    binding_.received.clear();
    base::log(LogLevel::Info, "connection {} to {} port {}", binding_.generation,
              binding_.current_address, binding_.current_port);
    done(reply);
    initiator_->bind(std::move(socket), logged_in, received, now_);
}

void Session::on(Reply reply, const userlink::Stop& request) {
    if (request.mode == userlink::StopMode::Recover) {
        initiator_->stop(now_);
        return done(reply);
    }
    if (ending_reply_) done(*ending_reply_);  // a logout that took too long for somebody
    ending_reply_ = reply;
    end_reason_ = "terminated";
    if (phase_ == Phase::LoggingOut) return end(end_reason_);
    leave(/*by_logout=*/false);
}

void Session::on(Reply reply, const userlink::Rescan&) {
    setup_->give([this, reply] {
        auto result = devices_->rescan();
        queue_.post([this, reply, result = std::move(result)] {
            if (!result) return refuse(reply, result.error().code, result.error().message);
            control_.answer(reply.client, {reply.id, *result});
        });
    });
}

void Session::on(Reply reply, const userlink::Logout& request) {
    ending_reply_ = reply;
    logout_timeout_s_ = request.timeout_s;
    end_reason_ = "logged out";
    leave(/*by_logout=*/true);
}

void Session::on(Reply reply, const userlink::LogoutConnection& request) {
    if (!initiator_->logout(proto::LogoutReason::CloseConnection,
                            std::chrono::seconds(request.timeout_s), now_)) {
        return refuse(reply, ErrorCode::SessionNotConnected, "there is no connection");
    }
    done(reply);
}

// The end ------------------------------------------------------------------------------------

void Session::leave(bool by_logout) {
    const bool connected = initiator_ && initiator_->scheduler().link() == Scheduler::Link::Up;
    logs_out_ = by_logout && connected;
    const bool first = phase_ != Phase::Leaving;
    phase_ = Phase::Leaving;
    if (!logs_out_) {
        initiator_->stop(now_);
        initiator_->scheduler().close(EIO);
        initiator_->pump(now_);
    }
    if (!first) return;  // the devices are on their way out already
    // Without a connection writing out fails at once, and tells what is lost.
    setup_->give([this] {
        auto losses = devices_->remove_all();
        queue_.post([this, losses = std::move(losses)]() mutable {
            losses_ = std::move(losses);
            devices_gone();
        });
    });
}

void Session::devices_gone() {
    if (phase_ != Phase::Leaving) return;
    if (logs_out_) {
        phase_ = Phase::LoggingOut;
        if (initiator_->logout(proto::LogoutReason::CloseSession,
                               std::chrono::seconds(logout_timeout_s_), now_)) {
            return;
        }
    }
    end(end_reason_);
}

void Session::end(const std::string& reason) {
    if (phase_ == Phase::Over) return;
    phase_ = Phase::Over;
    if (initiator_) {
        initiator_->stop(now_);
        initiator_->scheduler().close(EIO);
        initiator_->pump(now_);
    }
    if (ending_reply_) {
        control_.answer(ending_reply_->client, {ending_reply_->id, userlink::LoggedOut{losses_}});
    }
    control_.send_event(userlink::Terminated{reason});
    base::log(LogLevel::Info, "{}", reason);
}

// News of the initiator ----------------------------------------------------------------------

void Session::on_complete(const Complete& complete) {
    const Slot raw_slot = static_cast<Slot>(pool_->size());
    if (complete.slot == raw_slot) {
        const auto then = std::exchange(raw_done_, nullptr);
        return then({.error_number = complete.error_number,
                     .bytes = complete.transferred,
                     .sense = complete.sense});
    }
    if (complete.error_number != 0) report_failure(complete);
    fuse_->reply(complete.slot, complete.error_number);
}

// One line a second at most: an expired session fails thousands.
void Session::report_failure(const Complete& complete) {
    if (complete.error_number == EOPNOTSUPP) return;  // somebody tried; the block layer copes
    if (now_ - last_failure_log_ < 1s) {
        ++failures_unlogged_;
        return;
    }
    last_failure_log_ = now_;
    base::log(LogLevel::Warning, "I/O failed: {}{}{}", std::strerror(complete.error_number),
              complete.sense ? fmt::format(" ({})", scsi::describe(*complete.sense)) : "",
              failures_unlogged_ != 0 ? fmt::format(", and {} before", failures_unlogged_) : "");
    failures_unlogged_ = 0;
}

void Session::on_connection_error(std::uint32_t number, const std::string& text) {
    base::log(LogLevel::Warning, "connection {} failed: error {} ({})", binding_.generation, number,
              text);
    control_.send_event(userlink::ConnectionError{binding_.generation, number, text});
    if (phase_ == Phase::LoggingOut) return end(end_reason_);
    if (phase_ == Phase::Leaving) {
        // Nobody is going to connect again: what waits would wait for ever.
        logs_out_ = false;
        initiator_->scheduler().close(EIO);
    }
}

void Session::on_async(const session::AsyncReceived& message) {
    control_.send_event(userlink::AsyncMessage{.generation = binding_.generation,
                                               .event = message.event,
                                               .vendor_code = message.vendor_code,
                                               .parameter1 = message.parameter1,
                                               .parameter2 = message.parameter2,
                                               .parameter3 = message.parameter3,
                                               .luns_changed = message.luns_changed});
    if (message.luns_changed) rescan_unasked("asynchronous message");
}

void Session::on_logout(const session::LogoutAnswered& answer) {
    if (phase_ == Phase::LoggingOut) {
        if (!answer.responded) base::log(LogLevel::Warning, "the target did not answer the logout");
        return end(end_reason_);
    }
    control_.send_event(userlink::LogoutDone{.generation = binding_.generation,
                                             .responded = answer.responded,
                                             .response = answer.response,
                                             .time2wait_s = answer.time2wait_s,
                                             .time2retain_s = answer.time2retain_s});
}

void Session::on_recovery_expired() {
    base::log(LogLevel::Warning, "no connection within {} s: I/O fails from now on",
              config_.replacement_timeout_s);
    control_.send_event(userlink::RecoveryTimeout{});
}

void Session::on_notice(const Notify& notice) {
    const bool luns = notice.notice == scsi::Notice::LunsChanged;
    const std::string reason = luns ? std::string("the target reports other LUNs")
                                    : fmt::format("LUN {} has changed", notice.lun.number());
    control_.send_event(userlink::DevicesChanged{reason});
    rescan_unasked(reason);
}

// iscsid decides about scans; while there is none, the record's scan mode does.
void Session::rescan_unasked(const std::string& reason) {
    if (control_.has_controller() || !config_.scan_auto || phase_ != Phase::Serving) return;
    base::log(LogLevel::Info, "scanning: {}", reason);
    setup_->give([this] {
        const auto result = devices_->rescan();
        if (!result) base::log(LogLevel::Warning, "scan: {}", result.error().message);
    });
}

// State --------------------------------------------------------------------------------------

userlink::Stats Session::stats() const {
    return initiator_ ? to_stats(initiator_->stats()) : userlink::Stats{};
}

userlink::Status Session::status() const {
    using Link = Scheduler::Link;
    userlink::Status status{.config = config_, .binding = binding_};
    status.pid = static_cast<std::uint64_t>(::getpid());
    if (!initiator_) return status;
    const Link link = initiator_->scheduler().link();
    switch (link) {
        case Link::Idle:
            status.state = userlink::SessionState::Free;
            break;
        case Link::Up:
            status.state = userlink::SessionState::LoggedIn;
            break;
        case Link::Recovering:
        case Link::Expired:
            status.state = userlink::SessionState::Failed;
            break;
        case Link::Closed:
            status.state = userlink::SessionState::Terminated;
            break;
    }
    status.recovery_expired = link == Link::Expired;
    status.pending_commands = initiator_->scheduler().busy_slots();
    status.luns = luns_;
    for (userlink::LunStatus& lun : status.luns) {
        if (link == Link::Recovering) lun.state = "blocked";
        if (link == Link::Expired) lun.state = "transport-offline";
    }
    return status;
}

// Event loop ---------------------------------------------------------------------------------

void Session::run(const volatile bool& ends_on_signal) {
    base::Instant give_up = base::kNever;
    while (true) {
        if (ends_on_signal && (phase_ == Phase::Waiting || phase_ == Phase::Serving)) {
            end_reason_ = "ended by a signal";
            if (phase_ == Phase::Waiting) return;
            leave(/*by_logout=*/true);
        }
        if (phase_ == Phase::Over) {
            if (give_up == base::kNever) give_up = now_ + kFlushLimit;
            if (control_.flushed() || now_ >= give_up) return;
        }
        const auto ready = epoll_.wait(base::earlier(deadline(), give_up));
        now_ = os::now();
        for (const auto& one : ready) serve(one);
        on_time();
        watch_fuse();
    }
}

void Session::serve(const os::Epoll::Ready& ready) {
    if (control_.owns(ready.token)) return control_.on_ready(ready);
    if (ready.token == kQueueToken) return queue_.run_posted();
    if (ready.token == kFuseToken) return read_fuse();
    if (ready.token == kUeventToken) return read_uevents();
    if (initiator_) initiator_->on_ready(ready, now_);
}

base::Instant Session::deadline() const {
    return initiator_ ? base::earlier(initiator_->deadline(), next_trim_) : base::kNever;
}

void Session::on_time() {
    if (!initiator_) return;
    if (now_ >= initiator_->deadline()) initiator_->on_deadline(now_);
    if (now_ < next_trim_) return;
    next_trim_ = base::kNever;
    pool_->trim(kReadySlots);
}

void Session::read_fuse() {
    bool submitted = false;
    for (int round = 0; round < kFuseRounds && !pool_->empty(); ++round) {
        const auto incoming = fuse_->receive();
        if (incoming.got == FuseExport::Got::Nothing || incoming.got == FuseExport::Got::Ended) {
            break;
        }
        if (incoming.got != FuseExport::Got::ForScheduler) continue;
        initiator_->scheduler().submit(incoming.slot, incoming.request, now_);
        submitted = true;
    }
    if (!submitted) return;
    if (next_trim_ == base::kNever) next_trim_ = now_ + kTrimInterval;
    initiator_->pump(now_);
}

// While every buffer is taken, requests wait in the kernel.
void Session::watch_fuse() {
    if (!fuse_ || fuse_watched_ != pool_->empty()) return;
    fuse_watched_ = !fuse_watched_;
    epoll_.change(fuse_->fd(), kFuseToken, {.readable = fuse_watched_});
}

void Session::read_uevents() {
    bool stale = false;
    while (const auto event = os::next_block_uevent(uevents_.get())) {
        if (!event->device.starts_with("loop")) continue;
        // Partitions came or went, or a loop device was detached: perhaps that of another session
        // to the same unit, which had taken our links over.
        const bool partition = event->device.find('p', 4) != std::string::npos;
        stale |= partition || event->action == "change";
    }
    if (!stale || links_job_waits_ || phase_ != Phase::Serving) return;
    links_job_waits_ = true;
    setup_->give([this] {
        // News that come while it works ask for another round.
        queue_.call_and_wait([this] { links_job_waits_ = false; });
        devices_->refresh_links();
    });
}

void Session::execute_raw(const Command& command, std::function<void(CommandPort::Reply)> then) {
    raw_done_ = std::move(then);
    Request request{.kind = RequestKind::Raw};
    request.raw = command;
    initiator_->scheduler().submit(static_cast<Slot>(pool_->size()), request, now_);
    initiator_->pump(now_);
}

}  // namespace iscsi::userd
