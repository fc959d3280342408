// SPDX-License-Identifier: LGPL-2.1-or-later
// The values that we offer at login (RFC 7143 section 13), as a record has them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "record/words.hpp"

namespace iscsi::session {

enum class SessionType : std::uint8_t { Normal, Discovery };

// Lengths are bytes, times are seconds.
struct Offer {
    record::Digest header_digest = record::Digest::None;
    record::Digest data_digest = record::Digest::None;
    std::uint32_t max_recv_data_segment_length = 262144;
    std::uint32_t max_xmit_data_segment_length = 0;  // ours alone: the most we send; 0: no limit
    std::uint32_t max_burst_length = 16776192;
    std::uint32_t first_burst_length = 262144;
    bool initial_r2t = false;
    bool immediate_data = true;
    std::uint32_t max_outstanding_r2t = 1;
    std::uint32_t default_time2wait = 2;
    std::uint32_t default_time2retain = 0;
    std::uint32_t error_recovery_level = 0;  // only 0 is implemented

    bool operator==(const Offer&) const = default;
};

// Brings every value into the range that the RFC allows and that we implement: lengths to multiples
// of four within 512..16777215, FirstBurstLength to at most MaxBurstLength. Returns a line for the
// operator for each value that was replaced (not for what was rounded).
std::vector<std::string> clamp_offer(Offer& offer);

}  // namespace iscsi::session
