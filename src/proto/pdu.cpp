// SPDX-License-Identifier: LGPL-2.1-or-later
// The fields of each PDU, at the offsets of RFC 7143 section 11, once for both directions: `fields`
// walks them with a Writer or with a Reader.
#include "proto/pdu.hpp"

#include <type_traits>
#include <utility>

namespace iscsi::proto {

namespace {

// Offsets that most PDUs share.
constexpr std::size_t kLunAt = 8;
constexpr std::size_t kIttAt = 16;
constexpr std::size_t kTttAt = 20;
constexpr std::uint8_t kImmediateBit = 0x40;
constexpr std::uint8_t kFinalBit = 0x80;

class Writer {
public:
    template <std::size_t Width, class Number>
    void number(std::size_t at, const Number& value) {
        if constexpr (std::is_class_v<Number>) {
            base::store_be<Width>(bhs, at, value.value);
        } else {
            base::store_be<Width>(bhs, at, static_cast<std::uint64_t>(value));
        }
    }
    void bit(std::size_t at, std::uint8_t mask, bool value) {
        if (value) bhs[at] |= static_cast<std::byte>(mask);
    }
    void always(std::size_t at, std::uint8_t mask) { bit(at, mask, true); }
    // `Width` bits whose lowest is `shift`.
    template <class Number>
    void bits(std::size_t at, unsigned shift, std::uint8_t mask, const Number& value) {
        const auto number = static_cast<unsigned>(value) & mask;
        bhs[at] |= static_cast<std::byte>(number << shift);
    }
    template <class Array>
    void bytes(std::size_t at, const Array& array) {
        for (std::size_t i = 0; i < array.size(); ++i) {
            bhs[at + i] = static_cast<std::byte>(array[i]);
        }
    }

    Bhs bhs{};
};

class Reader {
public:
    template <std::size_t Width, class Number>
    void number(std::size_t at, Number& value) {
        const auto read = base::load_be<Width>(bhs, at);
        if constexpr (std::is_class_v<Number>) {
            value.value = static_cast<decltype(value.value)>(read);
        } else {
            value = static_cast<Number>(read);
        }
    }
    void bit(std::size_t at, std::uint8_t mask, bool& value) {
        value = (bhs[at] & static_cast<std::byte>(mask)) != std::byte{0};
    }
    void always(std::size_t, std::uint8_t) {}
    template <class Number>
    void bits(std::size_t at, unsigned shift, std::uint8_t mask, Number& value) {
        value = static_cast<Number>((std::to_integer<unsigned>(bhs[at]) >> shift) & mask);
    }
    template <class Array>
    void bytes(std::size_t at, Array& array) {
        for (std::size_t i = 0; i < array.size(); ++i) {
            array[i] = static_cast<typename Array::value_type>(bhs[at + i]);
        }
    }

    BhsView bhs;
};

// C and P walk a const PDU with a Writer, or a mutable one with a Reader.
template <class C, class P>
void command_serials(C& c, P& pdu) {
    c.template number<4>(24, pdu.cmd_sn);
    c.template number<4>(28, pdu.exp_stat_sn);
}

template <class C, class P>
void response_serials(C& c, P& pdu) {
    c.template number<4>(24, pdu.stat_sn);
    c.template number<4>(28, pdu.exp_cmd_sn);
    c.template number<4>(32, pdu.max_cmd_sn);
}

template <class C, class P>
void tag(C& c, P& pdu) {
    c.template number<4>(kIttAt, pdu.initiator_task_tag);
}

template <class C, class P>
void lun_and_tags(C& c, P& pdu) {
    c.template number<8>(kLunAt, pdu.lun);
    tag(c, pdu);
    c.template number<4>(kTttAt, pdu.target_transfer_tag);
}

template <class C, class P>
void data_length(C& c, P& pdu) {
    c.template number<3>(5, pdu.data_segment_length);
}

template <class C, class P>
void residual_bits(C& c, P& pdu) {
    c.bit(1, 0x04, pdu.overflow);
    c.bit(1, 0x02, pdu.underflow);
}

template <class P, class Named>
concept Is = std::is_same_v<std::remove_const_t<P>, Named>;

template <class C, Is<NopOut> P>
void fields(C& c, P& pdu) {
    c.bit(0, kImmediateBit, pdu.immediate);
    c.always(1, kFinalBit);
    data_length(c, pdu);
    lun_and_tags(c, pdu);
    command_serials(c, pdu);
}

template <class C, Is<ScsiCommand> P>
void fields(C& c, P& pdu) {
    c.bit(0, kImmediateBit, pdu.immediate);
    c.bit(1, kFinalBit, pdu.final);
    c.bit(1, 0x40, pdu.read);
    c.bit(1, 0x20, pdu.write);
    c.bits(1, 0, 0x07, pdu.attribute);
    c.template number<1>(4, pdu.total_ahs_length);
    data_length(c, pdu);
    c.template number<8>(kLunAt, pdu.lun);
    tag(c, pdu);
    c.template number<4>(20, pdu.expected_data_transfer_length);
    command_serials(c, pdu);
    c.bytes(32, pdu.cdb);
}

template <class C, Is<TaskManagementRequest> P>
void fields(C& c, P& pdu) {
    c.bit(0, kImmediateBit, pdu.immediate);
    c.always(1, kFinalBit);
    c.bits(1, 0, 0x7f, pdu.function);
    c.template number<8>(kLunAt, pdu.lun);
    tag(c, pdu);
    c.template number<4>(20, pdu.referenced_task_tag);
    command_serials(c, pdu);
    c.template number<4>(32, pdu.ref_cmd_sn);
    c.template number<4>(36, pdu.exp_data_sn);
}

template <class C, class P>
void stages(C& c, P& pdu) {
    c.bit(1, 0x80, pdu.transit);
    c.bit(1, 0x40, pdu.continue_text);
    c.bits(1, 2, 0x03, pdu.current_stage);
    c.bits(1, 0, 0x03, pdu.next_stage);
}

template <class C, Is<LoginRequest> P>
void fields(C& c, P& pdu) {
    c.always(0, kImmediateBit);
    stages(c, pdu);
    c.template number<1>(2, pdu.version_max);
    c.template number<1>(3, pdu.version_min);
    data_length(c, pdu);
    c.bytes(8, pdu.isid.bytes);
    c.template number<2>(14, pdu.tsih);
    tag(c, pdu);
    c.template number<2>(20, pdu.cid);
    command_serials(c, pdu);
}

template <class C, Is<TextRequest> P>
void fields(C& c, P& pdu) {
    c.bit(0, kImmediateBit, pdu.immediate);
    c.bit(1, kFinalBit, pdu.final);
    c.bit(1, 0x40, pdu.continue_text);
    data_length(c, pdu);
    lun_and_tags(c, pdu);
    command_serials(c, pdu);
}

template <class C, Is<DataOut> P>
void fields(C& c, P& pdu) {
    c.bit(1, kFinalBit, pdu.final);
    data_length(c, pdu);
    lun_and_tags(c, pdu);
    c.template number<4>(28, pdu.exp_stat_sn);
    c.template number<4>(36, pdu.data_sn);
    c.template number<4>(40, pdu.buffer_offset);
}

template <class C, Is<LogoutRequest> P>
void fields(C& c, P& pdu) {
    c.bit(0, kImmediateBit, pdu.immediate);
    c.always(1, kFinalBit);
    c.bits(1, 0, 0x7f, pdu.reason);
    tag(c, pdu);
    c.template number<2>(20, pdu.cid);
    command_serials(c, pdu);
}

template <class C, Is<SnackRequest> P>
void fields(C& c, P& pdu) {
    c.always(1, kFinalBit);
    c.bits(1, 0, 0x0f, pdu.type);
    lun_and_tags(c, pdu);
    c.template number<4>(28, pdu.exp_stat_sn);
    c.template number<4>(40, pdu.beg_run);
    c.template number<4>(44, pdu.run_length);
}

template <class C, Is<NopIn> P>
void fields(C& c, P& pdu) {
    c.always(1, kFinalBit);
    data_length(c, pdu);
    lun_and_tags(c, pdu);
    response_serials(c, pdu);
}

template <class C, Is<ScsiResponse> P>
void fields(C& c, P& pdu) {
    c.always(1, kFinalBit);
    c.bit(1, 0x10, pdu.bidirectional_overflow);
    c.bit(1, 0x08, pdu.bidirectional_underflow);
    residual_bits(c, pdu);
    c.template number<1>(2, pdu.response);
    c.template number<1>(3, pdu.status);
    data_length(c, pdu);
    tag(c, pdu);
    c.template number<4>(20, pdu.snack_tag);
    response_serials(c, pdu);
    c.template number<4>(36, pdu.exp_data_sn);
    c.template number<4>(40, pdu.bidirectional_residual_count);
    c.template number<4>(44, pdu.residual_count);
}

template <class C, Is<TaskManagementResponse> P>
void fields(C& c, P& pdu) {
    c.always(1, kFinalBit);
    c.template number<1>(2, pdu.response);
    tag(c, pdu);
    response_serials(c, pdu);
}

template <class C, Is<LoginResponse> P>
void fields(C& c, P& pdu) {
    stages(c, pdu);
    c.template number<1>(2, pdu.version_max);
    c.template number<1>(3, pdu.version_active);
    data_length(c, pdu);
    c.bytes(8, pdu.isid.bytes);
    c.template number<2>(14, pdu.tsih);
    tag(c, pdu);
    response_serials(c, pdu);
    c.template number<1>(36, pdu.status_class);
    c.template number<1>(37, pdu.status_detail);
}

template <class C, Is<TextResponse> P>
void fields(C& c, P& pdu) {
    c.bit(1, kFinalBit, pdu.final);
    c.bit(1, 0x40, pdu.continue_text);
    data_length(c, pdu);
    lun_and_tags(c, pdu);
    response_serials(c, pdu);
}

template <class C, Is<DataIn> P>
void fields(C& c, P& pdu) {
    c.bit(1, kFinalBit, pdu.final);
    c.bit(1, 0x40, pdu.acknowledge);
    residual_bits(c, pdu);
    c.bit(1, 0x01, pdu.has_status);
    c.template number<1>(3, pdu.status);
    data_length(c, pdu);
    lun_and_tags(c, pdu);
    response_serials(c, pdu);
    c.template number<4>(36, pdu.data_sn);
    c.template number<4>(40, pdu.buffer_offset);
    c.template number<4>(44, pdu.residual_count);
}

template <class C, Is<LogoutResponse> P>
void fields(C& c, P& pdu) {
    c.always(1, kFinalBit);
    c.template number<1>(2, pdu.response);
    tag(c, pdu);
    response_serials(c, pdu);
    c.template number<2>(40, pdu.time2wait);
    c.template number<2>(42, pdu.time2retain);
}

template <class C, Is<R2t> P>
void fields(C& c, P& pdu) {
    c.always(1, kFinalBit);
    lun_and_tags(c, pdu);
    response_serials(c, pdu);
    c.template number<4>(36, pdu.r2t_sn);
    c.template number<4>(40, pdu.buffer_offset);
    c.template number<4>(44, pdu.desired_data_transfer_length);
}

// 0xffffffff where the PDU belongs to no task.
template <class C>
void reserved_task_tag(C& c) {
    for (std::size_t i = 0; i < 4; ++i) c.always(kIttAt + i, 0xff);
}

template <class C, Is<AsyncMessage> P>
void fields(C& c, P& pdu) {
    c.always(1, kFinalBit);
    data_length(c, pdu);
    c.template number<8>(kLunAt, pdu.lun);
    reserved_task_tag(c);
    response_serials(c, pdu);
    c.template number<1>(36, pdu.async_event);
    c.template number<1>(37, pdu.async_vcode);
    c.template number<2>(38, pdu.parameter1);
    c.template number<2>(40, pdu.parameter2);
    c.template number<2>(42, pdu.parameter3);
}

template <class C, Is<Reject> P>
void fields(C& c, P& pdu) {
    c.always(1, kFinalBit);
    c.template number<1>(2, pdu.reason);
    data_length(c, pdu);
    reserved_task_tag(c);
    response_serials(c, pdu);
    c.template number<4>(36, pdu.data_sn);
}

bool stage_is_defined(Stage stage) { return std::to_underlying(stage) != 2; }

}  // namespace

CommonHeader decode_common(BhsView bhs) {
    return {
        .opcode = static_cast<std::uint8_t>(base::load_u8(bhs, 0) & 0x3f),
        .immediate = (base::load_u8(bhs, 0) & kImmediateBit) != 0,
        .total_ahs_length = base::load_u8(bhs, 4),
        .data_segment_length = base::load_u24(bhs, 5),
        .initiator_task_tag = base::load_u32(bhs, kIttAt),
    };
}

bool is_target_opcode(std::uint8_t opcode) {
    return (opcode & 0x20) != 0 && opcode_name(opcode) != "unknown";
}

std::string_view opcode_name(std::uint8_t opcode) {
    switch (static_cast<Opcode>(opcode)) {
        case Opcode::NopOut:
            return "NOP-Out";
        case Opcode::ScsiCommand:
            return "SCSI Command";
        case Opcode::TaskManagementRequest:
            return "Task Management Request";
        case Opcode::LoginRequest:
            return "Login Request";
        case Opcode::TextRequest:
            return "Text Request";
        case Opcode::DataOut:
            return "Data-Out";
        case Opcode::LogoutRequest:
            return "Logout Request";
        case Opcode::SnackRequest:
            return "SNACK Request";
        case Opcode::NopIn:
            return "NOP-In";
        case Opcode::ScsiResponse:
            return "SCSI Response";
        case Opcode::TaskManagementResponse:
            return "Task Management Response";
        case Opcode::LoginResponse:
            return "Login Response";
        case Opcode::TextResponse:
            return "Text Response";
        case Opcode::DataIn:
            return "Data-In";
        case Opcode::LogoutResponse:
            return "Logout Response";
        case Opcode::R2t:
            return "R2T";
        case Opcode::AsyncMessage:
            return "Asynchronous Message";
        case Opcode::Reject:
            return "Reject";
    }
    return "unknown";
}

std::string_view decode_error_text(DecodeErrc error) {
    switch (error) {
        case DecodeErrc::WrongOpcode:
            return "unexpected opcode";
        case DecodeErrc::BadStage:
            return "reserved login stage";
        case DecodeErrc::BadEnumerator:
            return "undefined code";
    }
    return "";
}

template <class Pdu>
Bhs encode(const Pdu& pdu) {
    Writer writer;
    writer.bhs[0] = static_cast<std::byte>(Pdu::kOpcode);
    fields(writer, pdu);
    return writer.bhs;
}

template <class Pdu>
std::expected<Pdu, DecodeErrc> decode(BhsView bhs) {
    if (decode_common(bhs).opcode != std::to_underlying(Pdu::kOpcode)) {
        return std::unexpected(DecodeErrc::WrongOpcode);
    }
    Reader reader(bhs);
    Pdu pdu;
    fields(reader, pdu);
    if constexpr (requires { pdu.current_stage; }) {
        if (!stage_is_defined(pdu.current_stage)) return std::unexpected(DecodeErrc::BadStage);
        if (pdu.transit && !stage_is_defined(pdu.next_stage)) {
            return std::unexpected(DecodeErrc::BadStage);
        }
    }
    return pdu;
}

#define ISCSI_INSTANTIATE(Pdu)                \
    template Bhs encode<Pdu>(const Pdu& pdu); \
    template std::expected<Pdu, DecodeErrc> decode<Pdu>(BhsView bhs);
ISCSI_INSTANTIATE(NopOut)
ISCSI_INSTANTIATE(ScsiCommand)
ISCSI_INSTANTIATE(TaskManagementRequest)
ISCSI_INSTANTIATE(LoginRequest)
ISCSI_INSTANTIATE(TextRequest)
ISCSI_INSTANTIATE(DataOut)
ISCSI_INSTANTIATE(LogoutRequest)
ISCSI_INSTANTIATE(SnackRequest)
ISCSI_INSTANTIATE(NopIn)
ISCSI_INSTANTIATE(ScsiResponse)
ISCSI_INSTANTIATE(TaskManagementResponse)
ISCSI_INSTANTIATE(LoginResponse)
ISCSI_INSTANTIATE(TextResponse)
ISCSI_INSTANTIATE(DataIn)
ISCSI_INSTANTIATE(LogoutResponse)
ISCSI_INSTANTIATE(R2t)
ISCSI_INSTANTIATE(AsyncMessage)
ISCSI_INSTANTIATE(Reject)
#undef ISCSI_INSTANTIATE

}  // namespace iscsi::proto
