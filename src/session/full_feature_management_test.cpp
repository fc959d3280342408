// SPDX-License-Identifier: LGPL-2.1-or-later
// Timers, pings, task management, asynchronous messages, rejects, logout, and the change from one
// connection to the next.
#include "session/engine_harness_test.hpp"

namespace iscsi::session {
namespace {

using namespace testing;
using Function = proto::TaskManagementFunction;

FullFeatureConfig by_hand() {
    FullFeatureConfig config;
    config.escalate = false;
    return config;
}

std::uint32_t tag_of(const SentPdu& pdu) {
    return proto::decode_common(pdu.bhs).initiator_task_tag;
}

proto::ScsiResponse response(std::uint32_t tag, std::uint8_t status = 0) {
    proto::ScsiResponse pdu;
    pdu.initiator_task_tag = tag;
    pdu.status = status;
    return pdu;
}

proto::TaskManagementResponse answer(const SentPdu& request, std::uint8_t code) {
    proto::TaskManagementResponse pdu;
    pdu.initiator_task_tag = tag_of(request);
    pdu.response = code;
    return pdu;
}

template <class T>
const T& get(const FullFeatureEvent& event) {
    static const T none{};
    const auto* found = std::get_if<T>(&event);
    EXPECT_NE(found, nullptr) << "another event than expected";
    return found != nullptr ? *found : none;
}

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

// Messages of the target -------------------------------------------------------------------------

TEST(AsyncMessages, SayThatLunsHaveChanged) {
    Harness h;
    proto::AsyncMessage pdu;
    Bytes segment(20);
    base::store_u16(segment, 0, 18);
    segment[2] = std::byte{0x70};
    base::store_u16(segment, 2 + 12, 0x3f0e);
    h.deliver(pdu, segment);

    const auto event = h.event<AsyncReceived>();

    EXPECT_TRUE(event.luns_changed);
    EXPECT_EQ(event.sense.size(), 18U);
    EXPECT_EQ(h.engine.stats().async_pdus, 1U);
}

TEST(AsyncMessages, AFloodWaitsToBeFetched) {
    Harness h;
    Bytes flood;
    for (std::uint16_t i = 0; i < 500; ++i) {
        proto::AsyncMessage pdu;
        pdu.async_event = 255;
        pdu.parameter1 = i;
        const auto bytes = h.written(pdu);
        flood.insert(flood.end(), bytes.begin(), bytes.end());
    }
    ASSERT_TRUE(h.deliver_bytes(flood));
    EXPECT_TRUE(h.engine.recv_window().empty());

    const auto events = h.events();

    ASSERT_EQ(events.size(), 500U);
    for (std::uint16_t i = 0; i < 500; ++i) {
        EXPECT_EQ(get<AsyncReceived>(events[i]).parameter1, i);
    }
    EXPECT_FALSE(h.engine.recv_window().empty());
}

void deliver_reject(Harness& h, const SentPdu& pdu, proto::RejectReason reason) {
    proto::Reject reject;
    reject.reason = static_cast<std::uint8_t>(reason);
    h.deliver(reject, pdu.bhs);
}

TEST(Rejects, OfACommandEndTheTask) {
    Harness h;
    Io io(true, 512);
    const auto command = h.start(io.task);
    deliver_reject(h, command, proto::RejectReason::CommandNotSupported);

    const auto events = h.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(get<RejectReceived>(events[0]).rejected_tag, tag_of(command));
    EXPECT_EQ(get<TaskDone>(events[1]).outcome, TaskOutcome::Rejected);
    EXPECT_EQ(get<TaskDone>(events[1]).reject_reason, 5);
}

TEST(Rejects, OfDataAreFollowedByTheResponse) {
    auto login = logged_in();
    login.params.immediate_data = false;
    Harness h(login);
    Io io(false, 512);
    const auto command = h.start(io.task);
    proto::R2t r2t;
    r2t.initiator_task_tag = tag_of(command);
    r2t.lun = io.task.lun;
    r2t.target_transfer_tag = 1;
    r2t.desired_data_transfer_length = 512;
    h.deliver(r2t);
    deliver_reject(h, h.sent_one(), proto::RejectReason::InvalidPduField);
    EXPECT_EQ(h.event<RejectReceived>().reason, 9);

    h.deliver(response(tag_of(command), 2));
    EXPECT_EQ(h.event<TaskDone>().status, 2);
}

TEST(Rejects, OfTaskManagementAndPings) {
    Harness h(logged_in(), by_hand());
    h.engine.reset_target(h.now);
    deliver_reject(h, h.sent_one(), proto::RejectReason::ImmediateCommandReject);
    const auto events = h.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(get<TaskManagementDone>(events[1]).outcome, TaskManagementOutcome::Rejected);

    h.now = at(6s);
    h.engine.on_deadline(h.now);
    deliver_reject(h, h.sent_one(), proto::RejectReason::ImmediateCommandReject);
    h.event<RejectReceived>();
    h.now = at(12s);
    h.engine.on_deadline(h.now);
    EXPECT_EQ(h.sent_one().opcode(), proto::Opcode::NopOut);
}

// Logout and the next connection -----------------------------------------------------------------

TEST(Logout, EndsTheSession) {
    Harness h;
    h.engine.logout(proto::LogoutReason::CloseSession, 15s, h.now);
    const auto request = h.sent_one();
    EXPECT_TRUE(request.as<proto::LogoutRequest>().immediate);
    EXPECT_EQ(request.as<proto::LogoutRequest>().cid, 0);

    proto::LogoutResponse pdu;
    pdu.initiator_task_tag = tag_of(request);
    pdu.time2wait = 3;
    pdu.time2retain = 20;
    h.deliver(pdu);

    const auto answered = h.event<LogoutAnswered>();
    EXPECT_TRUE(answered.responded);
    EXPECT_EQ(answered.response, 0);
    EXPECT_EQ(answered.time2wait_s, 3);
    EXPECT_EQ(answered.time2retain_s, 20);
    EXPECT_EQ(h.engine.state(), FullFeature::State::LoggedOut);
    EXPECT_TRUE(h.engine.recv_window().empty());
    h.engine.connection_lost(ConnectionErrorNumber::TcpConnectionClosed);
    EXPECT_TRUE(h.events().empty());
}

TEST(Logout, OfAConnectionNamesIt) {
    Harness h;
    h.engine.logout(proto::LogoutReason::CloseConnection, 15s, h.now);
    EXPECT_EQ(h.sent_one().as<proto::LogoutRequest>().cid, 3);
}

TEST(Logout, IsTheLastRequest) {
    Harness h;
    Io io(true, 512);
    h.submit(io.task);
    proto::NopIn ping;
    ping.target_transfer_tag = 4;
    h.engine.logout(proto::LogoutReason::CloseSession, 15s, h.now);
    EXPECT_EQ(h.sent_one().opcode(), proto::Opcode::LogoutRequest);
    EXPECT_EQ(h.engine.submit(io.task, h.now).error(), SubmitError::NotRunning);

    h.deliver(ping);
    EXPECT_TRUE(h.sent().empty());
}

TEST(Logout, TimesOut) {
    Harness h;
    h.engine.logout(proto::LogoutReason::CloseSession, 15s, h.now);
    h.sent();
    EXPECT_EQ(h.engine.deadline(), at(15s + 1ms));
    h.now = at(15s + 1ms);
    h.engine.on_deadline(h.now);

    EXPECT_FALSE(h.event<LogoutAnswered>().responded);
    EXPECT_EQ(h.engine.state(), FullFeature::State::LoggedOut);
}

TEST(Logout, EndsWithTheConnection) {
    Harness h;
    h.engine.logout(proto::LogoutReason::CloseSession, 15s, h.now);
    h.engine.connection_lost(ConnectionErrorNumber::TcpConnectionClosed);

    const auto events = h.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_FALSE(get<LogoutAnswered>(events[0]).responded);
    EXPECT_EQ(get<Dropped>(events[1]).number, ConnectionErrorNumber::TcpConnectionClosed);
}

TEST(NextConnection, TakesTheTasksOver) {
    auto login = logged_in();
    login.max_cmd_sn = {101};
    Harness h(login);
    Io io(true, 512);
    for (std::uint64_t i = 0; i < 4; ++i) {
        io.task.user = i;
        h.submit(io.task);
    }
    h.sent();
    h.engine.abort_task(h.submit(io.task), h.now);
    h.events();
    h.engine.connection_lost(ConnectionErrorNumber::TcpConnectionClosed);
    h.engine.connection_lost(ConnectionErrorNumber::TransmitFailed);
    EXPECT_EQ(h.event<Dropped>().number, ConnectionErrorNumber::TcpConnectionClosed);
    h.engine.drain(Disposition::Requeue);

    const auto events = h.events();
    ASSERT_EQ(events.size(), 4U);
    for (std::uint64_t i = 0; i < 4; ++i) {
        EXPECT_EQ(get<TaskDone>(events[i]).user, i);
        EXPECT_EQ(get<TaskDone>(events[i]).outcome, TaskOutcome::Requeue);
        EXPECT_EQ(get<TaskDone>(events[i]).sent, i < 2);
    }

    login.cmd_sn = login.exp_cmd_sn = {1};
    login.max_cmd_sn = {10};
    login.params.max_outstanding_r2t = 4;
    h.engine.restart(login, h.now);
    EXPECT_EQ(h.engine.state(), FullFeature::State::Running);
    EXPECT_TRUE(h.engine.submit(io.task, h.now).has_value());
    const auto window = h.engine.send_window();
    ASSERT_FALSE(window.empty());
    const auto command = proto::decode<proto::ScsiCommand>(window[0].first<proto::kBhsBytes>());
    EXPECT_EQ(command->cmd_sn, proto::CmdSn{1});
}

TEST(NextConnection, DrainingCanFailTasks) {
    Harness h;
    Io io(true, 512);
    h.submit(io.task);
    h.engine.connection_lost(ConnectionErrorNumber::ConnectionFailed);
    h.engine.drain(Disposition::Fail);

    const auto events = h.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(get<TaskDone>(events[1]).outcome, TaskOutcome::Failed);
}

TEST(NextConnection, AResponseThatWaitedForTheSocketIsKept) {
    Harness h;
    Io io(false, 4096);
    const auto handle = h.submit(io.task);
    ASSERT_FALSE(h.engine.send_window().empty());
    h.exp_cmd_sn = proto::CmdSn{101};
    h.deliver(response(handle.initiator_task_tag, 0x18));
    h.engine.connection_lost(ConnectionErrorNumber::TransmitFailed);
    h.engine.drain(Disposition::Requeue);

    const auto events = h.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(get<TaskDone>(events[1]).outcome, TaskOutcome::Completed);
    EXPECT_EQ(get<TaskDone>(events[1]).status, 0x18);
}

}  // namespace
}  // namespace iscsi::session
