// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/command_window.hpp"

#include <gtest/gtest.h>

namespace iscsi::session {
namespace {

using proto::CmdSn;

TEST(CommandWindow, IsOpenUpToMaxCmdSn) {
    CommandWindow window({5}, {5}, {6});
    EXPECT_EQ(window.take(), CmdSn{5});
    EXPECT_EQ(window.take(), CmdSn{6});
    EXPECT_FALSE(window.is_open());
    EXPECT_EQ(window.cmd_sn(), CmdSn{7});

    EXPECT_TRUE(window.update({7}, {7}));
    EXPECT_TRUE(window.is_open());
}

TEST(CommandWindow, MayBeClosedFromTheStart) {
    const CommandWindow window({5}, {5}, {4});
    EXPECT_FALSE(window.is_open());
}

TEST(CommandWindow, WrapsAround) {
    CommandWindow window({0xffff'ffff}, {0xffff'ffff}, {0});
    EXPECT_EQ(window.take(), CmdSn{0xffff'ffff});
    EXPECT_EQ(window.take(), CmdSn{0});
    EXPECT_FALSE(window.is_open());
    EXPECT_TRUE(window.update({1}, {32}));
    EXPECT_EQ(window.take(), CmdSn{1});
}

TEST(CommandWindow, NeverShrinks) {
    CommandWindow window({10}, {10}, {20});
    EXPECT_TRUE(window.update({10}, {12}));
    EXPECT_EQ(window.max_cmd_sn(), CmdSn{20});
    EXPECT_TRUE(window.update({8}, {12}));
    EXPECT_EQ(window.exp_cmd_sn(), CmdSn{10});
}

TEST(CommandWindow, IgnoresAPairThatContradictsItself) {
    CommandWindow window({10}, {10}, {20});
    EXPECT_TRUE(window.update({1000}, {998}));
    EXPECT_EQ(window.exp_cmd_sn(), CmdSn{10});
    EXPECT_EQ(window.max_cmd_sn(), CmdSn{20});
}

TEST(CommandWindow, RefusesAcknowledgementOfWhatWasNotSent) {
    CommandWindow window({10}, {10}, {20});
    EXPECT_TRUE(window.update({10}, {9}));
    const auto refused = window.update({11}, {20});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), (ProtocolError{Violation::ExpCmdSnBeyondCmdSn, 11, 10}));
}

}  // namespace
}  // namespace iscsi::session
