// SPDX-License-Identifier: LGPL-2.1-or-later
// Logins that a target sends elsewhere.
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

TEST(Redirects, AreFollowedAtOnce) {
    Supervised bench;
    bench.begin();
    bench.connected();
    bench.redirected("192.0.2.99");

    EXPECT_EQ(bench.last<Connect>(), (Connect{2, {"192.0.2.99", 3260}}));
    EXPECT_EQ(bench.elapsed(), 0ms);
    EXPECT_TRUE(bench.supervisor.redirected());
}

TEST(Redirects, ATemporaryOneGoesBackToTheRecordsPortalAfterAFailure) {
    Supervised bench;
    bench.begin();
    bench.connected();
    bench.redirected("192.0.2.99");
    bench.refused();
    bench.pass_deadline();

    EXPECT_EQ(bench.last<Connect>(), (Connect{3, {"192.0.2.7", 3260}}));
    EXPECT_FALSE(bench.supervisor.redirected());
}

TEST(Redirects, APermanentOneBecomesThePortalToGoBackTo) {
    Supervised bench;
    bench.begin();
    bench.connected();
    bench.redirected("192.0.2.99", /*permanent=*/true);
    bench.log_in_again();
    bench.connection_error();
    bench.pass_deadline();

    EXPECT_EQ(bench.last<Connect>()->portal.address, "192.0.2.99");
}

TEST(Redirects, ATemporaryOneIsForgottenWhenTheSessionIsLost) {
    Supervised bench;
    bench.begin();
    bench.connected();
    bench.redirected("192.0.2.99");
    bench.log_in_again();
    bench.connection_error();
    bench.pass_deadline();

    EXPECT_EQ(bench.last<Connect>()->portal.address, "192.0.2.7");
}

TEST(Redirects, ALoopEndsWithinTheLimitOfTheLogin) {
    Supervised bench(with_retries(1));
    bench.begin();
    while (bench.state() != State::Ending) {
        if (bench.state() == State::Connecting) {
            bench.connected();
            bench.redirected("192.0.2.98");
        } else {
            ASSERT_TRUE(bench.pass_deadline());
        }
    }

    EXPECT_LE(bench.elapsed(), 17s);
    // Sixteen in a row, then a pause: not a storm of connections.
    EXPECT_LE(bench.count<Connect>(), 8U * (kRedirectsMax + 1));
}

TEST(Redirects, ToSilentHostsEndWithinTheLimitOfTheLogin) {
    Supervised bench(with_retries(0));
    bench.begin();
    bench.connected();
    bench.pass(14s);
    bench.redirected("192.0.2.98");
    while (bench.state() != State::Ending) ASSERT_TRUE(bench.pass_deadline());

    EXPECT_LE(bench.elapsed(), 15s);
    EXPECT_EQ(reply_after_gone(bench)->code, ErrorCode::TransportTimeout);
}

TEST(Redirects, WorkWithoutRetries) {
    Supervised bench(with_retries(0));
    bench.begin();
    bench.connected();
    bench.redirected("192.0.2.98");
    bench.log_in_again();

    EXPECT_EQ(bench.last<ReplyLogin>(), ReplyLogin{});
}

TEST(Redirects, AnAddressThatCannotBeReadIsRetriedAtTheRecordsPortal) {
    Supervised bench;
    bench.begin();
    bench.connected();
    bench.login_failed(/*retryable=*/true, ErrorCode::Login, LoginStatus::RedirectionFailed);
    bench.pass_deadline();

    EXPECT_EQ(bench.last<Connect>(), (Connect{2, {"192.0.2.7", 3260}}));
}

TEST(Redirects, ToANameThatNobodyKnowsAreRetriedAtTheRecordsPortal) {
    for (const bool permanent : {false, true}) {
        Supervised bench;
        bench.begin();
        bench.connected();
        bench.redirected("no.such.host", permanent);
        bench.supervisor.on_unresolved(bench.attempt, "no such host", bench.now);
        bench.collect();
        bench.pass_deadline();

        EXPECT_EQ(bench.last<Connect>(), (Connect{3, {"192.0.2.7", 3260}}));
        EXPECT_EQ(bench.elapsed(), 3s);
        bench.log_in_again();
        EXPECT_EQ(bench.last<ReplyLogin>(), ReplyLogin{});
    }
}

TEST(Redirects, ToANameThatNobodyKnowsEndWithinTheLimitOfTheLogin) {
    Supervised bench(with_retries(2));
    bench.begin();
    while (bench.state() != State::Ending) {
        bench.connected();
        bench.redirected("no.such.host");
        bench.supervisor.on_unresolved(bench.attempt, "no such host", bench.now);
        bench.collect();
        ASSERT_TRUE(bench.pass_deadline());
    }

    EXPECT_LE(bench.elapsed(), 33s);
    const auto reply = reply_after_gone(bench);
    EXPECT_EQ(reply->code, ErrorCode::TransportTimeout);
    EXPECT_TRUE(reply->message.ends_with("no.such.host:3260 failed (no such host)"));
}

}  // namespace
}  // namespace iscsi::session
