// SPDX-License-Identifier: LGPL-2.1-or-later
// What goes out, in this order: task management, logout, pings, answers to pings; then the rest of
// an unsolicited burst that was begun; then new commands, as the window allows; then answers to
// R2Ts. Commands come before solicited data since they are small and keep the target busy; they
// cannot starve it, since their number is limited.
#include <algorithm>

#include "base/check.hpp"
#include "session/full_feature_impl.hpp"

namespace iscsi::session {

std::span<const base::ConstByteSpan> FullFeature::Impl::send_window() {
    if (!alive()) return {};
    if (batch_.empty()) fill_batch();
    return batch_.window();
}

void FullFeature::Impl::on_sent(std::size_t count, base::Instant now) {
    if (!alive()) return;
    now_ = now;
    stats_.txdata_octets += count;
    batch_.on_sent(count);
    while (const auto owner = batch_.next_sent_owner()) {
        if (*owner == SendBatch::kNoOwner) continue;
        auto& slot = tasks_[*owner];
        CHECK(slot.pins > 0);
        if (--slot.pins == 0 && slot.state == TaskSlot::State::Finishing) give_back(slot);
    }
    if (parse_pending_) parse();
}

void FullFeature::Impl::fill_batch() {
    while (batch_.has_room() && send_one()) {
    }
}

bool FullFeature::Impl::send_one() {
    return send_control() || send_unsolicited() || send_command() || send_solicited();
}

bool FullFeature::Impl::send_control() {
    const auto queued =
        std::ranges::find(management_, ManagementSlot::State::Queued, &ManagementSlot::state);
    if (queued != management_.end()) {
        send_management(*queued);
    } else if (logout_.state == RequestState::Queued && !in_a_burst()) {
        send_logout();
    } else if (state_ == State::LoggingOut) {
        return false;  // no new requests after a Logout Request (RFC 7143 section 11.14)
    } else if (ping_.state == RequestState::Queued) {
        send_ping();
    } else if (ping_answers_count_ > 0) {
        send_ping_answer();
    } else {
        return false;
    }
    return true;
}

void FullFeature::Impl::send_management(ManagementSlot& slot) {
    proto::TaskManagementRequest pdu{.function = slot.function,
                                     .lun = slot.lun,
                                     .initiator_task_tag = slot.tag,
                                     .referenced_task_tag = slot.task_tag,
                                     .cmd_sn = window_.cmd_sn(),
                                     .exp_stat_sn = exp_stat_sn_};
    if (slot.function == proto::TaskManagementFunction::AbortTask) {
        const auto* task = tasks_.find(slot.task_tag);
        if (task == nullptr || task->state != TaskSlot::State::Active) {
            // It ended while the request waited to be sent; the target could say nothing else.
            using enum proto::TaskManagementAnswer;
            return report(slot, TaskManagementOutcome::Answered,
                          static_cast<std::uint8_t>(TaskDoesNotExist));
        }
        pdu.ref_cmd_sn = task->cmd_sn;
        ++stats_.eh_abort_cnt;
    }
    slot.state = ManagementSlot::State::Sent;
    ++stats_.tmfcmd_pdus;
    batch_.add(proto::encode(pdu), SendBatch::kNoOwner);
}

// Data that was begun is finished before a Logout Request, which must be the last of its kind.
bool FullFeature::Impl::in_a_burst() {
    if (unsolicited_task_ != kNoIndex) return true;
    drop_dead_r2ts();
    return !r2ts_.empty() && r2ts_.front().data_sn > 0;
}

void FullFeature::Impl::send_logout() {
    logout_.state = RequestState::Sent;
    ++stats_.logout_pdus;
    // The CID is reserved when the whole session closes (section 11.14.2).
    const bool whole = logout_.reason == proto::LogoutReason::CloseSession;
    const proto::LogoutRequest pdu{.reason = logout_.reason,
                                   .initiator_task_tag = logout_.tag,
                                   .cid = whole ? std::uint16_t{0} : cid_,
                                   .cmd_sn = window_.cmd_sn(),
                                   .exp_stat_sn = exp_stat_sn_};
    batch_.add(proto::encode(pdu), SendBatch::kNoOwner);
}

void FullFeature::Impl::send_ping() {
    ping_.state = RequestState::Sent;
    ++stats_.noptx_pdus;
    const proto::NopOut pdu{.immediate = true,
                            .initiator_task_tag = ping_.tag,
                            .cmd_sn = window_.cmd_sn(),
                            .exp_stat_sn = exp_stat_sn_};
    batch_.add(proto::encode(pdu), SendBatch::kNoOwner);
}

// Tag and LUN as in the NOP-In; immediate, since there is no Initiator Task Tag (section 11.18).
void FullFeature::Impl::send_ping_answer() {
    const auto answer = ping_answers_[0];
    std::shift_left(ping_answers_.begin(), ping_answers_.end(), 1);
    --ping_answers_count_;
    ++stats_.noptx_pdus;
    const proto::NopOut pdu{.immediate = true,
                            .lun = answer.lun,
                            .target_transfer_tag = answer.target_transfer_tag,
                            .cmd_sn = window_.cmd_sn(),
                            .exp_stat_sn = exp_stat_sn_};
    batch_.add(proto::encode(pdu), SendBatch::kNoOwner);
}

// While a reset is under way nothing new goes out, so that the tasks it ends are known.
bool FullFeature::Impl::commands_are_held() const {
    return std::ranges::any_of(management_, [](const ManagementSlot& slot) {
        return slot.is_under_way() && slot.function != proto::TaskManagementFunction::AbortTask;
    });
}

bool FullFeature::Impl::send_command() {
    if (state_ != State::Running || commands_are_held()) return false;
    if (!tasks_.immediate_commands().empty()) {
        send_command_of(tasks_[tasks_.immediate_commands().first()]);
    } else if (!tasks_.commands().empty() && window_.is_open()) {
        send_command_of(tasks_[tasks_.commands().first()]);
    } else {
        return false;
    }
    return true;
}

// Immediate data: as much as ImmediateData, FirstBurstLength and the target's segment length allow
// (sections 13.11, 13.14).
std::size_t FullFeature::Impl::immediate_bytes(const TaskSlot& slot) const {
    if (slot.direction != TaskSlot::Direction::Write || !params_.immediate_data) return 0;
    const std::uint32_t allowed =
        std::min(params_.first_burst_length, params_.max_xmit_data_segment_length);
    std::size_t bytes = std::min(slot.data_length, allowed);
    bytes = batch_.data_that_fits(slot.out_cursor, bytes);
    const bool data_follows =
        !params_.initial_r2t && bytes < std::min(params_.first_burst_length, slot.data_length);
    return data_follows ? bytes - bytes % 4 : bytes;
}

void FullFeature::Impl::send_command_of(TaskSlot& slot) {
    const auto immediate = static_cast<std::uint32_t>(immediate_bytes(slot));
    tasks_.dequeue(slot);
    slot.state = TaskSlot::State::Active;
    slot.cmd_sn = slot.immediate ? window_.cmd_sn() : window_.take();
    const bool write = slot.direction == TaskSlot::Direction::Write;
    slot.unsolicited_end = immediate;
    // With InitialR2T=No exactly FirstBurstLength goes out unasked, or all there is: less is an
    // error at the target (sections 11.4.7.2, 13.10).
    if (write && !params_.initial_r2t) {
        slot.unsolicited_end = std::min(params_.first_burst_length, slot.data_length);
    }
    slot.asked_for = slot.unsolicited_end;
    slot.bytes_out = immediate;
    const bool data_follows = immediate < slot.unsolicited_end;
    if (data_follows) unsolicited_task_ = tasks_.index_of(slot);

    const proto::ScsiCommand pdu{.immediate = slot.immediate,
                                 .final = !data_follows,
                                 .read = slot.direction == TaskSlot::Direction::Read,
                                 .write = write,
                                 .attribute = slot.attribute,
                                 .total_ahs_length = static_cast<std::uint8_t>(slot.ahs_bytes / 4),
                                 .data_segment_length = immediate,
                                 .lun = slot.lun,
                                 .initiator_task_tag = slot.tag,
                                 .expected_data_transfer_length = slot.data_length,
                                 .cmd_sn = slot.cmd_sn,
                                 .exp_stat_sn = exp_stat_sn_,
                                 .cdb = slot.cdb};
    ++stats_.scsicmd_pdus;
    const bool refers = immediate > 0 || slot.ahs_bytes > 0;
    if (refers) ++slot.pins;
    batch_.add(proto::encode(pdu), refers ? tasks_.index_of(slot) : SendBatch::kNoOwner,
               base::ConstByteSpan(slot.ahs).first(slot.ahs_bytes), slot.out_cursor, immediate);
}

// Unsolicited data goes out in the order of its commands (section 4.2.5.3), so the burst that was
// begun is finished before the next command.
bool FullFeature::Impl::send_unsolicited() {
    if (unsolicited_task_ == kNoIndex) return false;
    auto& slot = tasks_[unsolicited_task_];
    const std::uint32_t left = slot.unsolicited_end - slot.bytes_out;
    send_data(slot,
              {.initiator_task_tag = slot.tag,
               .exp_stat_sn = exp_stat_sn_,
               .data_sn = slot.unsolicited_sn++,
               .buffer_offset = slot.bytes_out},
              left);
    if (slot.bytes_out == slot.unsolicited_end) unsolicited_task_ = kNoIndex;
    return true;
}

// R2Ts of tasks that have ended, or that task management is about to end.
void FullFeature::Impl::drop_dead_r2ts() {
    while (!r2ts_.empty()) {
        const auto* slot = tasks_.find(r2ts_.front().task_tag);
        const bool dead =
            slot == nullptr || slot->state != TaskSlot::State::Active || slot->data_stopped;
        if (!dead) return;
        r2ts_.pop();
    }
}

bool FullFeature::Impl::send_solicited() {
    drop_dead_r2ts();
    if (r2ts_.empty()) return false;
    auto& r2t = r2ts_.front();
    auto* slot = tasks_.find(r2t.task_tag);
    const std::uint32_t before = slot->bytes_out;
    send_data(*slot,
              {.lun = r2t.lun,
               .initiator_task_tag = slot->tag,
               .target_transfer_tag = r2t.target_transfer_tag,
               .exp_stat_sn = exp_stat_sn_,
               .data_sn = r2t.data_sn++,
               .buffer_offset = r2t.offset},
              r2t.left);
    const std::uint32_t sent = slot->bytes_out - before;
    r2t.offset += sent;
    r2t.left -= sent;
    if (r2t.left == 0) {
        --slot->outstanding_r2ts;
        r2ts_.pop();
    }
    return true;
}

// One Data-Out of a sequence of which `left` bytes are to go.
void FullFeature::Impl::send_data(TaskSlot& slot, proto::DataOut pdu, std::uint32_t left) {
    std::uint32_t size = std::min(left, params_.max_xmit_data_segment_length);
    slot.out_cursor.seek(pdu.buffer_offset);
    size = static_cast<std::uint32_t>(batch_.data_that_fits(slot.out_cursor, size));
    if (size < left) size -= size % 4;  // only a final segment should be padded (section 11.7.7)
    CHECK(size > 0);
    pdu.final = size == left;
    pdu.data_segment_length = size;
    slot.bytes_out += size;
    ++slot.pins;
    ++stats_.dataout_pdus;
    batch_.add(proto::encode(pdu), tasks_.index_of(slot), {}, slot.out_cursor, size);
}

}  // namespace iscsi::session
