// SPDX-License-Identifier: LGPL-2.1-or-later
// Timers, pings, task management.
#include "session/full_feature.hpp"
#include "session/testing/target_pdus.hpp"

namespace iscsi::session {
namespace {

using namespace testing;
using Function = proto::TaskManagementFunction;

// Pings ---------------------------------------------------------------------------------------

TEST(Pings, GoOutAfterSilenceAndAreAnswered) {
    Harness h;
    EXPECT_EQ(h.engine.deadline(), at(5s + 1ms));
    h.now = at(5s + 1ms);
    h.engine.on_deadline(h.now);

    const auto ping = h.sent_one().as<proto::NopOut>();
    EXPECT_TRUE(ping.immediate);
    EXPECT_NE(ping.initiator_task_tag, proto::kReservedTag);
    EXPECT_EQ(ping.target_transfer_tag, proto::kReservedTag);
    EXPECT_EQ(ping.cmd_sn, proto::CmdSn{100});

    h.now = at(6s);
    proto::NopIn pong;
    pong.initiator_task_tag = ping.initiator_task_tag;
    h.deliver(pong);
    EXPECT_EQ(h.engine.deadline(), at(11s));
    EXPECT_TRUE(h.events().empty());
}

TEST(Pings, DropTheConnectionWhenNothingComesBack) {
    Harness h;
    h.now = at(5s + 1ms);
    h.engine.on_deadline(h.now);
    h.sent();
    h.now = at(10s + 1ms);
    h.engine.on_deadline(h.now);

    const auto dropped = h.event<Dropped>();
    EXPECT_EQ(dropped.number, ConnectionErrorNumber::NopTimedOut);
    EXPECT_FALSE(dropped.protocol_error.has_value());
    EXPECT_EQ(h.engine.stats().timeout_err, 1U);
}

TEST(Pings, AnyByteCountsAsLife) {
    Harness h;
    Io io(true, 512);
    proto::DataIn pdu;
    pdu.initiator_task_tag = tag_of(h.start(io.task));
    pdu.final = pdu.has_status = true;
    const auto bytes = h.written(pdu, pattern(512));
    for (int second = 1; second < 60; ++second) {
        h.now = at(std::chrono::seconds(second));
        h.deliver_bytes(
            base::ConstByteSpan(bytes).subspan(static_cast<std::size_t>(second - 1), 1));
        h.engine.on_deadline(h.now);
    }
    EXPECT_EQ(h.engine.state(), FullFeature::State::Running);
}

TEST(Pings, OneIsEnoughWhileItsAnswerIsDue) {
    Harness h;
    h.now = at(5s + 1ms);
    h.engine.on_deadline(h.now);
    const auto ping = h.sent_one();
    h.now = at(6s);
    h.deliver(proto::NopIn{});
    h.now = at(11s);
    h.engine.on_deadline(h.now);
    EXPECT_TRUE(h.sent().empty());

    h.now = at(12s);
    proto::NopIn pong;
    pong.initiator_task_tag = tag_of(ping);
    h.deliver(pong);
    h.now = at(17s);
    h.engine.on_deadline(h.now);
    EXPECT_NE(tag_of(h.sent_one()), tag_of(ping));
}

TEST(Pings, AreOffWithAZero) {
    FullFeatureConfig config;
    config.noop_out_timeout = {};
    Harness h(logged_in(), config);
    EXPECT_EQ(h.engine.deadline(), base::kNever);
}

TEST(Pings, OfTheTargetsAreAnsweredWithTagAndLun) {
    Harness h;
    proto::NopIn pdu;
    pdu.target_transfer_tag = 0x1234;
    pdu.lun = {0x0005'0000'0000'0000};
    h.deliver(pdu);

    const auto reply = h.sent_one().as<proto::NopOut>();

    EXPECT_TRUE(reply.immediate);
    EXPECT_EQ(reply.initiator_task_tag, proto::kReservedTag);
    EXPECT_EQ(reply.target_transfer_tag, 0x1234U);
    EXPECT_EQ(reply.lun, pdu.lun);
    EXPECT_EQ(reply.exp_stat_sn, proto::StatSn{500});
}

TEST(Pings, FloodOfTheTargetsWaitsForOurAnswers) {
    Harness h;
    Bytes flood;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        proto::NopIn pdu;
        pdu.target_transfer_tag = i;
        const auto bytes = h.written(pdu);
        flood.insert(flood.end(), bytes.begin(), bytes.end());
    }
    ASSERT_TRUE(h.deliver_bytes(flood));
    EXPECT_TRUE(h.engine.recv_window().empty());

    const auto replies = h.sent();

    ASSERT_EQ(replies.size(), 1000U);
    EXPECT_EQ(replies.back().as<proto::NopOut>().target_transfer_tag, 999U);
    EXPECT_FALSE(h.engine.recv_window().empty());
}

// Task timers and task management --------------------------------------------------------------

TEST(TaskManagement, AbortsATask) {
    Harness h(logged_in(), by_hand());
    Io io(true, 512);
    io.task.user = 5;
    const auto command = h.start(io.task);
    const auto handle = h.engine.abort_task({tag_of(command)}, h.now);
    ASSERT_TRUE(handle.has_value());

    const auto sent = h.sent_one();
    const auto request = sent.as<proto::TaskManagementRequest>();
    EXPECT_EQ(request.function, Function::AbortTask);
    EXPECT_TRUE(request.immediate);
    EXPECT_EQ(request.referenced_task_tag, tag_of(command));
    EXPECT_EQ(request.ref_cmd_sn, proto::CmdSn{100});
    EXPECT_EQ(request.cmd_sn, proto::CmdSn{101});
    EXPECT_EQ(request.lun, io.task.lun);

    h.deliver(answer(sent, 0));
    const auto events = h.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(get<TaskDone>(events[0]).outcome, TaskOutcome::Aborted);
    EXPECT_EQ(get<TaskDone>(events[0]).user, 5U);
    EXPECT_FALSE(get<TaskDone>(events[0]).timed_out);
    EXPECT_EQ(get<TaskManagementDone>(events[1]).handle, *handle);
    EXPECT_EQ(get<TaskManagementDone>(events[1]).outcome, TaskManagementOutcome::Answered);
    EXPECT_EQ(h.engine.stats().tmfcmd_pdus, 1U);
    EXPECT_EQ(h.engine.stats().tmfrsp_pdus, 1U);
    EXPECT_EQ(h.engine.stats().eh_abort_cnt, 1U);
}

TEST(TaskManagement, TakesBackATaskThatWasNotSent) {
    auto login = logged_in();
    login.max_cmd_sn = {99};
    Harness h(login);
    Io io(true, 512);
    const auto handle = h.submit(io.task);

    EXPECT_FALSE(h.engine.abort_task(handle, h.now).has_value());

    const auto done = h.event<TaskDone>();
    EXPECT_EQ(done.outcome, TaskOutcome::Aborted);
    EXPECT_FALSE(done.sent);
    EXPECT_TRUE(h.sent().empty());
}

TEST(TaskManagement, StaleHandlesAreMisses) {
    Harness h;
    Io io(true, 0);
    const auto command = h.start(io.task);
    h.deliver(response(tag_of(command)));
    h.events();
    h.start(io.task);

    EXPECT_FALSE(h.engine.abort_task({tag_of(command)}, h.now).has_value());
    EXPECT_TRUE(h.sent().empty());
}

TEST(TaskManagement, TheResponseMayComeFirst) {
    Harness h(logged_in(), by_hand());
    Io io(true, 0);
    const auto command = h.start(io.task);
    h.engine.abort_task({tag_of(command)}, h.now);
    const auto request = h.sent_one();

    h.deliver(response(tag_of(command)));
    h.deliver(answer(request, 1));

    const auto events = h.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(get<TaskDone>(events[0]).outcome, TaskOutcome::Completed);
    EXPECT_EQ(get<TaskManagementDone>(events[1]).response, 1);
}

TEST(TaskManagement, IsNotAskedForATaskThatEndedMeanwhile) {
    Harness h(logged_in(), by_hand());
    Io io(true, 0);
    const auto command = h.start(io.task);
    h.engine.abort_task({tag_of(command)}, h.now);
    h.deliver(response(tag_of(command)));

    EXPECT_TRUE(h.sent().empty());

    const auto events = h.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(get<TaskDone>(events[0]).outcome, TaskOutcome::Completed);
    EXPECT_EQ(get<TaskManagementDone>(events[1]).response, 1);
}

TEST(TaskManagement, ALunResetEndsTheTasksOfThatLunAndHoldsNewOnes) {
    Harness h(logged_in(), by_hand());
    Io one(true, 512);
    Io two(true, 512);
    Io other(true, 512);
    other.task.lun = {0x0007'0000'0000'0000};
    one.task.user = 1;
    two.task.user = 2;
    h.submit(one.task);
    h.submit(two.task);
    const auto other_tag = h.submit(other.task).initiator_task_tag;
    h.sent();
    h.engine.reset_lun(one.task.lun, h.now);
    Io later(true, 0);
    const auto later_handle = h.submit(later.task);

    const auto request = h.sent_one();
    EXPECT_EQ(request.as<proto::TaskManagementRequest>().function, Function::LogicalUnitReset);
    EXPECT_EQ(request.as<proto::TaskManagementRequest>().referenced_task_tag, proto::kReservedTag);
    h.deliver(answer(request, 0));

    const auto events = h.events();
    ASSERT_EQ(events.size(), 3U);
    EXPECT_EQ(get<TaskDone>(events[0]).user, 1U);
    EXPECT_EQ(get<TaskDone>(events[1]).user, 2U);
    EXPECT_EQ(get<TaskManagementDone>(events[2]).function, Function::LogicalUnitReset);
    EXPECT_EQ(tag_of(h.sent_one()), later_handle.initiator_task_tag);
    EXPECT_EQ(h.engine.tasks(), 2U);
    h.deliver(response(other_tag, 8));
    EXPECT_EQ(h.event<TaskDone>().status, 8);
}

TEST(TaskManagement, FastAbortStopsDataAndSlowAbortGoesOn) {
    for (const bool fast : {true, false}) {
        auto config = by_hand();
        config.fast_abort = fast;
        auto login = logged_in();
        login.params.immediate_data = false;
        Harness h(login, config);
        Io io(false, 10000);
        const auto command = h.start(io.task);
        proto::R2t r2t;
        r2t.initiator_task_tag = tag_of(command);
        r2t.lun = io.task.lun;
        r2t.target_transfer_tag = 1;
        r2t.desired_data_transfer_length = 10000;
        h.deliver(r2t);

        h.engine.abort_task({tag_of(command)}, h.now);

        EXPECT_EQ(h.sent().size(), fast ? 1U : 3U);
    }
}

TEST(TaskManagement, TimesOutAndForgivesALateAnswer) {
    Harness h(logged_in(), by_hand());
    Io io(true, 512);
    const auto command = h.start(io.task);
    h.engine.abort_task({tag_of(command)}, h.now);
    const auto request = h.sent_one();
    for (int second = 1; second <= 16; ++second) {
        h.now = at(std::chrono::seconds(second));
        h.deliver(proto::NopIn{});
        h.engine.on_deadline(h.now);
    }
    EXPECT_EQ(h.event<TaskManagementDone>().outcome, TaskManagementOutcome::TimedOut);

    h.deliver(answer(request, 0));
    EXPECT_EQ(h.event<TaskDone>().outcome, TaskOutcome::Aborted);
    EXPECT_EQ(h.engine.state(), FullFeature::State::Running);
}

TEST(TaskManagement, RefusesMoreThanItsTableHolds) {
    FullFeatureConfig config = by_hand();
    Harness h(logged_in(), config);
    std::size_t accepted = 0;
    while (h.engine.reset_target(h.now).has_value()) ++accepted;
    EXPECT_EQ(accepted, FullFeature::kTaskManagementMax);
    EXPECT_EQ(h.sent().size(), accepted);
}

TEST(Escalation, AbortsATaskThatTookTooLong) {
    Harness h;
    Io io(true, 512);
    io.task.timeout = 30s;
    io.task.user = 9;
    const auto command = h.start(io.task);
    for (int second = 1; second <= 30; ++second) {
        h.now = at(std::chrono::seconds(second));
        h.deliver(proto::NopIn{});
    }
    h.now = at(30s + 1ms);
    EXPECT_EQ(h.engine.deadline(), h.now);
    h.engine.on_deadline(h.now);
    EXPECT_EQ(h.event<TaskTimedOut>().user, 9U);

    const auto request = h.sent_one();
    EXPECT_EQ(request.as<proto::TaskManagementRequest>().referenced_task_tag, tag_of(command));
    h.deliver(answer(request, 0));
    const auto events = h.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_TRUE(get<TaskDone>(events[0]).timed_out);
    EXPECT_EQ(get<TaskDone>(events[0]).outcome, TaskOutcome::Aborted);
}

TEST(Escalation, GoesFromAbortToLunResetToTargetResetToDropping) {
    FullFeatureConfig config;
    config.noop_out_interval = {};
    Harness h(logged_in(), config);
    Io io(true, 512);
    io.task.timeout = 30s;
    h.start(io.task);
    h.now = at(31s);
    h.engine.on_deadline(h.now);

    for (const auto function :
         {Function::AbortTask, Function::LogicalUnitReset, Function::TargetWarmReset}) {
        const auto request = h.sent_one();
        EXPECT_EQ(request.as<proto::TaskManagementRequest>().function, function);
        h.deliver(answer(request, 5));
    }

    std::optional<Dropped> dropped;
    for (const auto& event : h.events()) {
        if (const auto* d = std::get_if<Dropped>(&event)) dropped = *d;
    }
    ASSERT_TRUE(dropped.has_value());
    EXPECT_EQ(dropped->number, ConnectionErrorNumber::ScsiErrorHandlingReset);
}

TEST(Escalation, DropsTheConnectionWhenAnAbortIsNotAnswered) {
    FullFeatureConfig config;
    config.noop_out_interval = {};
    Harness h(logged_in(), config);
    Io io(true, 512);
    io.task.timeout = 30s;
    h.start(io.task);
    h.now = at(31s);
    h.engine.on_deadline(h.now);
    h.sent();
    h.now = at(46s);
    EXPECT_EQ(h.engine.deadline(), h.now);
    h.engine.on_deadline(h.now);

    const auto events = h.events();
    ASSERT_EQ(events.size(), 3U);
    EXPECT_EQ(get<TaskManagementDone>(events[1]).outcome, TaskManagementOutcome::TimedOut);
    EXPECT_EQ(get<Dropped>(events[2]).number, ConnectionErrorNumber::ScsiErrorHandlingReset);
}

TEST(Escalation, AbortsMoreTasksThanFitAtOnce) {
    FullFeatureConfig config;
    config.noop_out_interval = {};
    config.queue_depth = 32;
    Harness h(logged_in(), config);
    Io io(true, 512);
    io.task.timeout = 30s;
    for (int i = 0; i < 32; ++i) h.submit(io.task);
    h.sent();
    h.now = at(31s);
    h.engine.on_deadline(h.now);

    std::size_t aborted = 0;
    for (int round = 0; round < 4; ++round) {
        for (const auto& request : h.sent()) h.deliver(answer(request, 0));
        for (const auto& event : h.events()) {
            if (std::holds_alternative<TaskDone>(event)) ++aborted;
        }
    }
    EXPECT_EQ(aborted, 32U);
    EXPECT_EQ(h.engine.tasks(), 0U);
}

TEST(Escalation, TakesBackATimedOutTaskThatWasNeverSent) {
    auto login = logged_in();
    login.max_cmd_sn = {99};
    FullFeatureConfig config;
    config.noop_out_interval = {};
    Harness h(login, config);
    Io io(true, 512);
    io.task.timeout = 30s;
    h.submit(io.task);
    h.now = at(31s);
    h.engine.on_deadline(h.now);

    const auto events = h.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_TRUE(get<TaskDone>(events[1]).timed_out);
    EXPECT_FALSE(get<TaskDone>(events[1]).sent);
}

TEST(TaskTimers, FireInOrderWhateverTheOrderOfSubmit) {
    FullFeatureConfig config = by_hand();
    config.noop_out_interval = {};
    Harness h(logged_in(), config);
    Io io(true, 512);
    for (const int seconds : {9, 3, 7, 1, 5}) {
        io.task.timeout = std::chrono::seconds(seconds);
        io.task.user = static_cast<std::uint64_t>(seconds);
        h.submit(io.task);
    }
    for (const std::uint64_t seconds : {1U, 3U, 5U, 7U, 9U}) {
        h.now = at(std::chrono::seconds(seconds) + 1ms);
        EXPECT_EQ(h.engine.deadline(), h.now);
        h.engine.on_deadline(h.now);
        EXPECT_EQ(h.event<TaskTimedOut>().user, seconds);
    }
    EXPECT_EQ(h.engine.deadline(), base::kNever);
}

}  // namespace
}  // namespace iscsi::session
