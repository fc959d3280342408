// SPDX-License-Identifier: LGPL-2.1-or-later
// What a login offers, agrees on and splits. Refusals and CHAP are in files of their own.
#include "session/login.hpp"

#include <array>
#include <functional>

#include "session/chap.hpp"
#include "session/testing/login.hpp"

namespace iscsi::session {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using proto::LoginResponse;

TEST_F(Login, OffersOperationalKeysInOpenIscsisOrder) {
    start(normal_config());

    const auto sent = request();

    EXPECT_EQ(sent.text,
              "InitiatorName=iqn.2026-11.test:initiator;TargetName=iqn.2026-11.test:disk;"
              "SessionType=Normal;HeaderDigest=None;DataDigest=None;DefaultTime2Wait=2;"
              "DefaultTime2Retain=0;IFMarker=No;OFMarker=No;ErrorRecoveryLevel=0;InitialR2T=No;"
              "ImmediateData=Yes;MaxBurstLength=16776192;FirstBurstLength=262144;"
              "MaxOutstandingR2T=1;MaxConnections=1;DataPDUInOrder=Yes;DataSequenceInOrder=Yes;"
              "MaxRecvDataSegmentLength=262144;");
    EXPECT_TRUE(sent.header.transit);
    EXPECT_FALSE(sent.header.continue_text);
    EXPECT_EQ(sent.header.current_stage, kOperational);
    EXPECT_EQ(sent.header.next_stage, kFullFeature);
    EXPECT_EQ(sent.header.version_max, 0);
    EXPECT_EQ(sent.header.version_min, 0);
    EXPECT_EQ(sent.header.isid, (proto::Isid{{0, 2, 0x3d, 1, 2, 3}}));
    EXPECT_EQ(sent.header.tsih, 0);
    EXPECT_EQ(sent.header.cid, 0);
    EXPECT_EQ(sent.header.initiator_task_tag, 0U);
    EXPECT_EQ(sent.header.cmd_sn.value, 1U);
}

TEST_F(Login, DiscoveryOffersOnlyWhatCounts) {
    auto config = normal_config();
    config.session_type = SessionType::Discovery;
    config.initiator_alias = "host";
    config.offer.max_recv_data_segment_length = 32768;
    start(config);

    EXPECT_EQ(request().text,
              "InitiatorName=iqn.2026-11.test:initiator;InitiatorAlias=host;SessionType=Discovery;"
              "HeaderDigest=None;DataDigest=None;DefaultTime2Wait=2;DefaultTime2Retain=0;"
              "IFMarker=No;OFMarker=No;ErrorRecoveryLevel=0;MaxRecvDataSegmentLength=32768;");
}

TEST_F(Login, EndsWithTheAgreedValues) {
    auto config = normal_config();
    config.offer.header_digest = record::Digest::PreferCrc32c;
    start(config);
    (void)request();

    respond(response(kOperational, true),
            "TargetAlias=disks;TargetPortalGroupTag=3;HeaderDigest=CRC32C;DataDigest=None;"
            "DefaultTime2Wait=5;DefaultTime2Retain=0;IFMarker=Reject;OFMarker=NotUnderstood;"
            "ErrorRecoveryLevel=0;InitialR2T=Yes;ImmediateData=No;MaxBurstLength=0x10000;"
            "FirstBurstLength=Irrelevant;MaxOutstandingR2T=1;MaxConnections=1;DataPDUInOrder=Yes;"
            "DataSequenceInOrder=Yes;MaxRecvDataSegmentLength=4096;");

    const auto event = outcome();
    const auto& in = std::get<LoggedIn>(event);
    NegotiatedParameters expected;
    expected.header_digest = true;
    expected.max_recv_data_segment_length = 262144;
    expected.max_xmit_data_segment_length = 4096;
    expected.max_burst_length = 65536;
    expected.first_burst_length = 65536;
    expected.initial_r2t = true;
    expected.immediate_data = false;
    expected.data_pdu_in_order_answered = true;
    expected.data_sequence_in_order_answered = true;
    expected.default_time2wait = 5;
    expected.default_time2retain = 0;
    expected.target_alias = "disks";
    expected.target_portal_group_tag = 3;
    EXPECT_EQ(in.params, expected);
    EXPECT_EQ(in.tsih, 5);
    EXPECT_EQ(in.isid, isid_);
    EXPECT_EQ(in.cmd_sn.value, 1U);
    EXPECT_EQ(in.exp_stat_sn.value, 101U);
    EXPECT_EQ(in.exp_cmd_sn.value, 1U);
    EXPECT_EQ(in.max_cmd_sn.value, 32U);
}

TEST_F(Login, NamesWithNulsDoNotEndThePairEarly) {
    auto config = normal_config();
    config.initiator_name = std::string("iqn.a\0SessionType=x", 18);
    start(config);
    EXPECT_TRUE(request().text.starts_with("InitiatorName=iqn.a;TargetName="));
}

TEST_F(Login, ValuesOutOfRangeAreReplacedWithANotice) {
    auto config = normal_config();
    config.offer.max_recv_data_segment_length = 100;
    config.offer.max_burst_length = 8195;
    start(config);

    EXPECT_NE(request().text.find("MaxBurstLength=8192;FirstBurstLength=8192;"), std::string::npos);
    const auto notice = engine_->next_event();
    ASSERT_TRUE(notice.has_value());
    EXPECT_EQ(std::get<Notice>(*notice).text,
              "Invalid iscsi.MaxRecvDataSegmentLength. Must be within 512 and 16777215. Setting to "
              "262144");
}

// Any cut of the byte stream, in both directions, gives the same login.
TEST_F(Login, EverySplitGivesTheSame) {
    for (std::size_t piece = 1; piece < 130; ++piece) {
        start(normal_config());
        (void)peer_->take(piece);
        const auto bytes = wire(response(kOperational, true), text_of(kAgreement));
        EXPECT_EQ(peer_->give(bytes, piece), bytes.size());
        EXPECT_TRUE(std::holds_alternative<LoggedIn>(outcome())) << piece;
    }
}

TEST_F(Login, EveryPrefixWaits) {
    start(normal_config());
    const auto bytes = wire(response(kOperational, true), text_of(kAgreement));
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        start(normal_config());
        (void)peer_->take();
        EXPECT_EQ(peer_->give(std::span(bytes).first(length)), length);
        EXPECT_FALSE(engine_->done()) << length;
        EXPECT_FALSE(engine_->recv_window().empty());
        EXPECT_FALSE(engine_->next_event().has_value());
    }
}

TEST_F(Login, TakesNoByteAfterTheFinalResponse) {
    start(normal_config());
    (void)peer_->take();
    auto bytes = wire(response(kOperational, true), text_of(kAgreement));
    const auto length = bytes.size();
    bytes.resize(length + 48);
    EXPECT_EQ(peer_->give(bytes), length);
    EXPECT_TRUE(std::holds_alternative<LoggedIn>(outcome()));
}

TEST_F(Login, JoinsTextOverAnyNumberOfPdus) {
    const auto text = text_of(kAgreement);
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 100U}) {
        start(normal_config());
        (void)request();
        for (std::size_t from = 0; from < text.size(); from += piece) {
            const bool last = from + piece >= text.size();
            auto pdu = response(kOperational, last);
            pdu.continue_text = !last;
            const auto bytes = wire(pdu, std::string_view(text).substr(from, piece));
            peer_->give(bytes);
            if (last) break;
            const auto empty = request();
            EXPECT_EQ(empty.text, "");
            EXPECT_FALSE(empty.header.continue_text);
            EXPECT_EQ(empty.header.exp_stat_sn, stat_sn_);
        }
        EXPECT_TRUE(std::holds_alternative<LoggedIn>(outcome())) << piece;
    }
}

TEST_F(Login, EndlessTextEnds) {
    start(normal_config());
    (void)request();
    const std::string piece(8192, 'a');
    for (int i = 0; i < 8 && !engine_->done(); ++i) {
        auto pdu = response(kOperational, false);
        pdu.continue_text = true;
        respond(pdu, piece);
        (void)request();
    }
    EXPECT_FALSE(engine_->done());
    auto pdu = response(kOperational, false);
    pdu.continue_text = true;
    respond(pdu, "b");
    EXPECT_EQ(failure().text, "Login response is invalid: the text is too long");
}

TEST_F(Login, EndlessEmptyRoundsEnd) {
    for (const bool continued : {false, true}) {
        start(normal_config());
        int rounds = 0;
        while (!engine_->done() && rounds < 1000) {
            (void)request();
            auto pdu = response(kOperational, false);
            pdu.continue_text = continued;
            respond(pdu, "");
            ++rounds;
        }
        EXPECT_EQ(rounds, 65);
        EXPECT_EQ(failure().status, LoginStatus::InvalidPdu);
    }
}

TEST_F(Login, LongOfferIsCutAndContinued) {
    auto config = normal_config();
    config.initiator_alias = std::string(8192, 'a');
    start(config);

    const auto first = request();
    EXPECT_EQ(first.header.data_segment_length, 8192U);
    EXPECT_TRUE(first.header.continue_text);
    EXPECT_FALSE(first.header.transit);
    respond(response(kOperational, false), "");
    const auto second = request();
    EXPECT_FALSE(second.header.continue_text);
    EXPECT_TRUE(second.header.transit);
    EXPECT_TRUE(second.text.ends_with("MaxRecvDataSegmentLength=262144;"));
    respond(response(kOperational, true), kAgreement);
    EXPECT_TRUE(std::holds_alternative<LoggedIn>(outcome()));
}

TEST_F(Login, TextInTheMiddleOfOursIsRefused) {
    auto config = normal_config();
    config.initiator_alias = std::string(8192, 'a');
    start(config);
    (void)request();
    respond(response(kOperational, false), "HeaderDigest=None;");
    EXPECT_EQ(failure().status, LoginStatus::InvalidPdu);
}

TEST_F(Login, UnknownKeysAreAnsweredNotUnderstood) {
    start(normal_config());
    (void)request();
    respond(response(kOperational, false), "X-org.example.colour=red;FutureKey=1;");
    const auto answer = request();
    EXPECT_EQ(answer.text, "X-org.example.colour=NotUnderstood;FutureKey=NotUnderstood;");
    EXPECT_TRUE(answer.header.transit);
    respond(response(kOperational, true), kAgreement);
    EXPECT_TRUE(std::holds_alternative<LoggedIn>(outcome()));
}

TEST_F(Login, DiscoveryAnswersIrrelevantToSessionKeys) {
    auto config = normal_config();
    config.session_type = SessionType::Discovery;
    start(config);
    (void)request();
    respond(response(kOperational, false), "MaxConnections=4;InitialR2T=Yes;MaxBurstLength=1;");
    EXPECT_EQ(request().text,
              "MaxConnections=Irrelevant;InitialR2T=Irrelevant;MaxBurstLength=Irrelevant;");
}

TEST_F(Login, BringingUpAKeyWithTheLastResponseIsRefused) {
    start(normal_config());
    (void)request();
    respond(response(kOperational, true), std::string(kAgreement) + "iSCSIProtocolLevel=2;");
    EXPECT_EQ(failure().text,
              "Login negotiation failed, iSCSIProtocolLevel: brought up with the last response, "
              "which leaves no room for an answer");
}

TEST(Isid, OfEachDiscoveryIsItsOwn) {
    base::SeededRandom random(1);
    const auto first = isid_for_discovery(random);
    EXPECT_EQ(first.bytes[0], 0x80) << "of the random type";
    EXPECT_NE(first, isid_for_discovery(random));
}

TEST(Isid, IsOpenIscsis) {
    EXPECT_EQ(isid_for_session(7), (proto::Isid{{0, 2, 0x3d, 0, 0, 7}}));
    EXPECT_EQ(isid_for_session(0x1000001), (proto::Isid{{0, 2, 0x3d, 0, 0, 1}}));
}

}  // namespace
}  // namespace iscsi::session
