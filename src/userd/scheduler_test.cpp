// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/scheduler.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "scsi/bytes_of.hpp"

namespace iscsi::userd {
namespace {

using namespace std::chrono_literals;
using base::Instant;

constexpr std::uint8_t kGood = 0x00;
constexpr std::uint8_t kCheckCondition = 0x02;
constexpr std::uint8_t kBusy = 0x08;
constexpr std::uint8_t kTaskSetFull = 0x28;

Instant at(base::Duration since_start) { return Instant{} + 1h + since_start; }

class SchedulerTest : public testing::Test {
protected:
    static Scheduler make(Scheduler::Config config = {}) {
        Scheduler scheduler(config, 16);
        Volume volume;
        volume.lun = scsi::Lun::from_number(1);
        volume.blocks = 1 << 20;
        scheduler.set_volume(0, volume);
        volume.lun = scsi::Lun::from_number(2);
        scheduler.set_volume(1, volume);
        return scheduler;
    }
    void submit_write(Slot slot, std::uint32_t volume = 0) {
        s.submit(slot,
                 {.kind = RequestKind::Write,
                  .volume = volume,
                  .lba = slot,
                  .blocks = 8,
                  .data = base::ByteSpan(buffer)},
                 now);
    }
    template <class T>
    std::optional<T> take() {
        auto action = s.next_action(true, now);
        if (!action) return std::nullopt;
        if (T* wanted = std::get_if<T>(&*action)) return *wanted;
        ADD_FAILURE() << "another action: " << action->index();
        return std::nullopt;
    }
    std::vector<Slot> start_all() {
        std::vector<Slot> slots;
        while (auto start = take<StartCommand>()) slots.push_back(start->slot);
        return slots;
    }
    void answer(Slot slot, std::uint8_t status, base::ConstByteSpan sense = {}) {
        s.on_result(
            slot,
            {.answered = true, .status = status, .sense = sense, .transferred = buffer.size()},
            now);
    }
    void expect_complete(Slot slot, int error_number) {
        const auto complete = take<Complete>();
        ASSERT_TRUE(complete.has_value());
        EXPECT_EQ(complete->slot, slot);
        EXPECT_EQ(complete->error_number, error_number);
    }
    void expect_nothing() { EXPECT_FALSE(s.next_action(true, now).has_value()); }
    // Calls on_deadline whenever it is due, up to `until`.
    void pass_time(Instant until) {
        while (s.deadline() <= until) {
            now = std::max(now, s.deadline());
            s.on_deadline(now);
        }
        now = until;
    }

    Instant now = at(0s);
    std::vector<std::byte> buffer = std::vector<std::byte>(8UL * 512);
    Scheduler s = make();
};

TEST_F(SchedulerTest, RequestsWaitForTheFirstConnection) {
    submit_write(0);
    expect_nothing();

    s.on_connected(now);

    EXPECT_EQ(start_all(), (std::vector<Slot>{0}));
    answer(0, kGood);
    expect_complete(0, 0);
    EXPECT_EQ(s.busy_slots(), 0u);
}

TEST_F(SchedulerTest, RequestsStartInTheOrderOfArrivalUpToTheQueueDepth) {
    s = make({.queue_depth = 3});
    s.on_connected(now);
    for (Slot slot : {4u, 2u, 7u, 1u}) submit_write(slot);
    submit_write(9, /*volume=*/1);

    EXPECT_EQ(start_all(), (std::vector<Slot>{4, 2, 7, 9})) << "another LUN has its own depth";
    answer(2, kGood);
    expect_complete(2, 0);
    EXPECT_EQ(start_all(), (std::vector<Slot>{1}));
}

TEST_F(SchedulerTest, TheSessionHasALimitToo) {
    s = make({.cmds_max = 2});
    s.on_connected(now);
    for (Slot slot : {0u, 1u, 2u}) submit_write(slot);
    EXPECT_EQ(start_all().size(), 2u);
}

TEST_F(SchedulerTest, NothingStartsWhenTheEngineTakesNoMore) {
    s.on_connected(now);
    submit_write(0);
    EXPECT_FALSE(s.next_action(/*may_start=*/false, now).has_value());
}

TEST_F(SchedulerTest, AConnectionLossStartsRunningRequestsOverInOrder) {
    s.on_connected(now);
    for (Slot slot : {3u, 1u, 2u}) submit_write(slot);
    start_all();
    answer(1, kGood);
    expect_complete(1, 0);
    submit_write(5);

    s.on_connection_lost(now);
    expect_nothing();
    s.on_connected(now);

    EXPECT_EQ(start_all(), (std::vector<Slot>{3, 2, 5})) << "1 has completed: never sent again";
}

TEST_F(SchedulerTest, ACommandThatTheTargetAlwaysAnswersAgainstTheRulesFails) {
    s.on_connected(now);
    submit_write(0);
    for (int loss = 0; loss < 5; ++loss) {
        start_all();
        s.on_connection_lost(now, Loss::BrokenRules);
        expect_nothing();
        s.on_connected(now);
    }
    start_all();
    submit_write(1);

    s.on_connection_lost(now, Loss::BrokenRules);

    expect_complete(0, EIO);
    s.on_connected(now);
    EXPECT_EQ(start_all(), (std::vector<Slot>{1})) << "it was not running";
}

TEST_F(SchedulerTest, ACommandThatEveryConnectionDiesOfFailsAfterTheReplacementTimeout) {
    s = make({.replacement_timeout = 10s});
    s.on_connected(now);
    submit_write(0);
    for (int second = 1; second <= 10; ++second) {
        start_all();
        s.on_connection_lost(at(std::chrono::seconds(second)));
        expect_nothing();
        s.on_connected(at(std::chrono::seconds(second)));
    }
    start_all();

    s.on_connection_lost(at(11s));

    expect_complete(0, EIO);
}

TEST_F(SchedulerTest, AFewLossesOverALongTimeAreNoReasonToFail) {
    s = make({.replacement_timeout = 10s});
    s.on_connected(now);
    submit_write(0);
    for (int loss = 0; loss < 5; ++loss) {
        start_all();
        s.on_connection_lost(at(loss * 1h));
        expect_nothing();
        s.on_connected(at(loss * 1h));
    }
}

TEST_F(SchedulerTest, IoFailsAfterTheReplacementTimeoutAndWorksAgainLater) {
    s = make({.replacement_timeout = 10s});
    s.on_connected(now);
    submit_write(0);
    start_all();
    s.on_connection_lost(now);
    submit_write(1);

    pass_time(at(9s));
    expect_nothing();
    pass_time(at(10s));

    expect_complete(0, EIO);
    expect_complete(1, EIO);
    EXPECT_TRUE(take<RecoveryExpired>().has_value());
    submit_write(2);
    expect_complete(2, EIO);
    s.on_connected(now);
    submit_write(3);
    EXPECT_EQ(start_all(), (std::vector<Slot>{3}));
}

TEST_F(SchedulerTest, AReplacementTimeoutOfZeroFailsIoAtOnce) {
    s = make({.replacement_timeout = 0s});
    s.on_connected(now);
    submit_write(0);
    start_all();

    s.on_connection_lost(now);

    expect_complete(0, EIO);
    EXPECT_TRUE(take<RecoveryExpired>().has_value());
}

TEST_F(SchedulerTest, WithoutReplacementTimeoutIoWaitsForEver) {
    s = make({.replacement_timeout = std::nullopt});
    s.on_connected(now);
    submit_write(0);
    start_all();
    s.on_connection_lost(now);

    pass_time(at(240h));
    expect_nothing();
    s.on_connected(now);
    EXPECT_EQ(start_all(), (std::vector<Slot>{0}));
}

TEST_F(SchedulerTest, ASecondLossDoesNotProlongTheTimeout) {
    s = make({.replacement_timeout = 10s});
    s.on_connected(now);
    s.on_connection_lost(now);
    pass_time(at(6s));
    s.on_connection_lost(now);
    EXPECT_EQ(s.deadline(), at(10s));
}

TEST_F(SchedulerTest, TransientAnswersAreTriedAgainFiveTimes) {
    const auto power_on = scsi::bytes_of("70 00 06 00000000 0a 00000000 29 00 00 000000");
    s.on_connected(now);
    submit_write(0);
    for (int i = 0; i < 6; ++i) {
        ASSERT_EQ(start_all(), (std::vector<Slot>{0})) << "attempt " << i;
        answer(0, kCheckCondition, power_on);
    }
    expect_complete(0, EIO);
}

TEST_F(SchedulerTest, AFatalAnswerFailsAtOnceWithItsErrno) {
    const auto full = scsi::bytes_of("70 00 07 00000000 0a 00000000 27 07 00 000000");
    s.on_connected(now);
    submit_write(0);
    start_all();
    answer(0, kCheckCondition, full);
    expect_complete(0, ENOSPC);
}

TEST_F(SchedulerTest, GoodWithMissingDataIsNotSuccess) {
    s.on_connected(now);
    submit_write(0);
    for (int i = 0; i < 6; ++i) {
        ASSERT_EQ(start_all().size(), 1u);
        s.on_result(0, {.answered = true, .status = kGood, .transferred = 512}, now);
    }
    expect_complete(0, EIO);
}

TEST_F(SchedulerTest, ABusyTargetIsAskedAgainAfterAPauseAndNotForEver) {
    s.on_connected(now);
    submit_write(0);
    start_all();
    answer(0, kBusy);
    expect_nothing();

    pass_time(at(200ms));
    EXPECT_EQ(start_all().size(), 1u);

    for (auto t = 1s; t <= 180s; t += 1s) {
        answer(0, kBusy);
        if (s.next_action(false, now)) break;
        pass_time(at(t));
        if (start_all().empty()) break;
    }
    answer(0, kBusy);
    expect_complete(0, EIO);
    EXPECT_GE(now, at(179s));
}

TEST_F(SchedulerTest, TaskSetFullLowersTheDepthUntilThingsGoWell) {
    s.on_connected(now);
    for (Slot slot = 0; slot < 8; ++slot) submit_write(slot);
    EXPECT_EQ(start_all().size(), 8u);
    for (Slot slot = 4; slot < 8; ++slot) answer(slot, kTaskSetFull);
    pass_time(at(1s));
    EXPECT_EQ(start_all().size(), 0u) << "four are as many as it can hold";
    answer(0, kGood);
    expect_complete(0, 0);
    EXPECT_EQ(start_all().size(), 1u);
}

TEST_F(SchedulerTest, ASilentCommandIsAbortedAndTriedAgain) {
    s.on_connected(now);
    submit_write(0);
    start_all();

    pass_time(at(29s));
    expect_nothing();
    pass_time(at(31s));
    const auto abort = take<AbortTask>();
    ASSERT_TRUE(abort.has_value());
    EXPECT_EQ(abort->slot, 0u);
    s.on_result(0, {.answered = false}, now);
    s.on_task_management_done(/*success=*/true);

    EXPECT_EQ(start_all(), (std::vector<Slot>{0}));
    EXPECT_EQ(s.abort_count(), 1u);
}

TEST_F(SchedulerTest, AnAnswerDuringTheAbortCountsAndTheAbortIsForgotten) {
    s.on_connected(now);
    submit_write(0);
    start_all();
    pass_time(at(31s));
    ASSERT_TRUE(take<AbortTask>().has_value());

    answer(0, kGood);
    expect_complete(0, 0);
    s.on_task_management_done(/*success=*/false);

    expect_nothing();
}

TEST_F(SchedulerTest, AnAnswerBeforeTheAbortGoesOutMakesItNeedless) {
    s.on_connected(now);
    submit_write(0);
    start_all();
    pass_time(at(31s));

    answer(0, kGood);

    expect_complete(0, 0);
    expect_nothing();
    submit_write(1);
    EXPECT_EQ(start_all(), (std::vector<Slot>{1}));
    pass_time(at(62s));
    EXPECT_EQ(take<AbortTask>()->slot, 1u);
}

TEST_F(SchedulerTest, FailedAbortsEscalateToADroppedConnection) {
    s.on_connected(now);
    submit_write(0);
    start_all();
    pass_time(at(31s));
    ASSERT_TRUE(take<AbortTask>().has_value());
    s.on_task_management_done(false);
    const auto reset = take<ResetLun>();
    ASSERT_TRUE(reset.has_value());
    EXPECT_EQ(reset->lun.number(), 1u);
    s.on_task_management_done(false);
    ASSERT_TRUE(take<ResetTarget>().has_value());
    s.on_task_management_done(false);
    const auto drop = take<DropConnection>();
    ASSERT_TRUE(drop.has_value());
    EXPECT_EQ(drop->number, 21u);

    s.on_connection_lost(now);
    s.on_connected(now);
    EXPECT_EQ(start_all(), (std::vector<Slot>{0}));
}

TEST_F(SchedulerTest, NothingNewGoesToAUnitThatIsBeingReset) {
    s.on_connected(now);
    submit_write(0);
    start_all();
    pass_time(at(31s));
    ASSERT_TRUE(take<AbortTask>().has_value());
    s.on_task_management_done(false);
    ASSERT_TRUE(take<ResetLun>().has_value());

    submit_write(1);
    submit_write(2, /*volume=*/1);
    EXPECT_EQ(start_all(), (std::vector<Slot>{2})) << "the other unit goes on";

    s.on_result(0, {.answered = false}, now);
    s.on_task_management_done(true);
    EXPECT_EQ(start_all(), (std::vector<Slot>{0, 1}));
}

TEST_F(SchedulerTest, ACommandThatMovesDataIsNotOverdue) {
    s.on_connected(now);
    submit_write(0);
    start_all();
    pass_time(at(25s));
    s.on_progress(0, now);
    pass_time(at(54s));
    expect_nothing();
    pass_time(at(56s));
    EXPECT_TRUE(take<AbortTask>().has_value());
}

TEST_F(SchedulerTest, ProgressOfAnEarlierCommandExcusesALaterOneOnly) {
    s.on_connected(now);
    submit_write(0);
    submit_write(1);
    start_all();
    pass_time(at(20s));
    s.on_progress(0, now);
    pass_time(at(45s));
    expect_nothing();

    s.on_progress(1, now);
    pass_time(at(52s));
    const auto abort = take<AbortTask>();
    ASSERT_TRUE(abort.has_value());
    EXPECT_EQ(abort->slot, 0u);
}

TEST_F(SchedulerTest, AFlushWithoutWriteCacheIsDoneAtOnce) {
    Volume volume = s.volume(0);
    volume.write_cache = false;
    s.set_volume(0, volume);
    s.submit(0, {.kind = RequestKind::Flush}, now);
    expect_complete(0, 0);
}

TEST_F(SchedulerTest, AnUnknownFlushCommandIsNoError) {
    const auto invalid_opcode = scsi::bytes_of("70 00 05 00000000 0a 00000000 20 00 00 000000");
    s.on_connected(now);
    s.submit(0, {.kind = RequestKind::Flush}, now);
    start_all();
    s.on_result(0, {.answered = true, .status = kCheckCondition, .sense = invalid_opcode}, now);
    expect_complete(0, 0);
    EXPECT_FALSE(s.volume(0).write_cache);
}

TEST_F(SchedulerTest, ARefusedDiscardFallsBackAndThenIsNotSupported) {
    const auto invalid_field = scsi::bytes_of("70 00 05 00000000 0a 00000000 24 00 00 000000");
    Volume volume = s.volume(0);
    volume.discard = ZeroMethod::WriteSame16;
    volume.discard_fallback = ZeroMethod::Unmap;
    volume.max_unmap_blocks = 64;
    s.set_volume(0, volume);
    s.on_connected(now);
    s.submit(0, {.kind = RequestKind::Discard, .lba = 0, .blocks = 64}, now);
    start_all();

    answer(0, kCheckCondition, invalid_field);
    EXPECT_EQ(start_all().size(), 1u);
    EXPECT_EQ(s.command(0).cdb.opcode(), scsi::Opcode::Unmap);
    answer(0, kCheckCondition, invalid_field);

    expect_complete(0, EOPNOTSUPP);
    s.submit(0, {.kind = RequestKind::Discard, .lba = 0, .blocks = 64}, now);
    expect_complete(0, EOPNOTSUPP);
}

TEST_F(SchedulerTest, ARequestOfManyCommandsCompletesOnce) {
    Volume volume = s.volume(0);
    volume.max_transfer_blocks = 3;
    s.set_volume(0, volume);
    s.on_connected(now);
    submit_write(0);
    for (const std::size_t blocks : {3U, 3U, 2U}) {
        ASSERT_EQ(start_all(), (std::vector<Slot>{0}));
        EXPECT_EQ(s.command(0).write_from.size(), blocks * 512);
        s.on_result(0, {.answered = true, .status = kGood, .transferred = blocks * 512}, now);
    }
    expect_complete(0, 0);
}

TEST_F(SchedulerTest, NewsOfTheTargetIsToldOnce) {
    const auto changed = scsi::bytes_of("70 00 06 00000000 0a 00000000 3f 0e 00 000000");
    const auto grown = scsi::bytes_of("70 00 06 00000000 0a 00000000 2a 09 00 000000");
    s.on_connected(now);
    submit_write(0);
    submit_write(1);
    start_all();
    answer(0, kCheckCondition, changed);
    answer(1, kCheckCondition, grown);

    EXPECT_EQ(take<Notify>()->notice, scsi::Notice::LunsChanged);
    const auto news = take<Notify>();
    EXPECT_EQ(news->notice, scsi::Notice::CapacityChanged);
    EXPECT_EQ(news->lun.number(), 1u);
    EXPECT_EQ(start_all().size(), 2u);
}

TEST_F(SchedulerTest, AClosedSessionFailsEverything) {
    s.on_connected(now);
    submit_write(0);
    start_all();
    submit_write(1);
    answer(0, kBusy);

    s.close(ENODEV);

    for (int i = 0; i < 2; ++i) EXPECT_EQ(take<Complete>()->error_number, ENODEV);
    submit_write(2);
    expect_complete(2, ENODEV);
    s.on_connected(now);
    EXPECT_EQ(s.link(), Scheduler::Link::Closed);
}

TEST_F(SchedulerTest, ARawCommandReportsItsAnswer) {
    Request request{.kind = RequestKind::Raw};
    request.raw = {.lun = scsi::Lun::from_number(5),
                   .cdb = scsi::inquiry(96),
                   .direction = Direction::Read,
                   .read_into = base::ByteSpan(buffer)};
    s.on_connected(now);
    s.submit(0, request, now);
    start_all();
    s.on_result(0, {.answered = true, .status = kGood, .transferred = 36}, now);

    const auto complete = take<Complete>();
    EXPECT_EQ(complete->error_number, 0);
    EXPECT_EQ(complete->transferred, 36u);
}

TEST_F(SchedulerTest, IdleHasNoDeadline) {
    s.on_connected(now);
    EXPECT_EQ(s.deadline(), base::kNever);
}

// The unit behind volume 0 is another one now: what waits, pauses and runs was meant for the old.
TEST_F(SchedulerTest, NothingMoreOfAWithdrawnVolumesRequestsIsSent) {
    s = make({.queue_depth = 2});
    s.on_connected(now);
    for (Slot slot = 0; slot < 4; ++slot) submit_write(slot);
    submit_write(4, /*volume=*/1);
    ASSERT_EQ(start_all(), (std::vector<Slot>{0, 1, 4}));
    answer(1, kBusy);
    ASSERT_EQ(start_all(), std::vector<Slot>{2});

    s.withdraw_volume(0);
    expect_complete(3, EIO);
    expect_complete(1, EIO);
    answer(0, kBusy);
    expect_complete(0, EIO);
    s.on_connection_lost(now);
    expect_complete(2, EIO);

    s.on_connected(now);
    EXPECT_EQ(start_all(), std::vector<Slot>{4}) << "the other volume's goes on";
    submit_write(5);
    EXPECT_EQ(start_all(), std::vector<Slot>{5}) << "and so does what comes for the new unit";
}

}  // namespace
}  // namespace iscsi::userd
