// SPDX-License-Identifier: LGPL-2.1-or-later
// The control socket as a client meets it, friendly or not: a real socket, a data path without
// data.
#include "iscsid/control_server.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include <memory>
#include <thread>

#include "control/legacy.hpp"
#include "iscsid/testing/test_server.hpp"

namespace iscsi::iscsid {
namespace {

using base::ErrorCode;
using namespace std::chrono_literals;
using testing::kPatience;
using testing::Server;
namespace legacy = control::legacy;

// Everything that the daemon says until it closes.
std::vector<control::Answer> read_all(os::ControlClient& client) {
    std::vector<control::Answer> answers;
    for (;;) {
        auto line = client.read_line(control::kAnswerBytesMax, kPatience);
        if (!line || !*line) return answers;
        auto answer = control::decode_answer(**line);
        EXPECT_TRUE(answer) << **line;
        if (answer) answers.push_back(std::move(*answer));
    }
}

std::vector<control::Answer> ask(const Server& server, const control::Request& request) {
    os::ControlClient client = server.connect();
    EXPECT_TRUE(client.send(control::encode(request)));
    return read_all(client);
}

std::vector<control::Answer> send_raw(const Server& server, std::string_view bytes) {
    os::ControlClient client = server.connect();
    EXPECT_TRUE(client.send(bytes));
    return read_all(client);
}

control::Done only_done(const std::vector<control::Answer>& answers) {
    EXPECT_EQ(answers.size(), 1U);
    if (answers.size() != 1) return {};
    const auto* done = std::get_if<control::Done>(&answers.front());
    EXPECT_NE(done, nullptr);
    return done != nullptr ? *done : control::Done{};
}

TEST(ControlServer, TellsAboutTheDaemon) {
    const Server server;
    const auto answers = ask(server, control::GetInfo{});

    ASSERT_EQ(answers.size(), 2U);
    const auto& info = std::get<control::DaemonInfo>(answers[0]);
    EXPECT_EQ(info.initiator_name, "iqn.x:init");
    EXPECT_EQ(info.initiator_alias, "here");
    EXPECT_EQ(info.config_file, "/conf");
    EXPECT_EQ(std::get<control::Done>(answers[1]), control::Done{});
}

TEST(ControlServer, ListsSessionsWithWhatWasAskedFor) {
    const Server server;
    auto answers = ask(server, control::ListSessions{});
    ASSERT_EQ(answers.size(), 3U);
    const auto& plain = std::get<control::SessionInfo>(answers[0]);
    EXPECT_EQ(plain.sid, 7U);
    EXPECT_EQ(plain.session_state, "LOGGED_IN");
    EXPECT_TRUE(plain.luns.empty());
    EXPECT_EQ(plain.password, "");

    answers = ask(server, control::ListSessions{.sids = {8, 99}, .luns = true, .secrets = true});
    ASSERT_EQ(answers.size(), 2U);
    const auto& full = std::get<control::SessionInfo>(answers[0]);
    EXPECT_EQ(full.target, "iqn.x:two");
    ASSERT_EQ(full.luns.size(), 1U);
    EXPECT_EQ(full.luns[0].block_device, "loop9");
    EXPECT_EQ(full.password, "very secret");
}

TEST(ControlServer, StatisticsAndRescanAnswerEachItem) {
    const Server server;
    auto answers = ask(server, control::GetStats{.sids = {7, 99}});
    ASSERT_EQ(answers.size(), 3U);
    EXPECT_EQ(std::get<control::Done>(answers[2]).code, ErrorCode::SessionNotFound);

    answers = ask(server, control::GetStats{.sids = {7}});
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(std::get<control::StatsInfo>(answers[0]).counters[0].value, 5U);
    EXPECT_EQ(std::get<control::Done>(answers[1]).code, ErrorCode::Success);

    answers = ask(server, control::Rescan{.sids = {7, 8}});
    EXPECT_EQ(answers.size(), 3U);
}

TEST(ControlServer, RescanTellsOfDisksThatCouldNotBeMadeDevices) {
    const Server server({.luns = 2, .devices = 1, .problems = {}, .failures = "LUN 2: EPERM"});
    const auto answers = ask(server, control::Rescan{.sids = {7}});

    ASSERT_EQ(answers.size(), 2U);
    const auto& item = std::get<control::ItemDone>(answers[0]);
    EXPECT_EQ(item.code, ErrorCode::Success);
    EXPECT_EQ(item.message, "no disk for LUN 2: EPERM");
}

TEST(ControlServer, LogoutEndsSessionsAndSaysWhichWereNone) {
    const Server server;
    const auto answers = ask(server, control::Logout{.sids = {7, 99}});

    ASSERT_EQ(answers.size(), 3U);
    EXPECT_EQ(std::get<control::Done>(answers[2]).code, ErrorCode::SessionNotFound);
    const auto left = ask(server, control::ListSessions{});
    ASSERT_EQ(left.size(), 2U);
    EXPECT_EQ(std::get<control::SessionInfo>(left[0]).sid, 8U);
}

TEST(ControlServer, ASecondLoginToTheSamePortalIsCode15) {
    const Server server;
    control::LoginItem item;
    item.node.name = "iqn.x:one";
    item.node.conn[0].address = "192.0.2.7";
    const auto answers = ask(server, control::Login{.items = {item}});

    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(std::get<control::ItemDone>(answers[0]).code, ErrorCode::SessionExists);
    EXPECT_EQ(std::get<control::Done>(answers[1]).code, ErrorCode::SessionExists);
}

// Somebody who listens and says nothing.
class SilentTarget {
public:
    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
    asio::io_context io_;
    asio::ip::tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
};

control::LoginItem item_to(std::uint16_t port) {
    control::LoginItem item;
    item.node.name = "iqn.x:silent";
    item.node.conn[0].address = "127.0.0.1";
    item.node.conn[0].port = port;
    item.node.conn[0].timeo.login_timeout = 600;
    return item;
}

TEST(ControlServer, ALoginUnderWayIsJoinedListedAndEnded) {
    const Server server;
    const SilentTarget silent;
    const control::Login login{.items = {item_to(silent.port())}};
    os::ControlClient first = server.connect();
    ASSERT_TRUE(first.send(control::encode(login)));
    std::vector<control::Answer> listed;
    while (listed.size() != 4) listed = ask(server, control::ListSessions{.unfinished = true});
    os::ControlClient second = server.connect();
    ASSERT_TRUE(second.send(control::encode(login)));
    const auto notice = second.read_line(control::kAnswerBytesMax, kPatience);
    ASSERT_TRUE(notice && *notice);

    const auto& info = std::get<control::SessionInfo>(listed[2]);
    EXPECT_EQ(info.target, "iqn.x:silent");
    EXPECT_TRUE(info.logging_in);
    const auto ended = ask(server, control::Logout{.sids = {info.sid}});

    EXPECT_EQ(std::get<control::ItemDone>(ended.at(0)).code, ErrorCode::Success);
    for (auto* client : {&first, &second}) {
        const auto answers = read_all(*client);
        ASSERT_GE(answers.size(), 2U);
        EXPECT_EQ(std::get<control::ItemDone>(answers[answers.size() - 2]).code,
                  ErrorCode::Internal);
    }
    EXPECT_EQ(ask(server, control::ListSessions{.unfinished = true}).size(), 3U);
}

TEST(ControlServer, LoginsThatMakeNoSenseAreRefused) {
    const Server server;
    const auto code_of = [&](const record::Node& node) {
        const auto answers =
            ask(server, control::Login{.items = {{.node = node, .multiple = false}}});
        return std::get<control::Done>(answers.back()).code;
    };
    record::Node node;
    EXPECT_EQ(code_of(node), ErrorCode::Invalid);
    node.name = "iqn.x:three";
    node.conn[0].address = "127.0.0.1";
    node.conn[0].port = 70000;
    EXPECT_EQ(code_of(node), ErrorCode::Invalid);
    node.conn[0].port = 3260;
    node.iface.transport_name = "warp";
    EXPECT_EQ(code_of(node), ErrorCode::TransportNotFound);
}

// One login has reached a host that accepts and says nothing. Nobody else waits for it: an answer
// that did would take longer than read_all() has patience for.
TEST(ControlServer, ASilentTargetDelaysNobody) {
    const Server server;
    const SilentTarget silent;
    os::ControlClient waiting = server.connect();
    ASSERT_TRUE(waiting.send(control::encode(control::Login{.items = {item_to(silent.port())}})));
    // Listed from the moment when it is connected.
    while (ask(server, control::ListSessions{}).size() != 4) std::this_thread::yield();

    EXPECT_EQ(ask(server, control::Rescan{.sids = {7}}).size(), 2U);
    EXPECT_EQ(ask(server, control::Logout{.sids = {7}}).size(), 2U);
    EXPECT_EQ(ask(server, control::ListSessions{}).size(), 3U);
}

TEST(ControlServer, NoWaitIsAnsweredWhenTheLoginIsAccepted) {
    const Server server;
    control::LoginItem item;
    item.node.name = "iqn.x:far";
    item.node.iface.transport_name = "user";
    item.node.conn[0].address = "127.0.0.1";
    item.node.conn[0].port = 1;
    const auto answers = ask(server, control::Login{.items = {item}, .no_wait = true});

    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(std::get<control::Done>(answers[1]).code, ErrorCode::Success);
}

TEST(ControlServer, StopIsAnsweredAndPassedOn) {
    Server server;
    EXPECT_EQ(only_done(ask(server, control::Stop{})), control::Done{});
    EXPECT_TRUE(server.was_stopped());
}

// Hostile and broken clients ------------------------------------------------------------------

// In the one reply that every client knows, for nothing tells yet which kind of client it is.
TEST(ControlServer, OthersThanRootAreRefusedUnread) {
    const Server server(/*allowed_uid=*/::geteuid() + 1);
    os::ControlClient silent = server.connect();
    const auto bytes = silent.read_block(legacy::kReplyBytes + 1, kPatience);
    ASSERT_TRUE(bytes);
    ASSERT_EQ(bytes->size(), legacy::kReplyBytes);
    const auto reply =
        legacy::decode_reply(std::as_bytes(std::span(*bytes)), legacy::Command::Unknown);
    EXPECT_EQ(reply.code, ErrorCode::Access);
}

TEST(ControlServer, GarbageGetsAnErrorAndTheEnd) {
    const Server server;
    for (const std::string_view bytes :
         {"junk\n", "{\n", "{}\n", " \n", "[1,2]\n", "{\"request\":\"fly\"}\n",
          "{\"request\":\"logout\",\"sids\":\"all\"}\n"}) {
        EXPECT_EQ(only_done(send_raw(server, bytes)).code, ErrorCode::InvalidRequest) << bytes;
    }
    EXPECT_EQ(ask(server, control::GetInfo{}).size(), 2U);
}

TEST(ControlServer, ALineWithoutEndIsRefusedAtTheLimit) {
    const Server server;
    std::string endless = "{\"request\":\"";
    endless.resize(control::kRequestBytesMax + 1024, 'x');

    EXPECT_EQ(only_done(send_raw(server, endless)).code, ErrorCode::InvalidRequest);
}

TEST(ControlServer, ARequestMayArriveByteByByte) {
    const Server server;
    os::ControlClient client = server.connect();
    for (const char byte : control::encode(control::GetInfo{})) {
        ASSERT_TRUE(client.send({&byte, 1}));
    }

    EXPECT_EQ(read_all(client).size(), 2U);
}

TEST(ControlServer, WhatFollowsTheRequestIsNotLookedAt) {
    const Server server;
    const auto answers =
        send_raw(server, control::encode(control::GetInfo{}) + std::string(100'000, 'x'));

    EXPECT_EQ(answers.size(), 2U);
}

TEST(ControlServer, ClientsThatLeaveInTheMiddleHurtNobody) {
    const Server server;
    const std::string request = control::encode(control::ListSessions{.luns = true});
    for (std::size_t length = 0; length <= request.size(); ++length) {
        os::ControlClient client = server.connect();
        ASSERT_TRUE(client.send(std::string_view(request).substr(0, length)));
    }
    EXPECT_EQ(ask(server, control::GetInfo{}).size(), 2U);
}

TEST(ControlServer, AThousandIdleClientsHurtNobody) {
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < 2200) GTEST_SKIP() << "not enough descriptors";
    const Server server;
    std::vector<os::ControlClient> idle;
    idle.reserve(1000);
    for (int i = 0; i < 1000; ++i) idle.push_back(server.connect());

    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(ask(server, control::ListSessions{}).size(), 3U);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
}

TEST(ControlServer, AnswersThatNobodyReadsHurtNobody) {
    const Server server;
    // Asks for as much as one request can, a hundred times, and reads none of it.
    control::ListSessions list{.sids = {}, .luns = true};
    list.sids.assign(control::kItemsMax, 7);
    std::vector<os::ControlClient> deaf;
    for (int i = 0; i < 100; ++i) {
        deaf.push_back(server.connect());
        ASSERT_TRUE(deaf.back().send(control::encode(list)));
    }

    EXPECT_EQ(ask(server, control::GetInfo{}).size(), 2U);
    // And whoever reads late gets all of it.
    EXPECT_EQ(read_all(deaf.back()).size(), control::kItemsMax + 1);
}

}  // namespace
}  // namespace iscsi::iscsid
