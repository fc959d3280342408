// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/chap.hpp"

#include <fmt/format.h>
#include <nettle/memops.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

namespace iscsi::session {

using record::ChapAlgorithm;

namespace {

struct AlgorithmFacts {
    std::uint8_t number;
    std::size_t response_bytes;
};

constexpr AlgorithmFacts facts(ChapAlgorithm algorithm) {
    switch (algorithm) {
        case ChapAlgorithm::Md5:
            return {5, 16};
        case ChapAlgorithm::Sha1:
            return {6, 20};
        case ChapAlgorithm::Sha256:
            return {7, 32};
        case ChapAlgorithm::Sha3_256:
            return {8, 32};
    }
    return {};
}

constexpr std::uint64_t kIdentifierMax = 255;

std::unexpected<ChapFailure> refuse(ChapErrc error, std::string detail = {}) {
    return std::unexpected(ChapFailure{error, std::move(detail)});
}

const std::string* find(const std::vector<proto::TextPair>& keys, std::string_view name) {
    const auto at = std::ranges::find(keys, name, &proto::TextPair::key);
    return at == keys.end() ? nullptr : &at->value;
}

// A message of CHAP holds each of its own keys at most once and no other.
bool only_these(const std::vector<proto::TextPair>& keys,
                std::initializer_list<std::string_view> allowed) {
    return std::ranges::all_of(keys, [&](const proto::TextPair& pair) {
        return std::ranges::find(allowed, pair.key) != allowed.end() &&
               std::ranges::count(keys, pair.key, &proto::TextPair::key) == 1;
    });
}

// Comparison in constant time: how many bytes agree is nobody's business.
bool same(base::ConstByteSpan a, base::ConstByteSpan b) {
    return a.size() == b.size() && nettle_memeql_sec(a.data(), b.data(), a.size()) == 1;
}

}  // namespace

std::uint8_t chap_number(ChapAlgorithm algorithm) { return facts(algorithm).number; }

std::size_t chap_response_bytes(ChapAlgorithm algorithm) { return facts(algorithm).response_bytes; }

std::string_view chap_error_text(ChapErrc error) {
    switch (error) {
        case ChapErrc::RequestFailed:
            return "Authentication request failed";
        case ChapErrc::MethodBad:
            return "AuthMethod bad";
        case ChapErrc::MethodFailed:
            return "AuthMethod negotiation failed";
        case ChapErrc::MethodNone:
            return "AuthMethod negotiated to none";
        case ChapErrc::AlgorithmBad:
            return "CHAP algorithm bad";
        case ChapErrc::AlgorithmFailed:
            return "CHAP algorithm negotiation failed";
        case ChapErrc::SecretSameAsRemote:
            return "Local password same as remote";
        case ChapErrc::IdentifierBad:
            return "CHAP identifier bad";
        case ChapErrc::ChallengeBad:
            return "CHAP challenge bad";
        case ChapErrc::ChallengeReflected:
            return "CHAP challenge reflected";
        case ChapErrc::NameBad:
            return "CHAP name bad";
        case ChapErrc::ResponseBad:
            return "CHAP response bad";
        case ChapErrc::UnexpectedKey:
            return "Unexpected key present";
        case ChapErrc::TransitBitBad:
            return "T bit set before authentication was complete";
    }
    return {};
}

Chap::Chap(const record::Auth& auth, const ChapDigests& digests, base::Random& random)
    : auth_(auth), digests_(digests), random_(random) {
    for (const auto algorithm : auth.chap_algs) {
        (digests.available(algorithm) ? offered_ : dropped_).push_back(algorithm);
    }
    for (const auto algorithm : offered_) {
        if (!algorithms_.empty()) algorithms_ += ',';
        algorithms_ += fmt::format("{}", chap_number(algorithm));
    }
}

// A user name without its secret must not turn the target's proof off silently: it fails later.
bool Chap::mutual() const { return !auth_.username_in.empty() || !auth_.password_in.empty(); }

std::vector<std::byte> Chap::respond(std::uint8_t identifier, const base::Secret& secret,
                                     base::ConstByteSpan challenge) const {
    // RFC 1994 section 4.1: identifier, secret, challenge.
    const std::array<std::byte, 1> first{std::byte{identifier}};
    return digests_.hash(chosen_, {first, base::as_bytes(secret.reveal()), challenge});
}

std::expected<void, ChapFailure> Chap::choose_algorithm(const std::string& value) {
    if (value == "Reject" || value == "None") return refuse(ChapErrc::AlgorithmFailed);
    const auto number = proto::parse_text_number(value);
    const auto at = std::ranges::find_if(
        offered_, [&](ChapAlgorithm algorithm) { return chap_number(algorithm) == number; });
    if (at == offered_.end()) {
        return refuse(ChapErrc::AlgorithmBad,
                      fmt::format("CHAP_A={} is none of the algorithms {} offered to target",
                                  proto::printable(value), algorithms_));
    }
    chosen_ = *at;
    return {};
}

std::expected<std::vector<proto::TextPair>, ChapFailure> Chap::on_challenge(
    const std::vector<proto::TextPair>& keys) {
    if (!only_these(keys, {"CHAP_A", "CHAP_I", "CHAP_C"})) return refuse(ChapErrc::UnexpectedKey);
    const auto* algorithm = find(keys, "CHAP_A");
    if (!algorithm) return refuse(ChapErrc::AlgorithmBad);
    if (auto chosen = choose_algorithm(*algorithm); !chosen) {
        return std::unexpected(std::move(chosen).error());
    }
    const auto* identifier_text = find(keys, "CHAP_I");
    const auto identifier =
        identifier_text ? proto::parse_text_number(*identifier_text) : std::nullopt;
    if (!identifier || *identifier > kIdentifierMax) return refuse(ChapErrc::IdentifierBad);
    const auto* challenge_text = find(keys, "CHAP_C");
    const auto challenge =
        challenge_text ? proto::parse_text_binary(*challenge_text, proto::kTextBinaryBytesMax)
                       : std::nullopt;
    if (!challenge) return refuse(ChapErrc::ChallengeBad);

    const auto response =
        respond(static_cast<std::uint8_t>(*identifier), auth_.password, *challenge);
    std::vector<proto::TextPair> answer{{"CHAP_N", auth_.username},
                                        {"CHAP_R", proto::print_text_binary(response)}};
    if (!mutual()) return answer;
    random_.fill(std::as_writable_bytes(std::span(&identifier_, 1)));
    challenge_.resize(chap_response_bytes(chosen_));
    random_.fill(challenge_);
    // Section 12.1.3: a challenge must not be used in both directions. Only a broken generator or
    // a target that guesses gets here.
    if (same(challenge_, *challenge)) return refuse(ChapErrc::ChallengeReflected);
    answer.push_back({"CHAP_I", fmt::format("{}", identifier_)});
    answer.push_back({"CHAP_C", proto::print_text_binary(challenge_)});
    return answer;
}

std::expected<void, ChapFailure> Chap::on_proof(const std::vector<proto::TextPair>& keys) {
    CHECK(mutual() && !challenge_.empty());
    if (!only_these(keys, {"CHAP_N", "CHAP_R"})) return refuse(ChapErrc::UnexpectedKey);
    const auto* name = find(keys, "CHAP_N");
    if (!name || name->size() > proto::kTextValueBytesMax) return refuse(ChapErrc::NameBad);
    const auto* response_text = find(keys, "CHAP_R");
    const auto response = response_text
                              ? proto::parse_text_binary(*response_text, proto::kTextBinaryBytesMax)
                              : std::nullopt;
    if (!response) return refuse(ChapErrc::ResponseBad);

    if (auth_.username_in.empty()) {
        return refuse(ChapErrc::RequestFailed,
                      "no incoming username configured to authenticate target");
    }
    if (*name != auth_.username_in) {
        return refuse(ChapErrc::RequestFailed, "received incorrect username from target");
    }
    if (auth_.password_in.empty()) {
        return refuse(ChapErrc::RequestFailed,
                      "no incoming password configured to authenticate target");
    }
    if (response->size() != chap_response_bytes(chosen_)) {
        return refuse(ChapErrc::RequestFailed,
                      fmt::format("received incorrect CHAP response length {} from target",
                                  response->size()));
    }
    // Also covers the answer of a target that only knows what we just told it.
    if (same(*response, respond(identifier_, auth_.password, challenge_))) {
        return refuse(ChapErrc::SecretSameAsRemote);
    }
    if (!same(*response, respond(identifier_, auth_.password_in, challenge_))) {
        return refuse(ChapErrc::RequestFailed, "received incorrect CHAP response from target");
    }
    return {};
}

}  // namespace iscsi::session
