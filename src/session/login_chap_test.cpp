// SPDX-License-Identifier: LGPL-2.1-or-later
// The security stage of a login.
#include "session/login.hpp"

#include <array>
#include <functional>

#include "session/chap.hpp"
#include "session/testing/login.hpp"

namespace iscsi::session {
namespace {

using namespace std::chrono_literals;
using namespace testing;

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

}  // namespace
}  // namespace iscsi::session
