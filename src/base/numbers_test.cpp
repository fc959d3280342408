// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/numbers.hpp"

#include <gtest/gtest.h>

namespace iscsi::base {
namespace {

TEST(Numbers, OnlyWholeTextsInRangeAreNumbers) {
    EXPECT_EQ(parse_unsigned("42"), 42u);
    EXPECT_EQ(parse_unsigned("18446744073709551615"), UINT64_MAX);
    EXPECT_FALSE(parse_unsigned("18446744073709551616"));
    EXPECT_FALSE(parse_unsigned(""));
    EXPECT_FALSE(parse_unsigned("-1"));
    EXPECT_FALSE(parse_unsigned(" 1"));
    EXPECT_FALSE(parse_unsigned("1x"));
    EXPECT_EQ(parse_signed("-7"), -7);
    EXPECT_EQ(parse_hex("fF"), 255u);
    EXPECT_FALSE(parse_hex("0x10"));
}

TEST(Numbers, TrimAndSplit) {
    EXPECT_EQ(trim("  a b\t\n"), "a b");
    EXPECT_EQ(trim(" \t"), "");
    EXPECT_EQ(split("a,,b", ',').size(), 3u);
    EXPECT_EQ(split("", ',').size(), 1u);
}

}  // namespace
}  // namespace iscsi::base
