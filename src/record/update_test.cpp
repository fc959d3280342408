// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/update.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iscsi::record {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Assignments = std::vector<Assignment>;

template <class Record>
std::string refusal(Record record, const Assignments& assignments) {
    const Record before = record;
    const auto result = update(record, assignments);
    EXPECT_FALSE(result);
    EXPECT_EQ(record, before);
    if (result) return "(accepted)";
    EXPECT_EQ(result.error().code, base::ErrorCode::Invalid);
    return result.error().message;
}

TEST(Update, SetsSeveralKeys) {
    Node node;

    const auto notes = update(
        node, Assignments{{"node.startup", "automatic"}, {"node.session.auth.password", "pw"}});

    ASSERT_TRUE(notes);
    EXPECT_THAT(*notes, IsEmpty());
    EXPECT_EQ(node.startup, Startup::Automatic);
    EXPECT_EQ(node.session.auth.password.reveal(), "pw");
}

TEST(Update, AnEmptyValueUnsets) {
    Node node;
    node.session.auth.password = base::Secret("pw");
    node.session.auth.chap_algs = {ChapAlgorithm::Sha1};

    ASSERT_TRUE(update(node, Assignments{{"node.session.auth.password", ""},
                                         {"node.session.auth.chap_algs", ""}}));

    EXPECT_TRUE(node.session.auth.password.empty());
    EXPECT_THAT(node.session.auth.chap_algs, IsEmpty());
}

TEST(Update, RefusesInTheReferencesWords) {
    EXPECT_EQ(refusal(Node{}, {{"node.bogus", "1"}}),
              "Cannot modify node.bogus. Invalid param name.");
    EXPECT_EQ(refusal(Node{}, {{"node.tpgt", "1"}}),
              "Cannot modify node.tpgt. It is used to look up the record and cannot be changed.");
    EXPECT_EQ(refusal(Node{}, {{"iface.mtu", "1"}}),
              "Cannot modify iface.mtu. Use iface mode to update this value.");
    EXPECT_EQ(refusal(Node{}, {{"node.startup", "bogus"}}),
              "unknown value format 'bogus' for parameter name 'node.startup'\n"
              "Unknown parameter node.startup.");
    EXPECT_EQ(refusal(SendTargets{}, {{"discovery.startup", "onboot"}}),
              "unknown value format 'onboot' for parameter name 'discovery.startup'");
    EXPECT_EQ(refusal(SendTargets{}, {{"node.startup", "manual"}}),
              "Cannot modify node.startup. Invalid param name.");
    EXPECT_EQ(refusal(Iface{}, {{"iface.iscsi_ifacename", "x"}}),
              "Can not update iface.iscsi_ifacename. Delete it, and then create a new one.");
    EXPECT_EQ(refusal(Iface{}, {{"iface.mld", "enable"}}),
              "Cannot modify iface.mld. Invalid param name.");
}

TEST(Update, RefusesToChangeWhatAnIfaceIsBoundBy) {
    Iface by_mac;
    by_mac.hwaddress = "00:11:22:33:44:55";
    EXPECT_EQ(refusal(by_mac, {{"iface.net_ifacename", "eth0"}}),
              "Can not update interface binding from hwaddress to net_ifacename. You must delete "
              "the interface and create a new one");
    Iface by_name;
    by_name.net_ifacename = "eth0";
    EXPECT_EQ(refusal(by_name, {{"iface.hwaddress", "00:11:22:33:44:55"}}),
              "Can not update interface binding from net_ifacename to hwaddress. You must delete "
              "the interface and create a new one");
}

TEST(Update, OneBadKeyKeepsAllFromBeingSet) {
    refusal(Node{}, {{"node.startup", "automatic"}, {"node.leading_login", "yes"}});
    refusal(Node{}, {{"node.startup", "automatic"}, {"node.bogus", "1"}});
}

TEST(Update, RefusesALineBreakInAValue) {
    EXPECT_EQ(refusal(Node{}, {{"node.session.auth.username", "a\nnode.startup = onboot"}}),
              "Cannot modify node.session.auth.username. The value has a line break.");
}

TEST(Update, NotesWhatItLeftOutOfAList) {
    Node node;

    const auto notes = update(node, Assignments{{"node.session.auth.chap_algs", "MD5,MD5,x"}});

    ASSERT_TRUE(notes);
    EXPECT_THAT(*notes,
                ElementsAre("Ignoring repeated value 'MD5' for 'node.session.auth.chap_algs'",
                            "Ignoring unknown value 'x' for 'node.session.auth.chap_algs'"));
}

TEST(Update, TheTransportHasAnAliasInNodeRecords) {
    Node node;

    ASSERT_TRUE(update(node, Assignments{{"node.transport_name", "user"}}));

    EXPECT_EQ(node.iface.transport_name, "user");
    EXPECT_TRUE(changes_transport(Assignments{{"node.transport_name", "user"}}));
    EXPECT_TRUE(changes_transport(Assignments{{"iface.transport_name", "user"}}));
    EXPECT_FALSE(changes_transport(Assignments{{"node.startup", "user"}}));
    refusal(Iface{}, {{"node.transport_name", "user"}});
}

TEST(Update, NodeModeLeavesIfaceKeysAlone) {
    EXPECT_TRUE(check_node_mode(Assignments{{"iface.transport_name", "user"}}));
    EXPECT_FALSE(check_node_mode(Assignments{{"node.startup", "manual"}, {"iface.mtu", "1"}}));
}

}  // namespace
}  // namespace iscsi::record
