// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/serial.hpp"

#include <gtest/gtest.h>

namespace iscsi::base {
namespace {

using Counter = Serial<struct CounterTag>;

TEST(Serial, OrderWrapsAround) {
    EXPECT_TRUE(Counter{1}.precedes(Counter{2}));
    EXPECT_TRUE(Counter{0xffff'ffff}.precedes(Counter{0}));
    EXPECT_FALSE(Counter{0}.precedes(Counter{0xffff'ffff}));
    EXPECT_FALSE(Counter{7}.precedes(Counter{7}));
    EXPECT_TRUE(Counter{7}.precedes_or_is(Counter{7}));
    EXPECT_EQ(Counter{0xffff'ffff}.next(), Counter{0});
}

TEST(Serial, NumbersHalfTheCircleApartAreUnordered) {
    EXPECT_FALSE(Counter{0}.precedes(Counter{0x8000'0000}));
    EXPECT_FALSE(Counter{0x8000'0000}.precedes(Counter{0}));
}

}  // namespace
}  // namespace iscsi::base
