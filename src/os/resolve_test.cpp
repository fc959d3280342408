// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/resolve.hpp"

#include <gtest/gtest.h>

namespace iscsi::os {
namespace {

TEST(Resolve, TakesAnAddressForItself) {
    EXPECT_EQ(resolve("192.0.2.7"), std::vector<std::string>{"192.0.2.7"});
    EXPECT_EQ(resolve("fe80:0:0::1"), std::vector<std::string>{"fe80::1"});
}

TEST(Resolve, NamesTheHostThatItCannotFind) {
    const auto addresses = resolve("a name with blanks");

    ASSERT_FALSE(addresses);
    EXPECT_EQ(addresses.error().code, base::ErrorCode::Transport);
    EXPECT_TRUE(addresses.error().message.starts_with(
        "Cannot resolve host a name with blanks. getaddrinfo error: ["))
        << addresses.error().message;
}

TEST(SameAddress, SeesThroughSpellings) {
    EXPECT_TRUE(same_address("10.0.0.1", "10.0.0.1"));
    EXPECT_TRUE(same_address("fe80::1", "fe80:0:0:0:0:0:0:1"));
    EXPECT_TRUE(same_address("localhost", "127.0.0.1"));
    EXPECT_TRUE(same_address("not a name", "not a name"));
}

TEST(SameAddress, TellsDifferentOnesApart) {
    EXPECT_FALSE(same_address("10.0.0.1", "10.0.0.2"));
    EXPECT_FALSE(same_address("fe80::1", "fe80::2"));
    EXPECT_FALSE(same_address("10.0.0.1", ""));
    EXPECT_FALSE(same_address("not a name", "10.0.0.1"));
}

}  // namespace
}  // namespace iscsi::os
