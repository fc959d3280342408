// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/known_addresses.hpp"

#include <gtest/gtest.h>

namespace iscsi::iscsid {
namespace {

using namespace std::chrono_literals;

asio::ip::address number(const char* text) { return asio::ip::make_address(text); }

base::Instant at(std::chrono::milliseconds time) { return base::Instant(1h) + time; }

TEST(KnownAddresses, ANumberStandsForItself) {
    const KnownAddresses known;

    EXPECT_EQ(known.find("192.0.2.7"), Addresses{number("192.0.2.7")});
    EXPECT_EQ(known.find("2001:db8::7"), Addresses{number("2001:db8::7")});
    EXPECT_EQ(known.find("stor.test"), std::nullopt);
}

TEST(KnownAddresses, RemembersWhatANameWasFoundToBe) {
    KnownAddresses known;
    known.learn("stor.test", {number("192.0.2.7")});
    EXPECT_EQ(known.find("stor.test"), Addresses{number("192.0.2.7")});

    known.learn("stor.test", {number("192.0.2.8")});

    EXPECT_EQ(known.find("stor.test"), Addresses{number("192.0.2.8")});
    EXPECT_EQ(known.find("other.test"), std::nullopt);
}

TEST(KnownAddresses, NothingFoundReplacesNothing) {
    KnownAddresses known;
    known.learn("stor.test", {number("192.0.2.7")});

    known.learn("stor.test", {});

    EXPECT_EQ(known.find("stor.test"), Addresses{number("192.0.2.7")});
}

TEST(KnownAddresses, BeginsWithTheOneThatAnswered) {
    KnownAddresses known;
    known.learn("stor.test", {number("192.0.2.7"), number("192.0.2.8"), number("192.0.2.9")});

    known.prefer("stor.test", number("192.0.2.9"));

    EXPECT_EQ(known.find("stor.test"),
              (Addresses{number("192.0.2.9"), number("192.0.2.7"), number("192.0.2.8")}));
}

TEST(KnownAddresses, ATargetCannotFillTheMemoryByRedirects) {
    KnownAddresses known;
    for (int i = 0; i < 100; ++i) {
        known.learn(fmt::format("stor{}.test", i), {number("192.0.2.7")});
    }

    int remembered = 0;
    for (int i = 0; i < 100; ++i) remembered += known.find(fmt::format("stor{}.test", i)) ? 1 : 0;
    EXPECT_EQ(remembered, static_cast<int>(kKnownNamesMax));
    EXPECT_TRUE(known.find("stor99.test"));
}

TEST(KnownAddresses, LooksANameUpAgainWhenItHasFailedForLong) {
    KnownAddresses known;
    EXPECT_FALSE(known.look_up_again("stor.test", at(0s)));
    EXPECT_FALSE(known.look_up_again("stor.test", at(29s)));

    EXPECT_TRUE(known.look_up_again("stor.test", at(30s)));

    EXPECT_FALSE(known.look_up_again("stor.test", at(59s)));
    EXPECT_TRUE(known.look_up_again("stor.test", at(60s)));
}

TEST(KnownAddresses, ALoginStartsTheTimeAnew) {
    KnownAddresses known;
    EXPECT_FALSE(known.look_up_again("stor.test", at(0s)));
    known.logged_in();

    EXPECT_FALSE(known.look_up_again("stor.test", at(1h)));
    EXPECT_FALSE(known.look_up_again("stor.test", at(1h + 29s)));
}

TEST(KnownAddresses, ANumberIsNeverLookedUp) {
    KnownAddresses known;
    EXPECT_FALSE(known.look_up_again("192.0.2.7", at(0s)));
    EXPECT_FALSE(known.look_up_again("192.0.2.7", at(1h)));
}

}  // namespace
}  // namespace iscsi::iscsid
