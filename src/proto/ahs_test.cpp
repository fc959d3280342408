// SPDX-License-Identifier: LGPL-2.1-or-later
#include "proto/ahs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

namespace iscsi::proto {
namespace {

TEST(Ahs, ExtendedCdbOf20BytesTakesEight) {
    std::array<std::byte, 20> cdb{};
    cdb[16] = std::byte{0xaa};
    cdb[19] = std::byte{0xbb};
    std::array<std::byte, 8> out{};

    EXPECT_EQ(encode_extended_cdb(out, cdb), 8u);

    EXPECT_EQ(base::load_u16(out, 0), 5);
    EXPECT_EQ(base::load_u8(out, 2), kAhsExtendedCdb);
    EXPECT_EQ(out[4], std::byte{0xaa});
    EXPECT_EQ(out[7], std::byte{0xbb});
}

TEST(Ahs, SegmentsAreReadBackInOrder) {
    std::array<std::byte, 20> cdb{};
    std::vector<std::byte> bytes(16);
    const auto first = encode_extended_cdb(bytes, cdb);
    encode_bidirectional_read_length(std::span(bytes).subspan(first), 4096);

    AhsReader reader(bytes);
    const auto one = reader.next();
    const auto two = reader.next();

    ASSERT_TRUE(one && *one && two && *two);
    EXPECT_EQ((*one)->type, kAhsExtendedCdb);
    EXPECT_EQ((*one)->body.size(), 5u);
    EXPECT_EQ((*two)->type, kAhsBidirectionalReadLength);
    EXPECT_EQ(base::load_u32((*two)->body, 1), 4096u);
    EXPECT_FALSE(*reader.next());
}

TEST(Ahs, LengthsThatDoNotFitAreRefused) {
    std::array<std::byte, 8> bytes{};
    base::store_u16(bytes, 0, 6);
    EXPECT_EQ(AhsReader(bytes).next().error(), AhsErrc::Truncated);

    base::store_u16(bytes, 0, 0);
    EXPECT_EQ(AhsReader(bytes).next().error(), AhsErrc::TooShort);

    EXPECT_EQ(AhsReader(std::span(bytes).first(3)).next().error(), AhsErrc::Truncated);
}

}  // namespace
}  // namespace iscsi::proto
