// SPDX-License-Identifier: LGPL-2.1-or-later
// The same operations as tests/golden/records/retake.sh ran with the reference leave the same
// trees: names, modes, links and every byte.
#include <memory>

#include "store/testing/test_tree.hpp"

namespace iscsi::store {
namespace {

using record::Assignment;

const std::filesystem::path kGolden = RECORDS_GOLDEN_DIR;
const std::string kDisk = "iqn.2003-01.org.example:disk";

class GoldenTrees : public StoreTest {
protected:
    void expect_tree(const std::string& name) {
        const auto tree = kGolden / "trees" / name;
        EXPECT_EQ(listing(), slurp(tree / "LIST"));
        for (const auto& entry : std::filesystem::recursive_directory_iterator(tree)) {
            if (!entry.is_regular_file() || entry.path().filename() == "LIST") continue;
            const auto path = entry.path().lexically_relative(tree).string();
            EXPECT_EQ(get(path), slurp(entry.path())) << path;
        }
    }
    void add_first_nodes() {
        expect_ok(store().add(node(kDisk, "10.0.0.1")));
        expect_ok(store().add(node(kDisk, "fe80::1", 3261, 5)));
        expect_ok(store().add(node(kDisk + "-old", "10.0.0.2", 3260, -1)));
        auto iser = node(kDisk + "-iser", "10.0.0.3", 3260, 2);
        iser.iface = record::builtin_iface("iser");
        expect_ok(store().add(iser));
        // The reference makes this directory whenever it looks at ifaces.
        std::filesystem::create_directory(paths_.ifaces());
        std::filesystem::permissions(paths_.ifaces(), std::filesystem::perms::owner_all);
    }
    Store& store() { return *store_holder_; }

private:
    std::unique_ptr<Store> store_holder_;

    void SetUp() override {
        StoreTest::SetUp();
        store_holder_ = std::make_unique<Store>(paths_);
    }
};

TEST_F(GoldenTrees, NewNodes) {
    add_first_nodes();

    expect_tree("nodes-new");
}

TEST_F(GoldenTrees, ChangedNode) {
    add_first_nodes();

    const std::vector<Assignment> assignments{
        {"node.startup", "automatic"},
        {"node.leading_login", "Yes"},
        {"node.session.auth.authmethod", "CHAP"},
        {"node.session.auth.username", "a user # 1"},
        {"node.session.auth.password", "secret one"},
        {"node.session.auth.username_in", "them"},
        {"node.session.auth.password_in", "two"},
        {"node.session.auth.chap_algs", "SHA3-256,SHA1"},
        {"node.session.queue_depth", "64"},
        {"node.session.timeo.replacement_timeout", "-1"},
        {"node.conn[0].iscsi.HeaderDigest", "CRC32C,None"},
        {"node.conn[0].iscsi.DataDigest", "None,CRC32C"},
        {"node.conn[0].startup", "onboot"},
        {"node.session.scan", "manual"},
        {"node.session.iscsi.InitialR2T", "Yes"},
        {"node.session.xmit_thread_priority", "0x10"},
        {"node.session.nr_sessions", "99999999999"},
        {"iface.transport_name", "iser"},
    };
    ASSERT_TRUE(store().update({kDisk, "10.0.0.1", 3260, 1}, assignments));

    expect_tree("nodes-changed");
}

// Assignments that give the record in `text` its values.
std::vector<Assignment> assignments_from(const std::string& text) {
    std::vector<Assignment> assignments;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto equals = line.find(" = ");
        if (line.starts_with('#') || equals == std::string::npos) continue;
        if (line.starts_with("iface.iscsi_ifacename")) continue;
        assignments.push_back({line.substr(0, equals), line.substr(equals + 3)});
    }
    return assignments;
}

TEST_F(GoldenTrees, IfacesAndTheirCopies) {
    for (const std::string name : {"plain", "four", "six"}) {
        record::Iface iface;
        iface.iscsi_ifacename = name;
        expect_ok(store().add_iface(iface));
    }
    // Keys of an address family can be set once the address says which.
    ASSERT_TRUE(
        store().update_iface("six", std::vector<Assignment>{{"iface.ipaddress", "2001:db8::1"}}));
    for (const std::string name : {"four", "six"}) {
        const auto text = slurp(kGolden / "trees/ifaces/ifaces" / name);
        const auto updated = store().update_iface(name, assignments_from(text));
        ASSERT_TRUE(updated) << updated.error().message;
    }
    for (const std::string name : {"plain", "four", "six"}) {
        auto bound = node(kDisk, "10.0.0.1");
        bound.iface = record::copy_for_node(value_of(store().load_iface(name)), bound.iface);
        expect_ok(store().add(bound));
    }

    expect_tree("ifaces");
}

TEST_F(GoldenTrees, DiscoveryRecords) {
    record::SendTargets first;
    first.address = "10.0.0.1";
    expect_ok(store().save_send_targets(first));
    record::SendTargets second;
    second.address = "2001:db8::1";
    second.port = 3261;
    expect_ok(store().save_send_targets(second));
    record::Isns isns;
    isns.address = "10.0.0.2";
    expect_ok(store().save_isns(isns));

    const std::vector<Assignment> assignments{
        {"discovery.startup", "automatic"},
        {"discovery.sendtargets.auth.authmethod", "CHAP"},
        {"discovery.sendtargets.auth.username", "us"},
        {"discovery.sendtargets.auth.password", "pw"},
        {"discovery.sendtargets.auth.username_in", "them"},
        {"discovery.sendtargets.auth.password_in", "pw2"},
        {"node.session.auth.chap_algs", "SHA256"},
        {"discovery.sendtargets.use_discoveryd", "Yes"},
        {"discovery.sendtargets.reopen_max", "1"},
    };
    ASSERT_TRUE(store().update_send_targets({"10.0.0.1", 3260}, assignments));
    ASSERT_TRUE(store().update_isns(
        {"10.0.0.2", 3205}, std::vector<Assignment>{{"discovery.isns.use_discoveryd", "Yes"}}));

    expect_tree("discovery");
}

}  // namespace
}  // namespace iscsi::store
