// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/values.hpp"

#include <gtest/gtest.h>

namespace iscsi::record {
namespace {

const KeyInfo& info_of(std::string_view name) { return schema<Node>().find(name)->info; }

TEST(Values, ANumberIsAWholeOneWithinItsRange) {
    const KeyInfo& sessions = info_of("node.session.nr_sessions");
    for (const std::string_view good : {"1", "1024", "+7", "12 # a remark", " 3 "}) {
        EXPECT_TRUE(is_allowed(sessions, good)) << good;
    }
    for (const std::string_view bad :
         {"banana", "1025", "-1", "1.5", "0x10", "3x", "", "99999999999999999999"}) {
        EXPECT_FALSE(is_allowed(sessions, bad)) << bad;
    }
    EXPECT_EQ(allowed_values(sessions), "a whole number from 0 to 1024");
}

TEST(Values, ANumberWithoutARangeHasItsTypes) {
    EXPECT_TRUE(is_allowed(info_of("iface.mtu"), "65535"));
    EXPECT_FALSE(is_allowed(info_of("iface.mtu"), "65536"));
    EXPECT_TRUE(is_allowed(info_of("iface.max_burst_len"), "4294967295"));
    EXPECT_TRUE(is_allowed(info_of("node.session.initial_cmdsn"), "-2147483648"));
    EXPECT_FALSE(is_allowed(info_of("node.session.initial_cmdsn"), "2147483648"));
}

TEST(Values, WaitingForEverIsAllowed) {
    EXPECT_TRUE(is_allowed(info_of("node.session.timeo.replacement_timeout"), "-1"));
    EXPECT_TRUE(is_allowed(info_of("node.session.timeo.replacement_timeout"), "2147483647"));
}

TEST(Values, AWordIsOneOfThoseThatThereAre) {
    EXPECT_TRUE(is_allowed(info_of("node.startup"), "onboot"));
    EXPECT_FALSE(is_allowed(info_of("node.startup"), "Manual"));
    EXPECT_EQ(allowed_values(info_of("node.startup")), "one of manual, automatic, onboot");
    EXPECT_TRUE(is_allowed(info_of("node.session.auth.username"), "anything"));
    EXPECT_EQ(allowed_values(info_of("node.session.auth.username")), "");
}

TEST(Values, ANumberOutOfRangeInARecordIsReplacedByItsDefault) {
    Node node;
    node.session.nr_sessions = 5000;
    node.session.queue_depth = 64;

    EXPECT_EQ(enforce_ranges(node),
              std::vector<std::string>{"node.session.nr_sessions = 5000 is not a whole number "
                                       "from 0 to 1024; 1 is used"});

    EXPECT_EQ(node.session.nr_sessions, 1);
    EXPECT_EQ(node.session.queue_depth, 64);
}

template <class Record>
void expect_defaults_allowed() {
    for (const auto* key : schema<Record>().show_order()) {
        EXPECT_TRUE(is_allowed(key->info, default_text(*key))) << key->info.name;
    }
}

TEST(Values, EachDefaultIsAllowed) {
    expect_defaults_allowed<Node>();
    expect_defaults_allowed<Iface>();
    expect_defaults_allowed<SendTargets>();
    expect_defaults_allowed<Isns>();
    expect_defaults_allowed<HostChap>();
    expect_defaults_allowed<Flashnode>();
    expect_defaults_allowed<Daemon>();
}

}  // namespace
}  // namespace iscsi::record
