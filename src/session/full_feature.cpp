// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/full_feature.hpp"

#include <algorithm>
#include <limits>

#include "base/check.hpp"
#include "proto/ahs.hpp"
#include "session/full_feature_impl.hpp"

namespace iscsi::session {

namespace {

// R2Ts that can wait to be answered. MaxOutstandingR2T of every task is kept room for up to here;
// more than this many at once is beyond any sense and is treated as too many.
constexpr std::size_t kPendingR2tsMax = 65536;

constexpr std::uint32_t kSegmentLengthMin = 512;  // section 13.12

template <class Piece>
std::uint64_t total_size(std::span<const Piece> list) {
    std::uint64_t total = 0;
    for (const auto& piece : list) total += piece.size();
    return total;
}

bool is_notice(const FullFeatureEvent& event) {
    return std::holds_alternative<AsyncReceived>(event) ||
           std::holds_alternative<RejectReceived>(event);
}

}  // namespace

FullFeature::Impl::Impl(const FullFeatureConfig& config, const LoggedIn& logged_in,
                        base::Instant now)
    : config_(config),
      now_(now),
      window_(logged_in.cmd_sn, logged_in.exp_cmd_sn, logged_in.max_cmd_sn),
      tasks_(config.queue_depth),
      keepalive_({}, now),
      // A TaskDone and a TaskTimedOut per task, the outcome of each task management request, the
      // notices, and the last words LogoutAnswered and Dropped.
      events_(2 * config.queue_depth + kTaskManagementMax + kNoticesMax + 2) {
    connect(logged_in, now);
}

void FullFeature::Impl::connect(const LoggedIn& logged_in, base::Instant now) {
    now_ = now;
    params_ = logged_in.params;
    // What login negotiated is in range (section 13); what another process handed over might not
    // be, and a segment length of nothing would never end.
    params_.max_xmit_data_segment_length = std::clamp(params_.max_xmit_data_segment_length,
                                                      kSegmentLengthMin, proto::kSegmentLengthMax);
    window_ = CommandWindow(logged_in.cmd_sn, logged_in.exp_cmd_sn, logged_in.max_cmd_sn);
    exp_stat_sn_ = logged_in.exp_stat_sn;
    cid_ = logged_in.cid;
    reader_.restart({.header_digest = params_.header_digest,
                     .data_digest = params_.data_digest,
                     .data_segment_max = params_.max_recv_data_segment_length});
    parse_pending_ = false;
    batch_.restart(params_.header_digest, params_.data_digest);
    r2ts_.restart(std::min<std::size_t>(
        kPendingR2tsMax, tasks_.depth() * std::max(1U, params_.max_outstanding_r2t)));
    keepalive_ = Keepalive({config_.noop_out_interval, config_.noop_out_timeout}, now);
    unsolicited_task_ = kNoIndex;
    ping_.state = RequestState::None;
    ping_answers_count_ = 0;
    logout_ = {};
    state_ = State::Running;
}

std::expected<TaskHandle, SubmitError> FullFeature::Impl::submit(const Task& task,
                                                                 base::Instant now) {
    now_ = now;
    if (state_ != State::Running) return std::unexpected(SubmitError::NotRunning);
    const std::uint64_t in = total_size(task.data_in);
    const std::uint64_t out = total_size(task.data_out);
    // Expected Data Transfer Length has 32 bits (RFC 7143 section 11.3.4).
    if (task.cdb.size() < 6 || task.cdb.size() > kCdbBytesMax || (in > 0 && out > 0) ||
        in + out > std::numeric_limits<std::uint32_t>::max()) {
        return std::unexpected(SubmitError::BadTask);
    }
    if (tasks_.full()) return std::unexpected(SubmitError::QueueFull);

    auto& slot = tasks_.take();
    slot.lun = task.lun;
    slot.user = task.user;
    slot.attribute = task.attribute;
    slot.immediate = task.immediate;
    const auto plain = task.cdb.first(std::min<std::size_t>(task.cdb.size(), slot.cdb.size()));
    std::ranges::copy(plain, slot.cdb.begin());
    if (task.cdb.size() > slot.cdb.size()) {
        slot.ahs_bytes = proto::encode_extended_cdb(slot.ahs, task.cdb);
    }
    slot.data_length = static_cast<std::uint32_t>(in + out);
    if (in > 0) {
        slot.direction = TaskSlot::Direction::Read;
        slot.data_in = task.data_in;
        slot.in_cursor = SpanCursor(task.data_in);
    } else if (out > 0) {
        slot.direction = TaskSlot::Direction::Write;
        slot.data_out = task.data_out;
        slot.out_cursor = SpanCursor(task.data_out);
    }
    auto& queue = slot.immediate ? tasks_.immediate_commands() : tasks_.commands();
    queue.push_back(tasks_.index_of(slot));
    if (task.timeout > base::Duration{}) tasks_.arm(slot, now + task.timeout);
    return TaskHandle{slot.tag};
}

// The end of a Queued or Active task, as far as the target is concerned.
void FullFeature::Impl::finish(TaskSlot& slot, TaskDone done) {
    const bool was_active = slot.state == TaskSlot::State::Active;
    CHECK(was_active || slot.state == TaskSlot::State::Queued);
    tasks_.dequeue(slot);
    tasks_.disarm(slot);
    if (unsolicited_task_ == tasks_.index_of(slot)) unsolicited_task_ = kNoIndex;
    if (slot.abort_wanted) --aborts_wanted_;
    slot.abort_wanted = false;
    done.task = {slot.tag};
    done.user = slot.user;
    done.bytes_in = slot.received.bytes();
    done.bytes_out = slot.bytes_out;
    done.sent = was_active;
    done.timed_out = slot.timed_out;
    slot.done = done;
    slot.state = TaskSlot::State::Finishing;
    if (slot.pins == 0) give_back(slot);
}

void FullFeature::Impl::give_back(TaskSlot& slot) {
    slot.state = TaskSlot::State::Done;
    push_event(slot.done);
}

void FullFeature::Impl::push_event(const FullFeatureEvent& event) {
    CHECK(events_count_ < events_.size());
    events_[(events_first_ + events_count_) % events_.size()] = event;
    ++events_count_;
    if (is_notice(event)) ++notices_;
}

std::optional<FullFeatureEvent> FullFeature::Impl::next_event() {
    if (parse_pending_) parse();
    if (events_count_ == 0) return std::nullopt;
    auto event = events_[events_first_];
    events_first_ = (events_first_ + 1) % events_.size();
    --events_count_;
    if (is_notice(event)) --notices_;
    if (auto* done = std::get_if<TaskDone>(&event)) {
        auto* slot = tasks_.find(done->task.initiator_task_tag);
        CHECK(slot != nullptr && slot->state == TaskSlot::State::Done);
        done->sense = show_sense(base::ConstByteSpan(slot->sense).first(slot->sense_bytes));
        tasks_.release(*slot);
    } else if (auto* async = std::get_if<AsyncReceived>(&event)) {
        async->sense = show_sense(async->sense);
    } else if (const auto* management = std::get_if<TaskManagementDone>(&event)) {
        on_management_fetched(management->handle.initiator_task_tag);
    }
    return event;
}

// Sense that an event refers to must outlive the slot it lay in, until the next event.
base::ConstByteSpan FullFeature::Impl::show_sense(base::ConstByteSpan sense) {
    std::ranges::copy(sense, shown_sense_.begin());
    return base::ConstByteSpan(shown_sense_).first(sense.size());
}

void FullFeature::Impl::fail(ConnectionErrorNumber number, std::optional<ProtocolError> error) {
    if (!alive()) return;
    if (number == ConnectionErrorNumber::HeaderDigest ||
        number == ConnectionErrorNumber::DataDigest) {
        ++stats_.digest_err;
    }
    for (auto& slot : management_) {
        if (slot.is_under_way()) report(slot, TaskManagementOutcome::Lost, 0);
    }
    if (state_ == State::LoggingOut) push_event(LogoutAnswered{});
    state_ = State::Dropped;
    parse_pending_ = false;
    push_event(session::Dropped{number, error});
}

void FullFeature::Impl::drain(Disposition disposition) {
    CHECK(state_ == State::Dropped || state_ == State::LoggedOut);
    state_ = State::Drained;
    const TaskDone unfinished{.outcome = disposition == Disposition::Requeue ? TaskOutcome::Requeue
                                                                             : TaskOutcome::Failed};
    for (auto i = tasks_.order().first(); i != kNoIndex; i = tasks_.order().next(i)) {
        auto& slot = tasks_[i];
        slot.pins = 0;
        if (slot.state == TaskSlot::State::Finishing) {
            give_back(slot);
        } else if (slot.state != TaskSlot::State::Done) {
            finish(slot, unfinished);
        }
    }
}

void FullFeature::Impl::restart(const LoggedIn& logged_in, base::Instant now) {
    CHECK(state_ == State::Drained && tasks_.used() == 0 && events_count_ == 0);
    for (auto& slot : management_) slot = {.generation = slot.generation};
    connect(logged_in, now);
}

FullFeature::FullFeature(const FullFeatureConfig& config, const LoggedIn& logged_in,
                         base::Instant now)
    : impl_(std::make_unique<Impl>(config, logged_in, now)) {}
FullFeature::~FullFeature() = default;

FullFeature::State FullFeature::state() const { return impl_->state(); }
std::size_t FullFeature::tasks() const { return impl_->tasks().used(); }
std::size_t FullFeature::free_slots() const {
    return impl_->tasks().depth() - impl_->tasks().used();
}
const SessionStats& FullFeature::stats() const { return impl_->stats(); }

std::expected<TaskHandle, SubmitError> FullFeature::submit(const Task& task, base::Instant now) {
    return impl_->submit(task, now);
}
std::optional<TaskManagementHandle> FullFeature::abort_task(TaskHandle task, base::Instant now) {
    return impl_->abort_task(task, now);
}
std::optional<TaskManagementHandle> FullFeature::reset_lun(proto::Lun lun, base::Instant now) {
    return impl_->reset_lun(lun, now);
}
std::optional<TaskManagementHandle> FullFeature::reset_target(base::Instant now) {
    return impl_->reset_target(now);
}
void FullFeature::logout(proto::LogoutReason reason, base::Duration timeout, base::Instant now) {
    impl_->logout(reason, timeout, now);
}
std::span<const base::ByteSpan> FullFeature::recv_window() { return impl_->recv_window(); }
void FullFeature::on_received(std::size_t count, base::Instant now) {
    impl_->on_received(count, now);
}
std::span<const base::ConstByteSpan> FullFeature::send_window() { return impl_->send_window(); }
void FullFeature::on_sent(std::size_t count, base::Instant now) { impl_->on_sent(count, now); }
base::Instant FullFeature::deadline() const { return impl_->deadline(); }
void FullFeature::on_deadline(base::Instant now) { impl_->on_deadline(now); }
void FullFeature::connection_lost(ConnectionErrorNumber number) { impl_->fail(number); }
void FullFeature::drain(Disposition disposition) { impl_->drain(disposition); }
void FullFeature::restart(const LoggedIn& logged_in, base::Instant now) {
    impl_->restart(logged_in, now);
}
std::optional<FullFeatureEvent> FullFeature::next_event() { return impl_->next_event(); }

}  // namespace iscsi::session
