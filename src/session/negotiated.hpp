// SPDX-License-Identifier: LGPL-2.1-or-later
// What a login leaves behind: the values both sides agreed on (RFC 7143 section 13) and where the
// sequence numbers stand. Everything a full-feature engine, a kernel or iscsi-userd needs to take
// the connection over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proto/types.hpp"

namespace iscsi::session {

// Member initialisers are the RFC's defaults, that is, the values in force when nobody said
// anything. Lengths are bytes, times are seconds.
struct NegotiatedParameters {
    bool header_digest = false;  // CRC32C, else none
    bool data_digest = false;
    std::uint32_t max_recv_data_segment_length = 8192;  // the most the target may send us
    std::uint32_t max_xmit_data_segment_length = 8192;  // the most we may send the target
    std::uint32_t max_burst_length = 262144;
    std::uint32_t first_burst_length = 65536;
    bool initial_r2t = true;
    bool immediate_data = true;
    std::uint32_t max_outstanding_r2t = 1;
    bool data_pdu_in_order = true;
    bool data_sequence_in_order = true;
    // Whether the target has answered these two; it need not, as Yes is the default.
    bool data_pdu_in_order_answered = false;
    bool data_sequence_in_order_answered = false;
    std::uint32_t error_recovery_level = 0;
    std::uint32_t default_time2wait = 2;
    std::uint32_t default_time2retain = 20;
    std::uint32_t max_connections = 1;
    std::string target_alias;                              // empty: the target has none
    std::optional<std::uint16_t> target_portal_group_tag;  // nullopt: the target did not say

    bool operator==(const NegotiatedParameters&) const = default;
};

// A connection in full-feature phase. The login engine never takes bytes past the final login
// response from the socket, so the socket can be handed to a kernel or to another process as it is.
struct LoggedIn {
    NegotiatedParameters params;
    proto::Isid isid;
    std::uint16_t tsih = 0;  // never 0
    std::uint16_t cid = 0;
    proto::CmdSn cmd_sn;        // of the first command: the login's own (section 11.12.8)
    proto::StatSn exp_stat_sn;  // of the next response
    proto::CmdSn exp_cmd_sn;    // from the final login response, like max_cmd_sn
    proto::CmdSn max_cmd_sn;

    bool operator==(const LoggedIn&) const = default;
};

}  // namespace iscsi::session
