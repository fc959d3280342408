// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/kernel/scan_pool.hpp"

#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <atomic>
#include <future>
#include <optional>
#include <thread>

namespace iscsi::datapath::kernel {
namespace {

TEST(ScanPool, AnswersFromTheEventLoop) {
    asio::io_context io;
    ScanPool pool(io, [](const ScanRequest& request) { return ScanOutcome{request.sid, 1}; });
    const auto work = asio::make_work_guard(io);
    std::optional<ScanOutcome> outcome;
    std::thread::id where;

    pool.run({.sid = 5}, [&](const base::Result<ScanOutcome>& found) {
        outcome = found.value();
        where = std::this_thread::get_id();
    });
    io.run_one();

    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->luns, 5U);
    EXPECT_EQ(where, std::this_thread::get_id());
}

TEST(ScanPool, TheEndDoesNotWaitForAScanThatHangs) {
    std::promise<void> begun;
    std::promise<void> release;
    std::promise<void> ended;
    bool answered = false;
    asio::io_context io;
    std::optional<ScanPool> pool;
    pool.emplace(io, [&, hang = release.get_future().share()](const ScanRequest&) {
        begun.set_value();
        hang.wait();
        ended.set_value();
        return ScanOutcome{};
    });
    pool->run({.sid = 1}, [&](const auto&) { answered = true; });
    begun.get_future().wait();

    pool.reset();  // this would hang

    release.set_value();
    ended.get_future().wait();
    io.poll();
    EXPECT_FALSE(answered);
}

// A scan of a session below 1000 hangs until the test is over.
class Targets {
public:
    ~Targets() { over_.set_value(); }
    ScanPool::Scan scan() {
        return [hang = hang_, begun = begun_](const ScanRequest& request) {
            ++*begun;
            if (request.sid < 1000 && !request.wake_only) hang.wait();
            return ScanOutcome{request.sid, 1};
        };
    }
    int begun() const { return *begun_; }

private:
    std::promise<void> over_;
    std::shared_future<void> hang_ = over_.get_future().share();
    std::shared_ptr<std::atomic<int>> begun_ = std::make_shared<std::atomic<int>>(0);
};

bool run_until(asio::io_context& io, const std::function<bool()>& done) {
    constexpr std::chrono::seconds kPatience{20};  // only a failure takes that long
    const auto work = asio::make_work_guard(io);
    const auto limit = std::chrono::steady_clock::now() + kPatience;
    while (!done() && std::chrono::steady_clock::now() < limit) {
        io.run_one_for(std::chrono::milliseconds(20));
    }
    return done();
}

TEST(ScanPool, SilentTargetsDelayNoOther) {
    Targets targets;
    asio::io_context io;
    ScanPool pool(io, targets.scan());
    for (std::uint32_t sid = 0; sid < 3 * kScansMax; ++sid) pool.run({.sid = sid}, [](auto&&) {});
    std::uint32_t luns = 0;

    pool.run({.sid = 1234}, [&](const auto& found) { luns = found->luns; });

    EXPECT_TRUE(run_until(io, [&] { return luns == 1234; }));
}

TEST(ScanPool, ScansOfASessionFollowEachOther) {
    Targets targets;
    asio::io_context io;
    ScanPool pool(io, targets.scan());
    for (int i = 0; i < 100; ++i) pool.run({.sid = 1}, [](auto&&) {});
    bool answered = false;
    pool.run({.sid = 1000}, [&](auto&&) { answered = true; });

    EXPECT_TRUE(run_until(io, [&] { return answered; }));

    EXPECT_EQ(targets.begun(), 2);
}

TEST(ScanPool, WakingDisksWaitsForNoScan) {
    Targets targets;
    asio::io_context io;
    ScanPool pool(io, targets.scan());
    pool.run({.sid = 1}, [](auto&&) {});
    bool answered = false;

    pool.run({.sid = 1, .wake_only = true}, [&](auto&&) { answered = true; });

    EXPECT_TRUE(run_until(io, [&] { return answered; }));
}

TEST(ScanPool, SaysThatThereCanBeNoThread) {
    asio::io_context io;
    ScanPool pool(
        io, [](const ScanRequest&) { return ScanOutcome{}; },
        [](const std::function<void()>&) {
            return base::fail(base::ErrorCode::NoMemory, "no thread");
        });
    std::optional<base::Error> error;
    pool.run({.sid = 1}, [&](const auto& found) { error = found.error(); });
    EXPECT_FALSE(error) << "handlers are called from the event loop";

    io.run();

    ASSERT_TRUE(error);
    EXPECT_EQ(error->message, "no thread");
}

}  // namespace
}  // namespace iscsi::datapath::kernel
