// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/bytes.hpp"

#include <gtest/gtest.h>

#include <array>

namespace iscsi::base {
namespace {

TEST(Bytes, BigEndianNumbersSurviveARoundTrip) {
    std::array<std::byte, 16> buffer{};

    store_u16(buffer, 0, 0x1234);
    store_u24(buffer, 2, 0x56789a);
    store_u64(buffer, 5, 0x0102030405060708);

    EXPECT_EQ(std::to_integer<int>(buffer[0]), 0x12);
    EXPECT_EQ(load_u16(buffer, 0), 0x1234);
    EXPECT_EQ(load_u24(buffer, 2), 0x56789au);
    EXPECT_EQ(load_u64(buffer, 5), 0x0102030405060708u);
}

TEST(Bytes, PaddingFillsToFour) {
    EXPECT_EQ(pad4(0), 0u);
    EXPECT_EQ(pad4(1), 3u);
    EXPECT_EQ(pad4(4), 0u);
    EXPECT_EQ(pad4(6), 2u);
}

TEST(BytesDeathTest, ReadingPastTheEndIsOurBug) {
    std::array<std::byte, 4> buffer{};
    EXPECT_DEATH((void)load_u32(buffer, 1), "CHECK failed");
}

}  // namespace
}  // namespace iscsi::base
