// SPDX-License-Identifier: LGPL-2.1-or-later
// Decides what becomes of every I/O request of a session: when its SCSI commands start, whether a
// failed one is tried again, what happens while the connection is gone, and how a target that does
// not answer is brought to reason (README section 8.1.4 of open-iscsi, RFC 7143 section 11.5). Owns
// no socket, no clock and no data: the caller passes `now`, performs the actions, reports results.
//
//   submit -> Waiting --Start--> Running --answered--> (next step: Waiting) ... -> Complete
//               ^  ^               |   |
//               |  +-- Paused <----+   |  busy, becoming ready
//               +----------------------+  connection lost, aborted, reset, unit attention
//
// A request lives in a slot: a number below the count given to the constructor, chosen by the
// caller and free again once Complete for it has been taken. All memory is allocated by the
// constructor.
//
// What a lost connection means to I/O (replacement_timeout):
//   Up --on_connection_lost--> Recovering --timeout--> Expired (requests fail with EIO at once)
//   any --on_connected--> Up
// Every command is one that may be sent again without harm, so requests that were running start
// over on the next connection, in the order in which they came. A request that has completed is
// never sent again. One that was running at more than retries_max losses is given up with EIO, once
// it is plain that it will not get through: because the target broke the protocol each time, or
// because replacement_timeout has passed since the first loss. Otherwise a command that a target
// always answers with the same nonsense, or dies of, would be sent for ever.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/instant.hpp"
#include "scsi/verdict.hpp"
#include "userd/volume.hpp"

namespace iscsi::userd {

using Slot = std::uint32_t;

// How one command ended.
struct CommandResult {
    // With a SCSI status. False: aborted by task management, or refused without one.
    bool answered = false;
    std::uint8_t status = 0;  // SCSI status
    base::ConstByteSpan sense;
    std::size_t transferred = 0;  // bytes that count, of the command's data
};

// Actions ------------------------------------------------------------------------------------

struct StartCommand {
    Slot slot = 0;
};
struct AbortTask {
    Slot slot = 0;
};
struct ResetLun {
    scsi::Lun lun;
};
struct ResetTarget {};  // warm
struct DropConnection {
    std::uint32_t number = 0;  // as userlink::ConnectionError
    std::string text;
};
struct Complete {
    Slot slot = 0;
    int error_number = 0;              // 0: success
    std::size_t transferred = 0;       // Raw: bytes
    std::uint8_t status = 0;           // the last SCSI status
    std::optional<scsi::Sense> sense;  // the last sense data: for the log
};
struct RecoveryExpired {};
struct Notify {
    scsi::Notice notice = scsi::Notice::None;
    scsi::Lun lun;
};

using Action = std::variant<StartCommand, AbortTask, ResetLun, ResetTarget, DropConnection,
                            Complete, RecoveryExpired, Notify>;

// Why a connection went away.
enum class Loss : std::uint8_t {
    Link,         // closed, timed out, given up
    BrokenRules,  // the target violated the protocol: the command at hand may be why
};

class Scheduler {
public:
    struct Config {
        // nullopt: I/O waits for ever. Zero: it fails as soon as the connection is lost.
        std::optional<std::chrono::seconds> replacement_timeout = std::chrono::seconds(120);
        std::uint32_t queue_depth = 32;  // running commands per LUN
        std::uint32_t cmds_max = 128;    // running commands per session
        std::uint32_t retries_max = 5;
    };
    enum class Link : std::uint8_t { Idle, Up, Recovering, Expired, Closed };

    Scheduler(Config config, std::size_t slots);

    void set_config(const Config& config) { config_ = config; }
    // Adds or replaces a volume. Requests refer to it by `id` (small, reused).
    void set_volume(std::uint32_t id, const Volume& volume);
    const Volume& volume(std::uint32_t id) const { return volumes_[id].volume; }
    // Another unit is at the volume's LUN: what was submitted for it fails with EIO, and nothing
    // more of it is sent. Its id is free for another volume at once.
    void withdraw_volume(std::uint32_t id);

    // The slot is free. The request's data stay valid until Complete.
    void submit(Slot slot, const Request& request, base::Instant now);

    // The connection carries commands. Also after one that was never lost: its commands start over.
    void on_connected(base::Instant now);
    // The connection is gone: the engine has forgotten all commands.
    void on_connection_lost(base::Instant now, Loss loss = Loss::Link);
    // No connection will ever come: everything fails with `error_number`, now and from now on.
    // The engine has forgotten all commands.
    void close(int error_number);

    // `may_start`: the engine takes another command now.
    std::optional<Action> next_action(bool may_start, base::Instant now);

    // The command to start, valid from StartCommand until its result.
    const Command& command(Slot slot) const { return slots_[slot].step.command; }
    void on_result(Slot slot, const CommandResult& result, base::Instant now);
    // Bytes moved for the command: a slow one is not a dead one.
    void on_progress(Slot slot, base::Instant now) { slots_[slot].timer_start = now; }
    // Of AbortTask, ResetLun, ResetTarget: must come for each of them, unless the connection is
    // lost first. The results of the commands that it ended came before. A timeout is a failure.
    void on_task_management_done(bool success);

    base::Instant deadline() const;
    void on_deadline(base::Instant now);

    Link link() const { return link_; }
    std::size_t busy_slots() const { return busy_; }
    std::size_t running() const { return running_; }
    std::uint64_t abort_count() const { return abort_count_; }

private:
    enum class State : std::uint8_t { Free, Waiting, Paused, Running, Done };
    struct SlotState {
        State state = State::Free;
        Request request;
        std::uint32_t tenancy = 0;  // of the volume, when submitted
        std::uint64_t order = 0;    // of arrival
        std::uint64_t done = 0;     // blocks
        Step step;
        StepScratch scratch{};
        std::uint32_t attempts = 0;  // of the step, beyond the first
        std::uint32_t losses = 0;    // of the connection while the step was running
        std::uint32_t broken_rules = 0;
        base::Instant first_loss;
        base::Instant step_start;   // first start of the step; kNever before
        base::Instant timer_start;  // of the running command: started, or last progress
        std::uint64_t start_order = 0;
        base::Instant resume_at;  // Paused
        Complete outcome;
        Slot next = kNoSlot;  // in waiting_ or done_
    };
    struct VolumeState {
        Volume volume;
        std::uint32_t running = 0;
        std::uint32_t depth = 0;     // 0: the configured one; less after TASK SET FULL
        std::uint32_t good_run = 0;  // commands since the depth last changed
        std::uint32_t tenancy = 0;   // volumes that have had the id before
    };
    enum class Rescue : std::uint8_t { None, Abort, LunReset, TargetReset, Drop };
    static constexpr Slot kNoSlot = 0xffff'ffff;

    bool fails_at_once() const { return link_ == Link::Expired || link_ == Link::Closed; }
    int closed_errno() const;
    bool is_stale(const SlotState& slot) const;
    void wait_in_order(Slot slot);
    void fail_waiting(const std::function<bool(const SlotState&)>& whether, int error_number);
    bool prepare_step(Slot slot);
    void finish(Slot slot, int error_number);
    void leave_running(Slot slot);
    void retry(Slot slot, int error_number);
    void pause(Slot slot, int error_number, base::Instant now);
    void advance(Slot slot, const CommandResult& result);
    void fail_or_adapt(Slot slot, const scsi::Judgement& judgement);
    void note(const SlotState& slot, scsi::Notice notice);
    bool transferred_all(const SlotState& slot, const CommandResult& result) const;
    void requeue_running();
    bool is_hopeless(SlotState& slot, Loss loss, base::Instant now) const;
    void fail_all(int error_number);
    std::optional<Slot> take_startable();
    bool held_back(const SlotState& slot) const;
    void throttle(std::uint32_t volume);
    void find_overdue(base::Instant now);
    void resume_paused(base::Instant now);
    bool overdue(SlotState& slot, base::Instant now);
    void rescue_with(Rescue what);
    std::optional<Action> rescue_action();
    std::optional<Action> notify_action();

    Config config_;
    std::vector<SlotState> slots_;
    std::vector<VolumeState> volumes_;
    Link link_ = Link::Idle;
    int close_errno_ = 0;
    std::uint64_t next_order_ = 0;
    std::uint64_t next_start_ = 0;
    Slot waiting_ = kNoSlot;     // ascending order
    Slot done_first_ = kNoSlot;  // first in, first out
    Slot done_last_ = kNoSlot;
    std::size_t busy_ = 0;
    std::size_t running_ = 0;
    std::size_t paused_ = 0;
    std::uint64_t abort_count_ = 0;
    base::Instant recovery_deadline_ = base::kNever;
    base::Instant next_tick_ = base::kNever;
    bool expired_news_ = false;

    Rescue rescue_ = Rescue::None;
    bool rescue_due_ = false;     // its action has not been taken yet
    Slot rescue_slot_ = kNoSlot;  // Abort: the command, unless it has been answered meanwhile
    scsi::Lun rescue_lun_;

    bool luns_changed_ = false;
    std::vector<Notify> notices_;  // capacity reserved; one per volume at most
};

}  // namespace iscsi::userd
