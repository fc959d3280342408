// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/offer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "session/negotiation_keys.hpp"

namespace iscsi::session {

namespace {

class Clamp {
public:
    // A value out of range is replaced by open-iscsi's default, in its words.
    void length(std::uint32_t& value, std::string_view name, std::uint32_t replacement) {
        const auto& range = rule_of(Key::MaxRecvDataSegmentLength);
        if (value < range.lowest || value > range.highest) {
            lines.push_back(fmt::format("Invalid iscsi.{}. Must be within {} and {}. Setting to {}",
                                        name, range.lowest, range.highest, replacement));
            value = replacement;
        }
        value -= value % 4;
    }

    void number(std::uint32_t& value, Key key) {
        const auto& rule = rule_of(key);
        const auto inside = std::clamp(value, rule.lowest, rule.highest);
        if (inside == value) return;
        lines.push_back(fmt::format("Invalid iscsi.{}. Must be within {} and {}. Setting to {}",
                                    rule.name, rule.lowest, rule.highest, inside));
        value = inside;
    }

    std::vector<std::string> lines;
};

}  // namespace

std::vector<std::string> clamp_offer(Offer& offer) {
    Clamp clamp;
    clamp.length(offer.max_recv_data_segment_length, "MaxRecvDataSegmentLength", 262144);
    if (offer.max_xmit_data_segment_length != 0) {
        clamp.length(offer.max_xmit_data_segment_length, "MaxXmitDataSegmentLength", 262144);
    }
    clamp.length(offer.first_burst_length, "FirstBurstLength", 262144);
    clamp.length(offer.max_burst_length, "MaxBurstLength", 16776192);
    offer.first_burst_length = std::min(offer.first_burst_length, offer.max_burst_length);
    clamp.number(offer.max_outstanding_r2t, Key::MaxOutstandingR2t);
    clamp.number(offer.default_time2wait, Key::DefaultTime2Wait);
    clamp.number(offer.default_time2retain, Key::DefaultTime2Retain);
    if (offer.error_recovery_level != 0) {
        clamp.lines.push_back("Error recovery level above 0 is not supported. Setting to 0");
        offer.error_recovery_level = 0;
    }
    return clamp.lines;
}

}  // namespace iscsi::session
