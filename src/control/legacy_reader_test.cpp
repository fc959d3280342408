// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/legacy_reader.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string_view>

namespace iscsi::control::legacy {
namespace {

using base::ErrorCode;
using Progress = RequestReader::Progress;
using Bytes = std::vector<std::byte>;

constexpr std::array kVersions{Version::V2_1_8, Version::V2_1_11, Version::Newest};

Bytes login_bytes(Version version) {
    NodeRequest login;
    login.node.name = "iqn.2026-11.org.example:disk1";
    login.node.conn[0].address = "192.0.2.7";
    login.node.iface.transport_name = "tcp";
    return encode_request({.command = Command::SessionLogin, .login = login}, version).value();
}

Bytes logout_bytes(Version version) {
    return encode_request({.command = Command::SessionLogout, .sid = 9}, version).value();
}

// A notification with texts, as the version's struct and then the payload.
Bytes notify_bytes(Version version, const std::vector<std::string_view>& texts) {
    Bytes payload;
    for (const std::string_view text : texts) {
        const auto length = static_cast<std::uint32_t>(text.size());
        const auto head = std::as_bytes(std::span(&length, 1));
        payload.insert(payload.end(), head.begin(), head.end());
        const auto body = std::as_bytes(std::span(text));
        payload.insert(payload.end(), body.begin(), body.end());
    }
    auto bytes = encode_request({.command = Command::NotifyAddNode,
                                 .payload_length = static_cast<std::uint32_t>(payload.size())},
                                version)
                     .value();
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
}

RequestReader reader_of(const Bytes& bytes) {
    RequestReader reader;
    reader.take(bytes);
    return reader;
}

TEST(LegacyReader, ALoginOfEachVersionIsReadByItsSize) {
    for (const auto version : kVersions) {
        const auto reader = reader_of(login_bytes(version));

        EXPECT_EQ(reader.progress(),
                  version == Version::Newest ? Progress::Complete : Progress::MaybeComplete);
        const auto request = reader.finish();
        ASSERT_TRUE(request) << request.error().message;
        EXPECT_EQ(request->login->node.conn[0].address, "192.0.2.7");
        EXPECT_EQ(request->login->node.iface.transport_name, "tcp");
    }
}

// Wherever the pieces are cut, only the whole gives the request, and no part of it is refused
// early.
TEST(LegacyReader, EveryCutGivesTheSame) {
    const auto bytes = login_bytes(Version::V2_1_11);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        RequestReader reader;
        const auto first = reader.take(base::ConstByteSpan(bytes).first(cut));
        const bool could_be_2_1_8 = cut == kRequestBytesMin || cut == bytes.size();
        ASSERT_EQ(first, could_be_2_1_8 ? Progress::MaybeComplete : Progress::Incomplete) << cut;
        reader.take(base::ConstByteSpan(bytes).subspan(cut));
        ASSERT_EQ(reader.finish()->login->node.conn[0].address, "192.0.2.7") << cut;
    }
}

TEST(LegacyReader, WhatHasNoRecordIsCompleteAtTheShortestSize) {
    for (const auto version : kVersions) {
        const auto bytes = logout_bytes(version);
        RequestReader reader;

        EXPECT_EQ(reader.take(base::ConstByteSpan(bytes).first(kRequestBytesMin - 1)),
                  Progress::Incomplete);
        EXPECT_EQ(reader.take(base::ConstByteSpan(bytes).subspan(kRequestBytesMin - 1, 1)),
                  Progress::Complete);
        EXPECT_EQ(reader.finish()->sid, 9u);
    }
}

TEST(LegacyReader, AShortOneIsRefusedWhenItEnds) {
    for (const std::size_t length :
         {std::size_t{0}, std::size_t{3}, std::size_t{8}, kRequestBytesMin - 1}) {
        auto bytes = login_bytes(Version::V2_1_8);
        bytes.resize(length);
        const auto request = reader_of(bytes).finish();
        ASSERT_FALSE(request) << length;
        EXPECT_EQ(request.error().code, ErrorCode::InvalidRequest);
    }
}

TEST(LegacyReader, ALoginOfUnknownSizeIsRefused) {
    for (const std::size_t length :
         {kRequestBytesMin + 4, kRequestBytesMax + 4, kRequestBytesMax + kPayloadBytesMax + 1}) {
        auto bytes = login_bytes(Version::V2_1_8);
        bytes.resize(length);
        const auto reader = reader_of(bytes);
        ASSERT_FALSE(reader.finish()) << length;
        EXPECT_EQ(reader.finish().error().code, ErrorCode::InvalidRequest);
        EXPECT_LE(reader.buffered(), kRequestBytesMax + kPayloadBytesMax);
    }
}

TEST(LegacyReader, APayloadIsWaitedForAndCounted) {
    for (const auto version : kVersions) {
        const auto bytes = notify_bytes(version, {"iqn.x:one", "", "iqn.x:three"});
        RequestReader reader;

        EXPECT_EQ(reader.take(base::ConstByteSpan(bytes).first(kRequestBytesMin)),
                  Progress::Incomplete);
        EXPECT_NE(reader.take(base::ConstByteSpan(bytes).subspan(kRequestBytesMin)),
                  Progress::Incomplete);
        EXPECT_EQ(reader.finish()->payload_texts, 3u);
    }
}

TEST(LegacyReader, APayloadThatPromisesTooMuchIsCountedAsFarAsItGoes) {
    auto bytes = notify_bytes(Version::V2_1_8, {"one", "two"});
    bytes[request_bytes(Version::V2_1_8) + 7] = std::byte{0xff};  // length of the second
    EXPECT_EQ(reader_of(bytes).finish()->payload_texts, 1u);
}

TEST(LegacyReader, APayloadOverTheLimitIsNotWaitedFor) {
    auto bytes = notify_bytes(Version::V2_1_8, {"one"});
    const std::uint32_t length = kPayloadBytesMax + 1;
    std::memcpy(bytes.data() + 4, &length, sizeof length);
    const auto reader = reader_of(bytes);
    EXPECT_EQ(reader.progress(), Progress::Complete);
    EXPECT_FALSE(reader.finish());
}

TEST(LegacyReader, AnUnknownCommandIsARequestLikeOthers) {
    Bytes bytes(kRequestBytesMin);
    const int unknown = 20;
    bytes[0] = std::byte{unknown};
    const auto reader = reader_of(bytes);
    EXPECT_EQ(reader.progress(), Progress::Complete);
    EXPECT_EQ(reader.finish()->command, static_cast<Command>(unknown));
}

TEST(LegacyReader, TextIsNoFixedSizeRequest) {
    EXPECT_FALSE(may_begin_request(std::byte{'{'}));
    EXPECT_FALSE(may_begin_request(std::byte{'j'}));
    EXPECT_TRUE(may_begin_request(std::byte{19}));
}

}  // namespace
}  // namespace iscsi::control::legacy
