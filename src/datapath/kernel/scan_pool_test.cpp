// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/kernel/scan_pool.hpp"

#include <gtest/gtest.h>

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

    pool.run({.sid = 5}, [&](ScanOutcome found) {
        outcome = found;
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
    pool->run({.sid = 1}, [&](ScanOutcome) { answered = true; });
    begun.get_future().wait();

    pool.reset();  // this would hang

    release.set_value();
    ended.get_future().wait();
    io.poll();
    EXPECT_FALSE(answered);
}

}  // namespace
}  // namespace iscsi::datapath::kernel
