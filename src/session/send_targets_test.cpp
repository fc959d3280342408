// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/send_targets.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "session/backoff.hpp"
#include "session/testing/peer.hpp"

namespace iscsi::session {
namespace {

using namespace std::chrono_literals;
using proto::TextRequest;
using proto::TextResponse;
using testing::at;
using testing::text_of;

constexpr std::string_view kTwoTargets =
    "TargetName=iqn.a;TargetAddress=10.0.0.1:3260,1;TargetAddress=[fe80::1]:3261,2;"
    "TargetName=iqn.b;TargetAddress=disks.example.org;";

std::vector<DiscoveredTarget> two_targets() {
    return {{"iqn.a", {{"10.0.0.1", 3260, 1}, {"fe80::1", 3261, 2}}},
            {"iqn.b", {{"disks.example.org", 3260, {}}}}};
}

class SendTargets : public ::testing::Test {
protected:
    void start(SendTargetsLimits limits = {}) {
        LoggedIn login;
        login.params.max_recv_data_segment_length = 32768;
        login.cmd_sn = {1};
        login.exp_stat_sn = {50};
        login.exp_cmd_sn = {1};
        login.max_cmd_sn = {10};
        start(login, limits);
    }
    void start(const LoggedIn& login, SendTargetsLimits limits = {}) {
        stat_sn_ = login.exp_stat_sn;
        engine_.emplace(login, limits, at(1000s));
        peer_.emplace(*engine_);
    }
    testing::Sent<TextRequest> request() { return peer_->take_pdu<TextRequest>(); }

    TextResponse response(bool final) {
        TextResponse pdu;
        pdu.final = final;
        pdu.initiator_task_tag = 1;
        pdu.target_transfer_tag = final ? proto::kReservedTag : 77;
        pdu.stat_sn = stat_sn_;
        stat_sn_ = stat_sn_.next();
        pdu.exp_cmd_sn = {2};
        pdu.max_cmd_sn = {10};
        return pdu;
    }
    void respond(const TextResponse& pdu, std::string_view data) {
        const auto bytes = testing::wire(pdu, data);
        peer_->give(bytes);
    }

    SendTargetsEngine::Event outcome() {
        auto event = engine_->next_event();
        EXPECT_TRUE(event.has_value());
        EXPECT_TRUE(engine_->done());
        EXPECT_TRUE(engine_->send_window().empty());
        EXPECT_TRUE(engine_->recv_window().empty());
        EXPECT_EQ(engine_->deadline(), base::kNever);
        EXPECT_FALSE(engine_->next_event().has_value());
        return event.value_or(SendTargetsFailed{});
    }
    SendTargetsAnswer answer() {
        const auto event = outcome();
        const auto* found = std::get_if<SendTargetsAnswer>(&event);
        EXPECT_NE(found, nullptr) << std::get<SendTargetsFailed>(event).text;
        return found ? *found : SendTargetsAnswer{};
    }
    SendTargetsFailed failure() {
        const auto event = outcome();
        const auto* failed = std::get_if<SendTargetsFailed>(&event);
        EXPECT_NE(failed, nullptr);
        return failed ? *failed : SendTargetsFailed{};
    }

    std::optional<SendTargetsEngine> engine_;
    std::optional<testing::Peer<SendTargetsEngine>> peer_;
    proto::StatSn stat_sn_;
};

TEST_F(SendTargets, AsksForAll) {
    start();
    const auto sent = request();
    EXPECT_EQ(sent.text, "SendTargets=All;");
    EXPECT_TRUE(sent.header.final);
    EXPECT_FALSE(sent.header.immediate);
    EXPECT_EQ(sent.header.initiator_task_tag, 1U);
    EXPECT_EQ(sent.header.target_transfer_tag, proto::kReservedTag);
    EXPECT_EQ(sent.header.cmd_sn.value, 1U);
    EXPECT_EQ(sent.header.exp_stat_sn.value, 50U);
}

TEST_F(SendTargets, ReadsTargetsInOrder) {
    start();
    (void)request();
    respond(response(true), text_of(kTwoTargets));
    EXPECT_EQ(answer().targets, two_targets());
}

TEST_F(SendTargets, NoTargetsAreAnAnswer) {
    start();
    (void)request();
    respond(response(true), "");
    EXPECT_TRUE(answer().targets.empty());
}

TEST_F(SendTargets, EverySplitOfTheStreamGivesTheSame) {
    for (std::size_t piece = 1; piece < 200; ++piece) {
        start();
        (void)peer_->take(piece);
        peer_->give(testing::wire(response(true), text_of(kTwoTargets)), piece);
        EXPECT_EQ(answer().targets, two_targets()) << piece;
    }
}

// Cut anywhere, with the C bit or (as some targets do) without.
TEST_F(SendTargets, EveryCutOfTheTextGivesTheSame) {
    const auto text = text_of(kTwoTargets);
    for (const bool with_c : {false, true}) {
        for (std::size_t cut = 0; cut <= text.size(); ++cut) {
            start();
            (void)request();
            auto first = response(false);
            first.continue_text = with_c;
            respond(first, std::string_view(text).substr(0, cut));
            const auto next = request();
            EXPECT_EQ(next.text, "");
            EXPECT_EQ(next.header.target_transfer_tag, 77U);
            EXPECT_EQ(next.header.initiator_task_tag, 1U);
            EXPECT_EQ(next.header.cmd_sn.value, 2U);
            EXPECT_EQ(next.header.exp_stat_sn.value, 51U);
            respond(response(true), std::string_view(text).substr(cut));
            EXPECT_EQ(answer().targets, two_targets()) << cut;
        }
    }
}

TEST_F(SendTargets, EveryTruncationIsRefusedOrShorter) {
    const auto text = text_of(kTwoTargets);
    for (std::size_t length = 0; length < text.size(); ++length) {
        start();
        (void)request();
        respond(response(true), std::string_view(text).substr(0, length));
        const auto event = outcome();
        const bool whole = length == 0 || text[length - 1] == '\0';
        EXPECT_EQ(std::holds_alternative<SendTargetsAnswer>(event), whole) << length;
    }
}

struct Lie {
    const char* name;
    std::function<void(TextResponse&)> tell;
};

TEST_F(SendTargets, EveryWrongFieldOfAResponseIsRefused) {
    for (const auto& lie : std::vector<Lie>{
             {"task tag", [](auto& r) { r.initiator_task_tag = 2; }},
             {"stat sn", [](auto& r) { r.stat_sn = {51}; }},
             {"F and C", [](auto& r) { r.continue_text = true; }},
             {"open without tag", [](auto& r) { r.final = false; }},
         }) {
        start();
        (void)request();
        auto pdu = response(true);
        lie.tell(pdu);
        respond(pdu, text_of(kTwoTargets));
        const auto failed = failure();
        EXPECT_TRUE(failed.text.starts_with("received an invalid response: ")) << lie.name;
    }
}

// LIO's lists that are longer than one PDU end so.
TEST_F(SendTargets, ATagInTheLastResponseIsNotLookedAt) {
    start();
    (void)request();
    auto pdu = response(true);
    pdu.target_transfer_tag = 77;
    respond(pdu, text_of(kTwoTargets));

    EXPECT_TRUE(std::holds_alternative<SendTargetsAnswer>(outcome()));
}

TEST_F(SendTargets, OtherPdusEndIt) {
    start();
    (void)request();
    peer_->give(testing::wire(proto::Reject{}, std::string(48, 'x')));
    EXPECT_TRUE(failure().retryable);
    start();
    (void)request();
    peer_->give(testing::wire(proto::AsyncMessage{}, ""));
    EXPECT_TRUE(failure().retryable);
    start();
    (void)request();
    peer_->give(testing::wire(proto::DataIn{}, ""));
    EXPECT_EQ(failure().text, "received unexpected opcode 0x25");
}

TEST_F(SendTargets, OversizeSegmentIsRefusedAtItsHeader) {
    start();
    (void)request();
    auto pdu = response(true);
    pdu.data_segment_length = 32769;
    peer_->give(proto::encode(pdu));
    EXPECT_FALSE(failure().text.empty());
}

TEST_F(SendTargets, PingsAreAnswered) {
    start();
    (void)request();
    proto::NopIn ping;
    ping.target_transfer_tag = 9;
    ping.lun = {5};
    ping.stat_sn = stat_sn_;
    ping.exp_cmd_sn = {2};
    ping.max_cmd_sn = {10};
    peer_->give(testing::wire(ping, "echo"));
    const auto pong = peer_->take_pdu<proto::NopOut>();
    EXPECT_TRUE(pong.header.immediate);
    EXPECT_EQ(pong.text, "echo");
    EXPECT_EQ(pong.header.target_transfer_tag, 9U);
    EXPECT_EQ(pong.header.lun.value, 5U);
    EXPECT_EQ(pong.header.initiator_task_tag, proto::kReservedTag);
    ping.target_transfer_tag = proto::kReservedTag;
    peer_->give(testing::wire(ping, ""));
    EXPECT_TRUE(engine_->send_window().empty());
    respond(response(true), text_of(kTwoTargets));
    EXPECT_EQ(answer().targets.size(), 2U);
}

TEST_F(SendTargets, EndlessPingsAndRoundsEnd) {
    for (const bool pings : {false, true}) {
        start();
        int rounds = 0;
        while (!engine_->done() && rounds < 1000) {
            (void)peer_->take();
            if (pings) {
                peer_->give(testing::wire(proto::NopIn{}, ""));
            } else {
                respond(response(false), "");
            }
            ++rounds;
        }
        EXPECT_EQ(rounds, 65);
        (void)failure();
    }
}

TEST_F(SendTargets, EndlessTextEnds) {
    start();
    const std::string piece(32768, 'a');
    std::size_t rounds = 0;
    while (!engine_->done() && rounds < 1000) {
        (void)request();
        respond(response(false), piece);
        ++rounds;
    }
    EXPECT_EQ(rounds, kSendTargetsBytesMax / piece.size() + 1);
    EXPECT_EQ(failure().text, "received an invalid response: the text is too long");
}

TEST_F(SendTargets, AClosedCommandWindowDoesNotStopIt) {
    LoggedIn login;
    login.cmd_sn = {1};
    login.exp_cmd_sn = {1};
    login.max_cmd_sn = {0};
    start(login);
    const auto sent = request();
    EXPECT_TRUE(sent.header.immediate);
    respond(response(false), "");
    const auto next = request();
    EXPECT_FALSE(next.header.immediate);
    EXPECT_EQ(next.header.cmd_sn.value, 1U);
}

TEST_F(SendTargets, SilenceEndsByEitherLimit) {
    start({.response_timeout = 30s});
    EXPECT_EQ(engine_->deadline(), at(1030s));
    start({.response_timeout = 30s, .answer_deadline = at(1010s)});
    EXPECT_EQ(engine_->deadline(), at(1010s));
    engine_->on_deadline(at(1009s));
    EXPECT_FALSE(engine_->done());
    engine_->on_deadline(at(1010s));
    const auto failed = failure();
    EXPECT_TRUE(failed.retryable);
    EXPECT_EQ(failed.code, base::ErrorCode::PduTimeout);
}

TEST(ReadTargets, WhatCannotBeATargetIsLeftOutWithARemark) {
    const auto result = read_targets({{"TargetAddress", "10.0.0.9"},
                                      {"TargetName", "../../etc"},
                                      {"TargetAddress", "10.0.0.1"},
                                      {"TargetName", "iqn.a"},
                                      {"TargetAddress", "\x1b[2J"},
                                      {"TargetAddress", "10.0.0.2"},
                                      {"X-other", "1"}});
    const auto& answer = std::get<SendTargetsAnswer>(result);
    EXPECT_EQ(answer.targets, (std::vector<DiscoveredTarget>{{"iqn.a", {{"10.0.0.2", 3260, {}}}}}));
    EXPECT_EQ(answer.remarks,
              (std::vector<std::string>{
                  "ignoring a target with the name '../../etc', which is no iSCSI name",
                  "ignoring a target address '?[2J', which is none"}));
}

TEST(ReadTargets, TargetWithNothingButUselessAddressesIsLeftOut) {
    const auto result = read_targets({{"TargetName", "iqn.a"},
                                      {"TargetAddress", "10.0.0.1:0"},
                                      {"TargetName", "iqn.b"},
                                      {"TargetName", "iqn.c"},
                                      {"TargetAddress", "[:,"}});

    const auto& answer = std::get<SendTargetsAnswer>(result);
    EXPECT_EQ(answer.targets, (std::vector<DiscoveredTarget>{{"iqn.b", {}}}));
    EXPECT_EQ(answer.remarks.size(), 4);
}

TEST(ReadTargets, NumbersAreLimited) {
    const std::vector<proto::TextPair> many(kSendTargetsTargetsMax + 1, {"TargetName", "iqn.a"});
    EXPECT_TRUE(std::holds_alternative<SendTargetsFailed>(read_targets(many)));
    std::vector<proto::TextPair> addresses(kSendTargetsAddressesMax + 1,
                                           {"TargetAddress", "10.0.0.1"});
    addresses.insert(addresses.begin(), {"TargetName", "iqn.a"});
    EXPECT_TRUE(std::holds_alternative<SendTargetsFailed>(read_targets(addresses)));
    addresses.pop_back();
    EXPECT_TRUE(std::holds_alternative<SendTargetsAnswer>(read_targets(addresses)));
}

TEST(DiscoveryDelay, IsOpenIscsisSchedule) {
    for (const auto& [failures, delay] :
         std::vector<std::pair<unsigned, std::chrono::seconds>>{{0, 0s},
                                                                {1, 1s},
                                                                {9, 1s},
                                                                {10, 2s},
                                                                {19, 2s},
                                                                {20, 5s},
                                                                {25, 5s},
                                                                {26, 15s},
                                                                {33, 15s},
                                                                {34, 60s},
                                                                {1000, 60s}}) {
        EXPECT_EQ(discovery_delay(failures), delay) << failures;
    }
}

}  // namespace
}  // namespace iscsi::session
