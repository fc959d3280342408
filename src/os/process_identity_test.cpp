// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/process_identity.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace iscsi::os {
namespace {

TEST(ProcessIdentity, TheLivingHaveNotEnded) {
    EXPECT_NE(this_process().start_ticks, 0u);
    EXPECT_FALSE(has_ended(this_process()));
}

TEST(ProcessIdentity, ANumberUsedAgainIsAnotherProcess) {
    ProcessIdentity other = this_process();
    other.start_ticks -= 1;
    EXPECT_TRUE(has_ended(other));
}

TEST(ProcessIdentity, OfOtherNamespacesOnlyTheInitialOneKnows) {
    constexpr std::uint64_t kInitialPidNamespace = 0xeffffffc;
    ProcessIdentity nowhere = this_process();
    const bool initial = nowhere.pid_namespace == kInitialPidNamespace;
    nowhere.pid_namespace = 1;  // no namespace has this inode
    EXPECT_EQ(has_ended(nowhere), initial);
    EXPECT_EQ(is_within_sight(nowhere), initial);
    EXPECT_TRUE(is_within_sight(this_process()));
}

TEST(ProcessIdentity, AChildThatNobodyCollectedHasEnded) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const ProcessIdentity mine = this_process();
        (void)!::write(pipe_ends[1], &mine, sizeof mine);
        ::_exit(0);
    }
    ProcessIdentity identity;
    ASSERT_EQ(::read(pipe_ends[0], &identity, sizeof identity), ssize_t{sizeof identity});
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);

    EXPECT_TRUE(has_ended(identity)) << "it is a zombie";

    ::waitpid(child, nullptr, 0);
    EXPECT_TRUE(has_ended(identity));
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
}

}  // namespace
}  // namespace iscsi::os
