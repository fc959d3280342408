// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include "store/store.hpp"
#include "store/testing/test_tree.hpp"

namespace iscsi::store {
namespace {

using base::ErrorCode;
using record::Assignment;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Assignments = std::vector<Assignment>;

class Ifaces : public Nodes {};

TEST_F(Ifaces, BuiltInOnesNeedNoFileAndCanNotBeChanged) {
    Store store(paths_);
    EXPECT_EQ(value_of(store.load_iface("default")).transport_name, "tcp");
    EXPECT_EQ(value_of(store.load_iface("iser")).transport_name, "iser");
    EXPECT_EQ(value_of(store.load_iface("user")).transport_name, "user");
    EXPECT_THAT(value_of(store.ifaces()).ifaces, IsEmpty());

    EXPECT_EQ(store.add_iface(record::builtin_iface("default")).error().message,
              "iface default is a special interface and is not stored in " + paths_.ifaces() + ".");
    EXPECT_EQ(store.update_iface("iser", Assignments{{"iface.mtu", "1"}}).error().message,
              "iface iser is a special interface and cannot be modified.");
    EXPECT_EQ(store.remove_iface("user").error().message,
              "iface user is a special interface and cannot be deleted.");
}

TEST_F(Ifaces, MissingOnesAreNamed) {
    const auto loaded = Store(paths_).load_iface("gone");

    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().message, "Could not read iface info for gone.");
}

TEST_F(Ifaces, UpdatesReachBoundNodesOnly) {
    record::Iface iface;
    iface.iscsi_ifacename = "if1";
    Store store(paths_);
    expect_ok(store.add_iface(iface));
    auto bound = node("iqn.a", "10.0.0.1");
    bound.iface = iface;
    add(bound);
    add(node("iqn.a", "10.0.0.1"));

    ASSERT_TRUE(store.update_iface("if1", Assignments{{"iface.mtu", "9000"}}));

    EXPECT_EQ(value_of(store.load_iface("if1")).mtu, 9000);
    EXPECT_EQ(value_of(store.load(node_id(bound))).iface.mtu, 9000);
    EXPECT_EQ(value_of(store.load({"iqn.a", "10.0.0.1", 3260, 1})).iface.mtu, 0);
}

TEST_F(Ifaces, DeletingTakesBoundNodesAlong) {
    record::Iface iface;
    iface.iscsi_ifacename = "if1";
    Store store(paths_);
    expect_ok(store.add_iface(iface));
    auto bound = node("iqn.a", "10.0.0.1");
    bound.iface = iface;
    add(bound);

    store.set_in_use([](const record::Node&) { return true; });
    EXPECT_EQ(store.remove_iface("if1").error().code, ErrorCode::SessionExists);
    EXPECT_EQ(all().size(), 1U);

    store.set_in_use({});
    expect_ok(store.remove_iface("if1"));
    EXPECT_THAT(all(), IsEmpty());
    EXPECT_THAT(value_of(store.ifaces()).ifaces, IsEmpty());
}

// As open-iscsi does it: what can go goes.
TEST_F(Ifaces, DeletingKeepsTheRecordInUseAndTheIfaceAlone) {
    record::Iface iface;
    iface.iscsi_ifacename = "if1";
    Store store(paths_);
    expect_ok(store.add_iface(iface));
    for (const char* const target : {"iqn.a", "iqn.b", "iqn.c"}) {
        auto bound = node(target, "10.0.0.1");
        bound.iface = iface;
        add(bound);
    }
    store.set_in_use([](const record::Node& used) { return used.name == "iqn.b"; });

    const auto removed = store.remove_iface("if1");

    EXPECT_EQ(removed.error().code, ErrorCode::SessionExists);
    ASSERT_EQ(all().size(), 1U);
    EXPECT_EQ(all().front().target, "iqn.b");
    EXPECT_TRUE(store.load_iface("if1"));
}

TEST_F(Ifaces, ADamagedOneIsNamedBesideTheOthers) {
    put("ifaces/bad", "");
    put("ifaces/good", "iface.mtu = 9000\n");
    put("ifaces/worse", std::string("\0\x7f\xff = 1\n", 8));

    const auto list = value_of(Store(paths_).ifaces());

    ASSERT_EQ(list.ifaces.size(), 1U);
    EXPECT_EQ(list.ifaces[0].iscsi_ifacename, "good");
    ASSERT_EQ(list.problems.size(), 2U);
    EXPECT_THAT(list.problems[0].message, HasSubstr("ifaces/bad is empty"));
    EXPECT_THAT(list.problems[1].message, HasSubstr("ifaces/worse is damaged"));
}

TEST_F(Ifaces, TheExampleOfOldPackagesIsNoRecord) {
    put("ifaces/iface.example", "iface.iscsi_ifacename = example\n");

    EXPECT_THAT(value_of(Store(paths_).ifaces()).ifaces, IsEmpty());
}

}  // namespace
}  // namespace iscsi::store
