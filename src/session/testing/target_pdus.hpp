// SPDX-License-Identifier: LGPL-2.1-or-later
// PDUs with which a target answers what an engine has sent, and a look at the engine's events.
#pragma once

#include "session/engine_harness_test.hpp"

namespace iscsi::session::testing {

inline proto::DataIn data_in(const SentPdu& command, std::uint32_t data_sn, std::uint32_t offset) {
    const auto sent = command.as<proto::ScsiCommand>();
    proto::DataIn pdu;
    pdu.initiator_task_tag = sent.initiator_task_tag;
    pdu.data_sn = data_sn;
    pdu.buffer_offset = offset;
    return pdu;
}

inline proto::DataIn last_data_in(const SentPdu& command, std::uint32_t data_sn,
                                  std::uint32_t offset) {
    auto pdu = data_in(command, data_sn, offset);
    pdu.final = true;
    pdu.has_status = true;
    return pdu;
}

inline proto::ScsiResponse response(const SentPdu& command, std::uint8_t status = 0) {
    proto::ScsiResponse pdu;
    pdu.initiator_task_tag = command.as<proto::ScsiCommand>().initiator_task_tag;
    pdu.status = status;
    return pdu;
}

inline proto::R2t r2t(const SentPdu& command, std::uint32_t sn, std::uint32_t offset,
                      std::uint32_t size) {
    proto::R2t pdu;
    pdu.initiator_task_tag = command.as<proto::ScsiCommand>().initiator_task_tag;
    pdu.lun = command.as<proto::ScsiCommand>().lun;
    pdu.target_transfer_tag = 0x7700 + sn;
    pdu.r2t_sn = sn;
    pdu.buffer_offset = offset;
    pdu.desired_data_transfer_length = size;
    return pdu;
}

inline base::ConstByteSpan part(const Bytes& bytes, std::size_t offset, std::size_t size) {
    return base::ConstByteSpan(bytes).subspan(offset, size);
}

inline std::uint32_t tag_of(const SentPdu& pdu) {
    return proto::decode_common(pdu.bhs).initiator_task_tag;
}

inline proto::ScsiResponse response(std::uint32_t tag, std::uint8_t status = 0) {
    proto::ScsiResponse pdu;
    pdu.initiator_task_tag = tag;
    pdu.status = status;
    return pdu;
}

inline proto::TaskManagementResponse answer(const SentPdu& request, std::uint8_t code) {
    proto::TaskManagementResponse pdu;
    pdu.initiator_task_tag = tag_of(request);
    pdu.response = code;
    return pdu;
}

inline FullFeatureConfig by_hand() {
    FullFeatureConfig config;
    config.escalate = false;
    return config;
}

template <class T>
const T& get(const FullFeatureEvent& event) {
    static const T none{};
    const auto* found = std::get_if<T>(&event);
    EXPECT_NE(found, nullptr) << "another event than expected";
    return found != nullptr ? *found : none;
}

// Data of a response: sense whose length is told as `claimed`, and of which `present` bytes are
// there.
inline Bytes sense_segment(std::uint16_t claimed, std::size_t present) {
    Bytes segment(2 + present, std::byte{0x5a});
    base::store_u16(segment, 0, claimed);
    return segment;
}

}  // namespace iscsi::session::testing
