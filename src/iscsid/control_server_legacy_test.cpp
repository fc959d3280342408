// SPDX-License-Identifier: LGPL-2.1-or-later
// The control socket as open-iscsi's own iscsiadm meets it, and whoever sends what looks like it.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "control/legacy.hpp"
#include "iscsid/testing/test_server.hpp"

namespace iscsi::iscsid {
namespace {

using base::ErrorCode;
using legacy = control::legacy::Command;
using control::legacy::NodeRequest;
using control::legacy::Reply;
using control::legacy::Version;
using testing::kPatience;
using testing::Server;

constexpr std::array kVersions{Version::V2_1_8, Version::V2_1_11, Version::Newest};

std::string text_of(base::ConstByteSpan bytes) { return std::string(base::as_text(bytes)); }

std::string request_text(const control::legacy::Request& request,
                         Version version = Version::V2_1_8) {
    return text_of(control::legacy::encode_request(request, version).value());
}

Reply read_reply(os::ControlClient& client, control::legacy::Command command) {
    const auto bytes = client.read_block(control::legacy::kReplyBytes + 1, kPatience);
    EXPECT_TRUE(bytes) << bytes.error().message;
    if (!bytes || bytes->size() != control::legacy::kReplyBytes) {
        ADD_FAILURE() << "no reply of the right size";
        return {};
    }
    return control::legacy::decode_reply(std::as_bytes(std::span(*bytes)), command);
}

Reply ask(const Server& server, const control::legacy::Request& request,
          Version version = Version::V2_1_8) {
    os::ControlClient client = server.connect();
    EXPECT_TRUE(client.send(request_text(request, version)));
    const Reply reply = read_reply(client, request.command);
    EXPECT_EQ(reply.command, request.command);
    return reply;
}

ErrorCode code_of(const Server& server, std::uint32_t command) {
    return ask(server, {.command = control::legacy::Command(command)}).code;
}

control::legacy::Request login_request(const std::string& target) {
    NodeRequest login;
    login.node.name = target;
    login.node.conn[0].address = "192.0.2.7";
    login.node.iface.transport_name = "tcp";
    return {.command = legacy::SessionLogin, .login = login};
}

TEST(ControlServerLegacy, TellsNameAliasAndConfigurationFile) {
    const Server server;
    EXPECT_EQ(ask(server, {.command = legacy::ConfigIname}).text, "iqn.x:init");
    EXPECT_EQ(ask(server, {.command = legacy::ConfigIalias}).text, "here");
    const Reply file = ask(server, {.command = legacy::ConfigFile});
    EXPECT_EQ(file.text, "/conf");
    EXPECT_TRUE(file.speaks_json);
}

TEST(ControlServerLegacy, TellsASessionsState) {
    const Server server;
    const Reply state = ask(server, {.command = legacy::SessionInfo, .sid = 7});
    EXPECT_EQ(state.code, ErrorCode::Success);
    EXPECT_EQ(state.session_state, control::legacy::SessionState::NoChange);
    EXPECT_EQ(state.conn_state, control::legacy::ConnState::LoggedIn);
    EXPECT_EQ(ask(server, {.command = legacy::SessionInfo, .sid = 99}).code,
              ErrorCode::SessionNotFound);
}

TEST(ControlServerLegacy, CountersAreUnderTheirPlaces) {
    const Server server;
    const Reply stats = ask(server, {.command = legacy::SessionStats, .sid = 7});
    EXPECT_EQ(stats.code, ErrorCode::Success);
    EXPECT_EQ(stats.stats.values[0], 5u);
    EXPECT_EQ(ask(server, {.command = legacy::SessionStats, .sid = 99}).code,
              ErrorCode::SessionNotFound);
}

TEST(ControlServerLegacy, LogsOut) {
    const Server server;
    for (const auto version : kVersions) {
        EXPECT_EQ(ask(server, {.command = legacy::SessionLogout, .sid = 99}, version).code,
                  ErrorCode::SessionNotFound);
    }
    EXPECT_EQ(ask(server, {.command = legacy::SessionLogout, .sid = 7}).code, ErrorCode::Success);
    EXPECT_EQ(ask(server, {.command = legacy::SessionInfo, .sid = 7}).code,
              ErrorCode::SessionNotFound);
}

TEST(ControlServerLegacy, ALoginOfEveryVersionReachesTheSameHands) {
    const Server server;
    for (const auto version : kVersions) {
        EXPECT_EQ(ask(server, login_request("iqn.x:one"), version).code, ErrorCode::SessionExists);
        EXPECT_EQ(ask(server, login_request(""), version).code, ErrorCode::Invalid);
        auto warp = login_request("iqn.x:three");
        warp.login->node.iface.transport_name = "warp";
        EXPECT_EQ(ask(server, warp, version).code, ErrorCode::TransportNotFound);
    }
}

TEST(ControlServerLegacy, OnlyASessionThatRunsIsInSync) {
    const Server server;
    auto sync = login_request("iqn.x:one");
    sync.command = legacy::SessionSync;
    sync.sid = 7;
    EXPECT_EQ(ask(server, sync).code, ErrorCode::SessionExists);
    sync.sid = 99;
    EXPECT_EQ(ask(server, sync).code, ErrorCode::SessionNotFound);
}

// As open-iscsi 2.1.8 answers them.
TEST(ControlServerLegacy, WhatNobodyDoesIsRefusedAsTheReferenceDoes) {
    const Server server;
    for (const std::uint32_t command : {0U, 3U, 4U, 14U, 20U}) {
        EXPECT_EQ(code_of(server, command), ErrorCode::InvalidRequest) << command;
    }
    for (const std::uint32_t command : {5U, 6U, 16U, 17U, 18U, 19U}) {
        EXPECT_EQ(code_of(server, command), ErrorCode::Generic) << command;
    }
    EXPECT_EQ(ask(server, {.command = legacy::SendTargets, .host_no = 0xffff}).code,
              ErrorCode::TransportNotFound);
}

TEST(ControlServerLegacy, ANotificationIsTakenWithItsPayload) {
    const Server server;
    for (const auto version : kVersions) {
        os::ControlClient client = server.connect();
        ASSERT_TRUE(client.send(
            request_text({.command = legacy::NotifyAddNode, .payload_length = 7}, version)));
        ASSERT_TRUE(client.send(std::string_view("\3\0\0\0abc", 7)));
        EXPECT_EQ(read_reply(client, legacy::NotifyAddNode).code, ErrorCode::Success);
    }
}

TEST(ControlServerLegacy, StopIsAnsweredAndPassedOn) {
    Server server;
    EXPECT_EQ(ask(server, {.command = legacy::ImmediateStop}).code, ErrorCode::Success);
    EXPECT_TRUE(server.was_stopped());
}

TEST(ControlServerLegacy, ARequestMayComeInPieces) {
    const Server server;
    const std::string bytes = request_text(login_request("iqn.x:one"));
    os::ControlClient client = server.connect();
    for (std::size_t at = 0; at < bytes.size(); at += 61) {
        ASSERT_TRUE(client.send(std::string_view(bytes).substr(at, 61)));
    }
    EXPECT_EQ(read_reply(client, legacy::SessionLogin).code, ErrorCode::SessionExists);
}

// A client of no known version. One who sends less and waits is answered after a while, and nobody
// else waits meanwhile.
TEST(ControlServerLegacy, AShortRequestDelaysNobodyAndIsRefused) {
    const Server server;
    os::ControlClient short_one = server.connect();
    ASSERT_TRUE(short_one.send(request_text(login_request("iqn.x:one")).substr(0, 15000)));

    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(ask(server, {.command = legacy::SessionInfo, .sid = 7}).code, ErrorCode::Success);
    EXPECT_EQ(ask(server, login_request("iqn.x:one")).code, ErrorCode::SessionExists);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));

    EXPECT_EQ(read_reply(short_one, legacy::SessionLogin).code, ErrorCode::InvalidRequest);
}

TEST(ControlServerLegacy, ALongerRequestThanAnyIsRefusedAtOnce) {
    const Server server;
    os::ControlClient client = server.connect();
    std::string bytes = request_text(login_request("iqn.x:one"), Version::Newest);
    bytes.resize(20000);
    ASSERT_TRUE(client.send(bytes));
    EXPECT_EQ(read_reply(client, legacy::SessionLogin).code, ErrorCode::InvalidRequest);
}

TEST(ControlServerLegacy, AFieldOutOfRangeIsRefused) {
    const Server server;
    os::ControlClient client = server.connect();
    std::string bytes = request_text(login_request("iqn.x:one"));
    bytes[16 + 3308] = 9;  // conn.iscsi.HeaderDigest
    ASSERT_TRUE(client.send(bytes));
    EXPECT_EQ(read_reply(client, legacy::SessionLogin).code, ErrorCode::Invalid);
}

// What a client that half-closes has sent is all there is: no reason to wait.
TEST(ControlServerLegacy, AHalfClosedClientIsAnsweredByWhatItHasSent) {
    const Server server;
    const std::string login = request_text(login_request("iqn.x:one"));
    for (const std::size_t length : {std::size_t{1}, std::size_t{15000}, login.size()}) {
        const os::Fd socket = server.connect_raw();
        ASSERT_EQ(::send(socket.get(), login.data(), length, 0), static_cast<ssize_t>(length));
        ASSERT_EQ(::shutdown(socket.get(), SHUT_WR), 0);

        control::legacy::ReplyBytes bytes{};
        ASSERT_EQ(::recv(socket.get(), bytes.data(), bytes.size(), MSG_WAITALL),
                  static_cast<ssize_t>(bytes.size()));
        EXPECT_EQ(control::legacy::decode_reply(bytes, legacy::SessionLogin).code,
                  length == login.size() ? ErrorCode::SessionExists : ErrorCode::InvalidRequest);
    }
}

TEST(ControlServerLegacy, ClientsThatLeaveAnywhereHurtNobody) {
    const Server server;
    const std::string login = request_text(login_request("iqn.x:one"), Version::Newest);
    for (std::size_t length = 0; length <= login.size(); length += 251) {
        os::ControlClient client = server.connect();
        ASSERT_TRUE(client.send(std::string_view(login).substr(0, length)));
    }
    EXPECT_EQ(ask(server, {.command = legacy::SessionInfo, .sid = 7}).code, ErrorCode::Success);
}

// Bytes of every kind behind a first one that looks right.
TEST(ControlServerLegacy, RandomBytesAreRefusedOrIgnored) {
    const Server server;
    std::uint32_t seed = 1;
    for (int round = 0; round < 60; ++round) {
        std::string bytes(control::legacy::kRequestBytesMax, '\0');
        for (char& byte : bytes) {
            seed = seed * 1664525 + 1013904223;
            byte = static_cast<char>(seed >> 24);
        }
        const std::uint32_t command = static_cast<std::uint32_t>(round) % 20;
        if (command == 11) continue;  // would stop it
        std::memcpy(bytes.data(), &command, sizeof command);
        os::ControlClient client = server.connect();
        ASSERT_TRUE(client.send(bytes));
        const auto code = read_reply(client, control::legacy::Command(command)).code;
        // These three need nothing from the bytes.
        const bool config = command >= 8 && command <= 10;
        EXPECT_EQ(code == ErrorCode::Success, config) << command;
    }
    EXPECT_EQ(ask(server, {.command = legacy::SessionInfo, .sid = 7}).code, ErrorCode::Success);
}

}  // namespace
}  // namespace iscsi::iscsid
