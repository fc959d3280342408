// SPDX-License-Identifier: LGPL-2.1-or-later
// What ends a login: lies of the target, its status, time.
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
    peer_->give(wire(proto::NopIn{}, ""));
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
    const auto bytes = wire(response(kOperational, true), "");
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

}  // namespace
}  // namespace iscsi::session
