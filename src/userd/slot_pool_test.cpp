// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/slot_pool.hpp"

#include <gtest/gtest.h>

namespace iscsi::userd {
namespace {

TEST(SlotPool, GivesEachSlotOnceAndTheLatestFirst) {
    auto pool = SlotPool::create(3);
    ASSERT_TRUE(pool.has_value());
    EXPECT_EQ(pool->take(), 0u);
    EXPECT_EQ(pool->take(), 1u);
    EXPECT_EQ(pool->take(), 2u);
    EXPECT_TRUE(pool->empty());
    EXPECT_EQ(pool->take(), std::nullopt);

    pool->give_back(1);

    EXPECT_EQ(pool->take(), 1u);
}

TEST(SlotPool, KnowsWhoseAByteIs) {
    auto pool = SlotPool::create(3);
    ASSERT_TRUE(pool.has_value());
    EXPECT_EQ(pool->slot_of(pool->buffer(1).data()), 1u);
    EXPECT_EQ(pool->slot_of(&pool->buffer(2).back()), 2u);
    const std::byte elsewhere{};
    EXPECT_EQ(pool->slot_of(&elsewhere), std::nullopt);
}

TEST(SlotPool, TrimmingLeavesSlotsInUseAlone) {
    auto pool = SlotPool::create(3);
    ASSERT_TRUE(pool.has_value());
    for (int i = 0; i < 3; ++i) (void)pool->take();
    for (Slot slot = 0; slot < 3; ++slot) pool->buffer(slot)[5] = std::byte{7};
    pool->give_back(0);
    pool->give_back(1);

    pool->trim(/*keep_slots=*/1);

    EXPECT_EQ(pool->buffer(0)[5], std::byte{7}) << "kept";
    EXPECT_EQ(pool->buffer(1)[5], std::byte{0}) << "given back to the system";
    EXPECT_EQ(pool->buffer(2)[5], std::byte{7}) << "in use";
}

}  // namespace
}  // namespace iscsi::userd
