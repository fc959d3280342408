// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/complete.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iscsi::iscsiadm {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

using Words = std::vector<std::string>;

class Fixed final : public LiveState {
public:
    Words targets() override { return {"iqn.x:b", "iqn.x:a", "iqn.x:a"}; }
    Words portals(const std::optional<std::string>& target) override {
        return target ? Words{*target + " at 10.0.0.1:3260"} : Words{"10.0.0.1:3260"};
    }
    Words discovery_portals() override { return {"10.0.0.9:3260"}; }
    Words ifaces() override { return {"default", "if0"}; }
    Words session_ids() override { return {"1", "1000001"}; }
    Words hosts() override { return {"3"}; }
};

// The last word is the one to complete.
Words completed(std::vector<const char*> words) {
    Fixed state;
    return complete(words, state);
}

TEST(Completion, ModesAndWhatBelongsToThem) {
    EXPECT_THAT(completed({"-m", ""}),
                ElementsAre("discovery", "discoverydb", "fw", "host", "iface", "node", "session"));
    EXPECT_THAT(completed({"-m", "no"}), ElementsAre("node"));
    EXPECT_THAT(completed({"-mno"}), ElementsAre("-mnode"));
    EXPECT_THAT(completed({"--mode=no"}), ElementsAre("--mode=node"));
    EXPECT_THAT(completed({"-m", "node", "--log"}),
                ElementsAre("--login", "--loginall", "--logout", "--logoutall"));
    EXPECT_THAT(completed({"-m", "fw", "--log"}), ElementsAre("--login"));
    EXPECT_THAT(completed({"-m", "iface", "-o", "a"}), ElementsAre("apply", "applyall"));
    EXPECT_THAT(completed({"-m", "node", "-o", "a"}), IsEmpty());
}

TEST(Completion, ShortOptionsAreShownWhenOneIsBegun) {
    EXPECT_THAT(completed({"-m", "node", "-"}), IsSupersetOf({"-T", "--targetname", "--json"}));
    EXPECT_THAT(completed({"-m", "node", ""}), Not(Contains("-T")));
    EXPECT_THAT(completed({"-m", "node", "stray"}), IsEmpty());
}

TEST(Completion, WhatWasGivenIsNotOfferedAgainUnlessItMayBeRepeated) {
    const auto words = completed({"-m", "node", "-T", "iqn.x:a", "-n", "node.startup", ""});

    EXPECT_THAT(words, Not(Contains("--targetname")));
    EXPECT_THAT(words, Not(Contains("--mode")));
    EXPECT_THAT(words, Contains("--name"));
}

TEST(Completion, TheLiveState) {
    EXPECT_THAT(completed({"-m", "node", "-T", ""}), ElementsAre("iqn.x:a", "iqn.x:b"));
    EXPECT_THAT(completed({"-m", "node", "--targetname", "iqn.x:b"}), ElementsAre("iqn.x:b"));
    EXPECT_THAT(completed({"-m", "node", "-T", "iqn.x:a", "-p", ""}),
                ElementsAre("iqn.x:a at 10.0.0.1:3260"));
    EXPECT_THAT(completed({"-m", "node", "-p", "10"}), ElementsAre("10.0.0.1:3260"));
    EXPECT_THAT(completed({"-m", "discoverydb", "-p", ""}), ElementsAre("10.0.0.9:3260"));
    EXPECT_THAT(completed({"-m", "iface", "-I", "i"}), ElementsAre("if0"));
    EXPECT_THAT(completed({"-m", "session", "-r", ""}), ElementsAre("1", "1000001"));
    EXPECT_THAT(completed({"-m", "session", "--sid=100"}), ElementsAre("--sid=1000001"));
    EXPECT_THAT(completed({"-m", "host", "-H", ""}), ElementsAre("3"));
}

TEST(Completion, KeysAndTheirValues) {
    EXPECT_THAT(completed({"-m", "node", "-o", "update", "-n", "node.st"}),
                ElementsAre("node.startup"));
    EXPECT_THAT(completed({"-m", "node", "-n", "node.name"}), IsEmpty());  // not to be set
    EXPECT_THAT(completed({"-m", "node", "-n", "node.startup", "-v", ""}),
                ElementsAre("automatic", "manual", "onboot"));
    EXPECT_THAT(completed({"-m", "node", "-n", "node.startup", "-v", "manual", "-n",
                           "node.session.scan", "-v", ""}),
                ElementsAre("auto", "manual"));
    EXPECT_THAT(completed({"-m", "iface", "-n", "iface.net"}), ElementsAre("iface.net_ifacename"));
    EXPECT_THAT(completed({"-m", "discoverydb", "-t", "isns", "-n", "discovery.isns.u"}),
                ElementsAre("discovery.isns.use_discoveryd"));
}

TEST(Completion, WordsThatTheTableOfOptionsLists) {
    EXPECT_THAT(completed({"-m", "node", "--logoutall", ""}),
                ElementsAre("all", "automatic", "manual"));
    EXPECT_THAT(completed({"-m", "host", "-C", ""}), ElementsAre("chap", "flashnode", "stats"));
    EXPECT_THAT(completed({"-m", "iface", "-C", ""}), ElementsAre("ping"));
    EXPECT_THAT(completed({"-m", "node", "-P", ""}), ElementsAre("0", "1"));
    EXPECT_THAT(completed({"-m", "session", "-P", ""}), ElementsAre("0", "1", "2", "3"));
    EXPECT_THAT(completed({"-m", "host", "-P", ""}), ElementsAre("0", "1", "2", "3", "4"));
    EXPECT_THAT(completed({"-m", "iface", "-a", ""}), IsEmpty());
}

TEST(Completion, NoWordsGiveNothing) { EXPECT_THAT(completed({}), IsEmpty()); }

}  // namespace
}  // namespace iscsi::iscsiadm
