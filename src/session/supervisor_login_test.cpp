// SPDX-License-Identifier: LGPL-2.1-or-later
// A session's first login. Redirects are in a file of their own.
#include <gtest/gtest.h>

#include "session/supervisor.hpp"
#include "session/testing/supervised.hpp"

namespace iscsi::session {
namespace {

using base::ErrorCode;
using testing::reply_after_gone;
using testing::Supervised;
using testing::with_retries;
using namespace std::chrono_literals;
using State = SupervisorState;

TEST(FirstLogin, GoesFromCreateToStartAndAnswersOnce) {
    Supervised bench;
    bench.begin();
    EXPECT_EQ(bench.last<Connect>(), (Connect{1, {"192.0.2.7", 3260}}));

    bench.connected();
    EXPECT_EQ(bench.last<StartLogin>(), (StartLogin{1, Supervised::kStart + 15s}));
    bench.logged_in();
    EXPECT_EQ(bench.last<StartDataPath>(), StartDataPath{1});
    EXPECT_EQ(bench.count<ReplyLogin>(), 0U);
    EXPECT_FALSE(bench.supervisor.has_run());
    bench.started();

    EXPECT_EQ(bench.state(), State::LoggedIn);
    EXPECT_EQ(bench.count<ReplyLogin>(), 1U);
    EXPECT_EQ(bench.last<ReplyLogin>(), ReplyLogin{});
    EXPECT_TRUE(
        bench.logged("Connection7:0 to [target: iqn.x:disk, portal: 192.0.2.7,3260] "
                     "through [iface: default] is operational now"));
    EXPECT_EQ(bench.supervisor.deadline(), base::kNever);
    EXPECT_TRUE(bench.supervisor.has_run());
}

TEST(FirstLogin, WithScanAutoAnswersAfterTheScan) {
    auto config = Supervised::config();
    config.scan_auto = true;
    Supervised bench(config);
    bench.run();
    EXPECT_EQ(bench.last<StartScan>(), StartScan{.initial = true});
    EXPECT_EQ(bench.count<ReplyLogin>(), 0U);

    bench.supervisor.on_scan_done({}, bench.now);
    bench.collect();

    EXPECT_EQ(bench.last<ReplyLogin>(), ReplyLogin{});
    EXPECT_EQ(bench.state(), State::LoggedIn);
}

TEST(FirstLogin, WithoutASingleDiskThatWorksLogsOutAndFails) {
    auto config = Supervised::config();
    config.scan_auto = true;
    Supervised bench(config);
    bench.run();

    bench.supervisor.on_scan_done({.usable = false, .text = "LUN 1: no free loop device"},
                                  bench.now);
    bench.collect();
    EXPECT_EQ(bench.count<SendLogout>(), 1U);
    EXPECT_EQ(bench.count<ReplyLogin>(), 0U);

    bench.event(LogoutDone{});
    bench.event(Gone{"logged out"});
    EXPECT_EQ(bench.last<ReplyLogin>(),
              (ReplyLogin{base::ErrorCode::Internal, "LUN 1: no free loop device"}));
    EXPECT_EQ(bench.count<ReplyLogout>(), 0U);
    EXPECT_EQ(bench.state(), State::Ended);
}

TEST(FirstLogin, IsListedOnceItsTargetHasBeenReached) {
    Supervised bench;
    bench.begin();
    EXPECT_TRUE(bench.supervisor.logging_in());
    EXPECT_FALSE(bench.supervisor.is_listed());

    bench.connected();
    EXPECT_TRUE(bench.supervisor.is_listed());
    bench.broken();
    EXPECT_TRUE(bench.supervisor.is_listed());
    EXPECT_TRUE(bench.supervisor.logging_in());

    bench.pass_deadline();
    bench.connected();
    bench.logged_in();
    bench.started();
    EXPECT_TRUE(bench.supervisor.is_listed());
    EXPECT_FALSE(bench.supervisor.logging_in());
}

TEST(FirstLogin, IsEndedByALogoutAtAnyStep) {
    using Step = void (*)(Supervised&);
    const std::vector<std::vector<Step>> ways = {
        {},
        {[](Supervised& b) { b.refused(); }},
        {[](Supervised& b) { b.connected(); }},
        {[](Supervised& b) { b.connected(); }, [](Supervised& b) { b.broken(); }},
        {[](Supervised& b) { b.connected(); }, [](Supervised& b) { b.logged_in(); }},
    };
    for (std::size_t i = 0; i < ways.size(); ++i) {
        SCOPED_TRACE(i);
        Supervised bench;
        bench.begin();
        for (const Step step : ways[i]) step(bench);

        ASSERT_TRUE(bench.log_out());
        EXPECT_FALSE(bench.supervisor.logging_in());
        bench.event(Gone{"terminated"});

        EXPECT_EQ(bench.last<ReplyLogin>(),
                  (ReplyLogin{base::ErrorCode::Internal, "a logout has ended the login"}));
        EXPECT_EQ(bench.last<ReplyLogout>(), ReplyLogout{});
        EXPECT_EQ(bench.state(), State::Ended);
    }
}

TEST(FirstLogin, TheScanIsNoReasonToRefuseALogout) {
    auto config = Supervised::config();
    config.scan_auto = true;
    Supervised bench(config);
    bench.run();

    ASSERT_TRUE(bench.log_out());
    bench.supervisor.on_scan_done({}, bench.now);
    bench.event(LogoutDone{});
    bench.event(Gone{"logged out"});

    EXPECT_EQ(bench.last<ReplyLogin>()->code, base::ErrorCode::Internal);
    EXPECT_EQ(bench.last<ReplyLogout>(), ReplyLogout{});
}

TEST(FirstLogin, TellsOfADiskThatCouldNotBeMadeADevice) {
    auto config = Supervised::config();
    config.scan_auto = true;
    Supervised bench(config);
    bench.run();

    bench.supervisor.on_scan_done({.usable = true, .text = "LUN 2: EPERM"}, bench.now);
    bench.collect();

    EXPECT_EQ(bench.last<ReplyLogin>(), (ReplyLogin{base::ErrorCode::Success, "LUN 2: EPERM"}));
    EXPECT_EQ(bench.state(), State::LoggedIn);
}

TEST(FirstLogin, AConnectionLostDuringTheScanAnswersAtOnce) {
    auto config = Supervised::config();
    config.scan_auto = true;
    Supervised bench(config);
    bench.run();

    bench.connection_error();
    EXPECT_EQ(bench.last<ReplyLogin>(), ReplyLogin{});
    EXPECT_EQ(bench.state(), State::Waiting);

    bench.supervisor.on_scan_done({}, bench.now);
    bench.collect();
    EXPECT_EQ(bench.state(), State::Waiting);
    EXPECT_EQ(bench.count<ReplyLogin>(), 1U);
}

TEST(FirstLogin, WithoutADataPathFailsWithItsCode) {
    Supervised bench;
    bench.supervisor.begin();
    bench.event(CreateFailed{ErrorCode::TransportNotFound, "no driver"});

    EXPECT_EQ(bench.last<ReplyLogin>(), (ReplyLogin{ErrorCode::TransportNotFound, "no driver"}));
    EXPECT_EQ(bench.count<Finished>(), 1U);
    EXPECT_EQ(bench.state(), State::Ended);
}

TEST(FirstLogin, EndsWhereTheDataPathCannotMakeItsSessionOnceConnected) {
    Supervised bench;
    bench.supervisor.begin();
    bench.event(Created{.sid = 0});
    bench.connected();
    bench.event(CreateFailed{ErrorCode::Internal, "no memory"});
    EXPECT_EQ(bench.state(), State::Ending);

    EXPECT_EQ(reply_after_gone(bench), (ReplyLogin{ErrorCode::Internal, "no memory"}));
    EXPECT_EQ(bench.state(), State::Ended);
}

TEST(FirstLogin, HasItsNumberWithTheFirstConnectionOfSuchAPath) {
    Supervised bench;
    bench.supervisor.begin();
    bench.event(Created{.sid = 0});
    bench.connected();
    bench.supervisor.note_sid(8);
    bench.event(CreateFailed{ErrorCode::Internal, "too late"});
    EXPECT_EQ(bench.state(), State::LoggingIn);
    EXPECT_EQ(bench.supervisor.sid(), 8U);
}

TEST(FirstLogin, ARefusedConnectIsTriedAgainAfterThreeSeconds) {
    Supervised bench;
    bench.begin();
    bench.refused();
    EXPECT_EQ(bench.supervisor.deadline(), Supervised::kStart + 3s);

    bench.pass_deadline();

    EXPECT_EQ(bench.last<Connect>(), (Connect{2, {"192.0.2.7", 3260}}));
}

TEST(FirstLogin, AClosedPortEndsWithCode8WhenRetriesTimesTimeoutAreOver) {
    Supervised bench(with_retries(4));
    bench.begin();
    while (bench.state() != State::Ending) {
        if (bench.state() == State::Connecting) bench.refused();
        ASSERT_TRUE(bench.pass_deadline());
    }

    EXPECT_EQ(bench.elapsed(), 60s + 0ms);
    EXPECT_EQ(bench.count<Connect>(), 20U);
    EXPECT_EQ(bench.last<StopDataPath>(), StopDataPath{.terminate = true});
    const auto reply = reply_after_gone(bench);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->code, ErrorCode::TransportTimeout);
    EXPECT_EQ(reply->message, "connect to 192.0.2.7:3260 failed (Connection refused)");
}

TEST(FirstLogin, WithoutRetriesAClosedPortEndsWithCode8AfterThreeSeconds) {
    Supervised bench(with_retries(0));
    bench.begin();
    bench.refused();
    EXPECT_EQ(bench.state(), State::Waiting);
    bench.pass_deadline();

    EXPECT_EQ(bench.elapsed(), 3s + 0ms);
    EXPECT_EQ(reply_after_gone(bench)->code, ErrorCode::TransportTimeout);
}

TEST(FirstLogin, ASilentHostIsAbandonedAfterLoginTimeoutAndTriedAgainAtOnce) {
    Supervised bench;
    bench.begin();
    bench.pass_deadline();
    EXPECT_EQ(bench.elapsed(), 15s + 0ms);
    EXPECT_EQ(bench.last<Abandon>(), Abandon{1});

    bench.pass_deadline();

    EXPECT_EQ(bench.elapsed(), 15s + 0ms);
    EXPECT_EQ(bench.last<Connect>()->attempt, 2U);
}

TEST(FirstLogin, ASilentHostEndsWithCode8WithinTheLimit) {
    Supervised bench(with_retries(1));
    bench.begin();
    while (bench.state() != State::Ending) ASSERT_TRUE(bench.pass_deadline());

    EXPECT_EQ(bench.elapsed(), 15s + 0ms);
    EXPECT_EQ(reply_after_gone(bench)->code, ErrorCode::TransportTimeout);
}

TEST(FirstLogin, ATargetSilentDuringLoginEndsWithCode11) {
    Supervised bench(with_retries(2));
    bench.begin();
    while (bench.state() != State::Ending) {
        if (bench.state() == State::Connecting) bench.connected();
        ASSERT_TRUE(bench.pass_deadline());
    }

    // 15 s, 2 s of DefaultTime2Wait, 15 s: then the limit of 30 s is over.
    EXPECT_EQ(bench.elapsed(), 32s + 0ms);
    EXPECT_EQ(reply_after_gone(bench)->code, ErrorCode::PduTimeout);
}

TEST(FirstLogin, TheEnginesOwnTimeoutIsCode11Too) {
    Supervised bench(with_retries(0));
    bench.begin();
    bench.connected();
    bench.login_failed(/*retryable=*/true, ErrorCode::Login, LoginStatus::IoError);

    EXPECT_EQ(reply_after_gone(bench)->code, ErrorCode::PduTimeout);
}

TEST(FirstLogin, ATargetErrorIsRetriedAfterDefaultTime2Wait) {
    Supervised bench;
    bench.begin();
    bench.connected();
    bench.login_failed(/*retryable=*/true, ErrorCode::Login);

    EXPECT_EQ(bench.last<Abandon>(), Abandon{1});
    EXPECT_EQ(bench.supervisor.deadline(), Supervised::kStart + 2s);
    bench.pass_deadline();
    EXPECT_EQ(bench.last<Connect>()->attempt, 2U);
}

TEST(FirstLogin, WithoutRetriesATargetErrorEndsAtOnceWithCode5) {
    Supervised bench(with_retries(0));
    bench.begin();
    bench.connected();
    bench.login_failed(/*retryable=*/true, ErrorCode::Login);

    EXPECT_EQ(bench.elapsed(), 0ms);
    EXPECT_EQ(reply_after_gone(bench)->code, ErrorCode::Login);
}

// The limit is reached in the pause between two attempts, where open-iscsi says "connection timed
// out" whatever has happened before.
TEST(FirstLogin, ATargetErrorThatLastsEndsWithCode8) {
    Supervised bench(with_retries(1));
    bench.begin();
    while (bench.state() != State::Ending) {
        bench.connected();
        bench.login_failed(/*retryable=*/true, ErrorCode::Login);
        ASSERT_TRUE(bench.pass_deadline());
    }

    EXPECT_EQ(bench.elapsed(), 16s + 0ms);
    EXPECT_EQ(reply_after_gone(bench)->code, ErrorCode::TransportTimeout);
}

TEST(FirstLogin, FatalCodesEndAtOnce) {
    for (const ErrorCode code : {ErrorCode::FatalLogin, ErrorCode::LoginAuthFailed}) {
        Supervised bench;
        bench.begin();
        bench.connected();
        bench.login_failed(/*retryable=*/false, code);

        EXPECT_EQ(bench.state(), State::Ending);
        EXPECT_EQ(bench.count<Abandon>(), 1U);
        EXPECT_EQ(reply_after_gone(bench), (ReplyLogin{code, "refused"}));
        EXPECT_EQ(bench.count<Finished>(), 1U);
        EXPECT_TRUE(bench.logged("is shutdown."));
    }
}

TEST(FirstLogin, AConnectionLostDuringLoginIsRetried) {
    Supervised bench;
    bench.begin();
    bench.connected();
    bench.broken();

    EXPECT_EQ(bench.state(), State::Waiting);
    EXPECT_EQ(bench.supervisor.deadline(), Supervised::kStart + 2s);
}

TEST(FirstLogin, AConnectionThatTheDataPathLosesDuringLoginIsRetried) {
    Supervised bench;
    bench.begin();
    bench.connected();
    bench.connection_error();

    EXPECT_EQ(bench.state(), State::Waiting);
    EXPECT_EQ(bench.count<Abandon>(), 1U);
}

TEST(FirstLogin, OneThatAlwaysBreaksEndsAsOneThatGotNoAnswer) {
    Supervised bench;
    bench.begin();
    while (bench.state() != State::Ending) {
        bench.connected();
        bench.broken();
        bench.pass_deadline();
    }

    EXPECT_EQ(reply_after_gone(bench),
              (ReplyLogin{ErrorCode::PduTimeout, "connection lost during login (closed)"}));
}

TEST(FirstLogin, ANameThatNobodyKnowsEndsIt) {
    Supervised bench;
    bench.begin();
    bench.supervisor.on_unresolved(bench.attempt, "no such host", bench.now);
    bench.collect();

    const auto reply = reply_after_gone(bench);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->code, ErrorCode::Transport);
    EXPECT_TRUE(reply->message.ends_with("(no such host)"));
}

TEST(FirstLogin, ADataPathThatRefusesTheConnectionEndsIt) {
    Supervised bench;
    bench.begin();
    bench.connected();
    bench.logged_in();
    bench.event(StartFailed{1, ErrorCode::Internal, "no iscsi-userd"});

    EXPECT_EQ(
        reply_after_gone(bench),
        (ReplyLogin{ErrorCode::Internal, "the data path refused the connection: no iscsi-userd"}));
}

TEST(FirstLogin, ADataPathThatDiesEndsItWithAReason) {
    Supervised bench;
    bench.begin();
    bench.connected();
    bench.logged_in();
    bench.event(Gone{"killed by signal 9"});

    EXPECT_EQ(bench.last<ReplyLogin>()->code, ErrorCode::Internal);
    EXPECT_TRUE(bench.last<ReplyLogin>()->message.contains("killed by signal 9"));
    EXPECT_EQ(bench.count<Finished>(), 1U);
}

TEST(FirstLogin, NewsOfAnOlderAttemptIsNoNews) {
    Supervised bench;
    bench.begin();
    bench.refused();
    bench.pass_deadline();
    ASSERT_EQ(bench.state(), State::Connecting);
    bench.forget();

    bench.supervisor.on_connected(1, bench.now);
    bench.supervisor.on_connect_failed(1, "late", bench.now);
    bench.supervisor.on_login_broken(1, "late", bench.now);
    bench.supervisor.on_logged_in(1, {}, bench.now);
    bench.collect();

    EXPECT_EQ(bench.state(), State::Connecting);
    EXPECT_TRUE(bench.actions.empty());
}

TEST(FirstLogin, ASecondLogoutIsRefusedWithCode9) {
    Supervised bench;
    bench.begin();
    bench.connected();
    ASSERT_TRUE(bench.log_out());

    const auto refused = bench.log_out();

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::Internal);
    EXPECT_EQ(refused.error().message, "session 7 in invalid state for logout. Try again later");
}

// Settings ------------------------------------------------------------------------------------

TEST(SupervisorSettings, ComeFromTheRecord) {
    record::Node node;
    node.name = "iqn.x:y";
    node.conn[0].address = "::1";
    node.conn[0].port = 3261;
    node.session.reopen_max = 3;
    node.session.scan = record::Scan::Manual;

    const auto config = supervisor_config(node);

    EXPECT_EQ(config.portal, (TargetPortal{"::1", 3261}));
    EXPECT_EQ(config.reopen_max, 3);
    EXPECT_FALSE(config.scan_auto);
    EXPECT_EQ(config.login_timeout, 30s);
}

TEST(SupervisorSettings, ZeroTimeoutsAreReplaced) {
    record::Node node;
    auto& timeo = node.conn[0].timeo;
    timeo.logout_timeout = 0;
    timeo.login_timeout = 0;
    timeo.noop_out_interval = 0;
    timeo.noop_out_timeout = 7;
    EXPECT_EQ(normalize_timeouts(node).size(), 3U);
    EXPECT_EQ(timeo.logout_timeout, 15);
    EXPECT_EQ(timeo.login_timeout, 30);
    EXPECT_EQ(timeo.noop_out_interval, 5);

    timeo.noop_out_interval = 0;
    timeo.noop_out_timeout = 0;
    EXPECT_TRUE(normalize_timeouts(node).empty());
    EXPECT_EQ(timeo.noop_out_interval, 0);
}

}  // namespace
}  // namespace iscsi::session
