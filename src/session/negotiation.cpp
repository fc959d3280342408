// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/negotiation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "base/numbers.hpp"

namespace iscsi::session {

namespace {

// Section 6.2: words with a meaning of their own in answers, never to be proposed.
bool is_reserved(std::string_view value) {
    return value == "Reject" || value == "Irrelevant" || value == "NotUnderstood";
}

bool is_boolean(Rule rule) { return rule == Rule::And || rule == Rule::Or; }

std::unexpected<NegotiationError> refuse(const proto::TextPair& pair, std::string reason) {
    return std::unexpected(NegotiationError{proto::printable(pair.key),
                                            proto::printable(pair.value), std::move(reason)});
}

std::string_view stage_name(std::uint8_t where) {
    if (where == kInSecurity) return "the security stage";
    return where == kInOperational ? "the operational stage" : "full feature phase";
}

std::string print_number(const KeyRule& rule, std::uint32_t number) {
    if (is_boolean(rule.rule)) return number != 0 ? "Yes" : "No";
    return fmt::format("{}", number);
}

std::expected<std::uint32_t, NegotiationError> read_boolean(const proto::TextPair& pair) {
    if (pair.value == "Yes") return 1;
    if (pair.value == "No") return 0;
    return refuse(pair, "neither Yes nor No");
}

std::expected<std::uint32_t, NegotiationError> read_number(const KeyRule& rule,
                                                           const proto::TextPair& pair) {
    if (is_boolean(rule.rule)) return read_boolean(pair);
    const auto number = proto::parse_text_number(pair.value);
    if (!number || *number < rule.lowest || *number > rule.highest) {
        return refuse(pair, fmt::format("out of the range {}..{}", rule.lowest, rule.highest));
    }
    return static_cast<std::uint32_t>(*number);
}

// Section 6.2: the function of both values that is the outcome. And is the minimum of booleans.
std::uint32_t combine(Rule rule, std::uint32_t ours, std::uint32_t theirs) {
    const bool greater = rule == Rule::Or || rule == Rule::Maximum;
    return greater ? std::max(ours, theirs) : std::min(ours, theirs);
}

}  // namespace

std::string NegotiationError::describe() const {
    return value.empty() ? fmt::format("{}: {}", key, reason)
                         : fmt::format("{}={}: {}", key, value, reason);
}

Negotiation::Negotiation(SessionType type, const Offer& offer)
    : type_(type), max_xmit_limit_(offer.max_xmit_data_segment_length) {
    offer_list(Key::HeaderDigest, record::word_of(offer.header_digest));
    offer_list(Key::DataDigest, record::word_of(offer.data_digest));
    offer_number(Key::DefaultTime2Wait, offer.default_time2wait);
    offer_number(Key::DefaultTime2Retain, offer.default_time2retain);
    offer_number(Key::IfMarker, 0);
    offer_number(Key::OfMarker, 0);
    offer_number(Key::ErrorRecoveryLevel, offer.error_recovery_level);
    offer_number(Key::MaxRecvDataSegmentLength, offer.max_recv_data_segment_length);
    if (type == SessionType::Discovery) return;
    offer_number(Key::InitialR2t, offer.initial_r2t ? 1 : 0);
    offer_number(Key::ImmediateData, offer.immediate_data ? 1 : 0);
    offer_number(Key::MaxBurstLength, offer.max_burst_length);
    offer_number(Key::FirstBurstLength, offer.first_burst_length);
    offer_number(Key::MaxOutstandingR2t, offer.max_outstanding_r2t);
    offer_number(Key::MaxConnections, 1);
    offer_number(Key::DataPduInOrder, 1);
    offer_number(Key::DataSequenceInOrder, 1);
}

void Negotiation::offer_number(Key key, std::uint32_t number) {
    slot(key) = {State::Offered, number, {}};
}

void Negotiation::offer_list(Key key, std::string_view list) {
    slot(key) = {State::Offered, 0, std::string(list)};
}

void Negotiation::write_offer(proto::TextWriter& out) {
    // Compat: the order of the enumerators is the one open-iscsi sends, which targets and their
    // test suites have seen for two decades.
    for (std::size_t i = 0; i < kKeyCount; ++i) {
        const auto& rule = rule_of(static_cast<Key>(i));
        if (slots_[i].state != State::Offered) continue;
        if (rule.rule == Rule::List) {
            out.add(rule.name, slots_[i].text);
        } else if (rule.rule == Rule::Obsolete) {
            out.add(rule.name, "No");
        } else {
            out.add(rule.name, print_number(rule, slots_[i].number));
        }
    }
    // Declared by both sides independently: what arrives next is the target's own.
    max_recv_ = slot(Key::MaxRecvDataSegmentLength).number;
    slot(Key::MaxRecvDataSegmentLength) = {};
}

Negotiation::Outcome Negotiation::on_pair(const proto::TextPair& pair, std::uint8_t where) {
    const auto key = key_from_name(pair.key);
    if (!key) return on_unknown(pair);
    const auto& rule = rule_of(*key);
    if (rule.rule == Rule::InitiatorOnly) return refuse(pair, "only an initiator may send it");
    if ((rule.where & where) == 0) {
        return refuse(pair, fmt::format("not allowed in {}", stage_name(where)));
    }
    if (pair.value.size() > proto::kTextValueBytesMax) {
        return refuse(pair, fmt::format("longer than {} bytes", proto::kTextValueBytesMax));
    }
    auto& state = slot(*key).state;
    if ((state == State::Agreed || state == State::Irrelevant) && !rule.repeatable) {
        return refuse(pair, "sent more than once");
    }
    if (rule.rule == Rule::Number || rule.rule == Rule::Text) return on_declaration(rule, pair);
    return state == State::Offered ? on_answer(rule, pair) : on_proposal(rule, pair);
}

Negotiation::Outcome Negotiation::on_unknown(const proto::TextPair& pair) {
    if (pair.key.starts_with("CHAP_")) return refuse(pair, "has no place here");
    if (std::ranges::find(unknown_, pair.key) != unknown_.end()) {
        return refuse(pair, "sent more than once");
    }
    if (unknown_.size() == kUnknownKeysMax) return refuse(pair, "too many unknown keys");
    unknown_.push_back(pair.key);
    // An answer to an answer would never end.
    if (!is_reserved(pair.value)) answers_.push_back({pair.key, "NotUnderstood", false});
    return {};
}

Negotiation::Outcome Negotiation::on_declaration(const KeyRule& rule, const proto::TextPair& pair) {
    auto& slot = this->slot(rule.key);
    if (rule.rule == Rule::Number) {
        ISCSI_TRY(slot.number, read_number(rule, pair));
    } else {
        slot.text = pair.value;
    }
    slot.state = State::Agreed;
    return {};
}

Negotiation::Outcome Negotiation::on_answer(const KeyRule& rule, const proto::TextPair& pair) {
    auto& slot = this->slot(rule.key);
    if (rule.rule == Rule::Obsolete) {
        // Section 13.25 has targets answer Reject or No; older ones do not know the key any more.
        if (pair.value != "No" && !is_reserved(pair.value)) return refuse(pair, "we offered No");
        slot.state = State::Agreed;
        return {};
    }
    if (pair.value == "Irrelevant" && rule.key == Key::FirstBurstLength) {
        slot.state = State::Irrelevant;  // whether it is shows at the end
        return {};
    }
    if (rule.rule == Rule::List) {
        const auto choices = base::split(slot.text, ',');
        if (std::ranges::find(choices, pair.value) == choices.end()) {
            return refuse(pair, fmt::format("we offered {}", slot.text));
        }
        slot = {State::Agreed, 0, pair.value};
        return {};
    }
    const auto offered = print_number(rule, slot.number);
    if (is_reserved(pair.value)) return refuse(pair, fmt::format("we offered {}", offered));
    ISCSI_TRY(const auto theirs, read_number(rule, pair));
    if (combine(rule.rule, slot.number, theirs) != theirs) {
        return refuse(pair, fmt::format("contradicts our offer of {}", offered));
    }
    slot = {State::Agreed, theirs, {}};
    return {};
}

Negotiation::Outcome Negotiation::on_proposal(const KeyRule& rule, const proto::TextPair& pair) {
    auto& slot = this->slot(rule.key);
    if (is_reserved(pair.value)) return refuse(pair, "answers a key that we did not offer");
    if (type_ == SessionType::Discovery && !rule.in_discovery) {
        slot = {State::Irrelevant, rule.fallback, {}};
        answer(rule, "Irrelevant", /*matters=*/false);
        return {};
    }
    if (rule.rule == Rule::Obsolete) {
        slot.state = State::Agreed;
        answer(rule, "Reject", /*matters=*/false);
        return {};
    }
    if (rule.rule == Rule::List) {
        const auto ours = base::split(rule.choices, ',');
        const auto theirs = base::split(pair.value, ',');
        const auto chosen = std::ranges::find_first_of(theirs, ours);
        if (chosen == theirs.end()) return refuse(pair, fmt::format("we take {}", rule.choices));
        slot = {State::Agreed, 0, std::string(*chosen)};
        answer(rule, slot.text, /*matters=*/true);
        return {};
    }
    ISCSI_TRY(const auto theirs, read_number(rule, pair));
    slot = {State::Agreed, combine(rule.rule, rule.fallback, theirs), {}};
    answer(rule, print_number(rule, slot.number), /*matters=*/true);
    return {};
}

void Negotiation::answer(const KeyRule& rule, std::string_view value, bool matters) {
    answers_.push_back({std::string(rule.name), std::string(value), matters});
}

void Negotiation::write_answers(proto::TextWriter& out) {
    for (const auto& answer : answers_) out.add(answer.key, answer.value);
    answers_.clear();
}

Negotiation::Outcome Negotiation::drop_answers() {
    const auto at = std::ranges::find_if(answers_, &Answer::matters);
    if (at != answers_.end()) {
        return std::unexpected(NegotiationError{
            at->key, {}, "brought up with the last response, which leaves no room for an answer"});
    }
    answers_.clear();
    return {};
}

std::uint32_t Negotiation::outcome(Key key) const {
    const auto& rule = rule_of(key);
    const auto& slot = this->slot(key);
    if (slot.state == State::Agreed) return slot.number;
    if (slot.state == State::Untouched) return rule.fallback;
    return combine(rule.rule, slot.number, rule.fallback);
}

std::expected<bool, NegotiationError> Negotiation::digest(Key key) const {
    const auto& slot = this->slot(key);
    if (slot.state == State::Agreed) return slot.text == "CRC32C";
    const auto choices = base::split(slot.text, ',');
    if (std::ranges::find(choices, "None") != choices.end()) return false;
    return std::unexpected(NegotiationError{
        std::string(rule_of(key).name), {}, fmt::format("no answer, and we need {}", slot.text)});
}

Negotiation::Outcome Negotiation::check_bursts(NegotiatedParameters& params) const {
    const auto& rule = rule_of(Key::FirstBurstLength);
    const auto& slot = this->slot(Key::FirstBurstLength);
    // Section 13.14: without unsolicited data of either kind the key is irrelevant.
    const bool relevant =
        type_ == SessionType::Normal && (!params.initial_r2t || params.immediate_data);
    if (relevant && slot.state == State::Irrelevant) {
        return std::unexpected(NegotiationError{std::string(rule.name), "Irrelevant",
                                                "unsolicited data has been agreed on"});
    }
    if (relevant && slot.state == State::Agreed &&
        params.first_burst_length > params.max_burst_length) {
        return std::unexpected(NegotiationError{
            std::string(rule.name), fmt::format("{}", params.first_burst_length),
            fmt::format("greater than MaxBurstLength={}", params.max_burst_length)});
    }
    params.first_burst_length = std::min(params.first_burst_length, params.max_burst_length);
    return {};
}

std::expected<NegotiatedParameters, NegotiationError> Negotiation::finish() const {
    NegotiatedParameters params;
    ISCSI_TRY(params.header_digest, digest(Key::HeaderDigest));
    ISCSI_TRY(params.data_digest, digest(Key::DataDigest));
    params.max_recv_data_segment_length = max_recv_;
    params.max_xmit_data_segment_length = outcome(Key::MaxRecvDataSegmentLength);
    if (max_xmit_limit_ != 0) {
        params.max_xmit_data_segment_length =
            std::min(params.max_xmit_data_segment_length, max_xmit_limit_);
    }
    params.max_burst_length = outcome(Key::MaxBurstLength);
    params.first_burst_length = outcome(Key::FirstBurstLength);
    params.initial_r2t = outcome(Key::InitialR2t) != 0;
    params.immediate_data = outcome(Key::ImmediateData) != 0;
    params.max_outstanding_r2t = outcome(Key::MaxOutstandingR2t);
    params.data_pdu_in_order = outcome(Key::DataPduInOrder) != 0;
    params.data_sequence_in_order = outcome(Key::DataSequenceInOrder) != 0;
    params.data_pdu_in_order_answered = slot(Key::DataPduInOrder).state == State::Agreed;
    params.data_sequence_in_order_answered = slot(Key::DataSequenceInOrder).state == State::Agreed;
    params.error_recovery_level = outcome(Key::ErrorRecoveryLevel);
    params.default_time2wait = outcome(Key::DefaultTime2Wait);
    params.default_time2retain = outcome(Key::DefaultTime2Retain);
    params.max_connections = outcome(Key::MaxConnections);
    params.target_alias = slot(Key::TargetAlias).text;
    if (const auto& tag = slot(Key::TargetPortalGroupTag); tag.state == State::Agreed) {
        params.target_portal_group_tag = static_cast<std::uint16_t>(tag.number);
    }
    ISCSI_TRY_VOID(check_bursts(params));
    return params;
}

}  // namespace iscsi::session
