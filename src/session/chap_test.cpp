// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/chap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

namespace iscsi::session {
namespace {

using proto::TextPair;
using record::ChapAlgorithm;
using Pairs = std::vector<TextPair>;

constexpr const char* kChallenge = "0x30313233343536373839616263646566";  // "0123456789abcdef"

record::Auth one_way() {
    record::Auth auth;
    auth.username = "joe";
    auth.password = base::Secret("initiator secret");
    auth.chap_algs = {ChapAlgorithm::Sha3_256, ChapAlgorithm::Sha256, ChapAlgorithm::Sha1,
                      ChapAlgorithm::Md5};
    return auth;
}

record::Auth mutual() {
    auto auth = one_way();
    auth.username_in = "target";
    auth.password_in = base::Secret("target secret 12");
    return auth;
}

Pairs challenge(std::string_view algorithm) {
    return {{"CHAP_A", std::string(algorithm)}, {"CHAP_I", "65"}, {"CHAP_C", kChallenge}};
}

// What a target answers to the challenge in `ours`, knowing `secret`.
std::string proof(const Pairs& ours, ChapAlgorithm algorithm, std::string_view secret) {
    const auto value = [&](std::string_view key) {
        return std::ranges::find(ours, key, &TextPair::key)->value;
    };
    const std::array<std::byte, 1> id{
        static_cast<std::byte>(*proto::parse_text_number(value("CHAP_I")))};
    const auto bytes = proto::parse_text_binary(value("CHAP_C"), 1024);
    return proto::print_text_binary(
        nettle_digests().hash(algorithm, {id, base::as_bytes(secret), *bytes}));
}

class ChapTest : public ::testing::Test {
protected:
    void start(record::Auth auth) {
        auth_ = std::move(auth);
        chap_.emplace(auth_, nettle_digests(), random_);
    }
    // Brings a mutual run to where the target has to prove itself.
    Pairs challenged(record::Auth auth, std::string_view algorithm = "7") {
        start(std::move(auth));
        const auto answer = chap_->on_challenge(challenge(algorithm));
        EXPECT_TRUE(answer.has_value());
        return answer.value_or(Pairs{});
    }
    ChapErrc refused(const Pairs& keys) {
        const auto answer = chap_->on_challenge(keys);
        EXPECT_FALSE(answer.has_value());
        return answer ? ChapErrc{} : answer.error().error;
    }

    base::SeededRandom random_{1};
    record::Auth auth_;
    std::optional<Chap> chap_;
};

TEST_F(ChapTest, OffersTheRegistrysNumbersInOrder) {
    start(one_way());
    EXPECT_EQ(chap_->algorithms(), "8,7,6,5");
    EXPECT_FALSE(chap_->mutual());
    EXPECT_TRUE(chap_->dropped().empty());
}

class WithoutMd5 final : public ChapDigests {
public:
    bool available(ChapAlgorithm algorithm) const override {
        return algorithm != ChapAlgorithm::Md5;
    }
    std::vector<std::byte> hash(ChapAlgorithm,
                                const std::vector<base::ConstByteSpan>&) const override {
        return {};
    }
};

TEST_F(ChapTest, LeavesOutWhatTheCryptoLibraryRefuses) {
    const WithoutMd5 digests;
    auto auth = one_way();
    auth.chap_algs = {ChapAlgorithm::Md5, ChapAlgorithm::Sha1};
    const Chap chap(auth, digests, random_);
    EXPECT_EQ(chap.algorithms(), "6");
    EXPECT_EQ(chap.dropped(), (std::vector{ChapAlgorithm::Md5}));
}

// Expected values by Python's hashlib over 0x41, "initiator secret", "0123456789abcdef".
TEST_F(ChapTest, ResponsesAreTheHashesOfTheRegistry) {
    const std::vector<std::pair<const char*, const char*>> expected{
        {"5", "0x8f74df8f314af29c23e52adb6f008908"},
        {"6", "0x4c457d24205878c9b53822271b6cfa462f1bfc94"},
        {"7", "0xa242f357c4b58b876780e0395a31d4ae8c0a17ea1b08d6d6349ebf5170ca4cbe"},
        {"8", "0x7a396ec936eefb8fa431fcc43cb072436f19f6ddb45e12835c6435f567e374be"}};
    for (const auto& [number, response] : expected) {
        start(one_way());
        const auto answer = chap_->on_challenge(challenge(number));
        ASSERT_TRUE(answer.has_value());
        EXPECT_EQ(*answer, (Pairs{{"CHAP_N", "joe"}, {"CHAP_R", response}}));
    }
}

TEST_F(ChapTest, HexAndBase64AreOneChallenge) {
    start(one_way());
    const auto hex = chap_->on_challenge(challenge("0x7"));
    const auto base64 = chap_->on_challenge(
        {{"CHAP_A", "7"}, {"CHAP_I", "0x41"}, {"CHAP_C", "0bMDEyMzQ1Njc4OWFiY2RlZg=="}});
    ASSERT_TRUE(hex && base64);
    EXPECT_EQ(*hex, *base64);
}

TEST_F(ChapTest, BadChallengesAreToldApart) {
    start(one_way());
    EXPECT_EQ(refused({}), ChapErrc::AlgorithmBad);
    EXPECT_EQ(refused(challenge("Reject")), ChapErrc::AlgorithmFailed);
    EXPECT_EQ(refused(challenge("9")), ChapErrc::AlgorithmBad);
    EXPECT_EQ(refused(challenge("8,7")), ChapErrc::AlgorithmBad);
    EXPECT_EQ(refused(challenge("MD5")), ChapErrc::AlgorithmBad);
    EXPECT_EQ(refused(challenge("")), ChapErrc::AlgorithmBad);
    EXPECT_EQ(refused({{"CHAP_A", "7"}, {"CHAP_C", kChallenge}}), ChapErrc::IdentifierBad);
    EXPECT_EQ(refused({{"CHAP_A", "7"}, {"CHAP_I", "256"}, {"CHAP_C", kChallenge}}),
              ChapErrc::IdentifierBad);
    EXPECT_EQ(refused({{"CHAP_A", "7"}, {"CHAP_I", "-1"}, {"CHAP_C", kChallenge}}),
              ChapErrc::IdentifierBad);
    EXPECT_EQ(refused({{"CHAP_A", "7"}, {"CHAP_I", "1"}}), ChapErrc::ChallengeBad);
    for (const auto* bad : {"", "0x", "0b", "0xabc", "abcd", "0b====", "0x0g"}) {
        EXPECT_EQ(refused({{"CHAP_A", "7"}, {"CHAP_I", "1"}, {"CHAP_C", bad}}),
                  ChapErrc::ChallengeBad)
            << bad;
    }
    auto twice = challenge("7");
    twice.push_back({"CHAP_I", "65"});
    EXPECT_EQ(refused(twice), ChapErrc::UnexpectedKey);
    auto more = challenge("7");
    more.push_back({"CHAP_N", "target"});
    EXPECT_EQ(refused(more), ChapErrc::UnexpectedKey);
}

TEST_F(ChapTest, AnAlgorithmThatWasNotOfferedIsRefused) {
    auto auth = one_way();
    auth.chap_algs = {ChapAlgorithm::Sha256};
    start(auth);
    EXPECT_EQ(refused(challenge("5")), ChapErrc::AlgorithmBad);
}

TEST_F(ChapTest, ChallengesOfUpTo1024Bytes) {
    start(one_way());
    const auto with = [](std::size_t bytes) {
        return Pairs{
            {"CHAP_A", "7"}, {"CHAP_I", "1"}, {"CHAP_C", "0x" + std::string(2 * bytes, 'a')}};
    };
    EXPECT_TRUE(chap_->on_challenge(with(1)).has_value());
    EXPECT_TRUE(chap_->on_challenge(with(1024)).has_value());
    EXPECT_EQ(refused(with(1025)), ChapErrc::ChallengeBad);
}

TEST_F(ChapTest, OurChallengeIsAsLongAsTheHash) {
    for (const auto& [number, algorithm] :
         std::vector<std::pair<const char*, ChapAlgorithm>>{{"5", ChapAlgorithm::Md5},
                                                            {"6", ChapAlgorithm::Sha1},
                                                            {"7", ChapAlgorithm::Sha256},
                                                            {"8", ChapAlgorithm::Sha3_256}}) {
        const auto ours = challenged(mutual(), number);
        ASSERT_EQ(ours.size(), 4U);
        EXPECT_EQ(ours[2].key, "CHAP_I");
        EXPECT_EQ(ours[3].key, "CHAP_C");
        EXPECT_EQ(ours[3].value.size(), 2 + 2 * chap_response_bytes(algorithm));
        EXPECT_TRUE(chap_
                        ->on_proof({{"CHAP_N", "target"},
                                    {"CHAP_R", proof(ours, algorithm, "target secret 12")}})
                        .has_value());
    }
}

TEST_F(ChapTest, ChallengesDiffer) {
    const auto first = challenged(mutual());
    const auto second = challenged(mutual());
    EXPECT_NE(first[3].value, second[3].value);
}

TEST_F(ChapTest, ATargetWithOurOwnSecretIsRefused) {
    const auto ours = challenged(mutual());
    const auto proven = chap_->on_proof(
        {{"CHAP_N", "target"}, {"CHAP_R", proof(ours, ChapAlgorithm::Sha256, "initiator secret")}});
    EXPECT_EQ(proven.error().error, ChapErrc::SecretSameAsRemote);

    auto same = mutual();
    same.password_in = same.password;
    const auto again = challenged(same);
    EXPECT_EQ(chap_
                  ->on_proof({{"CHAP_N", "target"},
                              {"CHAP_R", proof(again, ChapAlgorithm::Sha256, "initiator secret")}})
                  .error()
                  .error,
              ChapErrc::SecretSameAsRemote);
}

// A generator that repeats what the target will send.
class Predictable final : public base::Random {
public:
    void fill(base::ByteSpan out) override { std::ranges::fill(out, std::byte{'a'}); }
};

TEST_F(ChapTest, TheTargetsChallengeIsNotReflected) {
    Predictable random;
    auth_ = mutual();
    Chap chap(auth_, nettle_digests(), random);
    const auto answer = chap.on_challenge(
        {{"CHAP_A", "5"}, {"CHAP_I", "97"}, {"CHAP_C", "0x61616161616161616161616161616161"}});
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().error, ChapErrc::ChallengeReflected);
}

TEST_F(ChapTest, BadProofsAreToldApart) {
    struct Case {
        Pairs keys;
        ChapErrc error;
        const char* detail;
    };
    const std::string zeros(64, '0');
    for (const auto& [keys, error, detail] : std::vector<Case>{
             {{}, ChapErrc::NameBad, ""},
             {{{"CHAP_R", "0x" + zeros}}, ChapErrc::NameBad, ""},
             {{{"CHAP_N", "target"}}, ChapErrc::ResponseBad, ""},
             {{{"CHAP_N", "target"}, {"CHAP_R", "0xzz"}}, ChapErrc::ResponseBad, ""},
             {{{"CHAP_N", "target"}, {"CHAP_R", "0x00"}},
              ChapErrc::RequestFailed,
              "received incorrect CHAP response length 1 from target"},
             {{{"CHAP_N", "target"}, {"CHAP_R", "0x" + zeros}},
              ChapErrc::RequestFailed,
              "received incorrect CHAP response from target"},
             {{{"CHAP_N", "Target"}, {"CHAP_R", "0x" + zeros}},
              ChapErrc::RequestFailed,
              "received incorrect username from target"},
             {{{"CHAP_N", std::string(256, 'a')}, {"CHAP_R", "0x" + zeros}}, ChapErrc::NameBad, ""},
             {{{"CHAP_N", "target"}, {"CHAP_R", "0x" + zeros}, {"CHAP_I", "1"}},
              ChapErrc::UnexpectedKey,
              ""},
         }) {
        (void)challenged(mutual());
        const auto proven = chap_->on_proof(keys);
        ASSERT_FALSE(proven.has_value());
        EXPECT_EQ(proven.error().error, error) << detail;
        EXPECT_EQ(proven.error().detail, detail);
    }
}

TEST_F(ChapTest, HalfOfTheIncomingCredentialsNeverPasses) {
    for (const bool name : {false, true}) {
        auto auth = mutual();
        if (name) {
            auth.password_in = base::Secret();
        } else {
            auth.username_in.clear();
        }
        const auto ours = challenged(auth);
        EXPECT_TRUE(chap_->mutual());
        const auto proven = chap_->on_proof(
            {{"CHAP_N", "target"},
             {"CHAP_R", proof(ours, ChapAlgorithm::Sha256, name ? "" : "target secret 12")}});
        ASSERT_FALSE(proven.has_value());
        EXPECT_EQ(proven.error().detail,
                  name ? "no incoming password configured to authenticate target"
                       : "no incoming username configured to authenticate target");
    }
}

}  // namespace
}  // namespace iscsi::session
