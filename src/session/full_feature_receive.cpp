// SPDX-License-Identifier: LGPL-2.1-or-later
// PDUs that move tasks forward. Every field is checked before it is used; the first violation ends
// the connection, since at error recovery level 0 there is nothing else to do (RFC 7143
// section 7.1).
#include <algorithm>

#include "base/check.hpp"
#include "base/error.hpp"
#include "session/full_feature_impl.hpp"

namespace iscsi::session {

namespace {

constexpr std::uint8_t kGood = 0x00;
constexpr std::uint8_t kConditionMet = 0x04;
constexpr std::uint8_t kIntermediate = 0x10;
constexpr std::uint8_t kIntermediateConditionMet = 0x14;

// The command did what it was asked to (SAM-5 section 5.3.1); no sense data can come with these.
bool is_success(std::uint8_t status) {
    return status == kGood || status == kConditionMet || status == kIntermediate ||
           status == kIntermediateConditionMet;
}

bool may_have_data(proto::Opcode opcode) {
    return opcode != proto::Opcode::R2t && opcode != proto::Opcode::TaskManagementResponse &&
           opcode != proto::Opcode::LogoutResponse;
}

}  // namespace

// What a SCSI Response or a Data-In with status says about a task.
struct FullFeature::Impl::StatusReport {
    std::uint8_t response = 0;
    std::uint8_t status = 0;
    bool overflow = false;
    bool underflow = false;
    std::uint32_t residual_count = 0;
};

std::span<const base::ByteSpan> FullFeature::Impl::recv_window() {
    if (!alive() || parse_pending_) return {};
    return reader_.window();
}

void FullFeature::Impl::on_received(std::size_t count, base::Instant now) {
    if (!alive()) return;
    now_ = now;
    stats_.rxdata_octets += count;
    if (count > 0) keepalive_.on_received(now);
    reader_.on_received(count);
    parse_pending_ = true;
    parse();
}

// The memory for notices and answers is limited: the target waits until there is room again.
bool FullFeature::Impl::must_pause() const {
    return notices_ == kNoticesMax || ping_answers_count_ == kPingAnswersMax;
}

void FullFeature::Impl::parse() {
    while (alive() && !must_pause()) {
        const auto step = reader_.next();
        Checked checked;
        if (!step) {
            checked = std::unexpected(step.error());
        } else if (*step == StreamReader::Step::NeedBytes) {
            parse_pending_ = false;
            return;
        } else {
            checked = *step == StreamReader::Step::Header ? on_header() : on_complete();
        }
        if (!checked) fail(number_of(checked.error().violation), checked.error());
    }
}

Checked FullFeature::Impl::on_header() {
    const auto opcode = static_cast<proto::Opcode>(reader_.common().opcode);
    if (opcode == proto::Opcode::DataIn) return on_data_in_header();
    if (opcode == proto::Opcode::LoginResponse) {
        return violated(Violation::OpcodeOutOfPhase, reader_.common().opcode);
    }
    const std::uint32_t size = reader_.common().data_segment_length;
    if (size > 0 && !may_have_data(opcode)) return violated(Violation::SegmentNotAllowed, size);
    reader_.keep();
    return {};
}

// Everything about a Data-In that must hold before its payload may touch the task's memory.
Checked FullFeature::Impl::on_data_in_header() {
    ISCSI_TRY(const auto pdu, decoded<proto::DataIn>(reader_));
    ISCSI_TRY(TaskSlot* const slot, active_task(pdu.initiator_task_tag));
    const std::uint32_t size = pdu.data_segment_length;
    if (slot->direction != TaskSlot::Direction::Read) {
        return violated(Violation::DataForNonRead, pdu.initiator_task_tag);
    }
    if (pdu.data_sn != slot->data_in_pdus) {
        return violated(Violation::DataSnMismatch, pdu.data_sn, slot->data_in_pdus);
    }
    if (pdu.has_status && !pdu.final) return violated(Violation::StatusWithoutFinal, pdu.data_sn);
    if (pdu.has_status && !is_success(pdu.status)) {
        return violated(Violation::StatusInDataIn, pdu.status);
    }
    if (size == 0) {  // "MUST be able to properly receive 0-length data segments", section 11.7.7
        reader_.keep();
        return {};
    }
    if (std::uint64_t{pdu.buffer_offset} + size > slot->data_length) {
        return violated(Violation::DataPastEnd, std::uint64_t{pdu.buffer_offset} + size,
                        slot->data_length);
    }
    if (params_.data_pdu_in_order && params_.data_sequence_in_order &&
        pdu.buffer_offset != slot->received.next_in_order()) {
        return violated(Violation::DataOutOfOrder, pdu.buffer_offset,
                        slot->received.next_in_order());
    }
    // Compat: tgtd answers a read with one sequence however long, past MaxBurstLength (section
    // 13.13). The task's own length bounds what is written, so that nothing is at stake.
    switch (slot->received.check(pdu.buffer_offset, size)) {
        case ReceivedRanges::Added::Yes:
            break;
        case ReceivedRanges::Added::Overlaps:
            return violated(Violation::DataOverlaps, pdu.buffer_offset);
        case ReceivedRanges::Added::TooScattered:
            return violated(Violation::DataTooScattered, pdu.buffer_offset,
                            ReceivedRanges::kRangesMax);
    }
    slot->in_cursor.seek(pdu.buffer_offset);
    reader_.payload_to(slot->in_cursor);
    return {};
}

Checked FullFeature::Impl::on_complete() {
    switch (static_cast<proto::Opcode>(reader_.common().opcode)) {
        case proto::Opcode::DataIn:
            return on_data_in();
        case proto::Opcode::R2t:
            return on_r2t();
        case proto::Opcode::ScsiResponse:
            return on_scsi_response();
        case proto::Opcode::NopIn:
            return on_nop_in();
        case proto::Opcode::TaskManagementResponse:
            return on_management_response();
        case proto::Opcode::AsyncMessage:
            return on_async_message();
        case proto::Opcode::Reject:
            return on_reject();
        case proto::Opcode::LogoutResponse:
            return on_logout_response();
        default:
            break;
    }
    // A Text Response: we never ask for one, so its tag is of something else or of nothing.
    ++stats_.textrsp_pdus;
    const std::uint32_t tag = reader_.common().initiator_task_tag;
    ISCSI_TRY_VOID(check_tag_is_ours(tag));
    return violated(Violation::TagNotActive, tag);
}

Checked FullFeature::Impl::check_tag_is_ours(std::uint32_t tag) const {
    // Tasks, task management, then one index each for the ping and the logout.
    const auto indexes = static_cast<std::uint32_t>(tasks_.depth() + kTaskManagementMax + 2);
    if (tag_index(tag) >= indexes) return violated(Violation::TagNotOurs, tag);
    return {};
}

std::expected<TaskSlot*, ProtocolError> FullFeature::Impl::active_task(std::uint32_t tag) {
    ISCSI_TRY_VOID(check_tag_is_ours(tag));
    auto* slot = tasks_.find(tag);
    if (slot == nullptr || slot->state != TaskSlot::State::Active) {
        return violated(Violation::TagNotActive, tag);
    }
    return slot;
}

// Every PDU that carries a status is numbered without gaps (section 4.2.2.2). A gap means that one
// was lost, which only a higher error recovery level could repair.
Checked FullFeature::Impl::expect_stat_sn(proto::StatSn stat_sn) {
    if (stat_sn != exp_stat_sn_) {
        return violated(Violation::StatSnMismatch, stat_sn.value, exp_stat_sn_.value);
    }
    exp_stat_sn_ = exp_stat_sn_.next();
    return {};
}

Checked FullFeature::Impl::on_data_in() {
    ISCSI_TRY(const auto pdu, decoded<proto::DataIn>(reader_));
    ISCSI_TRY(TaskSlot* const slot, active_task(pdu.initiator_task_tag));
    if (pdu.has_status) ISCSI_TRY_VOID(expect_stat_sn(pdu.stat_sn));
    ISCSI_TRY_VOID(window_.update(pdu.exp_cmd_sn, pdu.max_cmd_sn));
    ++stats_.datain_pdus;
    ++slot->data_in_pdus;
    if (pdu.data_segment_length > 0) {
        const auto added = slot->received.add(pdu.buffer_offset, pdu.data_segment_length);
        CHECK(added == ReceivedRanges::Added::Yes);  // the header was checked
    }
    if (!pdu.has_status) return {};
    return finish_with_status(*slot, {.status = pdu.status,
                                      .overflow = pdu.overflow,
                                      .underflow = pdu.underflow,
                                      .residual_count = pdu.residual_count});
}

Checked FullFeature::Impl::on_r2t() {
    ISCSI_TRY(const auto pdu, decoded<proto::R2t>(reader_));
    ISCSI_TRY(TaskSlot* const slot, active_task(pdu.initiator_task_tag));
    ISCSI_TRY_VOID(check_r2t(*slot, pdu));
    ISCSI_TRY_VOID(window_.update(pdu.exp_cmd_sn, pdu.max_cmd_sn));
    ++stats_.r2t_pdus;
    ++slot->r2ts;
    ++slot->outstanding_r2ts;
    slot->asked_for += pdu.desired_data_transfer_length;
    if (r2ts_.full()) {
        return violated(Violation::TooManyR2ts, slot->outstanding_r2ts, slot->outstanding_r2ts - 1);
    }
    r2ts_.push({.task_tag = slot->tag,
                .target_transfer_tag = pdu.target_transfer_tag,
                .lun = pdu.lun,
                .offset = pdu.buffer_offset,
                .left = pdu.desired_data_transfer_length});
    return {};
}

Checked FullFeature::Impl::check_r2t(const TaskSlot& slot, const proto::R2t& pdu) const {
    const std::uint32_t size = pdu.desired_data_transfer_length;
    if (slot.direction != TaskSlot::Direction::Write) {
        return violated(Violation::R2tForNonWrite, pdu.initiator_task_tag);
    }
    if (pdu.lun != slot.lun) {
        return violated(Violation::LunMismatch, pdu.lun.value, slot.lun.value);
    }
    if (pdu.r2t_sn != slot.r2ts) return violated(Violation::R2tSnMismatch, pdu.r2t_sn, slot.r2ts);
    if (pdu.target_transfer_tag == proto::kReservedTag) {
        return violated(Violation::TransferTagReserved, pdu.target_transfer_tag);
    }
    if (slot.outstanding_r2ts >= params_.max_outstanding_r2t) {
        return violated(Violation::TooManyR2ts, slot.outstanding_r2ts + 1,
                        params_.max_outstanding_r2t);
    }
    if (size == 0) return violated(Violation::R2tEmpty, size);
    if (size > params_.max_burst_length) {
        return violated(Violation::R2tTooLong, size, params_.max_burst_length);
    }
    if (std::uint64_t{pdu.buffer_offset} + size > slot.data_length) {
        return violated(Violation::R2tPastEnd, std::uint64_t{pdu.buffer_offset} + size,
                        slot.data_length);
    }
    // In order, R2Ts ask for what was not sent unasked, without gaps or overlap (section 11.8.4).
    if (params_.data_sequence_in_order && pdu.buffer_offset != slot.asked_for) {
        return violated(Violation::R2tOutOfOrder, pdu.buffer_offset, slot.asked_for);
    }
    // Out of order, all together still ask for each byte once.
    if (std::uint64_t{slot.asked_for} + size > slot.data_length) {
        return violated(Violation::R2tPastEnd, std::uint64_t{slot.asked_for} + size,
                        slot.data_length);
    }
    return {};
}

Checked FullFeature::Impl::on_scsi_response() {
    ISCSI_TRY(const auto pdu, decoded<proto::ScsiResponse>(reader_));
    ISCSI_TRY(TaskSlot* const slot, active_task(pdu.initiator_task_tag));
    ISCSI_TRY_VOID(expect_stat_sn(pdu.stat_sn));
    ISCSI_TRY_VOID(window_.update(pdu.exp_cmd_sn, pdu.max_cmd_sn));
    ++stats_.scsirsp_pdus;
    if (pdu.data_segment_length == 1) return violated(Violation::SegmentTooShort, 1, 2);
    if (pdu.response != 0) {  // flags and status are undefined (section 11.4.3)
        return finish_with_status(*slot, {.response = pdu.response});
    }
    // Counts Data-Ins and R2Ts (section 11.4.8). Compat: LIO always says 0; that the data is
    // complete is checked by its bytes.
    const std::uint32_t sent =
        slot->direction == TaskSlot::Direction::Read ? slot->data_in_pdus : slot->r2ts;
    if (pdu.exp_data_sn != 0 && pdu.exp_data_sn != sent) {
        return violated(Violation::ExpDataSnMismatch, pdu.exp_data_sn, sent);
    }
    const auto sense = sense_in(reader_.kept());
    std::ranges::copy(sense, slot->sense.begin());
    slot->sense_bytes = sense.size();
    return finish_with_status(*slot, {.status = pdu.status,
                                      .overflow = pdu.overflow,
                                      .underflow = pdu.underflow,
                                      .residual_count = pdu.residual_count});
}

Checked FullFeature::Impl::check_status(const TaskSlot& slot, const StatusReport& report) const {
    if (report.overflow && report.underflow) {
        return violated(Violation::ResidualFlags, report.residual_count);
    }
    const std::uint32_t missing = report.underflow ? report.residual_count : 0;
    if (missing > slot.data_length) {
        return violated(Violation::ResidualTooLarge, missing, slot.data_length);
    }
    if (!is_success(report.status)) return {};
    const std::uint32_t due = slot.data_length - missing;
    switch (slot.direction) {
        case TaskSlot::Direction::Read:
            // The rule that keeps holes out of files: what is called GOOD has all its bytes.
            if (slot.received.bytes() != due) {
                return violated(Violation::GoodWithoutData, slot.received.bytes(), due);
            }
            break;
        case TaskSlot::Direction::Write:
            if (slot.bytes_out < due) {
                return violated(Violation::GoodBeforeData, slot.bytes_out, due);
            }
            break;
        case TaskSlot::Direction::None:
            break;
    }
    return {};
}

Checked FullFeature::Impl::finish_with_status(TaskSlot& slot, const StatusReport& report) {
    TaskDone done{.status = report.status, .response = report.response};
    if (report.response != 0) {
        done.outcome = TaskOutcome::TargetFailure;
        finish(slot, done);
        return {};
    }
    ISCSI_TRY_VOID(check_status(slot, report));
    const bool read = slot.direction == TaskSlot::Direction::Read;
    const std::uint32_t moved = read ? slot.received.bytes() : slot.bytes_out;
    if (report.overflow || report.underflow) {
        done.residual = report.overflow ? Residual::Overflow : Residual::Underflow;
        done.residual_count = report.residual_count;
    } else if (moved < slot.data_length) {  // a failure; the target left the sum to us
        done.residual = Residual::Underflow;
        done.residual_count = slot.data_length - moved;
    }
    finish(slot, done);
    return {};
}

base::ConstByteSpan sense_in(base::ConstByteSpan segment) {
    if (segment.size() < 2) return {};
    const auto sense = segment.subspan(2);
    const std::size_t claimed = base::load_u16(segment, 0);
    return sense.first(std::min({claimed, sense.size(), kSenseBytesMax}));
}

}  // namespace iscsi::session
