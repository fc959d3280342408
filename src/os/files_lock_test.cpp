// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/files_lock.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

namespace iscsi::os {
namespace {

using namespace std::chrono_literals;

class LockFileTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = ::testing::TempDir() + "lock-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(root_); }
    std::string root_;
};

TEST_F(LockFileTest, OneAtATime) {
    auto first = LockFile::open(root_ + "/lock").value();
    auto second = LockFile::open(root_ + "/lock").value();

    EXPECT_TRUE(first.try_lock().value());
    EXPECT_FALSE(second.try_lock().value());

    {
        auto gone = std::move(first);
    }
    EXPECT_TRUE(second.try_lock().value());
}

TEST_F(LockFileTest, WritingMakesTheTimesEqualAndALinkMovesOne) {
    auto file = LockFile::open(root_ + "/lock").value();
    ASSERT_TRUE(file.set_text("held"));
    const auto written = file.times().value();
    EXPECT_EQ(written.modified, written.changed);

    // The clock of a file system ticks coarsely: link until the tick is over.
    InodeTimes linked = written;
    while (linked.changed == written.changed) {
        ASSERT_TRUE(hard_link(root_ + "/lock", root_ + "/link"));
        ASSERT_TRUE(system_files().unlink(root_ + "/link"));
        linked = file.times().value();
    }
    EXPECT_EQ(linked.modified, written.modified);
    EXPECT_EQ(file.text().value(), "held");
}

TEST_F(LockFileTest, AWatchTellsThatAHolderWentAway) {
    auto watch = DirectoryWatch::open(root_).value();
    {
        auto holder = LockFile::open(root_ + "/lock").value();
    }

    const auto start = steady_time();
    watch.wait(10s);

    EXPECT_LT(steady_time() - start, 5s);
}

// A child that runs `body` and is then looked at; killed at the end.
class Child {
public:
    template <class Body>
    explicit Child(Body body) {
        pid_ = ::fork();
        if (pid_ == 0) {
            body();
            ::_exit(0);
        }
    }
    ~Child() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    // Its activity, once it is the one expected; the last one seen after 5 s.
    Activity settled(Activity expected) const {
        const auto deadline = steady_time() + 5s;
        Activity seen = expected == Activity::Busy ? Activity::Waiting : Activity::Busy;
        do {
            pause_for(1ms);  // nothing tells of another process's state
            for (const auto& process : find_processes({}, "unit_os")) {
                if (process.pid == pid_) seen = process.activity;
            }
        } while (seen != expected && steady_time() < deadline);
        return seen;
    }

private:
    pid_t pid_ = -1;
};

TEST(Processes, ASleeperIsWaitingAndARunnerIsBusy) {
    const Child sleeper([] { ::pause(); });
    const Child runner([] {
        for (std::atomic<unsigned> rounds = 0;; ++rounds) continue;
    });

    EXPECT_EQ(sleeper.settled(Activity::Waiting), Activity::Waiting);
    EXPECT_EQ(runner.settled(Activity::Busy), Activity::Busy);
}

TEST(Processes, AStoppedProcessIsBusy) {
    const Child stopped([] { ::raise(SIGSTOP); });

    EXPECT_EQ(stopped.settled(Activity::Busy), Activity::Busy);
}

TEST(Processes, OthersAreNotFound) {
    for (const auto& process : find_processes({}, "no such library")) {
        ADD_FAILURE() << process.name;
    }
}

}  // namespace
}  // namespace iscsi::os
