// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/target_address.hpp"

#include <gtest/gtest.h>

#include <string>

namespace iscsi::session {
namespace {

TEST(TargetAddress, AllFormsOfTheRfc) {
    EXPECT_EQ(parse_target_address("10.0.0.1"), (TargetAddress{"10.0.0.1", 3260, {}}));
    EXPECT_EQ(parse_target_address("10.0.0.1:860,7"), (TargetAddress{"10.0.0.1", 860, 7}));
    EXPECT_EQ(parse_target_address("disks.example.org,65535"),
              (TargetAddress{"disks.example.org", 3260, 65535}));
    EXPECT_EQ(parse_target_address("[2001:db8::1]:3261,1"),
              (TargetAddress{"2001:db8::1", 3261, 1}));
    EXPECT_EQ(parse_target_address("[fe80::1%eth0]"), (TargetAddress{"fe80::1%eth0", 3260, {}}));
    EXPECT_EQ(parse_target_address("[::ffff:10.0.0.1]:1"),
              (TargetAddress{"::ffff:10.0.0.1", 1, {}}));
    EXPECT_EQ(parse_target_address("localhost"), (TargetAddress{"localhost", 3260, {}}));
}

TEST(TargetAddress, Ipv6WithoutBracketsHasNoPort) {
    EXPECT_EQ(parse_target_address("fe80::1,3"), (TargetAddress{"fe80::1", 3260, 3}));
}

TEST(TargetAddress, GarbageIsRefused) {
    for (const auto* bad : {"",
                            ",1",
                            ":3260",
                            "[]",
                            "[]:1",
                            "[10.0.0.1]:1",
                            "[fe80::1",
                            "[fe80::1]x",
                            "[fe80::1]:",
                            "10.0.0.1:",
                            "10.0.0.1:0",
                            "10.0.0.1:65536",
                            "10.0.0.1:-1",
                            "10.0.0.1:3260,",
                            "10.0.0.1:3260,65536",
                            "10.0.0.1:3260,1,2",
                            "10.0.0.1:3260,a",
                            "host name",
                            "a/../b",
                            "a\nb",
                            "-oProxy",
                            "\xff",
                            "[fe80::1%]",
                            "[fe80::1%e/th]"}) {
        EXPECT_EQ(parse_target_address(bad), std::nullopt) << bad;
    }
    EXPECT_EQ(parse_target_address(std::string(256, 'a')), std::nullopt);
}

TEST(TargetAddress, PrintsWithBracketsWhereNeeded) {
    EXPECT_EQ(print_address("10.0.0.1", 3260), "10.0.0.1:3260");
    EXPECT_EQ(print_address("fe80::1", 860), "[fe80::1]:860");
}

TEST(IscsiName, WhatCannotBeAFileNameIsNone) {
    EXPECT_TRUE(is_iscsi_name("iqn.2026-11.test:disk"));
    EXPECT_TRUE(is_iscsi_name("eui.02004567A425678D"));
    EXPECT_TRUE(is_iscsi_name("iqn.2026-11.test:\xc3\xa4"));
    EXPECT_TRUE(is_iscsi_name(std::string(223, 'a')));
    for (const auto* bad : {"", ".", "..", ".hidden", "a/b", "a b", "a\n", "a\x7f"}) {
        EXPECT_FALSE(is_iscsi_name(bad)) << bad;
    }
    EXPECT_FALSE(is_iscsi_name(std::string(224, 'a')));
}

}  // namespace
}  // namespace iscsi::session
