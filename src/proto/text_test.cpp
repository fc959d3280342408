// SPDX-License-Identifier: LGPL-2.1-or-later
#include "proto/text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace iscsi::proto {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

std::vector<std::byte> bytes_of(std::string_view text) {
    const auto span = base::as_bytes(text);
    return {span.begin(), span.end()};
}

TEST(Text, PairsComeInTheirOrder) {
    const auto pairs = parse_text("HeaderDigest=None\0X-a.b=\0CHAP_R=0x1=2\0"sv);

    ASSERT_TRUE(pairs.has_value());
    EXPECT_EQ(*pairs, (std::vector<TextPair>{
                          {"HeaderDigest", "None"}, {"X-a.b", ""}, {"CHAP_R", "0x1=2"}}));
}

TEST(Text, PaddingNulsAreSkipped) {
    const auto pairs = parse_text("\0\0A=1\0\0\0\0B=2\0\0\0"sv);

    ASSERT_TRUE(pairs.has_value());
    EXPECT_EQ(*pairs, (std::vector<TextPair>{{"A", "1"}, {"B", "2"}}));
}

TEST(Text, NothingIsNoPairs) { EXPECT_TRUE(parse_text("")->empty()); }

TEST(Text, MalformedPiecesAreRefused) {
    EXPECT_EQ(parse_text("A=1\0B=2"sv).error(), TextErrc::NotTerminated);
    EXPECT_EQ(parse_text("A=1\0B\0"sv).error(), TextErrc::NoEqualsSign);
    EXPECT_EQ(parse_text("=1\0"sv).error(), TextErrc::BadKey);
    EXPECT_EQ(parse_text("A B=1\0"sv).error(), TextErrc::BadKey);
    EXPECT_EQ(parse_text(std::string(63, 'k') + "=\0"s)->size(), 1U);
    EXPECT_EQ(parse_text(std::string(64, 'k') + "=\0"s).error(), TextErrc::BadKey);
}

TEST(Text, EveryPrefixIsRefusedOrShorter) {
    const auto text = "InitialR2T=Yes\0MaxBurstLength=262144\0"sv;
    for (std::size_t length = 0; length < text.size(); ++length) {
        const auto pairs = parse_text(text.substr(0, length));
        if (length == 0 || length == 15) {
            ASSERT_TRUE(pairs.has_value()) << length;
            EXPECT_EQ(pairs->size(), length == 0 ? 0U : 1U);
        } else {
            EXPECT_FALSE(pairs.has_value()) << length;
        }
    }
}

TEST(TextCollector, JoinsAtEveryByte) {
    const auto text = "InitialR2T=Yes\0MaxBurstLength=262144\0"sv;
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        TextCollector collector(text.size());
        ASSERT_TRUE(collector.append(base::as_bytes(text.substr(0, cut))));
        ASSERT_TRUE(collector.append(base::as_bytes(text.substr(cut))));
        const auto pairs = collector.take();
        ASSERT_TRUE(pairs.has_value());
        EXPECT_EQ(*pairs,
                  (std::vector<TextPair>{{"InitialR2T", "Yes"}, {"MaxBurstLength", "262144"}}));
        EXPECT_TRUE(collector.empty());
    }
}

TEST(TextCollector, StopsAtItsLimit) {
    TextCollector collector(8);
    ASSERT_TRUE(collector.append(bytes_of("12345678")));
    EXPECT_EQ(collector.append(bytes_of("9")).error(), TextErrc::TooLong);
    EXPECT_EQ(collector.size(), 8U);
}

TEST(TextWriter, SegmentsJoinToWhatWasWritten) {
    for (std::size_t limit = 1; limit < 40; ++limit) {
        TextWriter writer;
        writer.add("InitialR2T", "Yes");
        writer.add("MaxBurstLength", 262144U);
        TextCollector collector(1024);
        while (!writer.empty()) {
            const auto segment = writer.next_segment(limit);
            ASSERT_LE(segment.size(), limit);
            ASSERT_TRUE(collector.append(segment));
        }
        EXPECT_EQ(*collector.take(),
                  (std::vector<TextPair>{{"InitialR2T", "Yes"}, {"MaxBurstLength", "262144"}}));
    }
}

TEST(TextNumber, DecimalAndHex) {
    EXPECT_EQ(parse_text_number("0"), 0U);
    EXPECT_EQ(parse_text_number("262144"), 262144U);
    EXPECT_EQ(parse_text_number("0x40000"), 262144U);
    EXPECT_EQ(parse_text_number("0XfF"), 255U);
    EXPECT_EQ(parse_text_number("18446744073709551615"), UINT64_MAX);
    for (const auto* bad : {"", "-1", "+1", " 1", "1 ", "0x", "0xg", "1.5", "1e3", "Yes",
                            "18446744073709551616", "0x-1", "0b11"}) {
        EXPECT_EQ(parse_text_number(bad), std::nullopt) << bad;
    }
}

TEST(TextBinary, HexAndBase64) {
    EXPECT_EQ(parse_text_binary("0x666f6f", 16), bytes_of("foo"));
    EXPECT_EQ(parse_text_binary("0X666F6f", 16), bytes_of("foo"));
    EXPECT_EQ(parse_text_binary("0bZg==", 16), bytes_of("f"));
    EXPECT_EQ(parse_text_binary("0BZm8=", 16), bytes_of("fo"));
    EXPECT_EQ(parse_text_binary("0bZm9vYmFy", 16), bytes_of("foobar"));
    EXPECT_EQ(parse_text_binary("0b+/+/", 3)->at(0), std::byte{0xfb});
}

TEST(TextBinary, MalformedOnesAreRefused) {
    for (const auto* bad : {"", "0x", "0b", "0x1", "0xzz", "666f6f", "0bZg", "0bZg=", "0bZ===",
                            "0b====", "0bZm9v=", "0bZ g=", "0x66 6f", "0b=m9v"}) {
        EXPECT_EQ(parse_text_binary(bad, 16), std::nullopt) << bad;
    }
}

TEST(TextBinary, LengthIsLimited) {
    EXPECT_EQ(parse_text_binary("0x" + std::string(32, 'a'), 16)->size(), 16U);
    EXPECT_EQ(parse_text_binary("0x" + std::string(34, 'a'), 16), std::nullopt);
    EXPECT_EQ(parse_text_binary("0b" + std::string(24, 'a'), 16), std::nullopt);
    EXPECT_EQ(parse_text_binary("0x" + std::string(1 << 20, 'a'), 16), std::nullopt);
}

TEST(TextBinary, PrintedFormReadsBack) {
    const auto bytes = bytes_of("\x00\x7f\x80\xff"sv);
    EXPECT_EQ(print_text_binary(bytes), "0x007f80ff");
    EXPECT_EQ(parse_text_binary(print_text_binary(bytes), 4), bytes);
}

TEST(Printable, HidesControlCharactersAndLength) {
    EXPECT_EQ(printable("iqn.2026:a\x1b[2J\n\xff"), "iqn.2026:a?[2J??");
    EXPECT_EQ(printable("abcdef", 3), "abc...");
}

}  // namespace
}  // namespace iscsi::proto
