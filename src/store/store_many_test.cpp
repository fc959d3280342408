// SPDX-License-Identifier: LGPL-2.1-or-later
// Operations on many records: what becomes of each is told, and nobody else's work is lost.
#include <gmock/gmock.h>

#include "os/forwarding_files.hpp"
#include "store/store.hpp"
#include "store/testing/test_tree.hpp"

namespace iscsi::store {
namespace {

using base::ErrorCode;
using record::Assignment;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;

using Assignments = std::vector<Assignment>;
const Assignments kAutomatic{{"node.startup", "automatic"}};

class Many : public Nodes {
protected:
    std::vector<NodeId> add_disks(int count) {
        for (int i = 0; i < count; ++i) add(node("iqn.a", "10.0.0." + std::to_string(i)));
        return all();
    }
    // The codes of the outcomes, in the order in which they were told.
    static Store::ToldOfUpdate noting(std::vector<ErrorCode>& codes) {
        return [&codes](const base::Result<record::Notes>& outcome) {
            codes.push_back(outcome ? ErrorCode::Success : outcome.error().code);
        };
    }
};

TEST_F(Many, AreUpdatedEach) {
    const auto ids = add_disks(70);  // more than one batch
    std::vector<ErrorCode> codes;

    expect_ok(Store(paths_).update_all(ids, kAutomatic, noting(codes)));

    EXPECT_EQ(codes, std::vector(ids.size(), ErrorCode::Success));
    for (const auto& id : ids) {
        EXPECT_EQ(value_of(Store(paths_).load(id)).startup, record::Startup::Automatic);
    }
}

TEST_F(Many, WhatIsSupersededGoesEvenIfNothingChanges) {
    add_disks(3);
    expect_ok(Store(paths_).update_all(all(), kAutomatic, [](const auto&) {}));
    const auto tagged = all();
    add(node("iqn.a", "10.0.0.1", 3260, -1));  // beside the one with a tag

    expect_ok(Store(paths_).update_all(tagged, kAutomatic, [](const auto&) {}));

    EXPECT_EQ(all(), tagged);
}

TEST_F(Many, WhatFailsIsToldInItsTurn) {
    auto ids = add_disks(3);
    std::filesystem::remove(paths_.nodes() + "/iqn.a/10.0.0.1,3260,1/default");
    std::vector<ErrorCode> codes;

    expect_ok(Store(paths_).update_all(ids, kAutomatic, noting(codes)));

    EXPECT_THAT(codes,
                ElementsAre(ErrorCode::Success, ErrorCode::NoObjectsFound, ErrorCode::Success));
}

TEST_F(Many, AFaultyAssignmentChangesNone) {
    const auto ids = add_disks(2);
    std::vector<ErrorCode> codes;

    expect_ok(Store(paths_).update_all(ids, Assignments{{"node.startup", "never"}}, noting(codes)));

    EXPECT_THAT(codes, ElementsAre(ErrorCode::Invalid, ErrorCode::Invalid));
    EXPECT_EQ(value_of(Store(paths_).load(ids[0])).startup, record::Startup::Manual);
}

// Somebody else updates a record while the texts of all are on their way to the disk.
class Meanwhile final : public os::ForwardingFiles {
public:
    explicit Meanwhile(std::function<void()> work)
        : ForwardingFiles(os::system_files()), work_(std::move(work)) {}
    os::Expected<void> sync_file_system(const std::string& path) override {
        if (auto work = std::exchange(work_, nullptr)) work();
        return next().sync_file_system(path);
    }
    bool is_done() const { return !work_; }

private:
    std::function<void()> work_;
};

TEST_F(Many, AnUpdateInBetweenIsNotLost) {
    const auto ids = add_disks(9);
    Meanwhile files([&] {
        value_of(Store(paths_).update(ids[4], Assignments{{"node.session.cmds_max", "64"}}));
        expect_ok(Store(paths_).remove(ids[5]));
    });
    std::vector<ErrorCode> codes;

    expect_ok(Store(paths_, files).update_all(ids, kAutomatic, noting(codes)));

    ASSERT_TRUE(files.is_done());
    const auto both = value_of(Store(paths_).load(ids[4]));
    EXPECT_EQ(both.startup, record::Startup::Automatic);
    EXPECT_EQ(both.session.cmds_max, 64);
    EXPECT_EQ(codes[5], ErrorCode::NoObjectsFound);
    EXPECT_THAT(Store(paths_).load(ids[5]).error().code, Eq(ErrorCode::NoObjectsFound));
}

TEST_F(Many, PortalsOfATargetAreToldOnce) {
    add_disks(2);
    auto second = node("iqn.a", "10.0.0.1");
    second.iface.iscsi_ifacename = "if1";
    add(second);
    add(node("iqn.a", "10.0.0.1", 3260, -1));
    add(node("iqn.b", "10.0.0.9"));
    std::filesystem::create_directory(paths_.nodes() + "/iqn.a/10.0.0.7,3260,1");
    Store store(paths_);

    EXPECT_THAT(
        value_of(store.portals("iqn.a", {})),
        ElementsAre(NodeId{"iqn.a", "10.0.0.0", 3260, 1}, NodeId{"iqn.a", "10.0.0.1", 3260, -1},
                    NodeId{"iqn.a", "10.0.0.1", 3260, 1}, NodeId{"iqn.a", "10.0.0.7", 3260, 1}));
    EXPECT_THAT(value_of(store.portals("iqn.a", record::Portal{"10.0.0.7", 3260, -1})),
                ElementsAre(NodeId{"iqn.a", "10.0.0.7", 3260, 1}));
    EXPECT_THAT(value_of(store.portals("iqn.none", {})), IsEmpty());
}

TEST_F(Many, AreRemovedEach) {
    const auto ids = add_disks(3);
    std::filesystem::remove(paths_.nodes() + "/iqn.a/10.0.0.1,3260,1/default");
    std::vector<ErrorCode> codes;
    const auto told = [&](const base::Status& removed) {
        codes.push_back(removed ? ErrorCode::Success : removed.error().code);
    };

    expect_ok(Store(paths_).remove_all(ids, told));

    EXPECT_THAT(codes,
                ElementsAre(ErrorCode::Success, ErrorCode::NoObjectsFound, ErrorCode::Success));
    EXPECT_THAT(all(), IsEmpty());
}

}  // namespace
}  // namespace iscsi::store
