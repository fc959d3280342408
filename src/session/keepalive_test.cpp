// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/keepalive.hpp"

#include <gtest/gtest.h>

namespace iscsi::session {
namespace {

using namespace std::chrono_literals;
using enum Keepalive::Action;

base::Instant at(base::Duration since_start) { return base::Instant{} + since_start; }

TEST(Keepalive, DataCountsAsAnAnswer) {
    Keepalive keepalive({.interval = 5s, .timeout = 2s}, at(0s));
    ASSERT_EQ(keepalive.on_deadline(at(5s)), SendPing);

    keepalive.on_received(at(6s));

    EXPECT_EQ(keepalive.on_deadline(at(7s)), None);
    EXPECT_EQ(keepalive.deadline(), at(11s));
}

TEST(Keepalive, GivesUpOnce) {
    Keepalive keepalive({.interval = 5s, .timeout = 2s}, at(0s));
    ASSERT_EQ(keepalive.on_deadline(at(5s)), SendPing);
    EXPECT_EQ(keepalive.on_deadline(at(7s)), DropConnection);
    keepalive.on_received(at(8s));
    EXPECT_EQ(keepalive.deadline(), base::kNever);
    EXPECT_EQ(keepalive.on_deadline(at(100s)), None);
}

TEST(Keepalive, IsHarmlessWhenCalledEarly) {
    Keepalive keepalive({.interval = 5s, .timeout = 2s}, at(0s));
    EXPECT_EQ(keepalive.on_deadline(at(4s)), None);
    EXPECT_EQ(keepalive.deadline(), at(5s));
}

TEST(Keepalive, IsOffWithoutIntervalOrTimeout) {
    EXPECT_EQ(Keepalive({.interval = 0s, .timeout = 2s}, at(0s)).deadline(), base::kNever);
    EXPECT_EQ(Keepalive({.interval = 5s, .timeout = 0s}, at(0s)).deadline(), base::kNever);
}

}  // namespace
}  // namespace iscsi::session
