// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/scheduler.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.hpp"

namespace iscsi::userd {

using base::Instant;
using base::kNever;
using namespace std::chrono_literals;

namespace {

constexpr auto kTick = 1s;               // timers of commands are that coarse
constexpr auto kBusyPause = 100ms;       // before a busy target is asked again
constexpr std::uint32_t kGoodRun = 128;  // answers after which a reduced queue depth grows by one
constexpr std::uint32_t kSessionReset = 21;  // "dropped as a result of SCSI error recovery"
constexpr std::size_t kNoticesMax = 64;

// A busy target is asked again for as long as all attempts of a silent one would take.
std::chrono::seconds patience(const Command& command, std::uint32_t retries_max) {
    return command.timeout * (retries_max + 1);
}

std::optional<scsi::Opcode> opcode_of(ZeroMethod method) {
    switch (method) {
        case ZeroMethod::None:
            return std::nullopt;
        case ZeroMethod::WriteSame16:
            return scsi::Opcode::WriteSame16;
        case ZeroMethod::WriteSame10:
            return scsi::Opcode::WriteSame10;
        case ZeroMethod::Unmap:
            return scsi::Opcode::Unmap;
    }
    return std::nullopt;
}

bool is_write(const scsi::Cdb& cdb) {
    return cdb.opcode() == scsi::Opcode::Write10 || cdb.opcode() == scsi::Opcode::Write16;
}

}  // namespace

Scheduler::Scheduler(Config config, std::size_t slots) : config_(config), slots_(slots) {
    notices_.reserve(kNoticesMax);
}

void Scheduler::set_volume(std::uint32_t id, const Volume& volume) {
    if (id >= volumes_.size()) volumes_.resize(id + 1);
    volumes_[id].volume = volume;
}

void Scheduler::withdraw_volume(std::uint32_t id) {
    if (id >= volumes_.size()) return;
    VolumeState& volume = volumes_[id];
    ++volume.tenancy;
    volume.depth = 0;
    volume.good_run = 0;
    fail_waiting([this](const SlotState& slot) { return is_stale(slot); }, EIO);
}

bool Scheduler::is_stale(const SlotState& slot) const {
    return slot.request.kind != RequestKind::Raw &&
           slot.tenancy != volumes_[slot.request.volume].tenancy;
}

int Scheduler::closed_errno() const { return link_ == Link::Closed ? close_errno_ : EIO; }

void Scheduler::submit(Slot id, const Request& request, Instant now) {
    SlotState& slot = slots_[id];
    CHECK(slot.state == State::Free);
    CHECK(request.kind == RequestKind::Raw || request.volume < volumes_.size());
    slot.request = request;
    slot.tenancy = request.kind == RequestKind::Raw ? 0 : volumes_[request.volume].tenancy;
    slot.order = next_order_++;
    slot.done = 0;
    slot.outcome = Complete{.slot = id};
    slot.timer_start = now;
    ++busy_;
    if (fails_at_once()) return finish(id, closed_errno());
    if (request.kind == RequestKind::Flush && !volumes_[request.volume].volume.write_cache) {
        return finish(id, 0);
    }
    if (prepare_step(id)) wait_in_order(id);
}

// False: the request is finished, since the volume can't do it.
bool Scheduler::prepare_step(Slot id) {
    SlotState& slot = slots_[id];
    static const Volume kNoVolume;
    const Volume& volume =
        slot.request.kind == RequestKind::Raw ? kNoVolume : volumes_[slot.request.volume].volume;
    const auto step = next_step(volume, slot.request, slot.done, slot.scratch);
    slot.attempts = 0;
    slot.losses = 0;
    slot.broken_rules = 0;
    slot.step_start = kNever;
    if (!step) {
        finish(id, EOPNOTSUPP);
        return false;
    }
    slot.step = *step;
    return true;
}

void Scheduler::wait_in_order(Slot id) {
    SlotState& slot = slots_[id];
    if (is_stale(slot)) return finish(id, EIO);
    slot.state = State::Waiting;
    Slot* link = &waiting_;
    while (*link != kNoSlot && slots_[*link].order < slot.order) link = &slots_[*link].next;
    slot.next = *link;
    *link = id;
}

void Scheduler::finish(Slot id, int error_number) {
    SlotState& slot = slots_[id];
    slot.state = State::Done;
    slot.outcome.error_number = error_number;
    slot.next = kNoSlot;
    if (done_last_ == kNoSlot) {
        done_first_ = id;
    } else {
        slots_[done_last_].next = id;
    }
    done_last_ = id;
}

void Scheduler::on_connected(Instant now) {
    if (link_ == Link::Closed) return;
    requeue_running();
    link_ = Link::Up;
    recovery_deadline_ = kNever;
    rescue_ = Rescue::None;
    rescue_due_ = false;
    rescue_slot_ = kNoSlot;
    next_tick_ = now + kTick;
}

bool Scheduler::is_hopeless(SlotState& slot, Loss loss, Instant now) const {
    if (slot.losses++ == 0) slot.first_loss = now;
    if (loss == Loss::BrokenRules && ++slot.broken_rules > config_.retries_max) return true;
    return slot.losses > config_.retries_max && config_.replacement_timeout &&
           now - slot.first_loss >= *config_.replacement_timeout;
}

void Scheduler::on_connection_lost(Instant now, Loss loss) {
    for (Slot id = 0; id < slots_.size(); ++id) {
        if (slots_[id].state != State::Running || !is_hopeless(slots_[id], loss, now)) continue;
        leave_running(id);
        finish(id, EIO);
    }
    requeue_running();
    rescue_ = Rescue::None;
    rescue_due_ = false;
    rescue_slot_ = kNoSlot;
    if (link_ != Link::Up) return;
    link_ = Link::Recovering;
    recovery_deadline_ = config_.replacement_timeout ? now + *config_.replacement_timeout : kNever;
    if (config_.replacement_timeout == 0s) on_deadline(now);
}

void Scheduler::close(int error_number) {
    requeue_running();
    link_ = Link::Closed;
    close_errno_ = error_number;
    recovery_deadline_ = kNever;
    rescue_ = Rescue::None;
    rescue_due_ = false;
    fail_all(error_number);
}

void Scheduler::requeue_running() {
    for (Slot id = 0; id < slots_.size(); ++id) {
        if (slots_[id].state != State::Running) continue;
        leave_running(id);
        wait_in_order(id);
    }
}

void Scheduler::fail_all(int error_number) {
    fail_waiting([](const SlotState&) { return true; }, error_number);
}

void Scheduler::fail_waiting(const std::function<bool(const SlotState&)>& whether,
                             int error_number) {
    for (Slot* link = &waiting_; *link != kNoSlot;) {
        const Slot id = *link;
        if (!whether(slots_[id])) {
            link = &slots_[id].next;
            continue;
        }
        *link = slots_[id].next;
        finish(id, error_number);
    }
    for (Slot id = 0; id < slots_.size(); ++id) {
        if (slots_[id].state != State::Paused || !whether(slots_[id])) continue;
        --paused_;
        finish(id, error_number);
    }
}

void Scheduler::leave_running(Slot id) {
    SlotState& slot = slots_[id];
    CHECK(slot.state == State::Running);
    --running_;
    if (slot.request.kind != RequestKind::Raw) --volumes_[slot.request.volume].running;
    if (rescue_slot_ == id) rescue_slot_ = kNoSlot;
}

// Actions ------------------------------------------------------------------------------------

std::optional<Action> Scheduler::next_action(bool may_start, Instant now) {
    if (done_first_ != kNoSlot) {
        SlotState& slot = slots_[done_first_];
        done_first_ = slot.next;
        if (done_first_ == kNoSlot) done_last_ = kNoSlot;
        slot.state = State::Free;
        --busy_;
        return slot.outcome;
    }
    if (expired_news_) {
        expired_news_ = false;
        return RecoveryExpired{};
    }
    if (auto news = notify_action()) return news;
    // A command that was answered before its abort went out needs none.
    if (rescue_ == Rescue::Abort && rescue_due_ && rescue_slot_ == kNoSlot) {
        rescue_with(Rescue::None);
    }
    if (rescue_due_) return rescue_action();
    if (!may_start || link_ != Link::Up) return std::nullopt;
    const auto id = take_startable();
    if (!id) return std::nullopt;
    SlotState& slot = slots_[*id];
    slot.state = State::Running;
    slot.timer_start = now;
    slot.start_order = next_start_++;
    if (slot.step_start == kNever) slot.step_start = now;
    ++running_;
    if (slot.request.kind != RequestKind::Raw) ++volumes_[slot.request.volume].running;
    if (next_tick_ == kNever) next_tick_ = now + kTick;
    return StartCommand{*id};
}

std::optional<Slot> Scheduler::take_startable() {
    if (running_ >= config_.cmds_max) return std::nullopt;
    for (Slot* link = &waiting_; *link != kNoSlot; link = &slots_[*link].next) {
        if (held_back(slots_[*link])) continue;
        const Slot id = *link;
        *link = slots_[id].next;
        return id;
    }
    return std::nullopt;
}

bool Scheduler::held_back(const SlotState& slot) const {
    // While a unit or the target is being reset nothing new goes there: it would be reset as well.
    if (rescue_ == Rescue::TargetReset || rescue_ == Rescue::Drop) return true;
    if (rescue_ == Rescue::LunReset && slot.step.command.lun == rescue_lun_) return true;
    if (slot.request.kind == RequestKind::Raw) return false;
    const VolumeState& volume = volumes_[slot.request.volume];
    const std::uint32_t depth = volume.depth != 0 ? volume.depth : config_.queue_depth;
    return volume.running >= depth;
}

std::optional<Action> Scheduler::notify_action() {
    if (luns_changed_) {
        luns_changed_ = false;
        return Notify{.notice = scsi::Notice::LunsChanged};
    }
    if (notices_.empty()) return std::nullopt;
    const Notify news = notices_.back();
    notices_.pop_back();
    return news;
}

std::optional<Action> Scheduler::rescue_action() {
    rescue_due_ = false;
    switch (rescue_) {
        case Rescue::Abort:
            ++abort_count_;
            return AbortTask{rescue_slot_};
        case Rescue::LunReset:
            return ResetLun{rescue_lun_};
        case Rescue::TargetReset:
            return ResetTarget{};
        case Rescue::Drop:
            return DropConnection{kSessionReset, "the target answers neither commands nor resets"};
        case Rescue::None:
            break;
    }
    return std::nullopt;
}

// Results ------------------------------------------------------------------------------------

void Scheduler::on_result(Slot id, const CommandResult& result, Instant now) {
    leave_running(id);
    SlotState& slot = slots_[id];
    if (!result.answered) return retry(id, EIO);
    const scsi::Judgement judgement = scsi::judge(result.status, result.sense);
    slot.outcome.status = result.status;
    slot.outcome.sense = judgement.sense;
    note(slot, judgement.notice);
    // Of a unit that is no longer there; how it ended says nothing about the one that is.
    if (is_stale(slot)) return finish(id, EIO);
    switch (judgement.verdict) {
        case scsi::Verdict::Success:
            if (!transferred_all(slot, result)) return retry(id, EIO);
            return advance(id, result);
        case scsi::Verdict::Retry:
            return retry(id, judgement.error_number);
        case scsi::Verdict::RetryLater:
            return pause(id, judgement.error_number, now);
        case scsi::Verdict::Fail:
            return fail_or_adapt(id, judgement);
    }
}

bool Scheduler::transferred_all(const SlotState& slot, const CommandResult& result) const {
    // What a Raw command gets is for its sender to judge.
    if (slot.request.kind == RequestKind::Raw) return true;
    const Command& command = slot.step.command;
    const std::size_t wanted =
        command.direction == Direction::Read ? command.read_into.size() : command.write_from.size();
    return result.transferred == wanted;
}

void Scheduler::advance(Slot id, const CommandResult& result) {
    SlotState& slot = slots_[id];
    slot.outcome.transferred = result.transferred;
    if (slot.request.kind == RequestKind::Raw) return finish(id, 0);
    VolumeState& volume = volumes_[slot.request.volume];
    if (volume.depth != 0 && ++volume.good_run >= kGoodRun) {
        volume.good_run = 0;
        if (++volume.depth >= config_.queue_depth) volume.depth = 0;
    }
    slot.done += slot.step.blocks;
    if (slot.request.kind == RequestKind::Flush || slot.done >= slot.request.blocks) {
        return finish(id, 0);
    }
    if (prepare_step(id)) wait_in_order(id);
}

void Scheduler::retry(Slot id, int error_number) {
    SlotState& slot = slots_[id];
    if (slot.attempts >= config_.retries_max) return finish(id, error_number);
    ++slot.attempts;
    if (fails_at_once()) return finish(id, closed_errno());
    wait_in_order(id);
}

void Scheduler::pause(Slot id, int error_number, Instant now) {
    SlotState& slot = slots_[id];
    if (now - slot.step_start >= patience(slot.step.command, config_.retries_max)) {
        return finish(id, error_number);
    }
    slot.state = State::Paused;
    slot.resume_at = now + kBusyPause;
    ++paused_;
    next_tick_ = base::earlier(next_tick_, slot.resume_at);
}

// A command that the target does not know is replaced by another that does the same, or the request
// fails as "not supported", which the block layer and file systems take well.
void Scheduler::fail_or_adapt(Slot id, const scsi::Judgement& judgement) {
    SlotState& slot = slots_[id];
    const RequestKind kind = slot.request.kind;
    if (kind == RequestKind::Raw || !judgement.unsupported) {
        return finish(id, judgement.error_number);
    }
    Volume& volume = volumes_[slot.request.volume].volume;
    switch (kind) {
        case RequestKind::Flush:
            volume.write_cache = false;
            return finish(id, 0);
        case RequestKind::WriteZeros:
            volume.write_zeros = ZeroMethod::None;
            return finish(id, EOPNOTSUPP);
        case RequestKind::Discard:
            // An edge of zeros that is refused says nothing about the method.
            if (is_write(slot.step.command.cdb)) return finish(id, judgement.error_number);
            // Several may be refused at a time: only the method in force is given up.
            if (opcode_of(volume.discard) == slot.step.command.cdb.opcode()) {
                volume.discard = std::exchange(volume.discard_fallback, ZeroMethod::None);
            }
            if (prepare_step(id)) wait_in_order(id);
            return;
        case RequestKind::Read:
        case RequestKind::Write:
        case RequestKind::Raw:
            return finish(id, judgement.error_number);
    }
}

void Scheduler::note(const SlotState& slot, scsi::Notice notice) {
    switch (notice) {
        case scsi::Notice::None:
            return;
        case scsi::Notice::LunsChanged:
            luns_changed_ = true;
            return;
        case scsi::Notice::QueueFull:
            if (slot.request.kind != RequestKind::Raw) throttle(slot.request.volume);
            return;
        case scsi::Notice::CapacityChanged:
        case scsi::Notice::ParametersChanged:
            break;
    }
    const scsi::Lun lun = slot.step.command.lun;
    const bool known = std::ranges::any_of(notices_, [&](const Notify& n) { return n.lun == lun; });
    if (!known && notices_.size() < kNoticesMax) {
        notices_.push_back({.notice = notice, .lun = lun});
    }
}

// TASK SET FULL: the target holds as many commands as it can, so that many are enough from now on.
void Scheduler::throttle(std::uint32_t id) {
    VolumeState& volume = volumes_[id];
    volume.depth = std::max<std::uint32_t>(1, volume.running);
    volume.good_run = 0;
}

// Time ---------------------------------------------------------------------------------------

Instant Scheduler::deadline() const {
    return running_ + paused_ > 0 ? base::earlier(recovery_deadline_, next_tick_)
                                  : recovery_deadline_;
}

void Scheduler::on_deadline(Instant now) {
    if (now >= recovery_deadline_) {
        recovery_deadline_ = kNever;
        link_ = Link::Expired;
        expired_news_ = true;
        fail_all(EIO);
    }
    if (now < next_tick_) return;
    next_tick_ = now + kTick;
    resume_paused(now);
    find_overdue(now);
}

void Scheduler::resume_paused(Instant now) {
    if (paused_ == 0) return;
    for (Slot id = 0; id < slots_.size(); ++id) {
        SlotState& slot = slots_[id];
        if (slot.state != State::Paused) continue;
        if (now < slot.resume_at) {
            next_tick_ = base::earlier(next_tick_, slot.resume_at);
            continue;
        }
        --paused_;
        wait_in_order(id);
    }
}

void Scheduler::find_overdue(Instant now) {
    if (rescue_ != Rescue::None || link_ != Link::Up) return;
    for (Slot id = 0; id < slots_.size(); ++id) {
        if (slots_[id].state != State::Running || !overdue(slots_[id], now)) continue;
        rescue_slot_ = id;
        rescue_lun_ = slots_[id].step.command.lun;
        return rescue_with(Rescue::Abort);
    }
}

// A command waits its turn behind those that started before it: on a slow line their progress is
// the best it can hope for. Progress of later ones is no excuse.
bool Scheduler::overdue(SlotState& slot, Instant now) {
    const auto timeout = slot.step.command.timeout;
    if (now - slot.timer_start < timeout) return false;
    for (const SlotState& other : slots_) {
        if (other.state != State::Running || other.start_order >= slot.start_order) continue;
        if (other.timer_start > slot.timer_start) slot.timer_start = other.timer_start;
    }
    return now - slot.timer_start >= timeout;
}

// Rescue -------------------------------------------------------------------------------------

void Scheduler::rescue_with(Rescue what) {
    rescue_ = what;
    rescue_due_ = what != Rescue::None;
}

void Scheduler::on_task_management_done(bool success) {
    // An abort of a command that was answered in the meantime has done its work.
    const bool over = success || (rescue_ == Rescue::Abort && rescue_slot_ == kNoSlot);
    switch (rescue_) {
        case Rescue::None:
        case Rescue::Drop:
            return;
        case Rescue::Abort:
            return rescue_with(over ? Rescue::None : Rescue::LunReset);
        case Rescue::LunReset:
            return rescue_with(over ? Rescue::None : Rescue::TargetReset);
        case Rescue::TargetReset:
            return rescue_with(over ? Rescue::None : Rescue::Drop);
    }
}

}  // namespace iscsi::userd
