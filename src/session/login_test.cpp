// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/login.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "session/chap.hpp"
#include "session/testing/peer.hpp"

namespace iscsi::session {
namespace {

using namespace std::chrono_literals;
using proto::LoginRequest;
using proto::LoginResponse;
using proto::Stage;
using testing::at;
using testing::text_of;

constexpr auto kSecurity = Stage::SecurityNegotiation;
constexpr auto kOperational = Stage::LoginOperationalNegotiation;
constexpr auto kFullFeature = Stage::FullFeaturePhase;

// What a target without opinions answers to our operational keys.
constexpr std::string_view kAgreement =
    "HeaderDigest=None;DataDigest=None;DefaultTime2Wait=2;DefaultTime2Retain=0;IFMarker=No;"
    "OFMarker=No;ErrorRecoveryLevel=0;InitialR2T=No;ImmediateData=Yes;MaxBurstLength=262144;"
    "FirstBurstLength=65536;MaxOutstandingR2T=1;MaxConnections=1;DataPDUInOrder=Yes;"
    "DataSequenceInOrder=Yes;MaxRecvDataSegmentLength=8192;";

LoginConfig normal_config() {
    LoginConfig config;
    config.initiator_name = "iqn.2026-11.test:initiator";
    config.target_name = "iqn.2026-11.test:disk";
    config.isid = isid_for_session(0x010203);
    config.cmd_sn = {1};
    return config;
}

LoginConfig chap_config(bool mutual) {
    auto config = normal_config();
    config.auth.username = "joe";
    config.auth.password = base::Secret("initiator secret");
    if (mutual) {
        config.auth.username_in = "target";
        config.auth.password_in = base::Secret("target secret 12");
    }
    return config;
}

class Login : public ::testing::Test {
protected:
    void start(LoginConfig config) {
        random_.emplace(7);
        isid_ = config.isid;
        stat_sn_ = {100};
        engine_.emplace(std::move(config), *random_, at(1000s));
        peer_.emplace(*engine_);
    }

    testing::Sent<LoginRequest> request() { return peer_->take_pdu<LoginRequest>(); }

    LoginResponse response(Stage current, bool transit) {
        LoginResponse pdu;
        pdu.transit = transit;
        pdu.current_stage = current;
        if (transit) pdu.next_stage = current == kSecurity ? kOperational : kFullFeature;
        pdu.isid = isid_;
        pdu.tsih = transit && current == kOperational ? 5 : 0;
        pdu.stat_sn = stat_sn_;
        stat_sn_ = stat_sn_.next();
        pdu.exp_cmd_sn = {1};
        pdu.max_cmd_sn = {32};
        return pdu;
    }

    void respond(const LoginResponse& pdu, std::string_view readable) {
        const auto bytes = testing::wire(pdu, text_of(readable));
        EXPECT_EQ(peer_->give(bytes), bytes.size());
    }

    // The next event that is no notice.
    LoginEngine::Event outcome() {
        while (auto event = engine_->next_event()) {
            if (const auto* notice = std::get_if<Notice>(&*event)) {
                notices_ += notice->text + "\n";
                continue;
            }
            EXPECT_TRUE(engine_->done());
            EXPECT_TRUE(engine_->send_window().empty());
            EXPECT_TRUE(engine_->recv_window().empty());
            EXPECT_EQ(engine_->deadline(), base::kNever);
            EXPECT_FALSE(engine_->next_event().has_value());
            return *event;
        }
        ADD_FAILURE() << "no outcome";
        return Notice{};
    }
    LoginFailed failure() {
        const auto event = outcome();
        const auto* failed = std::get_if<LoginFailed>(&event);
        EXPECT_NE(failed, nullptr) << "index " << event.index();
        return failed ? *failed : LoginFailed{};
    }

    std::optional<base::SeededRandom> random_;
    std::optional<LoginEngine> engine_;
    std::optional<testing::Peer<LoginEngine>> peer_;
    proto::Isid isid_;
    proto::StatSn stat_sn_;
    std::string notices_;
};

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
        const auto bytes = testing::wire(response(kOperational, true), text_of(kAgreement));
        EXPECT_EQ(peer_->give(bytes, piece), bytes.size());
        EXPECT_TRUE(std::holds_alternative<LoggedIn>(outcome())) << piece;
    }
}

TEST_F(Login, EveryPrefixWaits) {
    start(normal_config());
    const auto bytes = testing::wire(response(kOperational, true), text_of(kAgreement));
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
    auto bytes = testing::wire(response(kOperational, true), text_of(kAgreement));
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
            const auto bytes = testing::wire(pdu, std::string_view(text).substr(from, piece));
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

// Flags, tags and numbers -------------------------------------------------------------------------

struct Lie {
    const char* name;
    std::function<void(LoginResponse&)> tell;
    LoginStatus status;
};

TEST_F(Login, EveryWrongFieldOfAResponseIsRefused) {
    const std::vector<Lie> lies{
        {"task tag", [](auto& r) { r.initiator_task_tag = 1; }, LoginStatus::InvalidPdu},
        {"reserved task tag", [](auto& r) { r.initiator_task_tag = proto::kReservedTag; },
         LoginStatus::InvalidPdu},
        {"T and C", [](auto& r) { r.continue_text = true; }, LoginStatus::InvalidPdu},
        {"stage back", [](auto& r) { r.current_stage = kSecurity; }, LoginStatus::InvalidPdu},
        {"stage ahead", [](auto& r) { r.current_stage = kFullFeature; }, LoginStatus::InvalidPdu},
        {"next stage", [](auto& r) { r.next_stage = kOperational; }, LoginStatus::InvalidPdu},
        {"version", [](auto& r) { r.version_active = 1; }, LoginStatus::VersionMismatch},
        {"isid", [](auto& r) { r.isid.bytes[5] ^= 1; }, LoginStatus::InvalidPdu},
        {"tsih", [](auto& r) { r.tsih = 0; }, LoginStatus::InvalidPdu},
    };
    for (const auto& lie : lies) {
        start(normal_config());
        (void)request();
        auto pdu = response(kOperational, true);
        lie.tell(pdu);
        respond(pdu, kAgreement);
        const auto failed = failure();
        EXPECT_EQ(failed.status, lie.status) << lie.name;
        EXPECT_FALSE(failed.retryable) << lie.name;
        EXPECT_EQ(failed.code, base::ErrorCode::FatalLogin) << lie.name;
    }
}

TEST_F(Login, StatSnMustFollowTheFirst) {
    start(normal_config());
    (void)request();
    respond(response(kOperational, false), "");
    EXPECT_EQ(request().header.exp_stat_sn.value, 101U);
    auto pdu = response(kOperational, true);
    pdu.stat_sn = {102};
    respond(pdu, kAgreement);
    EXPECT_EQ(failure().text, "Login response is invalid: its StatSN is 102, expected 101");
}

TEST_F(Login, OtherPdusAreRefused) {
    start(normal_config());
    (void)request();
    peer_->give(testing::wire(proto::NopIn{}, ""));
    EXPECT_EQ(failure().text, "Login response is invalid: it has opcode 0x20 (NOP-In)");
}

TEST_F(Login, OversizeSegmentIsRefusedAtItsHeader) {
    start(normal_config());
    (void)request();
    auto pdu = response(kOperational, true);
    pdu.data_segment_length = 8193;
    peer_->give(proto::encode(pdu));
    EXPECT_EQ(failure().status, LoginStatus::InvalidPdu);
}

TEST_F(Login, AdditionalHeaderIsRefused) {
    start(normal_config());
    (void)request();
    auto header = proto::encode(response(kOperational, true));
    header[4] = std::byte{1};
    peer_->give(header);
    EXPECT_EQ(failure().status, LoginStatus::InvalidPdu);
}

TEST_F(Login, TsihOfAnotherSessionIsRefused) {
    auto config = normal_config();
    config.tsih = 9;
    start(config);
    EXPECT_EQ(request().header.tsih, 9);
    respond(response(kOperational, true), kAgreement);
    EXPECT_EQ(failure().status, LoginStatus::InvalidPdu);
}

// Status ------------------------------------------------------------------------------------------

struct StatusCase {
    std::uint8_t status_class;
    std::uint8_t detail;
    bool retryable;
    base::ErrorCode code;
    const char* text;
};

TEST_F(Login, StatusDecidesOnCodeAndRetry) {
    using enum base::ErrorCode;
    const std::vector<StatusCase> cases{
        {2, 1, false, LoginAuthFailed,
         "login rejected: Initiator failed authentication with target"},
        {2, 2, false, LoginAuthFailed,
         "login rejected: initiator failed authorization with target"},
        {2, 3, false, FatalLogin, "login rejected: initiator error - target not found (02/03)"},
        {2, 5, false, FatalLogin,
         "login rejected: incompatible version (02/05), non-retryable, giving up"},
        {2, 0x0b, false, FatalLogin, "login rejected: initiator error (02/0b)"},
        {3, 1, true, base::ErrorCode::Login, "login rejected: target error (03/01)"},
        {1, 3, true, base::ErrorCode::Login, "login rejected: redirection type 0x3 not supported"},
        {4, 7, false, FatalLogin, "login response with unknown status class 0x4, detail 0x7"},
        {255, 0, false, FatalLogin, "login response with unknown status class 0xff, detail 0x0"},
    };
    for (const auto& expected : cases) {
        start(normal_config());
        (void)request();
        // A target that refuses does not bother with the other fields.
        LoginResponse pdu;
        pdu.version_active = 1;
        pdu.status_class = expected.status_class;
        pdu.status_detail = expected.detail;
        respond(pdu, "");
        const auto failed = failure();
        EXPECT_EQ(failed.retryable, expected.retryable) << expected.text;
        EXPECT_EQ(failed.code, expected.code) << expected.text;
        EXPECT_EQ(failed.text, expected.text);
        EXPECT_EQ(failed.status_class, expected.status_class);
        EXPECT_EQ(failed.status_detail, expected.detail);
    }
}

TEST_F(Login, RedirectsNameTheNewPortal) {
    for (const bool permanent : {false, true}) {
        start(normal_config());
        (void)request();
        auto pdu = response(kOperational, false);
        pdu.status_class = 1;
        pdu.status_detail = permanent ? 2 : 1;
        respond(pdu, "TargetAddress=[2001:db8::7],4;");
        const auto event = outcome();
        EXPECT_EQ(std::get<Redirect>(event), (Redirect{"2001:db8::7", 3260, 4, permanent}));
    }
}

TEST_F(Login, RedirectToNowhereIsRetried) {
    for (const auto* text : {"", "TargetAddress=;", "TargetAddress=[::;", "TargetAlias=a;",
                             "TargetAddress=10.0.0.1"}) {
        start(normal_config());
        (void)request();
        auto pdu = response(kOperational, false);
        pdu.status_class = 1;
        pdu.status_detail = 1;
        respond(pdu, text);
        const auto failed = failure();
        EXPECT_EQ(failed.status, LoginStatus::RedirectionFailed) << text;
        EXPECT_TRUE(failed.retryable) << text;
    }
}

// Time --------------------------------------------------------------------------------------------

TEST_F(Login, SilenceEndsAfterLoginTimeout) {
    auto config = normal_config();
    config.login_timeout = 15s;
    start(config);
    EXPECT_EQ(engine_->deadline(), at(1015s));
    engine_->on_deadline(at(1014s));
    EXPECT_FALSE(engine_->done());
    engine_->on_deadline(at(1015s));
    const auto failed = failure();
    EXPECT_TRUE(failed.retryable);
    EXPECT_EQ(failed.code, base::ErrorCode::PduTimeout);
}

TEST_F(Login, DrippingDoesNotExtendTheDeadline) {
    start(normal_config());
    (void)peer_->take();
    peer_->now = at(1010s);
    const auto bytes = testing::wire(response(kOperational, true), "");
    peer_->give(std::span(bytes).first(40), 1);
    EXPECT_EQ(engine_->deadline(), at(1015s));
}

TEST_F(Login, WholeLoginHasItsDeadline) {
    auto config = normal_config();
    config.login_deadline = at(1016s);
    start(config);
    (void)request();
    peer_->now = at(1014s);
    respond(response(kOperational, false), "");
    EXPECT_EQ(engine_->deadline(), at(1016s));
}

TEST_F(Login, AuthTimeoutCountsAfterTheFirstSecurityResponse) {
    auto config = chap_config(false);
    config.auth_timeout = 45s;
    start(config);
    EXPECT_EQ(engine_->deadline(), at(1015s));
    (void)request();
    respond(response(kSecurity, false), "AuthMethod=CHAP;");
    EXPECT_EQ(engine_->deadline(), at(1045s));
}

// CHAP --------------------------------------------------------------------------------------------

// Identifier 65, challenge "0123456789abcdef", secret "initiator secret"; computed with Python's
// hashlib.
constexpr std::string_view kMd5Challenge =
    "CHAP_A=5;CHAP_I=65;CHAP_C=0x30313233343536373839616263646566;";
constexpr std::string_view kMd5Response = "0x8f74df8f314af29c23e52adb6f008908";

TEST_F(Login, OneWayChapOffersNoneAndTransits) {
    start(chap_config(false));

    const auto first = request();
    EXPECT_TRUE(first.text.ends_with("SessionType=Normal;AuthMethod=CHAP,None;")) << first.text;
    EXPECT_TRUE(first.header.transit);
    EXPECT_EQ(first.header.current_stage, kSecurity);
    EXPECT_EQ(first.header.next_stage, kOperational);
    respond(response(kSecurity, false), "TargetPortalGroupTag=1;AuthMethod=CHAP;");

    const auto second = request();
    EXPECT_EQ(second.text, "CHAP_A=5;");
    EXPECT_FALSE(second.header.transit);
    EXPECT_EQ(second.header.next_stage, kSecurity);
    respond(response(kSecurity, false), kMd5Challenge);

    const auto third = request();
    EXPECT_EQ(third.text, "CHAP_N=joe;CHAP_R=" + std::string(kMd5Response) + ";");
    EXPECT_TRUE(third.header.transit);
    respond(response(kSecurity, true), "");

    const auto fourth = request();
    EXPECT_TRUE(fourth.text.starts_with("HeaderDigest=None;")) << fourth.text;
    EXPECT_EQ(fourth.header.current_stage, kOperational);
    respond(response(kOperational, true), kAgreement);
    const auto event = outcome();
    EXPECT_EQ(std::get<LoggedIn>(event).params.target_portal_group_tag, 1);
}

TEST_F(Login, OneWayChapGoesOnWithoutWhenTheTargetWantsNone) {
    start(chap_config(false));
    (void)request();
    respond(response(kSecurity, true), "AuthMethod=None;");
    EXPECT_EQ(request().header.current_stage, kOperational);
    respond(response(kOperational, true), kAgreement);
    EXPECT_TRUE(std::holds_alternative<LoggedIn>(outcome()));
}

TEST_F(Login, ATargetSlowToLeaveSecurityIsAskedAgain) {
    start(chap_config(false));
    (void)request();
    respond(response(kSecurity, false), "AuthMethod=None;");
    const auto again = request();
    EXPECT_EQ(again.text, "");
    EXPECT_TRUE(again.header.transit);
    EXPECT_EQ(again.header.current_stage, kSecurity);
    respond(response(kSecurity, true), "");
    EXPECT_EQ(request().header.current_stage, kOperational);
}

TEST_F(Login, MutualChapSendsItsChallengeAfterTheResponse) {
    start(chap_config(true));

    const auto first = request();
    EXPECT_TRUE(first.text.ends_with("AuthMethod=CHAP;")) << first.text;
    EXPECT_FALSE(first.header.transit);
    respond(response(kSecurity, false), "AuthMethod=CHAP;");
    (void)request();
    respond(response(kSecurity, false), kMd5Challenge);
    const auto third = request();
    EXPECT_TRUE(
        third.text.starts_with("CHAP_N=joe;CHAP_R=" + std::string(kMd5Response) + ";CHAP_I="))
        << third.text;
    EXPECT_NE(third.text.find(";CHAP_C=0x"), std::string::npos);
    EXPECT_TRUE(third.header.transit);
    respond(response(kSecurity, true), "CHAP_N=target;CHAP_R=0x00112233445566778899aabbccddeeff;");

    const auto failed = failure();
    EXPECT_EQ(failed.status, LoginStatus::AuthenticationFailed);
    EXPECT_EQ(failed.code, base::ErrorCode::FatalLogin);
    EXPECT_EQ(failed.text,
              "Login authentication failed with target iqn.2026-11.test:disk, Authentication "
              "request failed");
    EXPECT_EQ(notices_,
              "failing authentication, received incorrect CHAP response from target "
              "iqn.2026-11.test:disk\n");
}

TEST_F(Login, MutualChapEndsWithAProof) {
    start(chap_config(true));
    (void)request();
    respond(response(kSecurity, false), "AuthMethod=CHAP;");
    (void)request();
    respond(response(kSecurity, false), kMd5Challenge);
    const auto ours = *proto::parse_text(text_of(request().text));
    ASSERT_EQ(ours.size(), 4U);
    const std::array<std::byte, 1> id{
        static_cast<std::byte>(*proto::parse_text_number(ours[2].value))};
    const auto challenge = *proto::parse_text_binary(ours[3].value, 16);
    const auto proof = nettle_digests().hash(record::ChapAlgorithm::Md5,
                                             {id, base::as_bytes("target secret 12"), challenge});
    respond(response(kSecurity, true),
            "CHAP_N=target;CHAP_R=" + proto::print_text_binary(proof) + ";");

    EXPECT_EQ(request().header.current_stage, kOperational);
    respond(response(kOperational, true), kAgreement);
    EXPECT_TRUE(std::holds_alternative<LoggedIn>(outcome()));
}

TEST_F(Login, LeavingAStageUnaskedIsRefused) {
    start(chap_config(true));
    (void)request();
    respond(response(kSecurity, true), "AuthMethod=CHAP;");
    EXPECT_EQ(failure().text, "Login response is invalid: its T bit is set, ours was not");

    start(chap_config(false));
    (void)request();
    respond(response(kSecurity, false), "AuthMethod=CHAP;");
    (void)request();
    respond(response(kSecurity, true), kMd5Challenge);
    EXPECT_EQ(failure().text, "Login response is invalid: its T bit is set, ours was not");
}

TEST_F(Login, MutualChapDoesNotLetTheTargetOff) {
    start(chap_config(true));
    (void)request();
    respond(response(kSecurity, false), "AuthMethod=None;");
    EXPECT_TRUE(failure().text.ends_with("AuthMethod negotiated to none"));

    start(chap_config(true));
    (void)request();
    respond(response(kSecurity, false), "AuthMethod=CHAP;");
    (void)request();
    respond(response(kSecurity, false), kMd5Challenge);
    (void)request();
    respond(response(kSecurity, true), "");
    EXPECT_TRUE(failure().text.ends_with("CHAP name bad"));
}

struct ChapLie {
    const char* method;
    bool transit;
    const char* ending;
};

TEST_F(Login, BadAnswersToAuthMethodFail) {
    for (const auto& lie : std::vector<ChapLie>{
             {"", true, "AuthMethod bad"},
             {"AuthMethod=;", false, "AuthMethod bad"},
             {"AuthMethod=SRP;", false, "AuthMethod bad"},
             {"AuthMethod=CHAP,None;", false, "AuthMethod bad"},
             {"AuthMethod=Reject;", false, "AuthMethod negotiation failed"},
             {"AuthMethod=CHAP;", true, "T bit set before authentication was complete"},
             {"AuthMethod=CHAP;AuthMethod=CHAP;", false, "Unexpected key present"},
             {"AuthMethod=CHAP;CHAP_A=5;", false, "Unexpected key present"},
             {"CHAP_A=5;", false, "Unexpected key present"},
         }) {
        start(chap_config(false));
        (void)request();
        respond(response(kSecurity, lie.transit), lie.method);
        const auto failed = failure();
        EXPECT_EQ(failed.status, LoginStatus::AuthenticationFailed);
        EXPECT_TRUE(failed.text.ends_with(lie.ending)) << lie.method << ": " << failed.text;
    }
}

TEST_F(Login, OperationalKeysHaveNoPlaceInTheSecurityStage) {
    start(chap_config(false));
    (void)request();
    respond(response(kSecurity, false), "AuthMethod=CHAP;MaxBurstLength=512;");
    EXPECT_EQ(failure().text,
              "Login negotiation failed, MaxBurstLength=512: not allowed in the security stage");
}

TEST_F(Login, ChapKeysHaveNoPlaceInTheOperationalStage) {
    start(normal_config());
    (void)request();
    respond(response(kOperational, true), "CHAP_A=5;");
    EXPECT_EQ(failure().status, LoginStatus::NegotiationFailed);
}

TEST_F(Login, IncomingCredentialsAloneAreNoChap) {
    auto config = normal_config();
    config.auth.username_in = "target";
    config.auth.password_in = base::Secret("target secret 12");
    start(config);
    EXPECT_EQ(request().header.current_stage, kOperational);
    respond(response(kOperational, true), kAgreement);
    EXPECT_TRUE(std::holds_alternative<LoggedIn>(outcome()));
    EXPECT_EQ(notices_,
              "CHAP configuration has incoming authentication credentials but has no outgoing "
              "credentials configured.\n");
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
