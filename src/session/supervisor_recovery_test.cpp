// SPDX-License-Identifier: LGPL-2.1-or-later
// What happens to a session that runs.
#include <gtest/gtest.h>

#include "session/supervisor.hpp"
#include "session/testing/supervised.hpp"

namespace iscsi::session {
namespace {

using base::ErrorCode;
using testing::Supervised;
using namespace std::chrono_literals;
using State = SupervisorState;

TEST(Recovery, WaitsTheNegotiatedTime2WaitThenLogsInAgain) {
    Supervised bench;
    bench.begin();
    bench.connected();
    bench.logged_in(/*time2wait=*/5);
    bench.started();
    bench.forget();

    bench.connection_error();
    EXPECT_EQ(bench.last<StopDataPath>(), StopDataPath{.terminate = false});
    EXPECT_EQ(bench.supervisor.deadline(), bench.now + 5s);
    bench.pass_deadline();
    EXPECT_EQ(bench.last<Connect>()->attempt, 2U);
    bench.log_in_again();

    EXPECT_EQ(bench.state(), State::LoggedIn);
    EXPECT_EQ(bench.last<StartDataPath>(), StartDataPath{2});
    EXPECT_TRUE(bench.logged("connection7:0 is operational after recovery (1 attempts)"));
    EXPECT_EQ(bench.count<StartScan>(), 0U);
    EXPECT_EQ(bench.count<ReplyLogin>(), 0U);
}

TEST(Recovery, CountsItsAttempts) {
    Supervised bench;
    bench.run();
    bench.connection_error();
    bench.pass_deadline();
    bench.refused();
    bench.pass_deadline();
    bench.log_in_again();
    EXPECT_TRUE(bench.logged("(2 attempts)"));

    bench.forget();
    bench.connection_error();
    bench.pass_deadline();
    bench.log_in_again();
    EXPECT_TRUE(bench.logged("(1 attempts)"));
}

TEST(Recovery, GoesOnForEverWhateverTheTargetSays) {
    Supervised bench;
    bench.run();
    bench.connection_error();
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(bench.pass_deadline());
        ASSERT_EQ(bench.state(), State::Connecting);
        if (i % 3 == 0) {
            bench.refused();
            EXPECT_EQ(bench.supervisor.deadline(), bench.now + 3s);
        } else {
            bench.connected();
            bench.login_failed(/*retryable=*/false, ErrorCode::FatalLogin);
            EXPECT_EQ(bench.supervisor.deadline(), bench.now + 2s);
        }
        ASSERT_EQ(bench.state(), State::Waiting);
    }
    bench.pass_deadline();
    bench.log_in_again();
    EXPECT_EQ(bench.state(), State::LoggedIn);
}

TEST(Recovery, GivesUpAfterReopenMax) {
    auto config = Supervised::config();
    config.reopen_max = 3;
    Supervised bench(config);
    bench.run();
    bench.connection_error();
    bench.forget();
    while (bench.state() != State::Ending) {
        if (bench.state() == State::Connecting) bench.refused();
        ASSERT_TRUE(bench.pass_deadline());
    }

    EXPECT_EQ(bench.count<Connect>(), 3U);
    EXPECT_TRUE(bench.logged("Giving up after 3 retries"));
    EXPECT_EQ(bench.last<StopDataPath>(), StopDataPath{.terminate = true});
    bench.event(Gone{"terminated"});
    EXPECT_EQ(bench.count<Finished>(), 1U);
}

TEST(Recovery, ADataPathThatRefusesIsTriedAgainAfterFiveSeconds) {
    Supervised bench;
    bench.run();
    bench.connection_error();
    bench.pass_deadline();
    bench.connected();
    bench.logged_in();
    bench.forget();
    bench.event(StartFailed{bench.attempt, ErrorCode::Internal, "busy"});

    EXPECT_EQ(bench.last<StopDataPath>(), StopDataPath{.terminate = false});
    EXPECT_EQ(bench.supervisor.deadline(), bench.now + 5s);
}

TEST(Recovery, ADataPathThatNeverAnswersIsTriedAgain) {
    Supervised bench;
    bench.run();
    bench.connection_error();
    bench.pass_deadline();
    bench.connected();
    bench.logged_in();
    bench.pass_deadline();

    EXPECT_EQ(bench.state(), State::Waiting);
}

TEST(Recovery, NeverTriesWithoutAPauseEvenIfTime2WaitIsZero) {
    Supervised bench;
    bench.begin();
    bench.connected();
    bench.logged_in(/*time2wait=*/0);
    bench.started();
    bench.connection_error();
    bench.pass_deadline();
    ASSERT_EQ(bench.elapsed(), 0ms);
    bench.connected();
    bench.login_failed(/*retryable=*/true, ErrorCode::Login);

    EXPECT_EQ(bench.supervisor.deadline(), bench.now + 1s);
}

TEST(Recovery, AHugeTime2WaitIsCutToTheRfcsMaximum) {
    Supervised bench;
    bench.begin();
    bench.connected();
    bench.logged_in(/*time2wait=*/0xffff'ffff);
    bench.started();
    bench.connection_error();

    EXPECT_EQ(bench.supervisor.deadline(), bench.now + 3600s);
}

TEST(Recovery, ErrorsOfAnOlderConnectionAreNoNews) {
    Supervised bench;
    bench.run();
    bench.connection_error();
    bench.pass_deadline();
    bench.log_in_again();
    bench.event(ConnectionError{.generation = 1, .number = 11, .text = "late"});

    EXPECT_EQ(bench.state(), State::LoggedIn);
}

TEST(Recovery, ALostHostEndsTheSession) {
    Supervised bench;
    bench.run();
    bench.connection_error(/*number=*/18);

    EXPECT_EQ(bench.last<StopDataPath>(), StopDataPath{.terminate = true});
}

TEST(Recovery, ALostDataPathEndsTheSessionAndSaysSo) {
    Supervised bench;
    bench.run();
    bench.event(Gone{"killed by signal 11"});

    EXPECT_TRUE(bench.logged("killed by signal 11"));
    EXPECT_EQ(bench.count<Finished>(), 1U);
    EXPECT_EQ(bench.state(), State::Ended);
}

TEST(Recovery, LogsOnlyEveryNthRefusedConnect) {
    auto config = Supervised::config();
    config.reopen_log_freq = 5;
    Supervised bench(config);
    bench.run();
    bench.connection_error();
    bench.forget();
    for (int i = 0; i < 10; ++i) {
        bench.pass_deadline();
        bench.refused();
    }

    const auto errors = std::ranges::count_if(bench.actions, [](const Action& a) {
        const auto* line = std::get_if<LogLine>(&a);
        return line != nullptr && line->level == base::LogLevel::Error;
    });
    EXPECT_EQ(errors, 2);
}

TEST(Recovery, TellsThatIoFailsNow) {
    Supervised bench;
    bench.run();
    bench.connection_error();
    bench.event(RecoveryTimeout{});

    EXPECT_TRUE(bench.logged("session 7: recovery timed out"));
    EXPECT_EQ(bench.state(), State::Waiting);
}

// Asynchronous messages -----------------------------------------------------------------------

AsyncMessage async(const Supervised& bench, std::uint8_t event, std::uint16_t p1 = 0,
                   std::uint16_t p2 = 0, std::uint16_t p3 = 0) {
    return {.generation = bench.attempt,
            .event = event,
            .parameter1 = p1,
            .parameter2 = p2,
            .parameter3 = p3};
}

TEST(AsyncMessages, ALogoutRequestLogsTheConnectionOutAndInAgain) {
    Supervised bench;
    bench.run();
    bench.event(async(bench, 1, 0, 0, 20));
    EXPECT_EQ(bench.last<SendConnectionLogout>(), SendConnectionLogout{10s});
    EXPECT_EQ(bench.state(), State::LogoutRequested);
    EXPECT_TRUE(bench.logged("Target requests logout within 20 seconds"));

    bench.event(ConnectionLogoutDone{.generation = 1, .responded = true, .response = 0});
    EXPECT_EQ(bench.state(), State::Waiting);
    bench.pass_deadline();
    bench.log_in_again();

    EXPECT_EQ(bench.state(), State::LoggedIn);
}

TEST(AsyncMessages, ALogoutResponseMayDemandItsOwnWait) {
    Supervised bench;
    bench.run();
    bench.event(async(bench, 1));
    bench.event(
        ConnectionLogoutDone{.generation = 1, .responded = true, .response = 3, .time2wait_s = 9});

    EXPECT_EQ(bench.supervisor.deadline(), bench.now + 9s);
}

TEST(AsyncMessages, AnUnansweredConnectionLogoutEndsInRecovery) {
    Supervised bench;
    bench.run();
    bench.event(async(bench, 1));
    bench.pass_deadline();

    EXPECT_EQ(bench.state(), State::Waiting);
}

TEST(AsyncMessages, ADropTellsHowLongToWaitForOnce) {
    for (const std::uint8_t event : std::initializer_list<std::uint8_t>{2, 3}) {
        Supervised bench;
        bench.run();
        bench.event(async(bench, event, 1, 30, 90));
        EXPECT_EQ(bench.state(), State::LoggedIn);
        EXPECT_TRUE(bench.logged(event == 2 ? "Target dropping 1, reconnect min 30 max 90"
                                            : "Target dropping all connections, reconnect min 30"));

        bench.connection_error();
        EXPECT_EQ(bench.supervisor.deadline(), bench.now + 30s);
        bench.pass_deadline();
        bench.connected();
        bench.login_failed(/*retryable=*/true, ErrorCode::Login);
        EXPECT_EQ(bench.supervisor.deadline(), bench.now + 2s);
    }
}

TEST(AsyncMessages, RenegotiationIsAnsweredByALogout) {
    Supervised bench;
    bench.run();
    bench.event(async(bench, 4, 0, 0, 5));

    EXPECT_EQ(bench.count<SendConnectionLogout>(), 1U);
    EXPECT_TRUE(bench.logged("Received async event param negotiation, dropping session:7"));
}

TEST(AsyncMessages, ChangedLunsAreLookedForWithScanAuto) {
    for (const bool scan_auto : {true, false}) {
        auto config = Supervised::config();
        config.scan_auto = scan_auto;
        Supervised bench(config);
        bench.run();
        bench.supervisor.on_scan_done({}, bench.now);
        bench.forget();
        auto changed = async(bench, 0);
        bench.event(changed);
        EXPECT_EQ(bench.count<StartScan>(), 0U);

        changed.luns_changed = true;
        bench.event(changed);
        bench.event(DevicesChanged{"capacity"});

        EXPECT_EQ(bench.count<StartScan>(), scan_auto ? 2U : 0U);
    }
}

TEST(AsyncMessages, UnknownOnesAreOnlyLogged) {
    Supervised bench;
    bench.run();
    for (const std::uint8_t event : std::initializer_list<std::uint8_t>{5, 100, 255})
        bench.event(async(bench, event));

    EXPECT_EQ(bench.state(), State::LoggedIn);
    EXPECT_TRUE(bench.logged("AEN 255 not supported"));
}

TEST(AsyncMessages, OfAnOlderConnectionAreNoNews) {
    Supervised bench;
    bench.run();
    bench.event(AsyncMessage{.generation = 99, .event = 1});

    EXPECT_EQ(bench.state(), State::LoggedIn);
}

// Logout --------------------------------------------------------------------------------------

TEST(SessionLogout, EndsTheSessionAndAnswers) {
    Supervised bench;
    bench.run();
    ASSERT_TRUE(bench.log_out());
    EXPECT_EQ(bench.last<SendLogout>(), SendLogout{10s});
    EXPECT_EQ(bench.count<ReplyLogout>(), 0U);

    bench.event(LogoutDone{});
    EXPECT_EQ(bench.count<ReplyLogout>(), 0U);
    bench.event(Gone{"logged out"});

    EXPECT_EQ(bench.last<ReplyLogout>(), ReplyLogout{});
    EXPECT_EQ(bench.count<Finished>(), 1U);
    EXPECT_TRUE(bench.logged("is shutdown."));
}

TEST(SessionLogout, TellsWhatWasLost) {
    Supervised bench;
    bench.run();
    ASSERT_TRUE(bench.log_out());
    bench.event(LogoutDone{ErrorCode::Success, "LUN 1: lost"});
    bench.event(Gone{"logged out"});

    EXPECT_EQ(bench.last<ReplyLogout>(), (ReplyLogout{ErrorCode::Success, "LUN 1: lost"}));
}

TEST(SessionLogout, OfASessionThatIsStuckFailsAndMayBeTriedAgain) {
    Supervised bench;
    bench.run();
    ASSERT_TRUE(bench.log_out());
    bench.event(Stuck{"process 7 does not answer"});

    EXPECT_EQ(
        bench.last<ReplyLogout>(),
        (ReplyLogout{ErrorCode::Logout, "session 7 does not end: process 7 does not answer"}));
    EXPECT_EQ(bench.count<Finished>(), 0U);
    bench.event(Stuck{"process 7 does not answer"});
    EXPECT_EQ(bench.count<ReplyLogout>(), 1U);

    ASSERT_TRUE(bench.log_out());
    EXPECT_EQ(bench.last<StopDataPath>(), StopDataPath{.terminate = true});
    bench.event(Gone{"killed"});
    EXPECT_EQ(bench.last<ReplyLogout>(), ReplyLogout{});
    EXPECT_EQ(bench.count<Finished>(), 1U);
}

TEST(SessionLogout, ADataPathThatNeverLetsGoIsReported) {
    Supervised bench;
    bench.run();
    ASSERT_TRUE(bench.log_out());
    bench.event(LogoutDone{});
    bench.pass_deadline();

    EXPECT_EQ(bench.last<ReplyLogout>()->code, ErrorCode::Logout);
    EXPECT_EQ(bench.count<Finished>(), 0U) << "it is still there";
}

TEST(SessionLogout, ASecondOneIsRefusedMeanwhile) {
    Supervised bench;
    bench.run();
    ASSERT_TRUE(bench.log_out());
    EXPECT_EQ(bench.log_out().error().code, ErrorCode::Internal);
    bench.event(LogoutDone{});
    EXPECT_EQ(bench.log_out().error().code, ErrorCode::Internal);
    bench.event(Gone{"logged out"});

    EXPECT_EQ(bench.count<ReplyLogout>(), 1U);
}

TEST(SessionLogout, ADeviceInUseKeepsTheSession) {
    Supervised bench;
    bench.run();
    ASSERT_TRUE(bench.log_out());
    bench.event(LogoutDone{ErrorCode::Busy, "loop3 is mounted"});

    EXPECT_EQ(bench.last<ReplyLogout>(), (ReplyLogout{ErrorCode::Busy, "loop3 is mounted"}));
    EXPECT_EQ(bench.state(), State::LoggedIn);
    EXPECT_TRUE(bench.log_out());
}

TEST(SessionLogout, ATargetThatDoesNotAnswerCannotKeepIt) {
    Supervised bench;
    bench.run();
    ASSERT_TRUE(bench.log_out());
    bench.event(LogoutDone{ErrorCode::PduTimeout, "no response"});
    EXPECT_EQ(bench.last<StopDataPath>(), StopDataPath{.terminate = true});
    bench.event(Gone{"terminated"});

    EXPECT_EQ(bench.last<ReplyLogout>(), ReplyLogout{});
}

TEST(SessionLogout, ADataPathThatDoesNotAnswerIsNotWaitedForForEver) {
    Supervised bench;
    bench.run();
    ASSERT_TRUE(bench.log_out());
    bench.pass_deadline();
    EXPECT_EQ(bench.last<StopDataPath>(), StopDataPath{.terminate = true});
    bench.pass_deadline();

    EXPECT_EQ(bench.count<ReplyLogout>(), 1U);
    EXPECT_EQ(bench.last<ReplyLogout>()->code, ErrorCode::Logout);
}

TEST(SessionLogout, AConnectionLostMeanwhileDoesNotStartARecovery) {
    Supervised bench;
    bench.run();
    ASSERT_TRUE(bench.log_out());
    bench.connection_error();

    EXPECT_EQ(bench.state(), State::LoggingOut);
}

TEST(SessionLogout, DuringRecoveryEndsItAtOnce) {
    // Waiting, connecting, logging in, starting.
    for (int steps = 0; steps < 4; ++steps) {
        Supervised bench;
        bench.run();
        bench.connection_error();
        if (steps > 0) bench.pass_deadline();
        if (steps > 1) bench.connected();
        if (steps > 2) bench.logged_in();
        bench.forget();

        ASSERT_TRUE(bench.log_out()) << steps;
        EXPECT_EQ(bench.last<StopDataPath>(), StopDataPath{.terminate = true}) << steps;
        EXPECT_EQ(bench.count<Abandon>(), steps == 1 || steps == 2 ? 1U : 0U) << steps;
        EXPECT_EQ(bench.count<SendLogout>(), 0U);
        bench.event(Gone{"terminated"});

        EXPECT_EQ(bench.last<ReplyLogout>(), ReplyLogout{}) << steps;
    }
}

TEST(SessionLogout, WhileTheTargetHasAskedForOneEndsIt) {
    Supervised bench;
    bench.run();
    bench.event(async(bench, 1));
    ASSERT_TRUE(bench.log_out());
    bench.event(Gone{"terminated"});

    EXPECT_EQ(bench.last<ReplyLogout>(), ReplyLogout{});
}

// Sessions of an earlier iscsid ---------------------------------------------------------------

TEST(Resume, ALivingSessionJustGoesOn) {
    Supervised bench;
    bench.supervisor.resume({.sid = 7, .generation = 41, .alive = true}, bench.now);
    bench.collect();
    EXPECT_TRUE(bench.actions.empty());
    EXPECT_EQ(bench.state(), State::LoggedIn);
    EXPECT_TRUE(bench.supervisor.has_run());

    bench.event(ConnectionError{.generation = 41, .number = 20, .text = "closed"});
    bench.pass_deadline();
    EXPECT_EQ(bench.last<Connect>()->attempt, 42U);
    bench.log_in_again();
    EXPECT_EQ(bench.state(), State::LoggedIn);
    EXPECT_EQ(bench.count<ReplyLogin>(), 0U);
    EXPECT_TRUE(bench.log_out());
}

TEST(Resume, ALostOneLogsInAgainAtOnce) {
    Supervised bench;
    bench.supervisor.resume({.sid = 7, .generation = 41, .alive = false}, bench.now);
    bench.collect();

    EXPECT_EQ(bench.last<Connect>()->attempt, 42U);
    bench.log_in_again();
    EXPECT_TRUE(bench.logged("is operational after recovery (1 attempts)"));
}

TEST(Resume, LogoutIsRefusedWithCode32UntilItIsBack) {
    Supervised bench;
    bench.supervisor.resume({.sid = 7, .generation = 41, .alive = false}, bench.now);
    bench.collect();
    bench.refused();
    const auto refused = bench.log_out();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::SessionNotConnected);

    bench.pass_deadline();
    bench.log_in_again();
    EXPECT_TRUE(bench.log_out());
}

TEST(Resume, ALogoutThatWasCutShortGoesOn) {
    Supervised bench;
    bench.supervisor.resume({.sid = 7, .generation = 41, .alive = true, .unfinished = true},
                            bench.now);
    bench.collect();

    EXPECT_EQ(bench.count<SendLogout>(), 1U);
    bench.event(LogoutDone{});
    bench.event(Gone{"logged out"});
    EXPECT_EQ(bench.count<Finished>(), 1U);
    EXPECT_EQ(bench.count<Connect>(), 0U);
}

TEST(Resume, WithoutAConnectionItEndsAtOnce) {
    Supervised bench;
    bench.supervisor.resume({.sid = 7, .generation = 41, .alive = false, .unfinished = true},
                            bench.now);
    bench.collect();

    EXPECT_EQ(bench.last<StopDataPath>(), StopDataPath{.terminate = true});
    bench.event(Gone{"terminated"});
    EXPECT_EQ(bench.count<Finished>(), 1U);
    EXPECT_EQ(bench.count<Connect>(), 0U);
}

// Words ---------------------------------------------------------------------------------------

TEST(SessionStateWord, FollowsTheKernels) {
    Supervised bench;
    bench.begin();
    EXPECT_EQ(session_state_word(bench.supervisor), "FREE");
    bench.log_in_again();
    EXPECT_EQ(session_state_word(bench.supervisor), "LOGGED_IN");
    bench.connection_error();
    EXPECT_EQ(session_state_word(bench.supervisor), "FAILED");
}

}  // namespace
}  // namespace iscsi::session
