// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/task_table.hpp"

#include <gtest/gtest.h>

#include <set>

namespace iscsi::session {
namespace {

using namespace std::chrono_literals;

base::Instant at(base::Duration since_start) { return base::Instant{} + since_start; }

TEST(TaskTable, FindsBySlotAndGeneration) {
    TaskTable table(2);
    const auto tag = table.take().tag;
    EXPECT_EQ(table.find(tag)->tag, tag);
    EXPECT_EQ(table.find(tag + 0x10000), nullptr);
    EXPECT_EQ(table.find(tag + 1), nullptr);
    EXPECT_EQ(table.find(proto::kReservedTag), nullptr);

    table.release(*table.find(tag));
    EXPECT_EQ(table.find(tag), nullptr);
}

TEST(TaskTable, RepeatsATagAsLateAsItCan) {
    TaskTable table(3);
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 3 * 65536; ++i) {
        auto& slot = table.take();
        EXPECT_TRUE(seen.insert(slot.tag).second) << "after " << i;
        EXPECT_NE(slot.tag, proto::kReservedTag);
        table.release(slot);
    }
}

TEST(TaskTable, KeepsTheOrderOfTaking) {
    TaskTable table(4);
    auto& a = table.take();
    auto& b = table.take();
    auto& c = table.take();
    table.release(b);
    EXPECT_EQ(table.order().first(), table.index_of(a));
    EXPECT_EQ(table.order().next(table.index_of(a)), table.index_of(c));
    EXPECT_EQ(table.order().next(table.index_of(c)), kNoIndex);
    EXPECT_EQ(table.used(), 2U);
}

TEST(TaskTable, ExpiresByDeadline) {
    TaskTable table(4);
    auto& late = table.take();
    auto& early = table.take();
    auto& never = table.take();
    table.arm(late, at(9s));
    table.arm(early, at(3s));
    table.arm(never, base::kNever);
    EXPECT_EQ(table.first_deadline(), at(3s));
    EXPECT_EQ(table.expire(at(2s)), nullptr);
    EXPECT_EQ(table.expire(at(3s)), &early);
    EXPECT_EQ(table.expire(at(3s)), nullptr);
    table.disarm(late);
    EXPECT_EQ(table.first_deadline(), base::kNever);
}

}  // namespace
}  // namespace iscsi::session
