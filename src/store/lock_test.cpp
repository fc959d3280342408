// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/lock.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

#include "os/files.hpp"
#include "os/files_lock.hpp"

namespace iscsi::store {
namespace {

using namespace std::chrono_literals;

class LockTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = ::testing::TempDir() + "dblock-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
        dir_ = root_ + "/lock";
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    bool linked() const { return std::filesystem::exists(dir_ + "/lock.write"); }
    // The lock as open-iscsi takes it.
    void link_as_open_iscsi() const {
        std::filesystem::create_directories(dir_);
        const std::ofstream file(dir_ + "/lock", std::ios::app);
        ASSERT_TRUE(os::hard_link(dir_ + "/lock", dir_ + "/lock.write"));
    }
    void unlink_as_open_iscsi() const { std::filesystem::remove(dir_ + "/lock.write"); }

    static LockWorld nobody() {
        return {.others_at_work = [] { return false; }};
    }
    // Fails the test when the protocol has to look at processes at all.
    static LockWorld not_asked() {
        return {.others_at_work = [] {
            ADD_FAILURE() << "looked at other processes";
            return false;
        }};
    }

    std::string root_;
    std::string dir_;
};

TEST_F(LockTest, TakesTheNameOfOpenIscsisLinkWhileHeld) {
    {
        const auto lock = Lock::acquire(dir_, not_asked());
        ASSERT_TRUE(lock) << lock.error().message;
        EXPECT_TRUE(linked());
        const auto theirs = os::hard_link(dir_ + "/lock", dir_ + "/lock.write");
        ASSERT_FALSE(theirs);
        EXPECT_EQ(theirs.error().number, EEXIST);
    }
    EXPECT_FALSE(linked());
    EXPECT_TRUE(std::filesystem::exists(dir_ + "/lock"));
    EXPECT_EQ(os::system_files().info(dir_)->mode, 0700U);
}

// /run/lock, where it is missing, is everyone's.
TEST_F(LockTest, ADirectoryAboveIsMadeForEveryone) {
    const mode_t before = ::umask(0077);
    const auto lock = Lock::acquire(root_ + "/run/lock/iscsi", not_asked());
    ::umask(before);

    ASSERT_TRUE(lock) << lock.error().message;
    EXPECT_EQ(os::system_files().info(root_ + "/run")->mode, 0755U);
    EXPECT_EQ(os::system_files().info(root_ + "/run/lock")->mode, 01777U);
    EXPECT_EQ(os::system_files().info(root_ + "/run/lock/iscsi")->mode, 0700U);
    // What is there stays as it is.
    ASSERT_EQ(::chmod((root_ + "/run/lock").c_str(), 0755), 0);
    ASSERT_TRUE(Lock::acquire(root_ + "/run/lock/other", not_asked()));
    EXPECT_EQ(os::system_files().info(root_ + "/run/lock")->mode, 0755U);
}

TEST_F(LockTest, ASignalThatEndsTheOwnerWaitsUntilTheLockIsFree) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        const pid_t child = ::fork();
        if (child == 0) {
            {
                const auto lock = Lock::acquire(dir_, not_asked());
                ::raise(signal);
                if (!lock || !linked()) ::_exit(1);
            }
            ::_exit(2);  // it should have died where the lock was given up
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << status;
        EXPECT_FALSE(linked());
    }
}

TEST_F(LockTest, WaitsForALivingOwnerOfOurs) {
    auto first = Lock::acquire(dir_, not_asked());
    ASSERT_TRUE(first);
    std::atomic<bool> released = false;
    std::thread second([&] {
        const auto lock = Lock::acquire(dir_, not_asked());
        EXPECT_TRUE(lock);
        EXPECT_TRUE(released);
    });

    released = true;
    {
        const auto gone = std::move(*first);
    }
    second.join();
}

TEST_F(LockTest, GivesUpOnALivingOwnerOfOurs) {
    const auto first = Lock::acquire(dir_, not_asked());
    ASSERT_TRUE(first);
    LockWorld impatient = not_asked();
    impatient.patience = 20ms;

    const auto second = Lock::acquire(dir_, impatient);

    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::ErrorCode::Database);
    EXPECT_TRUE(second.error().message.starts_with("Timeout on acquiring lock on DB: " + dir_))
        << second.error().message;
    EXPECT_TRUE(linked());
}

// A process of ours that dies as the owner.
void die_holding(const std::string& dir) {
    const pid_t child = ::fork();
    if (child == 0) {
        const auto lock = Lock::acquire(dir);
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
}

TEST_F(LockTest, TheLockOfADeadProcessOfOursIsOvercomeAtOnce) {
    die_holding(dir_);
    ASSERT_TRUE(linked());

    const auto start = os::steady_time();
    const auto lock = Lock::acquire(dir_, not_asked());

    EXPECT_TRUE(lock);
    EXPECT_LT(os::steady_time() - start, 200ms);
}

TEST_F(LockTest, OurDeadProcessDoesNotSpeakForALaterLink) {
    die_holding(dir_);
    unlink_as_open_iscsi();
    link_as_open_iscsi();
    int looks = 0;
    const LockWorld world{.others_at_work = [&] {
        if (++looks == 3) unlink_as_open_iscsi();
        return true;
    }};

    const auto lock = Lock::acquire(dir_, world);

    EXPECT_TRUE(lock);
    EXPECT_EQ(looks, 3);
}

TEST_F(LockTest, OpenIscsisDeadProcessIsOvercomeWithinASecond) {
    link_as_open_iscsi();

    const auto start = os::steady_time();
    const auto lock = Lock::acquire(dir_, nobody());

    EXPECT_TRUE(lock);
    EXPECT_LT(os::steady_time() - start, 1s);
    EXPECT_TRUE(linked());
}

TEST_F(LockTest, OpenIscsisLivingProcessIsWaitedFor) {
    link_as_open_iscsi();
    int looks = 0;
    const LockWorld world{.others_at_work = [&] {
        if (++looks == 5) unlink_as_open_iscsi();
        return true;
    }};

    const auto lock = Lock::acquire(dir_, world);

    EXPECT_TRUE(lock);
    EXPECT_EQ(looks, 5);
}

TEST_F(LockTest, OneBusyLookStartsTheCountAgain) {
    link_as_open_iscsi();
    std::vector<bool> answers{false, true, false, true, false, false, false, false};
    std::size_t looks = 0;
    const LockWorld world{.others_at_work = [&] { return bool{answers.at(looks++)}; }};

    const auto lock = Lock::acquire(dir_, world);

    EXPECT_TRUE(lock);
    EXPECT_GE(looks, 6U);
}

TEST_F(LockTest, WhereOthersMayBeOutOfSightTheLinkMustBeOld) {
    link_as_open_iscsi();
    LockWorld world = nobody();
    world.sees_everyone = false;
    world.unseen_owner_age = 300ms;

    const auto start = os::steady_time();
    const auto lock = Lock::acquire(dir_, world);

    EXPECT_TRUE(lock);
    EXPECT_GE(os::steady_time() - start, 300ms);
}

TEST_F(LockTest, ThereTooItTakesLessThanASecond) {
    link_as_open_iscsi();
    LockWorld world = nobody();
    world.sees_everyone = false;

    const auto start = os::steady_time();
    const auto lock = Lock::acquire(dir_, world);

    EXPECT_TRUE(lock);
    EXPECT_LT(os::steady_time() - start, 1s);
}

TEST_F(LockTest, WhatCanNotBeRemovedIsNamed) {
    std::filesystem::create_directories(dir_ + "/lock.write");

    const auto lock = Lock::acquire(dir_, nobody());

    ASSERT_FALSE(lock);
    EXPECT_EQ(lock.error().message,
              "Maybe you are not root?\nCould not lock discovery DB: " + dir_ +
                  "/lock.write: Is a directory (it is in the place of the "
                  "lock; remove it)");
}

TEST_F(LockTest, ARealLookAtProcessesFindsNobodyAtWork) {
    link_as_open_iscsi();

    const auto lock = Lock::acquire(dir_);

    EXPECT_TRUE(lock);
}

// open-iscsi looks every 10 ms whether the link is free; we hand it on within microseconds.
TEST_F(LockTest, APollerIsNotStarved) {
    std::filesystem::create_directories(dir_);
    const std::ofstream file(dir_ + "/lock", std::ios::app);
    std::atomic<bool> stop = false;
    std::thread ours([&] {
        while (!stop) EXPECT_TRUE(Lock::acquire(dir_, {.others_at_work = [] { return true; }}));
    });

    const auto start = os::steady_time();
    while (!os::hard_link(dir_ + "/lock", dir_ + "/lock.write")) os::pause_for(10ms);
    const auto waited = os::steady_time() - start;
    unlink_as_open_iscsi();
    stop = true;
    ours.join();

    EXPECT_LT(waited, 2s);
}

TEST_F(LockTest, SaysWhyItCanNotBeHad) {
    const std::ofstream file(root_ + "/file");

    const auto lock = Lock::acquire(root_ + "/file/lock");

    ASSERT_FALSE(lock);
    EXPECT_EQ(lock.error().code, base::ErrorCode::Database);
    EXPECT_EQ(lock.error().message, "Maybe you are not root?\nCould not lock discovery DB: " +
                                        root_ + "/file/lock/lock: Not a directory");
}

}  // namespace
}  // namespace iscsi::store
