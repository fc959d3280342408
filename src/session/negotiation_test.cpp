// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/negotiation.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "session/testing/peer.hpp"

namespace iscsi::session {
namespace {

Offer plain_offer() {
    Offer offer;
    offer.max_burst_length = 262144;
    offer.first_burst_length = 65536;
    return offer;
}

class NegotiationTest : public ::testing::Test {
protected:
    void start(const Offer& offer = plain_offer(), SessionType type = SessionType::Normal) {
        negotiation_.emplace(type, offer);
        proto::TextWriter out;
        negotiation_->write_offer(out);
        offered_ = testing::readable(base::as_text(out.next_segment(SIZE_MAX)));
    }

    // The reason why a pair was refused, or "".
    std::string take(const std::string& key, const std::string& value,
                     std::uint8_t where = kInOperational) {
        const auto taken = negotiation_->on_pair({key, value}, where);
        return taken ? "" : taken.error().describe();
    }
    std::string answers() {
        proto::TextWriter out;
        negotiation_->write_answers(out);
        return testing::readable(base::as_text(out.next_segment(SIZE_MAX)));
    }
    NegotiatedParameters finish() {
        const auto params = negotiation_->finish();
        EXPECT_TRUE(params.has_value()) << params.error().describe();
        return params.value_or(NegotiatedParameters{});
    }

    std::optional<Negotiation> negotiation_;
    std::string offered_;
};

// One row: our offer, the target's answer, why it is refused ("" when it is fine).
struct Row {
    const char* key;
    const char* answer;
    const char* refusal;
};

// Offered: HeaderDigest=CRC32C,None, InitialR2T=Yes, ImmediateData=No, MaxOutstandingR2T=8,
// DefaultTime2Wait=5, DefaultTime2Retain=60, MaxBurstLength=262144, FirstBurstLength=65536.
const std::vector<Row> kRows{
    {"HeaderDigest", "CRC32C", ""},
    {"HeaderDigest", "None", ""},
    {"HeaderDigest", "CRC32C,None", "we offered CRC32C,None"},
    {"HeaderDigest", "crc32c", "we offered CRC32C,None"},
    {"HeaderDigest", "Reject", "we offered CRC32C,None"},
    {"HeaderDigest", "", "we offered CRC32C,None"},
    {"DataDigest", "CRC32C", "we offered None"},
    {"DefaultTime2Wait", "5", ""},
    {"DefaultTime2Wait", "3600", ""},
    {"DefaultTime2Wait", "4", "contradicts our offer of 5"},
    {"DefaultTime2Wait", "3601", "out of the range 0..3600"},
    {"DefaultTime2Retain", "0", ""},
    {"DefaultTime2Retain", "60", ""},
    {"DefaultTime2Retain", "61", "contradicts our offer of 60"},
    {"DefaultTime2Retain", "-1", "out of the range 0..3600"},
    {"IFMarker", "No", ""},
    {"IFMarker", "Reject", ""},
    {"OFMarker", "NotUnderstood", ""},
    {"OFMarker", "Irrelevant", ""},
    {"IFMarker", "Yes", "we offered No"},
    {"ErrorRecoveryLevel", "0", ""},
    {"ErrorRecoveryLevel", "1", "contradicts our offer of 0"},
    {"ErrorRecoveryLevel", "3", "out of the range 0..2"},
    {"InitialR2T", "Yes", ""},
    {"InitialR2T", "No", "contradicts our offer of Yes"},
    {"InitialR2T", "yes", "neither Yes nor No"},
    {"ImmediateData", "No", ""},
    {"ImmediateData", "Yes", "contradicts our offer of No"},
    {"MaxBurstLength", "262144", ""},
    {"MaxBurstLength", "512", ""},
    {"MaxBurstLength", "0x200", ""},
    {"MaxBurstLength", "511", "out of the range 512..16777215"},
    {"MaxBurstLength", "262145", "contradicts our offer of 262144"},
    {"MaxBurstLength", "-1", "out of the range 512..16777215"},
    {"MaxBurstLength", "", "out of the range 512..16777215"},
    {"MaxBurstLength", "4294967808", "out of the range 512..16777215"},
    {"MaxBurstLength", "512 ", "out of the range 512..16777215"},
    {"MaxBurstLength", "Irrelevant", "we offered 262144"},
    {"MaxBurstLength", "NotUnderstood", "we offered 262144"},
    {"MaxBurstLength", "Reject", "we offered 262144"},
    {"FirstBurstLength", "65536", ""},
    {"FirstBurstLength", "Irrelevant", ""},
    {"FirstBurstLength", "65537", "contradicts our offer of 65536"},
    {"MaxOutstandingR2T", "1", ""},
    {"MaxOutstandingR2T", "8", ""},
    {"MaxOutstandingR2T", "9", "contradicts our offer of 8"},
    {"MaxOutstandingR2T", "0", "out of the range 1..65535"},
    {"MaxConnections", "1", ""},
    {"MaxConnections", "2", "contradicts our offer of 1"},
    {"MaxConnections", "0", "out of the range 1..65535"},
    {"DataPDUInOrder", "Yes", ""},
    {"DataPDUInOrder", "No", "contradicts our offer of Yes"},
    {"DataSequenceInOrder", "Yes", ""},
    {"DataSequenceInOrder", "No", "contradicts our offer of Yes"},
    {"MaxRecvDataSegmentLength", "512", ""},
    {"MaxRecvDataSegmentLength", "16777215", ""},
    {"MaxRecvDataSegmentLength", "511", "out of the range 512..16777215"},
    {"MaxRecvDataSegmentLength", "16777216", "out of the range 512..16777215"},
    {"TargetPortalGroupTag", "0", ""},
    {"TargetPortalGroupTag", "65535", ""},
    {"TargetPortalGroupTag", "65536", "out of the range 0..65535"},
    {"TargetAlias", "disks", ""},
    {"TargetAddress", "10.0.0.1", ""},
    {"InitiatorName", "iqn.x", "only an initiator may send it"},
    {"SessionType", "Normal", "only an initiator may send it"},
    {"SendTargets", "All", "only an initiator may send it"},
    {"TargetName", "iqn.x", "not allowed in the operational stage"},
    {"AuthMethod", "None", "not allowed in the operational stage"},
    {"CHAP_A", "5", "has no place here"},
};

TEST_F(NegotiationTest, AnswersAreHeldAgainstRuleRangeAndOffer) {
    auto offer = plain_offer();
    offer.initial_r2t = true;
    offer.immediate_data = false;
    offer.header_digest = record::Digest::PreferCrc32c;
    offer.max_outstanding_r2t = 8;
    offer.default_time2wait = 5;
    offer.default_time2retain = 60;
    for (const auto& [key, answer, refusal] : kRows) {
        start(offer);
        const std::string refused = take(key, answer);
        const std::string expected = *refusal == '\0' ? ""
                                     : *answer == '\0'
                                         ? std::string(key) + ": " + refusal
                                         : std::string(key) + "=" + answer + ": " + refusal;
        EXPECT_EQ(refused, expected);
    }
}

TEST_F(NegotiationTest, EveryKeyIsRefusedTheSecondTime) {
    for (const auto* pair :
         {"HeaderDigest=None", "DefaultTime2Wait=2", "InitialR2T=Yes", "MaxBurstLength=512",
          "MaxRecvDataSegmentLength=512", "TargetAlias=a", "TargetPortalGroupTag=1", "IFMarker=No",
          "X-new=1", "FirstBurstLength=Irrelevant", "IFMarkInt=2048~8192",
          "TaskReporting=RFC3720"}) {
        start();
        const std::string text = pair;
        const auto equals = text.find('=');
        EXPECT_EQ(take(text.substr(0, equals), text.substr(equals + 1)), "");
        EXPECT_EQ(take(text.substr(0, equals), text.substr(equals + 1)),
                  text + ": sent more than once");
    }
}

TEST_F(NegotiationTest, TargetAddressMayRepeat) {
    start();
    EXPECT_EQ(take("TargetAddress", "10.0.0.1"), "");
    EXPECT_EQ(take("TargetAddress", "10.0.0.2"), "");
}

TEST_F(NegotiationTest, OnlyDeclarationsBelongIntoTheSecurityStage) {
    for (std::size_t i = 0; i < kKeyCount; ++i) {
        const auto& rule = rule_of(static_cast<Key>(i));
        start();
        const auto refused = take(std::string(rule.name), "1", kInSecurity);
        const bool declaration = rule.key == Key::TargetAlias || rule.key == Key::TargetAddress ||
                                 rule.key == Key::TargetPortalGroupTag ||
                                 rule.key == Key::NodeArchitecture;
        // AuthMethod is the login engine's to read.
        if (rule.key != Key::AuthMethod) {
            EXPECT_EQ(refused.empty(), declaration) << rule.name;
        }
    }
}

TEST_F(NegotiationTest, UnknownKeysAreAnsweredOnceAndBounded) {
    start();
    EXPECT_EQ(take("X-com.example.a", "1"), "");
    EXPECT_EQ(take("Y#future", ""), "");
    EXPECT_EQ(answers(), "X-com.example.a=NotUnderstood;Y#future=NotUnderstood;");
    EXPECT_FALSE(negotiation_->has_answers());
    for (std::size_t i = 2; i < kUnknownKeysMax; ++i) {
        EXPECT_EQ(take("X-" + std::to_string(i), "1"), "");
    }
    EXPECT_EQ(take("X-last", "1"), "X-last=1: too many unknown keys");
}

TEST_F(NegotiationTest, AnswersToKeysNobodyOfferedAreNotAnswered) {
    start();
    EXPECT_EQ(take("X-com.example.a", "NotUnderstood"), "");
    EXPECT_FALSE(negotiation_->has_answers());
    EXPECT_EQ(take("iSCSIProtocolLevel", "NotUnderstood"),
              "iSCSIProtocolLevel=NotUnderstood: answers a key that we did not offer");
}

TEST_F(NegotiationTest, ProposalsAreAnsweredByTheirRule) {
    start();
    EXPECT_EQ(take("iSCSIProtocolLevel", "2"), "");
    EXPECT_EQ(take("TaskReporting", "FastAbort,ResponseFence,RFC3720"), "");
    EXPECT_EQ(take("IFMarkInt", "2048~8192"), "");
    EXPECT_EQ(take("OFMarkInt", "2048~8192"), "");
    EXPECT_EQ(answers(),
              "iSCSIProtocolLevel=1;TaskReporting=RFC3720;IFMarkInt=Reject;OFMarkInt=Reject;");
    start();
    EXPECT_EQ(take("TaskReporting", "FastAbort"), "TaskReporting=FastAbort: we take RFC3720");
    EXPECT_EQ(take("iSCSIProtocolLevel", "32"), "iSCSIProtocolLevel=32: out of the range 0..31");
}

TEST_F(NegotiationTest, DiscoveryHoldsSessionKeysForIrrelevant) {
    start(plain_offer(), SessionType::Discovery);
    EXPECT_EQ(offered_,
              "HeaderDigest=None;DataDigest=None;DefaultTime2Wait=2;DefaultTime2Retain=0;"
              "IFMarker=No;OFMarker=No;ErrorRecoveryLevel=0;MaxRecvDataSegmentLength=262144;");
    for (const auto* key : {"MaxConnections", "InitialR2T", "ImmediateData", "MaxBurstLength",
                            "FirstBurstLength", "MaxOutstandingR2T", "DataPDUInOrder",
                            "DataSequenceInOrder", "TaskReporting", "iSCSIProtocolLevel"}) {
        EXPECT_EQ(take(key, "whatever"), "");
        EXPECT_EQ(answers(), std::string(key) + "=Irrelevant;");
        EXPECT_EQ(take(key, "whatever"), std::string(key) + "=whatever: sent more than once");
    }
    EXPECT_TRUE(negotiation_->drop_answers().has_value());
    NegotiatedParameters expected;
    expected.max_recv_data_segment_length = 262144;
    expected.default_time2retain = 0;
    EXPECT_EQ(finish(), expected);
}

TEST_F(NegotiationTest, OnlyAnAnswerThatMattersCannotBeDropped) {
    start();
    EXPECT_EQ(take("X-new", "1"), "");
    EXPECT_EQ(take("IFMarkInt", "1~2"), "");
    EXPECT_TRUE(negotiation_->drop_answers().has_value());
    EXPECT_FALSE(negotiation_->has_answers());
    EXPECT_EQ(take("TaskReporting", "RFC3720"), "");
    EXPECT_FALSE(negotiation_->drop_answers().has_value());
}

TEST_F(NegotiationTest, WithoutAnswersTheCarefulValueCounts) {
    auto offer = plain_offer();
    offer.max_burst_length = 16776192;
    offer.first_burst_length = 1024;
    offer.header_digest = record::Digest::PreferCrc32c;
    offer.default_time2retain = 600;
    start(offer);
    NegotiatedParameters expected;
    expected.max_recv_data_segment_length = 262144;
    expected.max_xmit_data_segment_length = 8192;
    expected.max_burst_length = 262144;
    expected.first_burst_length = 1024;
    expected.initial_r2t = true;
    expected.immediate_data = true;
    expected.default_time2retain = 20;
    EXPECT_EQ(finish(), expected);
}

TEST_F(NegotiationTest, ADigestWeInsistOnNeedsAnAnswer) {
    auto offer = plain_offer();
    offer.data_digest = record::Digest::Crc32c;
    start(offer);
    const auto params = negotiation_->finish();
    ASSERT_FALSE(params.has_value());
    EXPECT_EQ(params.error().describe(), "DataDigest: no answer, and we need CRC32C");
}

TEST_F(NegotiationTest, XmitLengthIsTheSmallerOfTargetsAndOurs) {
    auto offer = plain_offer();
    offer.max_xmit_data_segment_length = 4096;
    start(offer);
    EXPECT_EQ(finish().max_xmit_data_segment_length, 4096U);
    start(offer);
    EXPECT_EQ(take("MaxRecvDataSegmentLength", "1024"), "");
    EXPECT_EQ(finish().max_xmit_data_segment_length, 1024U);
}

TEST_F(NegotiationTest, FirstBurstMustFitIntoMaxBurst) {
    start();
    EXPECT_EQ(take("MaxBurstLength", "4096"), "");
    EXPECT_EQ(take("FirstBurstLength", "8192"), "");
    const auto params = negotiation_->finish();
    ASSERT_FALSE(params.has_value());
    EXPECT_EQ(params.error().describe(), "FirstBurstLength=8192: greater than MaxBurstLength=4096");
}

TEST_F(NegotiationTest, FirstBurstIsIrrelevantOnlyWithoutUnsolicitedData) {
    for (const bool initial_r2t : {false, true}) {
        for (const bool immediate : {false, true}) {
            start();
            EXPECT_EQ(take("InitialR2T", initial_r2t ? "Yes" : "No"), "");
            EXPECT_EQ(take("ImmediateData", immediate ? "Yes" : "No"), "");
            EXPECT_EQ(take("FirstBurstLength", "Irrelevant"), "");
            EXPECT_EQ(negotiation_->finish().has_value(), initial_r2t && !immediate);
        }
    }
}

TEST_F(NegotiationTest, ValuesInMessagesAreHarmlessAndShort) {
    start();
    EXPECT_EQ(take("MaxBurstLength", "\x1b[2J"),
              "MaxBurstLength=?[2J: out of the range "
              "512..16777215");
    EXPECT_EQ(take("TargetAlias", std::string(256, 'a')),
              "TargetAlias=" + std::string(64, 'a') + "...: longer than 255 bytes");
}

TEST(NegotiationKeys, NamesAreUnique) {
    for (std::size_t i = 0; i < kKeyCount; ++i) {
        const auto key = static_cast<Key>(i);
        EXPECT_EQ(key_from_name(rule_of(key).name), key);
    }
    EXPECT_EQ(key_from_name("headerdigest"), std::nullopt);
    EXPECT_EQ(key_from_name(""), std::nullopt);
}

TEST(Offer, OutOfRangeValuesAreReplacedInOpenIscsisWords) {
    Offer offer;
    offer.max_recv_data_segment_length = 511;
    offer.max_xmit_data_segment_length = 16777216;
    offer.first_burst_length = 0;
    offer.max_burst_length = 0;
    offer.max_outstanding_r2t = 0;
    offer.default_time2wait = 3601;
    offer.error_recovery_level = 2;
    const auto lines = clamp_offer(offer);
    EXPECT_EQ(lines.size(), 7U);
    EXPECT_EQ(lines[1],
              "Invalid iscsi.MaxXmitDataSegmentLength. Must be within 512 and 16777215. Setting to "
              "262144");
    Offer expected;
    expected.max_xmit_data_segment_length = 262144;
    expected.default_time2wait = 3600;
    EXPECT_EQ(offer, expected);
}

TEST(Offer, LengthsAreRoundedAndOrdered) {
    Offer offer;
    offer.max_recv_data_segment_length = 16777215;
    offer.max_burst_length = 1027;
    offer.first_burst_length = 8192;
    EXPECT_TRUE(clamp_offer(offer).empty());
    EXPECT_EQ(offer.max_recv_data_segment_length, 16777212U);
    EXPECT_EQ(offer.max_burst_length, 1024U);
    EXPECT_EQ(offer.first_burst_length, 1024U);
    EXPECT_EQ(offer.max_xmit_data_segment_length, 0U);
}

}  // namespace
}  // namespace iscsi::session
