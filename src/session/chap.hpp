// SPDX-License-Identifier: LGPL-2.1-or-later
// The initiator's side of CHAP (RFC 7143 section 12.1.3), one-way and mutual. Computes and checks;
// which PDU carries what is session/login.hpp's business.
//
//   Chap chap(auth, digests, random);
//   chap.algorithms()          -> CHAP_A of our first message
//   chap.on_challenge(keys)    <- CHAP_A, CHAP_I, CHAP_C; gives our CHAP_N, CHAP_R (CHAP_I, CHAP_C)
//   chap.on_proof(keys)        <- mutual only: CHAP_N, CHAP_R
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "proto/text.hpp"
#include "record/auth.hpp"
#include "record/words.hpp"

namespace iscsi::session {

// Hash functions, named by CHAP's registry. Pure computation behind a seam, so that a test can take
// one away as a crypto policy does.
class ChapDigests {
public:
    virtual ~ChapDigests() = default;
    virtual bool available(record::ChapAlgorithm algorithm) const = 0;
    // Hash of the concatenated parts. Precondition: available.
    virtual std::vector<std::byte> hash(record::ChapAlgorithm algorithm,
                                        const std::vector<base::ConstByteSpan>& parts) const = 0;
};
const ChapDigests& nettle_digests();

// 5, 6, 7, 8 (IANA's registry of CHAP algorithms).
std::uint8_t chap_number(record::ChapAlgorithm algorithm);
std::size_t chap_response_bytes(record::ChapAlgorithm algorithm);

// Why authentication failed; texts are those that open-iscsi logs as debug status.
enum class ChapErrc : std::uint8_t {
    RequestFailed,       // the target's proof is wrong or missing
    MethodBad,           // AuthMethod is not one that we offered
    MethodFailed,        // AuthMethod was rejected
    MethodNone,          // the target will not prove itself
    AlgorithmBad,        // CHAP_A is missing or none that we offered
    AlgorithmFailed,     // CHAP_A was rejected, or we have none to offer
    SecretSameAsRemote,  // the target answers with our own secret
    IdentifierBad,       // CHAP_I
    ChallengeBad,        // CHAP_C
    ChallengeReflected,  // the target's challenge is our own
    NameBad,             // CHAP_N is missing or too long
    ResponseBad,         // CHAP_R is missing or not a binary value
    UnexpectedKey,       // a key that has no place in this message
    TransitBitBad,       // the target left the security stage before its end
};
std::string_view chap_error_text(ChapErrc error);

struct ChapFailure {
    ChapErrc error;
    // For the log, to be followed by the target's name; never with a secret in it; may be empty.
    std::string detail;
};

class Chap {
public:
    // Algorithms that `digests` does not have are left out of the offer. All arguments must outlive
    // the object.
    Chap(const record::Auth& auth, const ChapDigests& digests, base::Random& random);

    // Whether the target has to prove itself: any of its credentials is configured.
    bool mutual() const;
    // Our list, e.g. "8,7,6,5"; empty when no algorithm is available.
    const std::string& algorithms() const { return algorithms_; }
    // Wanted, but not available.
    const std::vector<record::ChapAlgorithm>& dropped() const { return dropped_; }

    std::expected<std::vector<proto::TextPair>, ChapFailure> on_challenge(
        const std::vector<proto::TextPair>& keys);
    // Precondition: mutual() and on_challenge() succeeded.
    std::expected<void, ChapFailure> on_proof(const std::vector<proto::TextPair>& keys);

private:
    std::vector<std::byte> respond(std::uint8_t identifier, const base::Secret& secret,
                                   base::ConstByteSpan challenge) const;
    std::expected<void, ChapFailure> choose_algorithm(const std::string& value);

    const record::Auth& auth_;
    const ChapDigests& digests_;
    base::Random& random_;
    std::vector<record::ChapAlgorithm> offered_;
    std::vector<record::ChapAlgorithm> dropped_;
    std::string algorithms_;
    record::ChapAlgorithm chosen_ = record::ChapAlgorithm::Md5;
    std::uint8_t identifier_ = 0;       // ours, for the target to answer
    std::vector<std::byte> challenge_;  // likewise
};

}  // namespace iscsi::session
