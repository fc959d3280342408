// SPDX-License-Identifier: LGPL-2.1-or-later
// Asynchronous messages, rejects, logout, and the change from one connection to the next.
#include "session/full_feature.hpp"
#include "session/testing/target_pdus.hpp"

namespace iscsi::session {
namespace {

using namespace testing;
using Function = proto::TaskManagementFunction;

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
