// SPDX-License-Identifier: LGPL-2.1-or-later
// Every PDU of RFC 7143 section 11 as a struct, with its basic header segment (BHS) encoded and
// decoded by one description of its fields (pdu_fields.hpp), so the two directions cannot differ.
//
// A struct holds the header only. Additional header segments are in ahs.hpp; data segments travel
// beside the header as spans. Reserved bits are written as zero and ignored when read.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "proto/types.hpp"

namespace iscsi::proto {

using Bhs = std::array<std::byte, kBhsBytes>;
using BhsView = std::span<const std::byte, kBhsBytes>;

// What is the same in every BHS (section 11.2.1).
struct CommonHeader {
    std::uint8_t opcode = 0;                // six bits, may be a number that Opcode does not know
    bool immediate = false;                 // the I bit; only initiators set it
    std::uint8_t total_ahs_length = 0;      // words of four bytes
    std::uint32_t data_segment_length = 0;  // bytes, without padding
    std::uint32_t initiator_task_tag = kReservedTag;

    std::size_t ahs_bytes() const { return std::size_t{total_ahs_length} * 4; }
    std::size_t padded_data_bytes() const {
        return data_segment_length + base::pad4(data_segment_length);
    }
};

CommonHeader decode_common(BhsView bhs);
bool is_target_opcode(std::uint8_t opcode);
std::string_view opcode_name(std::uint8_t opcode);

enum class DecodeErrc : std::uint8_t {
    WrongOpcode,    // the header is of another PDU type
    BadStage,       // CSG or NSG has the reserved value 2
    BadEnumerator,  // a code that the RFC does not define, where only defined ones are allowed
};
std::string_view decode_error_text(DecodeErrc error);

struct NopOut {  // section 11.18
    static constexpr Opcode kOpcode = Opcode::NopOut;
    bool immediate = false;
    std::uint32_t data_segment_length = 0;
    Lun lun;
    std::uint32_t initiator_task_tag = kReservedTag;
    std::uint32_t target_transfer_tag = kReservedTag;
    CmdSn cmd_sn;
    StatSn exp_stat_sn;
    bool operator==(const NopOut&) const = default;
};

struct ScsiCommand {  // section 11.3
    static constexpr Opcode kOpcode = Opcode::ScsiCommand;
    bool immediate = false;
    bool final = true;  // no unsolicited Data-Out follows
    bool read = false;
    bool write = false;
    TaskAttribute attribute = TaskAttribute::Simple;
    std::uint8_t total_ahs_length = 0;
    std::uint32_t data_segment_length = 0;  // immediate data
    Lun lun;
    std::uint32_t initiator_task_tag = kReservedTag;
    std::uint32_t expected_data_transfer_length = 0;
    CmdSn cmd_sn;
    StatSn exp_stat_sn;
    std::array<std::byte, 16> cdb{};
    bool operator==(const ScsiCommand&) const = default;
};

struct TaskManagementRequest {  // section 11.5
    static constexpr Opcode kOpcode = Opcode::TaskManagementRequest;
    bool immediate = true;
    TaskManagementFunction function = TaskManagementFunction::AbortTask;
    Lun lun;
    std::uint32_t initiator_task_tag = kReservedTag;
    std::uint32_t referenced_task_tag = kReservedTag;
    CmdSn cmd_sn;
    StatSn exp_stat_sn;
    CmdSn ref_cmd_sn;
    std::uint32_t exp_data_sn = 0;
    bool operator==(const TaskManagementRequest&) const = default;
};

struct LoginRequest {  // section 11.12; always immediate
    static constexpr Opcode kOpcode = Opcode::LoginRequest;
    bool transit = false;
    bool continue_text = false;  // the C bit
    Stage current_stage = Stage::SecurityNegotiation;
    Stage next_stage = Stage::SecurityNegotiation;
    std::uint8_t version_max = 0;
    std::uint8_t version_min = 0;
    std::uint32_t data_segment_length = 0;
    Isid isid;
    std::uint16_t tsih = 0;
    std::uint32_t initiator_task_tag = 0;
    std::uint16_t cid = 0;
    CmdSn cmd_sn;
    StatSn exp_stat_sn;
    bool operator==(const LoginRequest&) const = default;
};

struct TextRequest {  // section 11.10
    static constexpr Opcode kOpcode = Opcode::TextRequest;
    bool immediate = false;
    bool final = true;
    bool continue_text = false;
    std::uint32_t data_segment_length = 0;
    Lun lun;
    std::uint32_t initiator_task_tag = kReservedTag;
    std::uint32_t target_transfer_tag = kReservedTag;
    CmdSn cmd_sn;
    StatSn exp_stat_sn;
    bool operator==(const TextRequest&) const = default;
};

struct DataOut {  // section 11.7
    static constexpr Opcode kOpcode = Opcode::DataOut;
    bool final = true;
    std::uint32_t data_segment_length = 0;
    Lun lun;
    std::uint32_t initiator_task_tag = kReservedTag;
    std::uint32_t target_transfer_tag = kReservedTag;
    StatSn exp_stat_sn;
    std::uint32_t data_sn = 0;
    std::uint32_t buffer_offset = 0;
    bool operator==(const DataOut&) const = default;
};

struct LogoutRequest {  // section 11.14
    static constexpr Opcode kOpcode = Opcode::LogoutRequest;
    bool immediate = true;
    LogoutReason reason = LogoutReason::CloseSession;
    std::uint32_t initiator_task_tag = kReservedTag;
    std::uint16_t cid = 0;
    CmdSn cmd_sn;
    StatSn exp_stat_sn;
    bool operator==(const LogoutRequest&) const = default;
};

struct SnackRequest {  // section 11.16
    static constexpr Opcode kOpcode = Opcode::SnackRequest;
    SnackType type = SnackType::DataOrR2t;
    Lun lun;
    std::uint32_t initiator_task_tag = kReservedTag;
    std::uint32_t target_transfer_tag = kReservedTag;
    StatSn exp_stat_sn;
    std::uint32_t beg_run = 0;
    std::uint32_t run_length = 0;
    bool operator==(const SnackRequest&) const = default;
};

struct NopIn {  // section 11.19
    static constexpr Opcode kOpcode = Opcode::NopIn;
    std::uint32_t data_segment_length = 0;
    Lun lun;
    std::uint32_t initiator_task_tag = kReservedTag;
    std::uint32_t target_transfer_tag = kReservedTag;
    StatSn stat_sn;
    CmdSn exp_cmd_sn;
    CmdSn max_cmd_sn;
    bool operator==(const NopIn&) const = default;
};

struct ScsiResponse {  // section 11.4
    static constexpr Opcode kOpcode = Opcode::ScsiResponse;
    bool bidirectional_overflow = false;
    bool bidirectional_underflow = false;
    bool overflow = false;
    bool underflow = false;
    std::uint8_t response = 0;  // 0 completed at target, 1 target failure, others vendor specific
    std::uint8_t status = 0;    // SAM status, valid when response is 0
    std::uint32_t data_segment_length = 0;  // sense length (2 bytes) + sense + response data
    std::uint32_t initiator_task_tag = kReservedTag;
    std::uint32_t snack_tag = 0;
    StatSn stat_sn;
    CmdSn exp_cmd_sn;
    CmdSn max_cmd_sn;
    std::uint32_t exp_data_sn = 0;
    std::uint32_t bidirectional_residual_count = 0;
    std::uint32_t residual_count = 0;
    bool operator==(const ScsiResponse&) const = default;
};

struct TaskManagementResponse {  // section 11.6
    static constexpr Opcode kOpcode = Opcode::TaskManagementResponse;
    std::uint8_t response = 0;  // TaskManagementAnswer, or a reserved number
    std::uint32_t initiator_task_tag = kReservedTag;
    StatSn stat_sn;
    CmdSn exp_cmd_sn;
    CmdSn max_cmd_sn;
    bool operator==(const TaskManagementResponse&) const = default;
};

struct LoginResponse {  // section 11.13
    static constexpr Opcode kOpcode = Opcode::LoginResponse;
    bool transit = false;
    bool continue_text = false;
    Stage current_stage = Stage::SecurityNegotiation;
    Stage next_stage = Stage::SecurityNegotiation;  // meaningful with transit only
    std::uint8_t version_max = 0;
    std::uint8_t version_active = 0;
    std::uint32_t data_segment_length = 0;
    Isid isid;
    std::uint16_t tsih = 0;
    std::uint32_t initiator_task_tag = 0;
    StatSn stat_sn;
    CmdSn exp_cmd_sn;
    CmdSn max_cmd_sn;
    std::uint8_t status_class = 0;
    std::uint8_t status_detail = 0;
    bool operator==(const LoginResponse&) const = default;
};

struct TextResponse {  // section 11.11
    static constexpr Opcode kOpcode = Opcode::TextResponse;
    bool final = true;
    bool continue_text = false;
    std::uint32_t data_segment_length = 0;
    Lun lun;
    std::uint32_t initiator_task_tag = kReservedTag;
    std::uint32_t target_transfer_tag = kReservedTag;
    StatSn stat_sn;
    CmdSn exp_cmd_sn;
    CmdSn max_cmd_sn;
    bool operator==(const TextResponse&) const = default;
};

struct DataIn {  // section 11.7
    static constexpr Opcode kOpcode = Opcode::DataIn;
    bool final = false;
    bool acknowledge = false;
    bool overflow = false;
    bool underflow = false;
    bool has_status = false;  // the S bit: status, StatSN and residual count are meaningful
    std::uint8_t status = 0;
    std::uint32_t data_segment_length = 0;
    Lun lun;
    std::uint32_t initiator_task_tag = kReservedTag;
    std::uint32_t target_transfer_tag = kReservedTag;
    StatSn stat_sn;
    CmdSn exp_cmd_sn;
    CmdSn max_cmd_sn;
    std::uint32_t data_sn = 0;
    std::uint32_t buffer_offset = 0;
    std::uint32_t residual_count = 0;
    bool operator==(const DataIn&) const = default;
};

struct LogoutResponse {  // section 11.15
    static constexpr Opcode kOpcode = Opcode::LogoutResponse;
    std::uint8_t response = 0;  // LogoutAnswer, or a reserved number
    std::uint32_t initiator_task_tag = kReservedTag;
    StatSn stat_sn;
    CmdSn exp_cmd_sn;
    CmdSn max_cmd_sn;
    std::uint16_t time2wait = 0;    // seconds
    std::uint16_t time2retain = 0;  // seconds
    bool operator==(const LogoutResponse&) const = default;
};

struct R2t {  // section 11.8
    static constexpr Opcode kOpcode = Opcode::R2t;
    Lun lun;
    std::uint32_t initiator_task_tag = kReservedTag;
    std::uint32_t target_transfer_tag = kReservedTag;
    StatSn stat_sn;  // the next StatSN, not one to acknowledge
    CmdSn exp_cmd_sn;
    CmdSn max_cmd_sn;
    std::uint32_t r2t_sn = 0;
    std::uint32_t buffer_offset = 0;
    std::uint32_t desired_data_transfer_length = 0;
    bool operator==(const R2t&) const = default;
};

struct AsyncMessage {  // section 11.9
    static constexpr Opcode kOpcode = Opcode::AsyncMessage;
    std::uint32_t data_segment_length = 0;
    Lun lun;
    StatSn stat_sn;
    CmdSn exp_cmd_sn;
    CmdSn max_cmd_sn;
    std::uint8_t async_event = 0;  // AsyncEvent, or a reserved number
    std::uint8_t async_vcode = 0;
    std::uint16_t parameter1 = 0;
    std::uint16_t parameter2 = 0;
    std::uint16_t parameter3 = 0;
    bool operator==(const AsyncMessage&) const = default;
};

struct Reject {  // section 11.17; the data segment is the header that was rejected
    static constexpr Opcode kOpcode = Opcode::Reject;
    std::uint8_t reason = 0;  // RejectReason, or a reserved number
    std::uint32_t data_segment_length = 0;
    StatSn stat_sn;
    CmdSn exp_cmd_sn;
    CmdSn max_cmd_sn;
    std::uint32_t data_sn = 0;  // or R2TSN
    bool operator==(const Reject&) const = default;
};

// Instantiated in pdu.cpp for the PDUs above.
template <class Pdu>
Bhs encode(const Pdu& pdu);
template <class Pdu>
std::expected<Pdu, DecodeErrc> decode(BhsView bhs);

}  // namespace iscsi::proto
