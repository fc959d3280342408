// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/kernel/scan_pool.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <atomic>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "os/fd.hpp"
#include "os/thread.hpp"

namespace iscsi::datapath::kernel {
namespace {

bool run_until(asio::io_context& io, const std::function<bool()>& done) {
    constexpr std::chrono::seconds kPatience{20};  // only a failure takes that long
    const auto work = asio::make_work_guard(io);
    const auto limit = std::chrono::steady_clock::now() + kPatience;
    while (!done() && std::chrono::steady_clock::now() < limit) {
        io.run_one_for(std::chrono::milliseconds(20));
    }
    return done();
}

TEST(ScanPool, AnswersFromTheEventLoop) {
    asio::io_context io;
    ScanPool pool(io, [](const ScanRequest& request) { return ScanOutcome{request.sid, 1}; });
    std::optional<ScanOutcome> outcome;
    std::thread::id where;

    pool.run({.sid = 5}, [&](const base::Result<ScanOutcome>& found) {
        outcome = found.value();
        where = std::this_thread::get_id();
    });
    ASSERT_TRUE(run_until(io, [&] { return outcome.has_value(); }));

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

    ASSERT_TRUE(run_until(io, [&] { return error.has_value(); }));

    EXPECT_EQ(error->message, "no thread");
}

TEST(ScanPool, AllWhoAskForAScanThatHasNotBegunGetTheOneAnswer) {
    std::promise<void> release;
    std::atomic<int> scans = 0;
    asio::io_context io;
    ScanPool pool(io, [&, hang = release.get_future().share()](const ScanRequest& request) {
        hang.wait();
        ++scans;
        return ScanOutcome{static_cast<std::uint32_t>(request.queue_depth), 0};
    });
    std::vector<std::uint32_t> answers;
    for (std::int32_t depth = 1; depth <= 10; ++depth) {
        pool.run({.sid = 1, .queue_depth = depth},
                 [&](const auto& found) { answers.push_back(found->luns); });
    }
    release.set_value();

    ASSERT_TRUE(run_until(io, [&] { return answers.size() == 10; }));

    EXPECT_LE(scans, 2) << "one that had begun, and one for all others";
    EXPECT_EQ(answers.back(), 10U) << "as the latest of them wants it";
}

TEST(ScanPool, HundredsOfSilentTargetsDelayALoginByMoments) {
    Targets targets;
    asio::io_context io;
    std::atomic<std::size_t> threads = 0;
    ScanPool pool(io, targets.scan(), [&](std::function<void()> work) {
        ++threads;
        return os::start_detached(std::move(work));
    });
    for (std::uint32_t sid = 0; sid < 500; ++sid) pool.run({.sid = sid}, [](auto&&) {});
    bool answered = false;
    const auto began = std::chrono::steady_clock::now();
    pool.run({.sid = 1234}, [&](auto&&) { answered = true; });

    ASSERT_TRUE(run_until(io, [&] { return answered; }));

    EXPECT_LE(threads, 2 * 500 + kScansMax);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 20 * kScanSlow);
}

TEST(ScanPool, SaysThatThereCanBeNoThreadBesideThoseThatHang) {
    Targets targets;
    asio::io_context io;
    int left = 1;
    ScanPool pool(io, targets.scan(), [&](std::function<void()> work) -> base::Status {
        if (left-- > 0) return os::start_detached(std::move(work));
        return base::fail(base::ErrorCode::NoMemory, "no thread");
    });
    pool.run({.sid = 1}, [](auto&&) {});
    std::optional<base::Error> error;

    pool.run({.sid = 1234}, [&](const auto& found) { error = found.error(); });

    ASSERT_TRUE(run_until(io, [&] { return error.has_value(); }));
    EXPECT_EQ(error->message, "no thread");
}

TEST(ScanPool, ScansHaveNoDescriptorOfTheProcess) {
    const os::Fd ours(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    std::atomic<bool> theirs = true;
    asio::io_context io;
    ScanPool pool(io, [&](const ScanRequest&) {
        theirs = ::fcntl(ours.get(), F_GETFD) >= 0;
        return ScanOutcome{};
    });
    bool answered = false;

    pool.run({.sid = 1}, [&](auto&&) { answered = true; });

    ASSERT_TRUE(run_until(io, [&] { return answered; }));
    EXPECT_FALSE(theirs);
    EXPECT_GE(::fcntl(ours.get(), F_GETFD), 0);
}

}  // namespace
}  // namespace iscsi::datapath::kernel
