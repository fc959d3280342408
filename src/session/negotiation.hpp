// SPDX-License-Identifier: LGPL-2.1-or-later
// Text negotiation (RFC 7143 sections 6.2 and 13): what we offer, what the target may answer, what
// we answer to what it brings up, and what comes out of it. Knows no PDUs.
//
// We are strict where open-iscsi and libiscsi are lax: an answer out of its range, one that
// contradicts our offer, or a value that was not offered ends the login. An unknown key never does:
// it is answered NotUnderstood.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "proto/text.hpp"
#include "session/negotiated.hpp"
#include "session/negotiation_keys.hpp"
#include "session/offer.hpp"

namespace iscsi::session {

// Unknown keys that one login answers; a target with more of them means no good.
inline constexpr std::size_t kUnknownKeysMax = 64;

struct NegotiationError {
    std::string key;    // printable
    std::string value;  // as the target sent it, made printable; empty when it sent nothing
    std::string reason;
    // "MaxBurstLength=-1: out of the range 512..16777215"
    std::string describe() const;
};

class Negotiation {
public:
    // `offer` has been through clamp_offer().
    Negotiation(SessionType type, const Offer& offer);

    // The keys of our first operational request, in their order.
    void write_offer(proto::TextWriter& out);

    // One pair from the target. `where` is the stage its PDU belongs to: kInSecurity,
    // kInOperational or kInFullFeature. AuthMethod and the CHAP keys do not come here in the
    // security stage.
    std::expected<void, NegotiationError> on_pair(const proto::TextPair& pair, std::uint8_t where);

    // What we have to say to keys that the target brought up.
    bool has_answers() const { return !answers_.empty(); }
    void write_answers(proto::TextWriter& out);
    // The target moved on and leaves no occasion for our answers. Only one that matters is an
    // error.
    std::expected<void, NegotiationError> drop_answers();

    // The outcome, once the operational stage is over. Where the target did not answer, the more
    // careful of the RFC's default and our offer counts.
    std::expected<NegotiatedParameters, NegotiationError> finish() const;

private:
    enum class State : std::uint8_t { Untouched, Offered, Agreed, Irrelevant };
    struct Slot {
        State state = State::Untouched;
        std::uint32_t number = 0;  // our offer, then the outcome; booleans: Yes is 1
        std::string text;          // of lists and texts
    };
    struct Answer {
        std::string key;
        std::string value;
        bool matters;  // the target has to know it
    };
    using Outcome = std::expected<void, NegotiationError>;

    Slot& slot(Key key) { return slots_[static_cast<std::size_t>(key)]; }
    const Slot& slot(Key key) const { return slots_[static_cast<std::size_t>(key)]; }
    void offer_number(Key key, std::uint32_t number);
    void offer_list(Key key, std::string_view list);
    Outcome on_unknown(const proto::TextPair& pair);
    Outcome on_declaration(const KeyRule& rule, const proto::TextPair& pair);
    Outcome on_answer(const KeyRule& rule, const proto::TextPair& pair);
    Outcome on_proposal(const KeyRule& rule, const proto::TextPair& pair);
    void answer(const KeyRule& rule, std::string_view value, bool matters);
    std::uint32_t outcome(Key key) const;
    std::expected<bool, NegotiationError> digest(Key key) const;
    Outcome check_bursts(NegotiatedParameters& params) const;

    SessionType type_;
    std::uint32_t max_xmit_limit_;
    std::uint32_t max_recv_ = 0;  // as we declared it
    std::array<Slot, kKeyCount> slots_;
    std::vector<Answer> answers_;
    std::vector<std::string> unknown_;
};

}  // namespace iscsi::session
