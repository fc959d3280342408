// SPDX-License-Identifier: LGPL-2.1-or-later
#include "proto/digest.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace iscsi::proto {
namespace {

std::vector<std::byte> filled(std::size_t count, auto value_of) {
    std::vector<std::byte> bytes(count);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(value_of(i));
    return bytes;
}

std::uint32_t crc_of(base::ConstByteSpan bytes) {
    Crc32c crc;
    crc.update(bytes);
    return crc.value();
}

// The examples of RFC 3720 appendix B.4 (kept by RFC 7143).
TEST(Crc32c, KnowsTheRfcsExamples) {
    EXPECT_EQ(crc_of(filled(32, [](auto) { return 0; })), 0x8a9136aau);
    EXPECT_EQ(crc_of(filled(32, [](auto) { return 0xff; })), 0x62a8ab43u);
    EXPECT_EQ(crc_of(filled(32, [](auto i) { return i; })), 0x46dd794eu);
    EXPECT_EQ(crc_of(filled(32, [](auto i) { return 31 - i; })), 0x113fdb5cu);
}

TEST(Crc32c, TravelsLeastSignificantByteFirst) {
    const auto wire = crc32c_wire(filled(32, [](auto) { return 0; }));
    EXPECT_EQ(std::to_integer<int>(wire[0]), 0xaa);
    EXPECT_EQ(std::to_integer<int>(wire[3]), 0x8a);
}

TEST(Crc32c, PiecesGiveTheSameDigestAsTheWhole) {
    const auto bytes = filled(97, [](auto i) { return i * 7; });
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        Crc32c crc;
        crc.update(std::span(bytes).first(cut));
        crc.update(std::span(bytes).subspan(cut));
        ASSERT_TRUE(digest_matches(crc, crc32c_wire(bytes))) << "cut at " << cut;
    }
}

}  // namespace
}  // namespace iscsi::proto
