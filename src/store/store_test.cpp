// SPDX-License-Identifier: LGPL-2.1-or-later
// Node records. Ifaces and discoveries are in files of their own.
#include <gmock/gmock.h>

#include <cerrno>

#include "os/forwarding_files.hpp"
#include "store/store.hpp"
#include "store/testing/test_tree.hpp"

namespace iscsi::store {
namespace {

using base::ErrorCode;
using record::Assignment;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Assignments = std::vector<Assignment>;

// --- finding -------------------------------------------------------------------------------------

TEST_F(Nodes, AnEmptyDatabaseHasNone) { EXPECT_THAT(all(), IsEmpty()); }

TEST_F(Nodes, AreListedSortedByTargetPortalAndIface) {
    auto second = node("iqn.b", "10.0.0.2");
    second.iface.iscsi_ifacename = "if1";
    add(second);
    add(node("iqn.b", "10.0.0.2"));
    add(node("iqn.b", "10.0.0.10", 3260, -1));
    add(node("iqn.a", "fe80::1", 3261, 5));

    EXPECT_THAT(all(), ElementsAre(NodeId{"iqn.a", "fe80::1", 3261, 5, "default"},
                                   NodeId{"iqn.b", "10.0.0.10", 3260, -1, "default"},
                                   NodeId{"iqn.b", "10.0.0.2", 3260, 1, "default"},
                                   NodeId{"iqn.b", "10.0.0.2", 3260, 1, "if1"}));
}

TEST_F(Nodes, TargetsAreNamedSortedWithoutWhatIsNone) {
    add(node("iqn.b", "10.0.0.1"));
    add(node("iqn.a", "10.0.0.1"));
    add(node("iqn.a", "10.0.0.2"));
    std::ofstream(paths_.nodes() + "/a file") << "x";

    const auto names = value_of(Store(paths_).targets());

    EXPECT_THAT(names.sorted(), ElementsAre("iqn.a", "iqn.b"));
}

TEST_F(Nodes, AnEmptyDatabaseHasNoTargets) {
    EXPECT_THAT(value_of(Store(paths_).targets()).sorted(), IsEmpty());
}

TEST_F(Nodes, AreFoundByTargetPortalAndIface) {
    auto other = node("iqn.b", "10.0.0.2", 3261);
    other.iface.iscsi_ifacename = "if1";
    other.iface.transport_name = "iser";
    add(other);
    add(node("iqn.a", "10.0.0.1"));
    record::Iface iser = other.iface;
    record::Iface tcp = other.iface;
    tcp.transport_name = "tcp";

    EXPECT_THAT(found({.target = "iqn.b"}), ElementsAre(node_id(other)));
    EXPECT_THAT(found({.target = "iqn.c"}), IsEmpty());
    EXPECT_THAT(found({.portal = record::Portal{"10.0.0.2", 3261, 9}}),
                ElementsAre(node_id(other)));
    EXPECT_THAT(found({.portal = record::Portal{"10.0.0.2", 3260, 1}}), IsEmpty());
    EXPECT_THAT(found({.iface = iser}), ElementsAre(node_id(other)));
    EXPECT_THAT(found({.iface = tcp}), IsEmpty());
}

TEST_F(Nodes, PortalsMatchByAddressToo) {
    add(node("iqn.a", "storage"));
    Store store(paths_);
    store.set_same_address(
        [](std::string_view a, std::string_view b) { return a == "storage" && b == "10.0.0.7"; });

    EXPECT_EQ(value_of(store.find({.portal = record::Portal{"10.0.0.7"}})).size(), 1U);
    EXPECT_THAT(value_of(store.find({.portal = record::Portal{"10.0.0.8"}})), IsEmpty());
}

TEST_F(Nodes, StrayEntriesAreNoRecords) {
    add(node("iqn.a", "10.0.0.1"));
    put("nodes/stray", "x");
    put("nodes/iqn.a/file", "x");
    put("nodes/iqn.a/10.0.0.1,3260,1/.new-1.1", "x");
    std::filesystem::create_directories(paths_.nodes() + "/iqn.empty");
    std::filesystem::create_directories(paths_.nodes() + "/iqn.b/10.0.0.1,3260,1/dir");
    std::filesystem::create_symlink("/nowhere", paths_.nodes() + "/iqn.dangling");

    EXPECT_EQ(all().size(), 1U);
}

// Before there were records of ifaces, each portal's record was a plain file.
constexpr std::string_view kOldRecord =
    "node.name = iqn.a\nnode.tpgt = 3\nnode.session.queue_depth = 7\n";

TEST_F(Nodes, ATagInAnOldPlainFileCounts) {
    put("nodes/iqn.a/10.0.0.1,3260", kOldRecord);
    const NodeId id{"iqn.a", "10.0.0.1", 3260, 3};
    Store store(paths_);

    EXPECT_THAT(all(), ElementsAre(id));
    EXPECT_EQ(value_of(store.load(id)).session.queue_depth, 7);
    ASSERT_TRUE(store.update(id, Assignments{{"node.startup", "automatic"}}));
    EXPECT_FALSE(exists("nodes/iqn.a/10.0.0.1,3260"));
    EXPECT_TRUE(get("nodes/iqn.a/10.0.0.1,3260,3/default").contains("\nnode.tpgt = 3\n"));
    EXPECT_EQ(value_of(store.load(id)).session.queue_depth, 7);
}

TEST_F(Nodes, AnOldPlainFileIsDeletedByItsTag) {
    put("nodes/iqn.a/10.0.0.1,3260", kOldRecord);
    put("nodes/iqn.a/10.0.0.2,3260,3", kOldRecord);
    Store store(paths_);

    for (const auto& id : all()) {
        EXPECT_EQ(id.tpgt, 3);
        expect_ok(store.remove(id));
    }
    EXPECT_FALSE(exists("nodes/iqn.a"));
}

TEST_F(Nodes, AFileInThePlaceOfAPortalBecomesOne) {
    put("nodes/iqn.a/10.0.0.1,3260,3", kOldRecord);
    const NodeId id{"iqn.a", "10.0.0.1", 3260, 3};
    Store store(paths_);

    EXPECT_THAT(all(), ElementsAre(id));
    ASSERT_TRUE(store.update(id, Assignments{{"node.startup", "automatic"}}));
    EXPECT_TRUE(exists("nodes/iqn.a/10.0.0.1,3260,3/default"));
    EXPECT_EQ(value_of(store.load(id)).session.queue_depth, 7);
    EXPECT_FALSE(exists("nodes/.new-record"));
}

// --- writing -------------------------------------------------------------------------------------

TEST_F(Nodes, WhatIsAddedIsLoaded) {
    auto written = node("iqn.a:disk", "10.0.0.1");
    written.session.auth.password = base::Secret("pw");
    written.unknown = {{"node.future", "1"}};
    add(written);

    EXPECT_EQ(value_of(Store(paths_).load(node_id(written))), written);
}

TEST_F(Nodes, AddingReplacesTheRecordAndItsLink) {
    auto first = node("iqn.a", "10.0.0.1");
    first.startup = record::Startup::Automatic;
    add(first);
    record::SendTargets source;
    source.address = "10.0.0.9";
    expect_ok(Store(paths_).save_send_targets(source));
    auto again = node("iqn.a", "10.0.0.1");
    again.discovery_type = record::NodeDiscoveryType::SendTargets;
    again.discovery_address = "10.0.0.9";
    again.discovery_port = 3260;
    add(again);

    EXPECT_EQ(value_of(Store(paths_).load(node_id(first))), again);
    EXPECT_FALSE(exists("static/iqn.a,10.0.0.1,3260,1,default"));
    EXPECT_TRUE(exists("send_targets/10.0.0.9,3260/iqn.a,10.0.0.1,3260,1,default"));
}

TEST_F(Nodes, ADanglingLinkIsDamagedAndCanBeReplacedOrRemoved) {
    const NodeId id{"iqn.a", "10.0.0.1", 3260, 1};
    const auto file = paths_.nodes() + "/iqn.a/10.0.0.1,3260,1/default";
    const auto replace_by_link = [&] {
        std::filesystem::remove(file);
        std::filesystem::create_symlink("/nowhere", file);
    };
    Store store(paths_);
    add(node("iqn.a", "10.0.0.1"));
    replace_by_link();

    EXPECT_THAT(all(), ElementsAre(id));
    EXPECT_EQ(store.load(id).error().code, ErrorCode::Database);
    EXPECT_EQ(
        store.load(id).error().message,
        file + " is a link to a file that is not there. Delete the record or discover it anew.");
    EXPECT_FALSE(store.update(id, Assignments{{"node.startup", "automatic"}}));
    EXPECT_TRUE(std::filesystem::is_symlink(file));
    add(node("iqn.a", "10.0.0.1"));
    EXPECT_TRUE(store.load(id));
    EXPECT_FALSE(std::filesystem::is_symlink(file));
    replace_by_link();
    expect_ok(store.remove(id));
    EXPECT_FALSE(exists("nodes/iqn.a"));
    EXPECT_FALSE(exists("static/iqn.a,10.0.0.1,3260,1,default"));
}

// What a full disk does: nothing can be written, but names can be removed.
class FullDisk final : public os::ForwardingFiles {
public:
    using ForwardingFiles::ForwardingFiles;
    os::Expected<void> write(const os::Fd& /*file*/, std::string_view /*text*/) override {
        return std::unexpected(os::Errno{ENOSPC});
    }
};

TEST_F(Nodes, ARecordThatCanNotBeWrittenLeavesNoDirectories) {
    FullDisk files(os::system_files());
    for (const std::int32_t tpgt : {1, -1}) {
        const auto added = Store(paths_, files).add(node("iqn.a", "10.0.0.1", 3260, tpgt));
        ASSERT_FALSE(added);
        EXPECT_THAT(added.error().message, HasSubstr("No space left on device"));
        EXPECT_FALSE(exists("nodes/iqn.a"));
    }
    add(node("iqn.a", "10.0.0.1"));
    EXPECT_FALSE(Store(paths_, files).add(node("iqn.a", "10.0.0.2")));
    EXPECT_TRUE(exists("nodes/iqn.a/10.0.0.1,3260,1/default"));
    EXPECT_FALSE(exists("nodes/iqn.a/10.0.0.2,3260,1"));
}

// A mount point can't be renamed over.
class BusyFiles final : public os::ForwardingFiles {
public:
    using ForwardingFiles::ForwardingFiles;
    os::Expected<void> rename(const std::string& /*from*/, const std::string& /*to*/) override {
        return std::unexpected(os::Errno{EBUSY});
    }
};

TEST_F(Nodes, AFileThatIsAMountPointIsRewrittenInPlace) {
    add(node("iqn.a", "10.0.0.1"));
    const NodeId id{"iqn.a", "10.0.0.1", 3260, 1};
    const auto file = paths_.nodes() + "/iqn.a/10.0.0.1,3260,1/default";
    const auto other = root_ + "/other name";
    std::filesystem::create_hard_link(file, other);
    BusyFiles files(os::system_files());
    Store store(paths_, files);

    for (const auto* value : {"a long name of a user, longer than what follows", "me"}) {
        ASSERT_TRUE(store.update(id, Assignments{{"node.session.auth.username", value}}));
        EXPECT_EQ(value_of(store.load(id)).session.auth.username, value);
        EXPECT_TRUE(slurp(other).ends_with("# END RECORD\n"));
        EXPECT_EQ(slurp(other), slurp(file));
    }
    for (const auto& entry : std::filesystem::directory_iterator(paths_.dbroot)) {
        EXPECT_FALSE(entry.path().filename().string().starts_with(".new-")) << entry.path();
    }
}

TEST_F(Nodes, AnIsnsRecordIsLinkedBelowItsServerIfThatIsKnown) {
    auto found_by_isns = node("iqn.a", "10.0.0.1");
    found_by_isns.discovery_type = record::NodeDiscoveryType::Isns;
    found_by_isns.discovery_address = "10.0.0.9";
    found_by_isns.discovery_port = 3205;
    add(found_by_isns);
    EXPECT_TRUE(exists("isns/iqn.a,10.0.0.1,3260,1,default"));

    record::Isns server;
    server.address = "10.0.0.9";
    expect_ok(Store(paths_).save_isns(server));
    auto other = found_by_isns;
    other.name = "iqn.b";
    add(other);
    EXPECT_TRUE(exists("isns/10.0.0.9,3205/iqn.b,10.0.0.1,3260,1,default"));
}

TEST_F(Nodes, ARecordWithATagReplacesTheOneWithout) {
    add(node("iqn.a", "10.0.0.1", 3260, -1));
    EXPECT_TRUE(exists("nodes/iqn.a/10.0.0.1,3260"));

    add(node("iqn.a", "10.0.0.1", 3260, 7));

    EXPECT_FALSE(exists("nodes/iqn.a/10.0.0.1,3260"));
    EXPECT_TRUE(exists("nodes/iqn.a/10.0.0.1,3260,7/default"));
}

TEST_F(Nodes, UpdateIsAllOrNothing) {
    add(node("iqn.a", "10.0.0.1"));
    const NodeId id{"iqn.a", "10.0.0.1", 3260, 1};
    const std::string before = get("nodes/iqn.a/10.0.0.1,3260,1/default");

    const auto refused =
        Store(paths_).update(id, Assignments{{"node.startup", "automatic"}, {"node.bogus", "1"}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(get("nodes/iqn.a/10.0.0.1,3260,1/default"), before);

    ASSERT_TRUE(Store(paths_).update(id, Assignments{{"node.startup", "automatic"}}));
    EXPECT_EQ(value_of(Store(paths_).load(id)).startup, record::Startup::Automatic);
}

TEST_F(Nodes, UpdateKeepsKeysItDoesNotKnow) {
    add(node("iqn.a", "10.0.0.1"));
    put("nodes/iqn.a/10.0.0.1,3260,1/default", "node.name = iqn.a\nnode.future = 7\n");

    ASSERT_TRUE(Store(paths_).update({"iqn.a", "10.0.0.1", 3260, 1},
                                     Assignments{{"node.startup", "automatic"}}));

    EXPECT_THAT(get("nodes/iqn.a/10.0.0.1,3260,1/default"), HasSubstr("node.future = 7\n"));
}

TEST_F(Nodes, UpdateOfNothingSaysSo) {
    const auto updated = Store(paths_).update({"iqn.a", "10.0.0.1", 3260, 1},
                                              Assignments{{"node.startup", "automatic"}});

    ASSERT_FALSE(updated);
    EXPECT_EQ(updated.error().code, ErrorCode::NoObjectsFound);
}

TEST_F(Nodes, NamesThatWouldLeaveTheTreeAreRefused) {
    for (const std::string bad : {"", "..", "a/../../b", "a\nb"}) {
        Store store(paths_);
        EXPECT_EQ(store.add(node(bad, "10.0.0.1")).error().code, ErrorCode::Invalid) << bad;
        EXPECT_EQ(store.add(node("iqn.a", bad)).error().code, ErrorCode::Invalid) << bad;
        auto bound = node("iqn.a", "10.0.0.1");
        bound.iface.iscsi_ifacename = bad;
        EXPECT_EQ(store.add(bound).error().code, ErrorCode::Invalid) << bad;
    }
    EXPECT_EQ(Store(paths_).add(node(std::string(250, 'x'), "10.0.0.1")).error().code,
              ErrorCode::Invalid);
    EXPECT_THAT(listing(), IsEmpty());
}

// --- deleting ------------------------------------------------------------------------------------

TEST_F(Nodes, DeletingLeavesNothingBehind) {
    add(node("iqn.a", "10.0.0.1"));
    add(node("iqn.a", "10.0.0.2"));

    expect_ok(Store(paths_).remove({"iqn.a", "10.0.0.1", 3260, 1}));
    EXPECT_FALSE(exists("nodes/iqn.a/10.0.0.1,3260,1"));
    EXPECT_FALSE(exists("static/iqn.a,10.0.0.1,3260,1,default"));
    EXPECT_TRUE(exists("nodes/iqn.a/10.0.0.2,3260,1/default"));

    expect_ok(Store(paths_).remove({"iqn.a", "10.0.0.2", 3260, 1}));
    EXPECT_FALSE(exists("nodes/iqn.a"));
}

TEST_F(Nodes, ARecordInUseIsNotDeleted) {
    add(node("iqn.a", "10.0.0.1"));
    Store store(paths_);
    store.set_in_use([](const record::Node& used) { return used.name == "iqn.a"; });

    const auto removed = store.remove({"iqn.a", "10.0.0.1", 3260, 1});

    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code, ErrorCode::SessionExists);
    EXPECT_EQ(removed.error().message,
              "This command will remove the record [iface: default, target: iqn.a, portal: "
              "10.0.0.1,3260], but a session is using it. Logout session then rerun command to "
              "remove record.");
    EXPECT_TRUE(exists("static/iqn.a,10.0.0.1,3260,1,default"));
}

TEST_F(Nodes, DeletingWhatIsNotThereSaysSo) {
    EXPECT_EQ(Store(paths_).remove({"iqn.a", "10.0.0.1", 3260, 1}).error().code,
              ErrorCode::NoObjectsFound);
}

// --- damage --------------------------------------------------------------------------------------

TEST_F(Nodes, AnEmptiedRecordIsNamedFoundAndDeletable) {
    auto linked = node("iqn.a", "10.0.0.1");
    linked.discovery_type = record::NodeDiscoveryType::SendTargets;
    linked.discovery_address = "10.0.0.9";
    linked.discovery_port = 3260;
    add(linked);
    const NodeId id = node_id(linked);
    put("nodes/iqn.a/10.0.0.1,3260,1/default", "");

    EXPECT_THAT(all(), ElementsAre(id));
    const auto loaded = Store(paths_).load(id);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::Database);
    EXPECT_EQ(loaded.error().message,
              paths_.dbroot +
                  "/nodes/iqn.a/10.0.0.1,3260,1/default is empty: its writer was interrupted. "
                  "Delete the record or discover it anew.");

    expect_ok(Store(paths_).remove(id));
    EXPECT_FALSE(exists("nodes/iqn.a"));
    EXPECT_FALSE(exists("send_targets/10.0.0.9,3260/iqn.a,10.0.0.1,3260,1,default"));
}

TEST_F(Nodes, AnEmptiedRecordCanBeAddedAnew) {
    add(node("iqn.a", "10.0.0.1"));
    put("nodes/iqn.a/10.0.0.1,3260,1/default", "");

    add(node("iqn.a", "10.0.0.1"));

    EXPECT_TRUE(Store(paths_).load({"iqn.a", "10.0.0.1", 3260, 1}));
}

TEST_F(Nodes, ARecordWithoutANameHasItsPathsName) {
    put("nodes/iqn.a/10.0.0.1,3261,4/default", "node.startup = automatic\n");

    const auto loaded = value_of(Store(paths_).load({"iqn.a", "10.0.0.1", 3261, 4}));

    EXPECT_EQ(loaded.startup, record::Startup::Automatic);
    EXPECT_EQ(node_id(loaded), (NodeId{"iqn.a", "10.0.0.1", 3261, 4}));
}

TEST_F(Nodes, WarningsNameTheFile) {
    put("nodes/iqn.a/10.0.0.1,3260,1/default", "node.startup=automatic\n# END RECORD\n");
    Store store(paths_);
    std::vector<std::string> warnings;
    store.set_on_warning([&](const std::string& path, const record::Warning& warning) {
        warnings.push_back(path + ": " + warning.text);
    });

    ASSERT_TRUE(store.load({"iqn.a", "10.0.0.1", 3260, 1}));
    ASSERT_TRUE(store.load({"iqn.a", "10.0.0.1", 3260, 1}));

    EXPECT_THAT(warnings, ElementsAre(paths_.dbroot +
                                      "/nodes/iqn.a/10.0.0.1,3260,1/default: Config file line 1 "
                                      "does not have '=' separator"));
}

TEST_F(Nodes, AFileWithSecretsThatOthersMayReadIsWarnedOf) {
    auto secret = node("iqn.a", "10.0.0.1");
    secret.session.auth.password = base::Secret("pw");
    add(secret);
    add(node("iqn.b", "10.0.0.1"));
    for (const std::string target : {"iqn.a", "iqn.b"}) {
        const auto path = paths_.nodes() + "/" + target + "/10.0.0.1,3260,1/default";
        using std::filesystem::perms;
        std::filesystem::permissions(path,
                                     perms::owner_read | perms::owner_write | perms::group_read);
    }
    Store store(paths_);
    std::vector<std::string> warnings;
    store.set_on_warning([&](const std::string&, const record::Warning& warning) {
        warnings.push_back(warning.text);
    });

    ASSERT_TRUE(store.load({"iqn.a", "10.0.0.1", 3260, 1}));
    ASSERT_TRUE(store.load({"iqn.b", "10.0.0.1", 3260, 1}));

    EXPECT_THAT(warnings,
                ElementsAre("others may read the secrets in it (mode 0640); run `chmod 600 " +
                            paths_.nodes() + "/iqn.a/10.0.0.1,3260,1/default`"));
}

TEST_F(Nodes, AnEndlessFileIsRefused) {
    put("nodes/iqn.a/10.0.0.1,3260,1/default", std::string(kRecordBytesMax + 1, 'x'));

    const auto loaded = Store(paths_).load({"iqn.a", "10.0.0.1", 3260, 1});

    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::Database);
    EXPECT_THAT(loaded.error().message, HasSubstr("default: File too large"));
}

TEST_F(Nodes, AFileInADirectorysPlaceIsNamed) {
    put("nodes", "x");

    const auto added = Store(paths_).add(node("iqn.a", "10.0.0.1"));

    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, ErrorCode::Database);
    EXPECT_THAT(added.error().message, HasSubstr(paths_.dbroot + "/nodes/iqn.a"));
    EXPECT_THAT(added.error().message, HasSubstr("Not a directory"));
}

}  // namespace
}  // namespace iscsi::store
