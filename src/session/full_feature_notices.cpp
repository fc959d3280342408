// SPDX-License-Identifier: LGPL-2.1-or-later
// PDUs that are not about the data of a task: pings, task management responses, asynchronous
// messages, rejects, the logout response.
#include <algorithm>

#include "base/error.hpp"
#include "session/full_feature_impl.hpp"

namespace iscsi::session {

namespace {

// ASC 3F, ASCQ 0E: REPORTED LUNS DATA HAS CHANGED, in fixed or descriptor format (SPC-4 4.5).
bool says_luns_changed(base::ConstByteSpan sense) {
    if (sense.empty()) return false;
    const std::uint8_t format = base::load_u8(sense, 0) & 0x7f;
    const std::size_t at = format >= 0x72 ? 2 : 12;
    return sense.size() >= at + 2 && base::load_u16(sense, at) == 0x3f0e;
}

}  // namespace

Checked FullFeature::Impl::on_nop_in() {
    ISCSI_TRY(const auto pdu, decoded<proto::NopIn>(reader_));
    const bool is_answer = pdu.initiator_task_tag != proto::kReservedTag;
    // We send no ping data, so none can come back; and a NOP-In that answers nothing carries none
    // (section 11.19).
    if (pdu.data_segment_length > 0) {
        return violated(Violation::SegmentNotAllowed, pdu.data_segment_length);
    }
    if (is_answer) {
        ISCSI_TRY_VOID(check_tag_is_ours(pdu.initiator_task_tag));
        if (ping_.state != RequestState::Sent || pdu.initiator_task_tag != ping_.tag) {
            return violated(Violation::TagNotActive, pdu.initiator_task_tag);
        }
        if (pdu.target_transfer_tag != proto::kReservedTag) {
            return violated(Violation::TransferTagNotReserved, pdu.target_transfer_tag);
        }
        ISCSI_TRY_VOID(expect_stat_sn(pdu.stat_sn));
        ping_.state = RequestState::None;
    }
    ISCSI_TRY_VOID(window_.update(pdu.exp_cmd_sn, pdu.max_cmd_sn));
    ++stats_.noprx_pdus;
    if (!is_answer && pdu.target_transfer_tag != proto::kReservedTag) {
        ping_answers_[ping_answers_count_++] = {pdu.lun, pdu.target_transfer_tag};
    }
    return {};
}

Checked FullFeature::Impl::on_management_response() {
    ISCSI_TRY(const auto pdu, decoded<proto::TaskManagementResponse>(reader_));
    ISCSI_TRY_VOID(check_tag_is_ours(pdu.initiator_task_tag));
    auto* slot = find_management(pdu.initiator_task_tag);
    if (slot == nullptr || (slot->state != ManagementSlot::State::Sent && !slot->answer_may_come)) {
        return violated(Violation::TagNotActive, pdu.initiator_task_tag);
    }
    ISCSI_TRY_VOID(expect_stat_sn(pdu.stat_sn));
    ISCSI_TRY_VOID(window_.update(pdu.exp_cmd_sn, pdu.max_cmd_sn));
    ++stats_.tmfrsp_pdus;
    const bool complete =
        pdu.response == static_cast<std::uint8_t>(proto::TaskManagementAnswer::Complete);
    if (complete) apply(*slot);
    if (slot->answer_may_come) {  // too late to matter to anybody else
        slot->answer_may_come = false;
        if (!slot->event_waits) slot->state = ManagementSlot::State::Free;
        return {};
    }
    const ManagementSlot request = *slot;
    report(*slot, TaskManagementOutcome::Answered, pdu.response);
    if (!complete && request.escalating) escalate(request);
    return {};
}

Checked FullFeature::Impl::on_async_message() {
    ISCSI_TRY(const auto pdu, decoded<proto::AsyncMessage>(reader_));
    if (reader_.common().initiator_task_tag != proto::kReservedTag) {
        return violated(Violation::TagNotReserved, reader_.common().initiator_task_tag,
                        proto::kReservedTag);
    }
    ISCSI_TRY_VOID(expect_stat_sn(pdu.stat_sn));
    ISCSI_TRY_VOID(window_.update(pdu.exp_cmd_sn, pdu.max_cmd_sn));
    ++stats_.async_pdus;
    AsyncReceived event{.event = pdu.async_event,
                        .vendor_code = pdu.async_vcode,
                        .parameter1 = pdu.parameter1,
                        .parameter2 = pdu.parameter2,
                        .parameter3 = pdu.parameter3,
                        .lun = pdu.lun};
    if (pdu.async_event == static_cast<std::uint8_t>(proto::AsyncEvent::ScsiSense)) {
        const auto sense = sense_in(reader_.kept());
        auto& memory = notice_sense_[notice_sense_next_];
        notice_sense_next_ = (notice_sense_next_ + 1) % notice_sense_.size();
        std::ranges::copy(sense, memory.begin());
        event.sense = base::ConstByteSpan(memory).first(sense.size());
        event.luns_changed = says_luns_changed(sense);
    }
    push_event(event);
    return {};
}

Checked FullFeature::Impl::on_reject() {
    ISCSI_TRY(const auto pdu, decoded<proto::Reject>(reader_));
    if (reader_.common().initiator_task_tag != proto::kReservedTag) {
        return violated(Violation::TagNotReserved, reader_.common().initiator_task_tag,
                        proto::kReservedTag);
    }
    // The data segment is the header of what was rejected (section 11.17).
    if (pdu.data_segment_length < proto::kBhsBytes) {
        return violated(Violation::SegmentTooShort, pdu.data_segment_length, proto::kBhsBytes);
    }
    ISCSI_TRY_VOID(expect_stat_sn(pdu.stat_sn));
    ISCSI_TRY_VOID(window_.update(pdu.exp_cmd_sn, pdu.max_cmd_sn));
    ++stats_.rjt_pdus;
    return after_reject(pdu.reason, reader_.kept().first<proto::kBhsBytes>());
}

Checked FullFeature::Impl::after_reject(std::uint8_t reason, proto::BhsView rejected) {
    const auto common = proto::decode_common(rejected);
    switch (static_cast<proto::RejectReason>(reason)) {
        case proto::RejectReason::ProtocolError:
            return violated(Violation::RejectedAsProtocolError, common.opcode);
        case proto::RejectReason::DataDigestError:
            return violated(Violation::RejectedDataDigest, common.initiator_task_tag);
        case proto::RejectReason::TaskInProgress:
            return violated(Violation::RejectedTaskInProgress, common.initiator_task_tag);
        default:
            break;
    }
    push_event(RejectReceived{reason, common.opcode, common.initiator_task_tag});
    switch (static_cast<proto::Opcode>(common.opcode)) {
        case proto::Opcode::ScsiCommand:
            // Not instantiated at the target, so no SCSI Response will follow. That one follows a
            // rejected Data-Out (section 11.17.1).
            reject_task(common.initiator_task_tag, reason);
            break;
        case proto::Opcode::TaskManagementRequest: {
            auto* slot = find_management(common.initiator_task_tag);
            if (slot == nullptr || slot->state != ManagementSlot::State::Sent) break;
            const ManagementSlot request = *slot;
            report(*slot, TaskManagementOutcome::Rejected, 0);
            if (request.escalating) escalate(request);
            break;
        }
        case proto::Opcode::NopOut:  // rejected or not, the target is there
            if (common.initiator_task_tag == ping_.tag) ping_.state = RequestState::None;
            break;
        case proto::Opcode::LogoutRequest:
            if (logout_.state == RequestState::Sent) answer_logout({});
            break;
        default:
            break;
    }
    return {};
}

void FullFeature::Impl::reject_task(std::uint32_t tag, std::uint8_t reason) {
    auto* slot = tasks_.find(tag);
    if (slot == nullptr || slot->state != TaskSlot::State::Active) return;
    finish(*slot, {.outcome = TaskOutcome::Rejected, .reject_reason = reason});
}

Checked FullFeature::Impl::on_logout_response() {
    ISCSI_TRY(const auto pdu, decoded<proto::LogoutResponse>(reader_));
    ISCSI_TRY_VOID(check_tag_is_ours(pdu.initiator_task_tag));
    if (logout_.state != RequestState::Sent || pdu.initiator_task_tag != logout_.tag) {
        return violated(Violation::TagNotActive, pdu.initiator_task_tag);
    }
    ISCSI_TRY_VOID(expect_stat_sn(pdu.stat_sn));
    ISCSI_TRY_VOID(window_.update(pdu.exp_cmd_sn, pdu.max_cmd_sn));
    ++stats_.logoutrsp_pdus;
    answer_logout({.responded = true,
                   .response = pdu.response,
                   .time2wait_s = pdu.time2wait,
                   .time2retain_s = pdu.time2retain});
    return {};
}

}  // namespace iscsi::session
