// SPDX-License-Identifier: LGPL-2.1-or-later
// Anything may happen in any order: what must hold all the same.
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "session/supervisor.hpp"
#include "session/testing/supervised.hpp"

namespace iscsi::session {
namespace {

using base::ErrorCode;
using testing::Supervised;
using namespace std::chrono_literals;
using State = SupervisorState;

// States in which something is awaited that may never come.
bool needs_deadline(State state) {
    switch (state) {
        case State::Connecting:
        case State::LoggingIn:
        case State::Starting:
        case State::Waiting:
        case State::LogoutRequested:
        case State::LoggingOut:
        case State::Ending:
            return true;
        case State::Idle:
        case State::Creating:  // the data path answers
        case State::Scanning:  // the data path answers
        case State::LoggedIn:
        case State::Ended:
            return false;
    }
    return false;
}

class Chaos {
public:
    explicit Chaos(std::uint64_t seed) : random_(seed), bench_(settings()) {
        bench_.supervisor.begin();
        bench_.collect();
    }

    void run(int steps) {
        for (int i = 0; i < steps && bench_.state() != State::Ended; ++i) {
            step();
            bench_.collect();
            check();
            if (bench_.state() == State::LoggedIn) ++logged_in_;
        }
        // Whatever has happened: a data path that lets go ends it, and nobody is left waiting.
        if (bench_.state() != State::Ended) bench_.event(Gone{"the end"});
        if (bench_.state() != State::Ended) bench_.event(CreateFailed{});
        EXPECT_EQ(bench_.state(), State::Ended);
        EXPECT_EQ(bench_.count<Finished>(), 1U);
        EXPECT_EQ(bench_.count<ReplyLogin>(), 1U);
        EXPECT_EQ(bench_.count<ReplyLogout>(), logouts_);
        EXPECT_EQ(bench_.supervisor.deadline(), base::kNever);
        bench_.forget();
        for (int i = 0; i < 50; ++i) step();
        bench_.collect();
        EXPECT_EQ(bench_.count<Connect>() + bench_.count<StopDataPath>() +
                      bench_.count<Finished>() + bench_.count<ReplyLogin>() +
                      bench_.count<ReplyLogout>(),
                  0U)
            << "acts after its end";
    }

    // After how many steps it was logged in.
    int logged_in() const { return logged_in_; }

private:
    SupervisorConfig settings() {
        auto config = Supervised::config();
        config.scan_auto = chance(2);
        config.reopen_max = chance(3) ? 2 : 0;
        config.initial_login_retry_max = static_cast<int>(pick(100));
        return config;
    }
    std::uint64_t pick(std::uint64_t count) { return random_.next() % count; }
    bool chance(std::uint64_t one_in) { return pick(one_in) == 0; }
    // The current attempt's number, or now and then an old or an unheard-of one.
    std::uint64_t attempt() { return chance(8) ? pick(5) : bench_.attempt; }

    void step() {
        auto& supervisor = bench_.supervisor;
        const auto now = bench_.now;
        switch (pick(18)) {
            case 0:
                return bench_.event(Created{.sid = 7});
            case 1:
            case 2:
                return supervisor.on_connected(attempt(), now);
            case 3:
                return supervisor.on_connect_failed(attempt(), "refused", now);
            case 4:
            case 5: {
                LoggedIn login;
                login.params.default_time2wait = static_cast<std::uint32_t>(pick(5));
                return supervisor.on_logged_in(attempt(), login, now);
            }
            case 6:
                return supervisor.on_redirected(
                    attempt(), {.address = "192.0.2.9", .permanent = chance(2)}, now);
            case 7:
                return supervisor.on_login_failed(
                    attempt(), {.retryable = !chance(16), .code = ErrorCode::FatalLogin}, now);
            case 8:
                return supervisor.on_login_broken(attempt(), "closed", now);
            case 9:
            case 10:
                return bench_.event(Started{attempt()});
            case 11:
                return bench_.event(StartFailed{attempt(), ErrorCode::Internal, "no"});
            case 12:
                // Enough else breaks logins.
                if (bench_.state() == State::LoggingIn && !chance(64)) return;
                return bench_.event(ConnectionError{
                    .generation = attempt(), .number = chance(20) ? 18U : 20U, .text = "closed"});
            case 13:
                return bench_.event(AsyncMessage{.generation = attempt(),
                                                 .event = static_cast<std::uint8_t>(pick(6)),
                                                 .parameter2 = static_cast<std::uint16_t>(pick(10)),
                                                 .luns_changed = true});
            case 14:
                return supervisor.on_scan_done({.usable = !chance(4), .text = "x"}, now);
            case 15:
                // It would end most sessions before they run.
                if (supervisor.logging_in() && !chance(64)) return;
                if (supervisor.request_logout(now)) ++logouts_;
                return;
            case 16:
                return bench_.event(
                    chance(2) ? DataPathEvent{LogoutDone{
                                    chance(3) ? ErrorCode::Busy : ErrorCode::Success, "x"}}
                              : DataPathEvent{ConnectionLogoutDone{.generation = attempt()}});
            default:
                return bench_.pass(std::chrono::milliseconds(pick(chance(8) ? 20'000 : 4'000)));
        }
    }

    void check() {
        if (needs_deadline(bench_.state())) {
            EXPECT_NE(bench_.supervisor.deadline(), base::kNever)
                << "waits for ever in state " << static_cast<int>(bench_.state());
        }
        EXPECT_LE(bench_.count<ReplyLogin>(), 1U);
        EXPECT_LE(bench_.count<ReplyLogout>(), logouts_);
        if (bench_.state() == State::LoggedIn) {
            EXPECT_EQ(bench_.count<ReplyLogin>(), 1U);
        }
    }

    base::SeededRandom random_;
    Supervised bench_;
    std::size_t logouts_ = 0;
    int logged_in_ = 0;
};

TEST(SupervisorChaos, KeepsItsPromisesWhateverHappens) {
    int sessions_that_ran = 0;
    for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        Chaos chaos(seed);
        chaos.run(340);
        if (::testing::Test::HasFailure()) return;
        if (chaos.logged_in() > 0) ++sessions_that_ran;
    }
    EXPECT_GT(sessions_that_ran, 1000) << "the dice must let sessions live";
}

}  // namespace
}  // namespace iscsi::session
