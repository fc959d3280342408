// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/portal.hpp"

#include <gtest/gtest.h>

namespace iscsi::record {
namespace {

TEST(Portal, ReadsEveryForm) {
    const std::vector<std::pair<std::string_view, Portal>> forms{
        {"10.0.0.1", {"10.0.0.1", 3260, -1}},
        {"10.0.0.1:3261", {"10.0.0.1", 3261, -1}},
        {"10.0.0.1:3261,5", {"10.0.0.1", 3261, 5}},
        {"10.0.0.1,5", {"10.0.0.1", 3260, 5}},
        {"[fe80::1]", {"fe80::1", 3260, -1}},
        {"[fe80::1%eth0]:3261,5", {"fe80::1%eth0", 3261, 5}},
        {"fe80::1", {"fe80::1", 3260, -1}},
        {"fe80::1,7", {"fe80::1", 3260, 7}},
        // As iscsiadm prints an unknown tag.
        {"10.0.0.1:3260,-1", {"10.0.0.1", 3260, -1}},
        {"10.0.0.1:3260,4294967295", {"10.0.0.1", 3260, -1}},
        {"fe80::", {"fe80::", 3260, -1}},
        // An IPv6 address with dots in it.
        {"::ffff:10.0.0.1", {"::ffff:10.0.0.1", 3260, -1}},
        {"::ffff:10.0.0.1,1", {"::ffff:10.0.0.1", 3260, 1}},
        {"[::ffff:10.0.0.1]:3261,1", {"::ffff:10.0.0.1", 3261, 1}},
        {"64:ff9b::10.0.0.1", {"64:ff9b::10.0.0.1", 3260, -1}},
        {"fe80::1%eth0.5", {"fe80::1%eth0.5", 3260, -1}},
        // As strtol reads numbers.
        {"10.0.0.1:3260,+1", {"10.0.0.1", 3260, 1}},
        {"10.0.0.1:3260, 1", {"10.0.0.1", 3260, 1}},
        {"10.0.0.1:3260,1,2", {"10.0.0.1", 3260, 1}},
        {"10.0.0.1: 3261 ,1", {"10.0.0.1", 3261, 1}},
        {"10.0.0.1:+3261", {"10.0.0.1", 3261, -1}},
        {"[10.0.0.1]:3261,1", {"[10.0.0.1]", 3261, 1}},
        {"[storage.example.org]", {"[storage.example.org]", 3260, -1}},
        {"[storage]:99", {"storage", 99, -1}},
        // Empty variables of a script.
        {"", {"", 3260, -1}},
        {",1", {"", 3260, 1}},
        {"storage", {"storage", 3260, -1}},
        {"storage:99", {"storage", 99, -1}},
        {"storage.example.org:99", {"storage.example.org", 99, -1}},
    };
    for (const auto& [text, portal] : forms) {
        const auto parsed = parse_portal(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(*parsed, portal) << text;
    }
}

TEST(Portal, RefusesWhatIsNone) {
    for (const std::string_view text : {":",
                                        ":3260",
                                        ",x",
                                        "[fe80::1",
                                        "[]:1",
                                        "[fe80::1]x",
                                        "a:0",
                                        "a:65536",
                                        "a:b",
                                        "a:1,",
                                        "a:1,x",
                                        "a:1,65536",
                                        "a:1,-2",
                                        "a:",
                                        "[fe80::1]:",
                                        "a:1,1x",
                                        "a:1,++1",
                                        "10.0.0.1:3260:1",
                                        "::ffff:10.0.0.1:3260",
                                        "[]"}) {
        const auto parsed = parse_portal(text);
        EXPECT_FALSE(parsed) << text;
    }
}

}  // namespace
}  // namespace iscsi::record
