// SPDX-License-Identifier: LGPL-2.1-or-later
// Discovery records, and what a discovery does to node records.
#include <gmock/gmock.h>

#include "store/store.hpp"
#include "store/testing/test_tree.hpp"

namespace iscsi::store {
namespace {

using base::ErrorCode;
using record::Assignment;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Assignments = std::vector<Assignment>;

class Discovery : public Nodes {};

TEST_F(Discovery, MissingRecordsAreNamed) {
    Store store(paths_);
    for (const auto& message : {store.load_send_targets({"9.9.9.9", 3260}).error().message,
                                store.remove_send_targets({"9.9.9.9", 3260}).error().message,
                                store.load_isns({"9.9.9.9", 3260}).error().message}) {
        EXPECT_EQ(message, "Discovery record [9.9.9.9,3260] not found.");
    }
}

TEST_F(Discovery, TheOldLayoutIsReadAndReplaced) {
    put("send_targets/10.0.0.9,3260",
        "discovery.startup = automatic\ndiscovery.sendtargets.reopen_max = 9\n");
    Store store(paths_);

    EXPECT_THAT(value_of(store.send_targets()).ids, ElementsAre(DiscoveryId{"10.0.0.9", 3260}));
    EXPECT_EQ(value_of(store.load_send_targets({"10.0.0.9", 3260})).reopen_max, 9);
    ASSERT_TRUE(store.update_send_targets({"10.0.0.9", 3260},
                                          Assignments{{"discovery.startup", "manual"}}));
    EXPECT_TRUE(exists("send_targets/10.0.0.9,3260/st_config"));
    EXPECT_EQ(value_of(store.load_send_targets({"10.0.0.9", 3260})).reopen_max, 9);
}

TEST_F(Discovery, ADirectoryWithoutARecordIsNamedAndCanBeFilledOrRemoved) {
    Store store(paths_);
    for (const auto* address : {"10.0.0.8", "10.0.0.9"}) {
        const auto directory = paths_.send_targets() + "/" + address + ",3260";
        std::filesystem::create_directories(directory);
        std::filesystem::create_symlink("/x", directory + "/iqn.a,10.0.0.1,3260,1,default");
    }

    const auto list = value_of(store.send_targets());
    EXPECT_THAT(list.ids, IsEmpty());
    ASSERT_EQ(list.problems.size(), 2U);
    EXPECT_EQ(list.problems[0].message, "Could not read discovery record for 10.0.0.8:3260.");
    record::SendTargets record;
    record.address = "10.0.0.9";
    expect_ok(store.save_send_targets(record));
    expect_ok(store.remove_send_targets({"10.0.0.8", 3260}));
    EXPECT_THAT(value_of(store.send_targets()).ids, ElementsAre(DiscoveryId{"10.0.0.9", 3260}));
    EXPECT_THAT(value_of(store.send_targets()).problems, IsEmpty());
}

// What a kill in the middle of a deletion leaves.
TEST_F(Discovery, AnEmptyDirectoryIsNothingAndGoesWithTheNextChange) {
    Store store(paths_);
    std::filesystem::create_directories(paths_.send_targets() + "/10.0.0.8,3260");
    std::filesystem::create_directories(paths_.isns() + "/10.0.0.8,3205");
    for (const auto& list : {value_of(store.send_targets()), value_of(store.isns())}) {
        EXPECT_THAT(list.ids, IsEmpty());
        EXPECT_THAT(list.problems, IsEmpty());
    }

    record::SendTargets record;
    record.address = "10.0.0.9";
    expect_ok(store.save_send_targets(record));
    record::Isns isns;
    isns.address = "10.0.0.9";
    expect_ok(store.save_isns(isns));

    EXPECT_FALSE(exists("send_targets/10.0.0.8,3260"));
    EXPECT_FALSE(exists("isns/10.0.0.8,3205"));
    std::filesystem::create_directories(paths_.send_targets() + "/10.0.0.8,3260");
    expect_ok(store.remove_send_targets({"10.0.0.9", 3260}));
    EXPECT_TRUE(std::filesystem::is_empty(paths_.send_targets()));
}

TEST_F(Discovery, ADanglingLinkIsDamagedAndCanBeReplacedOrRemoved) {
    Store store(paths_);
    record::SendTargets record;
    record.address = "10.0.0.9";
    const auto file = paths_.send_targets() + "/10.0.0.9,3260/st_config";
    std::filesystem::create_directories(paths_.send_targets() + "/10.0.0.9,3260");
    std::filesystem::create_symlink("/nowhere", file);

    EXPECT_THAT(value_of(store.send_targets()).ids, ElementsAre(DiscoveryId{"10.0.0.9", 3260}));
    EXPECT_EQ(store.load_send_targets({"10.0.0.9", 3260}).error().code, ErrorCode::Database);
    expect_ok(store.save_send_targets(record));
    EXPECT_TRUE(std::filesystem::is_regular_file(std::filesystem::symlink_status(file)));
    std::filesystem::remove(file);
    std::filesystem::create_symlink("/nowhere", file);
    expect_ok(store.remove_send_targets({"10.0.0.9", 3260}));
    EXPECT_FALSE(exists("send_targets/10.0.0.9,3260"));
}

TEST_F(Discovery, OldLinksBesideIsnsServersAreNoRecords) {
    std::filesystem::create_directories(paths_.isns());
    std::filesystem::create_symlink("/x", paths_.isns() + "/iqn.a,10.0.0.1,3260,1,default");
    std::filesystem::create_symlink("/x", paths_.isns() + "/iqn.a,3260");

    EXPECT_THAT(value_of(Store(paths_).isns()).ids, IsEmpty());
}

// A run that found `portals` on interface default.
DiscoveryRun run_of(std::vector<FoundPortal> portals, DiscoveryOps ops = DiscoveryOps::all()) {
    return {.source = {"10.0.0.9", 3260},
            .portals = std::move(portals),
            .ifaces = {record::builtin_iface("default")},
            .ops = ops};
}
const FoundPortal kFirst{"iqn.a", {"10.0.0.1", 3260, 1}};
const FoundPortal kSecond{"iqn.a", {"10.0.0.2", 3260, 1}};

class DiscoveryEffects : public Discovery {
protected:
    void SetUp() override {
        Discovery::SetUp();
        record::SendTargets record;
        record.address = "10.0.0.9";
        expect_ok(Store(paths_).save_send_targets(record));
    }
    // A database that knows both portals from an earlier run, the first one edited by hand; then a
    // run that finds the first and a third.
    DiscoveryEffect after(DiscoveryOps ops) {
        Store store(paths_);
        EXPECT_TRUE(store.apply_discovery(run_of({kFirst, kSecond})));
        EXPECT_TRUE(store.update(kFirstId, Assignments{{"node.session.queue_depth", "77"}}));
        add(node("iqn.static", "10.0.0.2"));
        return value_of(
            store.apply_discovery(run_of({kFirst, {"iqn.a", {"10.0.0.3", 3260, 1}}}, ops)));
    }
    int depth() { return value_of(Store(paths_).load(kFirstId)).session.queue_depth; }
    bool has(const std::string& address) {
        return exists("nodes/iqn.a/" + address + ",3260,1/default") &&
               exists("send_targets/10.0.0.9,3260/iqn.a," + address + ",3260,1,default");
    }
    const NodeId kFirstId{"iqn.a", "10.0.0.1", 3260, 1};
};

TEST_F(DiscoveryEffects, WithoutAnOpEverythingIsAsFound) {
    after(DiscoveryOps::all());

    EXPECT_EQ(depth(), 32);
    EXPECT_FALSE(exists("nodes/iqn.a/10.0.0.2,3260,1"));
    EXPECT_TRUE(has("10.0.0.3"));
    EXPECT_TRUE(exists("nodes/iqn.static/10.0.0.2,3260,1/default"));
}

TEST_F(DiscoveryEffects, NewAddsOnly) {
    after({.add = true});

    EXPECT_EQ(depth(), 77);
    EXPECT_TRUE(has("10.0.0.2"));
    EXPECT_TRUE(has("10.0.0.3"));
}

TEST_F(DiscoveryEffects, UpdateResetsAndAdds) {
    after({.update = true});

    EXPECT_EQ(depth(), 32);
    EXPECT_TRUE(has("10.0.0.2"));
    EXPECT_TRUE(has("10.0.0.3"));
}

TEST_F(DiscoveryEffects, DeleteDeletesOnly) {
    const auto effect = after({.remove = true});

    EXPECT_EQ(depth(), 77);
    EXPECT_FALSE(exists("nodes/iqn.a/10.0.0.2,3260,1"));
    EXPECT_FALSE(exists("nodes/iqn.a/10.0.0.3,3260,1"));
    EXPECT_THAT(effect.removed, ElementsAre(NodeId{"iqn.a", "10.0.0.2", 3260, 1}));
}

TEST_F(DiscoveryEffects, NonpersistentTouchesNothing) {
    const auto effect = after({});

    EXPECT_EQ(depth(), 77);
    EXPECT_TRUE(has("10.0.0.2"));
    EXPECT_FALSE(exists("nodes/iqn.a/10.0.0.3,3260,1"));
    ASSERT_EQ(effect.nodes.size(), 2U);
    EXPECT_EQ(effect.nodes[0].session.queue_depth, 77);
    EXPECT_EQ(effect.nodes[1].conn[0].address, "10.0.0.3");
}

// -o nonpersistent with -o new: the discovery has no record, its nodes have.
TEST_F(DiscoveryEffects, WithoutADiscoveryRecordThereIsNoDirectoryForLinks) {
    Store store(paths_);
    expect_ok(store.remove_send_targets({"10.0.0.9", 3260}));
    add(node("iqn.a", "10.0.0.1"));  // a static record, found now
    ASSERT_TRUE(exists("static/iqn.a,10.0.0.1,3260,1,default"));
    // Left by a kill: it is no record either.
    std::filesystem::create_directories(paths_.send_targets() + "/10.0.0.9,3260");

    ASSERT_TRUE(store.apply_discovery(run_of({kFirst, kSecond}, {.update = true})));

    EXPECT_EQ(all().size(), 2U);
    EXPECT_FALSE(exists("static/iqn.a,10.0.0.1,3260,1,default"));
    EXPECT_TRUE(std::filesystem::is_empty(paths_.send_targets() + "/10.0.0.9,3260"));
    EXPECT_THAT(value_of(store.send_targets()).problems, IsEmpty());
    expect_ok(store.remove(kFirstId));
    EXPECT_FALSE(exists("nodes/iqn.a/10.0.0.1,3260,1"));
}

TEST_F(DiscoveryEffects, ARecordInUseStaysAndIsReported) {
    Store store(paths_);
    store.set_in_use([](const record::Node& node) { return node.conn[0].address == "10.0.0.2"; });
    ASSERT_TRUE(store.apply_discovery(run_of({kFirst, kSecond})));

    const auto effect = value_of(store.apply_discovery(run_of({kFirst})));

    EXPECT_TRUE(has("10.0.0.2"));
    ASSERT_EQ(effect.problems.size(), 1U);
    EXPECT_EQ(effect.problems[0].code, ErrorCode::SessionExists);
}

TEST_F(DiscoveryEffects, OtherInterfacesRecordsOfTheSourceGo) {
    Store store(paths_);
    ASSERT_TRUE(store.apply_discovery(run_of({kFirst})));
    auto run = run_of({kFirst});
    run.ifaces = {record::builtin_iface("user")};

    ASSERT_TRUE(store.apply_discovery(run));

    EXPECT_THAT(all(), ElementsAre(NodeId{"iqn.a", "10.0.0.1", 3260, 1, "user"}));
}

TEST_F(DiscoveryEffects, ARecordFromAnotherSourceStays) {
    Store store(paths_);
    auto other = run_of({kSecond});
    other.source.port = 3261;
    ASSERT_TRUE(store.apply_discovery(other));

    ASSERT_TRUE(store.apply_discovery(run_of({kFirst})));

    EXPECT_EQ(all().size(), 2U);
}

TEST_F(DiscoveryEffects, APortalNamedTwiceIsOneRecord) {
    const auto effect = value_of(Store(paths_).apply_discovery(run_of({kFirst, kFirst})));

    EXPECT_EQ(effect.nodes.size(), 1U);
}

TEST_F(DiscoveryEffects, AHostileNameIsReportedAndNothingElse) {
    const auto effect = value_of(
        Store(paths_).apply_discovery(run_of({{"../../../tmp/x", {"10.0.0.1", 3260, 1}}, kFirst})));

    EXPECT_EQ(effect.nodes.size(), 1U);
    ASSERT_EQ(effect.problems.size(), 1U);
    EXPECT_EQ(effect.problems[0].code, ErrorCode::Invalid);
}

TEST_F(DiscoveryEffects, AnEmptiedRecordIsMended) {
    Store store(paths_);
    ASSERT_TRUE(store.apply_discovery(run_of({kFirst})));
    put("nodes/iqn.a/10.0.0.1,3260,1/default", "");

    ASSERT_TRUE(store.apply_discovery(run_of({kFirst}, {.add = true})));

    EXPECT_EQ(depth(), 32);
}

TEST_F(DiscoveryEffects, FirmwareRecordsFoundAgainStartOnboot) {
    auto run = run_of({kFirst});
    run.type = record::NodeDiscoveryType::Firmware;
    run.source = {};

    EXPECT_EQ(value_of(Store(paths_).apply_discovery(run)).nodes[0].startup,
              record::Startup::Manual);
    const auto effect = value_of(Store(paths_).apply_discovery(run));

    EXPECT_EQ(effect.nodes[0].startup, record::Startup::Onboot);
    EXPECT_EQ(effect.nodes[0].conn[0].startup, record::Startup::Onboot);
    EXPECT_TRUE(exists("fw/iqn.a,10.0.0.1,3260,1,default"));
}

TEST_F(DiscoveryEffects, FirmwareSaysWhoWeAreAndHowToProveIt) {
    auto run = run_of({kFirst});
    run.type = record::NodeDiscoveryType::Firmware;
    run.source = {};
    run.portals[0].initiator_name = "iqn.x:me";
    run.portals[0].auth =
        record::Auth{.username = "me", .password = base::Secret("secret"), .username_in = {}};
    run.defaults.session.auth.chap_algs = {record::ChapAlgorithm::Sha256};

    const auto effect = value_of(Store(paths_).apply_discovery(run));

    const auto& node = effect.nodes.at(0);
    EXPECT_EQ(node.iface.initiatorname, "iqn.x:me");
    EXPECT_EQ(node.session.auth.username, "me");
    EXPECT_EQ(node.session.auth.chap_algs, record::ChapAlgorithms{record::ChapAlgorithm::Sha256});
}

TEST_F(DiscoveryEffects, DeletingTheDiscoveryRecordTakesItsNodesAlong) {
    Store store(paths_);
    record::SendTargets discovery;
    discovery.address = "10.0.0.9";
    expect_ok(store.save_send_targets(discovery));
    ASSERT_TRUE(store.apply_discovery(run_of({kFirst, kSecond})));
    add(node("iqn.static", "10.0.0.2"));
    EXPECT_EQ(
        value_of(store.linked(record::NodeDiscoveryType::SendTargets, {"10.0.0.9", 3260})).size(),
        2U);

    store.set_in_use([](const record::Node&) { return true; });
    expect_ok(store.remove_send_targets({"10.0.0.9", 3260}));

    EXPECT_THAT(all(), ElementsAre(NodeId{"iqn.static", "10.0.0.2", 3260, 1}));
    EXPECT_FALSE(exists("send_targets/10.0.0.9,3260"));
}

TEST_F(DiscoveryEffects, DanglingLinksArePassedOver) {
    Store store(paths_);
    ASSERT_TRUE(store.apply_discovery(run_of({kFirst, kSecond})));
    std::filesystem::remove_all(paths_.nodes() + "/iqn.a/10.0.0.1,3260,1");

    EXPECT_THAT(value_of(store.linked(record::NodeDiscoveryType::SendTargets, {"10.0.0.9", 3260})),
                ElementsAre(NodeId{"iqn.a", "10.0.0.2", 3260, 1}));
}

}  // namespace
}  // namespace iscsi::store
