// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/messages.hpp"

#include <gtest/gtest.h>

#include <string>

namespace iscsi::control {
namespace {

record::Node node_with_secrets() {
    record::Node node;
    node.name = "iqn.2026-11.org.example:disk1";
    node.tpgt = 1;
    node.conn[0].address = "192.0.2.7";
    node.session.auth.username = "user";
    node.session.auth.password = base::Secret("a secret with = and \"quotes\"");
    node.session.timeo.replacement_timeout = -1;
    return node;
}

TEST(ControlRequest, SurvivesTheWireWhole) {
    const std::vector<Request> requests = {
        Login{.items = {{.node = node_with_secrets(), .multiple = true}}, .no_wait = true},
        Logout{.sids = {1, 1'000'001}},
        ListSessions{.sids = {3}, .luns = true, .secrets = true},
        GetStats{.sids = {4}},
        Rescan{.sids = {5, 6}},
        GetInfo{},
        Stop{}};
    for (const Request& request : requests) {
        const std::string line = encode(request);

        ASSERT_TRUE(line.ends_with('\n'));
        EXPECT_EQ(line.find('\n'), line.size() - 1);
        const auto decoded = decode_request(line);
        ASSERT_TRUE(decoded) << decoded.error().message;
        EXPECT_EQ(*decoded, request);
    }
}

TEST(ControlAnswer, SurvivesTheWireWhole) {
    SessionInfo session{.sid = 1'000'001, .transport = "tcp", .target = "iqn.x:y", .tpgt = -1};
    session.connection_state = ConnectionState::CleanupWait;
    session.internal_state = InternalState::Redirect;
    session.luns = {{.lun = 3, .block_device = "loop1", .state = "running"}};
    const std::vector<Answer> answers = {
        ItemDone{.index = 2, .sid = 7, .code = base::ErrorCode::LoginAuthFailed, .message = "no"},
        Notice{.index = 1, .text = "uses the user data path"},
        DaemonInfo{.version = "2.1.8", .config_file = "/etc/iscsi/iscsid.conf", .pid = 12},
        session,
        StatsInfo{.sid = 7, .counters = {{"txdata_octets", 9}}, .extended = {{"eh_abort_cnt", 1}}},
        Done{.code = base::ErrorCode::Busy, .message = "in use"}};
    for (const Answer& answer : answers) {
        const auto decoded = decode_answer(encode(answer));

        ASSERT_TRUE(decoded) << decoded.error().message;
        EXPECT_EQ(*decoded, answer);
    }
}

TEST(ControlRequest, EveryPrefixIsRefused) {
    std::string line = encode(Request{Logout{.sids = {1, 2}}});
    line.pop_back();
    for (std::size_t length = 0; length < line.size(); ++length) {
        EXPECT_FALSE(decode_request(std::string_view(line).substr(0, length))) << length;
    }
}

TEST(ControlRequest, RefusesWithTheNameOfTheBadField) {
    const auto problem = [](std::string_view line) {
        const auto decoded = decode_request(line);
        return decoded ? std::string("accepted") : decoded.error().message;
    };
    EXPECT_EQ(problem("[]"), "a message that is no JSON object");
    EXPECT_EQ(problem(R"({"request":"fly"})"), "unknown request");
    EXPECT_EQ(problem(R"({"request":7})"), "unknown request");
    EXPECT_EQ(problem(R"({"request":"logout","sids":7})"),
              R"(request logout: bad value of "sids")");
    EXPECT_EQ(problem(R"({"request":"logout","sids":[-1]})"),
              R"(request logout: bad value of "sids")");
    EXPECT_EQ(problem(R"({"request":"logout","sids":[1.5]})"),
              R"(request logout: bad value of "sids")");
    EXPECT_EQ(problem(R"({"request":"sessions","luns":"yes"})"),
              R"(request sessions: bad value of "luns")");
    EXPECT_EQ(problem(R"({"request":"login","items":[{}]})"),
              R"(request login: bad value of "record")");
    EXPECT_EQ(problem(R"({"request":"login","items":[{"record":"node.name"}]})"),
              R"(request login: bad value of "record")");
}

TEST(ControlRequest, ItemsAreLimited) {
    Logout logout;
    logout.sids.resize(kItemsMax);
    EXPECT_TRUE(decode_request(encode(Request{logout})));

    logout.sids.push_back(1);
    const auto refused = decode_request(encode(Request{logout}));

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "request logout: more than 1024 items");
}

TEST(ControlRequest, DeepNestingIsRefused) {
    const std::string deep = R"({"request":"stop","x":)" + std::string(1'000'000, '[');
    EXPECT_FALSE(decode_request(deep));
}

TEST(ControlRequest, TooLongIsRefusedUnread) {
    EXPECT_FALSE(decode_request(std::string(kRequestBytesMax + 1, ' ')));
}

TEST(ControlAnswer, BytesThatAreNoUtf8DoNotEndTheDaemon) {
    const auto decoded = decode_answer(encode(Answer{Done{.message = "bad \xff byte"}}));

    ASSERT_TRUE(decoded);
    EXPECT_EQ(std::get<Done>(*decoded).message, "bad \xef\xbf\xbd byte");
}

TEST(ControlRequest, FirstByteTellsItFromOpenIscsisRequests) {
    // Those begin with a command number below 256 as a little-endian word; '{' as such a number
    // would be command 123, followed by three zero bytes.
    EXPECT_TRUE(encode(Request{Stop{}}).starts_with("{\""));
}

TEST(ControlWords, AreOpenIscsis) {
    EXPECT_EQ(words(ConnectionState::TransportWait), "TRANSPORT WAIT");
    EXPECT_EQ(words(ConnectionState::LoggedIn), "LOGGED IN");
    EXPECT_EQ(words(InternalState::NoChange), "NO CHANGE");
    EXPECT_EQ(words(InternalState::Reopen), "REOPEN");
}

}  // namespace
}  // namespace iscsi::control
