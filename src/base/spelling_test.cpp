// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/spelling.hpp"

#include <gtest/gtest.h>

#include <array>

namespace iscsi::base {
namespace {

TEST(EditDistance, CountsLettersPutInLeftOutAndReplaced) {
    EXPECT_EQ(edit_distance("", ""), 0U);
    EXPECT_EQ(edit_distance("node", "node"), 0U);
    EXPECT_EQ(edit_distance("nod", "node"), 1U);
    EXPECT_EQ(edit_distance("nodes", "node"), 1U);
    EXPECT_EQ(edit_distance("mode", "node"), 1U);
    EXPECT_EQ(edit_distance("", "node"), 4U);
    EXPECT_EQ(edit_distance("onde", "node"), 2U);
}

TEST(NearestWord, IsTheNearestOfThoseNearEnough) {
    constexpr auto kWords = std::to_array<std::string_view>({"new", "delete", "update", "fw"});

    EXPECT_EQ(nearest_word("updat", kWords), "update");
    EXPECT_EQ(nearest_word("Delete", kWords), "delete");
    EXPECT_EQ(nearest_word("bogus", kWords), "");
    EXPECT_EQ(nearest_word("", kWords), "");
    EXPECT_EQ(nearest_word("xy", kWords), "");
}

}  // namespace
}  // namespace iscsi::base
