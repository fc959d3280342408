// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/received_ranges.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.hpp"

namespace iscsi::session {
namespace {

using Added = ReceivedRanges::Added;

TEST(ReceivedRanges, CountsInOrder) {
    ReceivedRanges ranges;
    EXPECT_EQ(ranges.next_in_order(), 0U);
    EXPECT_EQ(ranges.add(0, 100), Added::Yes);
    EXPECT_EQ(ranges.add(100, 50), Added::Yes);
    EXPECT_EQ(ranges.next_in_order(), 150U);
    EXPECT_EQ(ranges.bytes(), 150U);
}

TEST(ReceivedRanges, RefusesOverlapOnEitherSide) {
    ReceivedRanges ranges;
    ranges.add(100, 100);
    EXPECT_EQ(ranges.add(50, 51), Added::Overlaps);
    EXPECT_EQ(ranges.add(199, 1), Added::Overlaps);
    EXPECT_EQ(ranges.add(0, 1000), Added::Overlaps);
    EXPECT_EQ(ranges.add(120, 10), Added::Overlaps);
    EXPECT_EQ(ranges.bytes(), 100U);
    EXPECT_EQ(ranges.next_in_order(), 0U);
}

TEST(ReceivedRanges, LimitsTheGapsAndTakesWhatFillsOne) {
    ReceivedRanges ranges;
    for (std::uint32_t i = 0; i < ReceivedRanges::kRangesMax; ++i) {
        EXPECT_EQ(ranges.add(i * 10, 5), Added::Yes);
    }
    EXPECT_EQ(ranges.add(1000, 5), Added::TooScattered);
    EXPECT_EQ(ranges.add(5, 5), Added::Yes);
    EXPECT_EQ(ranges.add(1000, 5), Added::Yes);
    EXPECT_EQ(ranges.next_in_order(), 15U);
}

TEST(ReceivedRanges, ReachesTheLastByteOf32Bits) {
    ReceivedRanges ranges;
    EXPECT_EQ(ranges.add(0xffff'fff0, 0x0f), Added::Yes);
    EXPECT_EQ(ranges.add(0xffff'fffe, 1), Added::Overlaps);
}

// Against the plainest model there is: a flag per byte.
TEST(ReceivedRanges, AgreesWithAFlagPerByte) {
    base::SeededRandom random(7);
    for (int round = 0; round < 300; ++round) {
        ReceivedRanges ranges;
        std::vector<bool> model(256);
        for (int step = 0; step < 60; ++step) {
            const auto offset = static_cast<std::uint32_t>(random.next() % 240);
            const auto size = static_cast<std::uint32_t>(random.next() % 16 + 1);
            bool overlaps = false;
            for (std::uint32_t i = offset; i < offset + size; ++i) overlaps |= model[i];
            const auto added = ranges.add(offset, size);
            EXPECT_EQ(added == Added::Overlaps, overlaps);
            if (added != Added::Yes) continue;
            for (std::uint32_t i = offset; i < offset + size; ++i) model[i] = true;
        }
        EXPECT_EQ(ranges.bytes(), static_cast<std::uint32_t>(std::ranges::count(model, true)));
    }
}

}  // namespace
}  // namespace iscsi::session
