// SPDX-License-Identifier: LGPL-2.1-or-later
// Task management (RFC 7143 section 11.5), what is done about tasks that take too long, and every
// other timer.
#include <algorithm>

#include "base/check.hpp"
#include "session/full_feature_impl.hpp"

namespace iscsi::session {

namespace {

using Function = proto::TaskManagementFunction;

}  // namespace

std::optional<TaskManagementHandle> FullFeature::Impl::abort_task(TaskHandle task,
                                                                  base::Instant now) {
    now_ = now;
    auto* slot = tasks_.find(task.initiator_task_tag);
    if (state_ != State::Running || slot == nullptr) return std::nullopt;
    if (slot->state == TaskSlot::State::Queued) {
        finish(*slot, {.outcome = TaskOutcome::Aborted});
        return std::nullopt;
    }
    if (slot->state != TaskSlot::State::Active) return std::nullopt;
    const auto* management = request_abort(*slot);
    if (management == nullptr) return std::nullopt;
    return TaskManagementHandle{management->tag};
}

std::optional<TaskManagementHandle> FullFeature::Impl::reset_lun(proto::Lun lun,
                                                                 base::Instant now) {
    now_ = now;
    const auto* management =
        request(Function::LogicalUnitReset, lun, now + config_.lu_reset_timeout);
    if (management == nullptr) return std::nullopt;
    return TaskManagementHandle{management->tag};
}

std::optional<TaskManagementHandle> FullFeature::Impl::reset_target(base::Instant now) {
    now_ = now;
    const auto* management =
        request(Function::TargetWarmReset, {}, now + config_.target_reset_timeout);
    if (management == nullptr) return std::nullopt;
    return TaskManagementHandle{management->tag};
}

ManagementSlot* FullFeature::Impl::request_abort(TaskSlot& task) {
    auto* slot = request(Function::AbortTask, task.lun, now_ + config_.abort_timeout);
    if (slot == nullptr) return nullptr;
    slot->task_tag = task.tag;
    if (config_.fast_abort) stop_data_of(*slot);
    return slot;
}

ManagementSlot* FullFeature::Impl::request(Function function, proto::Lun lun,
                                           base::Instant deadline) {
    if (state_ != State::Running) return nullptr;
    auto* slot = take_management();
    if (slot == nullptr) return nullptr;
    const auto generation = static_cast<std::uint16_t>(slot->generation + 1);
    *slot = {.state = ManagementSlot::State::Queued,
             .generation = generation,
             .function = function,
             .lun = lun,
             .deadline = deadline};
    slot->tag = management_tag(*slot);
    if (function != Function::AbortTask && config_.fast_abort) stop_data_of(*slot);
    return slot;
}

// A free slot, or else one whose answer is too late already.
ManagementSlot* FullFeature::Impl::take_management() {
    auto free = std::ranges::find(management_, ManagementSlot::State::Free, &ManagementSlot::state);
    if (free == management_.end()) {
        free = std::ranges::find_if(management_, [](const ManagementSlot& slot) {
            return slot.answer_may_come && !slot.event_waits;
        });
    }
    return free == management_.end() ? nullptr : &*free;
}

std::uint32_t FullFeature::Impl::management_tag(const ManagementSlot& slot) const {
    const auto index = static_cast<std::size_t>(&slot - management_.data());
    return make_tag(slot.generation, static_cast<std::uint32_t>(tasks_.depth() + index));
}

ManagementSlot* FullFeature::Impl::find_management(std::uint32_t tag) {
    const auto found = std::ranges::find_if(management_, [&](const ManagementSlot& slot) {
        return slot.state != ManagementSlot::State::Free && slot.tag == tag;
    });
    return found == management_.end() ? nullptr : &*found;
}

// The tasks that a request ends when the target says Complete.
bool FullFeature::Impl::affects(const ManagementSlot& slot, const TaskSlot& task) const {
    if (task.state != TaskSlot::State::Active) return false;
    switch (slot.function) {
        case Function::AbortTask:
            return task.tag == slot.task_tag;
        case Function::LogicalUnitReset:
            return task.lun == slot.lun;
        default:
            return true;
    }
}

void FullFeature::Impl::stop_data_of(const ManagementSlot& slot) {
    for (auto i = tasks_.order().first(); i != kNoIndex; i = tasks_.order().next(i)) {
        if (!affects(slot, tasks_[i])) continue;
        tasks_[i].data_stopped = true;
        if (unsolicited_task_ == i) unsolicited_task_ = kNoIndex;
    }
}

// The target has ended the tasks; no response comes for them any more (section 11.6.1).
void FullFeature::Impl::apply(const ManagementSlot& slot) {
    for (auto i = tasks_.order().first(); i != kNoIndex;) {
        const auto next = tasks_.order().next(i);
        if (affects(slot, tasks_[i])) finish(tasks_[i], {.outcome = TaskOutcome::Aborted});
        i = next;
    }
}

void FullFeature::Impl::report(ManagementSlot& slot, TaskManagementOutcome outcome,
                               std::uint8_t response) {
    push_event(TaskManagementDone{.handle = {slot.tag},
                                  .function = slot.function,
                                  .lun = slot.lun,
                                  .outcome = outcome,
                                  .response = response});
    slot.state = ManagementSlot::State::Over;
    slot.event_waits = true;
    slot.answer_may_come = outcome == TaskManagementOutcome::TimedOut;
}

void FullFeature::Impl::on_management_fetched(std::uint32_t tag) {
    auto* slot = find_management(tag);
    CHECK(slot != nullptr && slot->event_waits);
    slot->event_waits = false;
    if (!slot->answer_may_come) slot->state = ManagementSlot::State::Free;
    abort_tasks_that_wait();
}

bool FullFeature::Impl::reset_covers(proto::Lun lun) const {
    return std::ranges::any_of(management_, [&](const ManagementSlot& slot) {
        return slot.is_under_way() && slot.escalating &&
               (slot.function == Function::TargetWarmReset ||
                (slot.function == Function::LogicalUnitReset && slot.lun == lun));
    });
}

// The target refused to do what we asked for after a timeout: ask for more.
void FullFeature::Impl::escalate(const ManagementSlot& slot) {
    ManagementSlot* next = nullptr;
    switch (slot.function) {
        case Function::AbortTask: {
            const auto* task = tasks_.find(slot.task_tag);
            const bool over = task == nullptr || task->state != TaskSlot::State::Active;
            if (over || reset_covers(slot.lun)) return;
            next = request(Function::LogicalUnitReset, slot.lun, now_ + config_.lu_reset_timeout);
            break;
        }
        case Function::LogicalUnitReset:
            next = request(Function::TargetWarmReset, {}, now_ + config_.target_reset_timeout);
            break;
        default:
            break;
    }
    if (next == nullptr) return fail(ConnectionErrorNumber::ScsiErrorHandlingReset);
    next->escalating = true;
}

void FullFeature::Impl::abort_timed_out_task(TaskSlot& slot) {
    if (slot.state == TaskSlot::State::Queued) {
        return finish(slot, {.outcome = TaskOutcome::Aborted});
    }
    if (reset_covers(slot.lun)) return;  // which will end it
    auto* management = request_abort(slot);
    if (management != nullptr) {
        management->escalating = true;
    } else {
        slot.abort_wanted = true;
        ++aborts_wanted_;
    }
}

void FullFeature::Impl::abort_tasks_that_wait() {
    if (aborts_wanted_ == 0 || state_ != State::Running) return;
    for (auto i = tasks_.order().first(); i != kNoIndex; i = tasks_.order().next(i)) {
        if (!tasks_[i].abort_wanted) continue;
        --aborts_wanted_;
        tasks_[i].abort_wanted = false;
        abort_timed_out_task(tasks_[i]);
    }
}

void FullFeature::Impl::on_task_deadlines(base::Instant now) {
    while (auto* slot = tasks_.expire(now)) {
        slot->timed_out = true;
        ++stats_.timeout_err;
        push_event(TaskTimedOut{{slot->tag}, slot->user});
        if (config_.escalate && state_ == State::Running) abort_timed_out_task(*slot);
    }
}

void FullFeature::Impl::on_management_deadlines(base::Instant now) {
    for (auto& slot : management_) {
        if (!slot.is_under_way() || slot.deadline > now) continue;
        ++stats_.timeout_err;
        const bool escalating = slot.escalating;
        report(slot, TaskManagementOutcome::TimedOut, 0);
        // What open-iscsi's README section 8.1.4 says: when the target does not even answer, the
        // session is dropped at once.
        if (escalating) return fail(ConnectionErrorNumber::ScsiErrorHandlingReset);
    }
}

base::Instant FullFeature::Impl::deadline() const {
    if (!alive()) return base::kNever;
    auto first = base::earlier(tasks_.first_deadline(), keepalive_.deadline());
    for (const auto& slot : management_) {
        if (slot.is_under_way()) first = base::earlier(first, slot.deadline);
    }
    return base::earlier(first, logout_.deadline);
}

void FullFeature::Impl::on_deadline(base::Instant now) {
    if (!alive()) return;
    now_ = now;
    on_task_deadlines(now);
    on_management_deadlines(now);
    if (!alive()) return;
    if (logout_.deadline <= now) {
        ++stats_.timeout_err;
        return answer_logout({});
    }
    switch (keepalive_.on_deadline(now)) {
        case Keepalive::Action::None:
            break;
        case Keepalive::Action::SendPing:
            // One whose answer is late, though other bytes came, still is the one to be answered.
            if (ping_.state != RequestState::None) break;
            ping_.state = RequestState::Queued;
            ping_.generation++;
            ping_.tag = make_tag(ping_.generation,
                                 static_cast<std::uint32_t>(tasks_.depth() + kTaskManagementMax));
            break;
        case Keepalive::Action::DropConnection:
            ++stats_.timeout_err;
            fail(ConnectionErrorNumber::NopTimedOut);
            break;
    }
}

void FullFeature::Impl::logout(proto::LogoutReason reason, base::Duration timeout,
                               base::Instant now) {
    now_ = now;
    if (state_ != State::Running) return;
    state_ = State::LoggingOut;
    keepalive_.stop();  // the logout has its own timer
    ping_answers_count_ = 0;
    logout_ = {
        .state = RequestState::Queued,
        .reason = reason,
        .tag = make_tag(1, static_cast<std::uint32_t>(tasks_.depth() + kTaskManagementMax + 1)),
        .deadline = now + timeout};
}

void FullFeature::Impl::answer_logout(const LogoutAnswered& answer) {
    state_ = State::LoggedOut;
    parse_pending_ = false;
    push_event(answer);
}

}  // namespace iscsi::session
