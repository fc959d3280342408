// SPDX-License-Identifier: LGPL-2.1-or-later
#include "scsi/verdict.hpp"

#include <cerrno>

namespace iscsi::scsi {

namespace {

Judgement success() { return {.verdict = Verdict::Success}; }
Judgement fail(int error_number) {
    return {.verdict = Verdict::Fail, .error_number = error_number};
}
Judgement retry(int error_number = EIO) {
    return {.verdict = Verdict::Retry, .error_number = error_number};
}
Judgement retry_later(int error_number = EIO) {
    return {.verdict = Verdict::RetryLater, .error_number = error_number};
}

// "Logical unit not ready" with a cause that passes by itself (SPC-4 table of ASC 04h).
bool becomes_ready(std::uint8_t ascq) {
    switch (ascq) {
        case 0x01:  // in process of becoming ready
        case 0x04:  // format in progress
        case 0x05:  // rebuild
        case 0x06:  // recalculation
        case 0x07:  // operation
        case 0x08:  // long write
        case 0x09:  // self-test
        case 0x0a:  // asymmetric access state transition
        case 0x11:  // notify (enable spinup) required
        case 0x14:  // space allocation in progress
        case 0x1a:  // start stop unit in progress
        case 0x1b:  // sanitize
        case 0x1d:  // configuration
        case 0x24:  // depopulation
            return true;
        default:
            return false;
    }
}

Judgement judge_unit_attention(const Sense& sense) {
    Judgement out = retry();
    if (sense.is(0x3f, 0x0e)) out.notice = Notice::LunsChanged;
    if (sense.is(0x2a, 0x09)) out.notice = Notice::CapacityChanged;
    if (sense.is(0x2a, 0x01) || sense.is(0x3f, 0x03)) out.notice = Notice::ParametersChanged;
    return out;
}

Judgement judge_medium_error(const Sense& sense) {
    // Unrecovered read error, address mark not found, record not found: the data are lost, and
    // trying again only takes time.
    if (sense.asc == 0x11 || sense.asc == 0x13 || sense.asc == 0x14) return fail(ENODATA);
    return retry(EIO);
}

Judgement judge_illegal_request(const Sense& sense) {
    Judgement out = fail(EREMOTEIO);
    // Invalid opcode, field in CDB, field in parameter list.
    out.unsupported = sense.asc == 0x20 || sense.asc == 0x24 || sense.asc == 0x26;
    return out;
}

Judgement judge_data_protect(const Sense& sense) {
    if (sense.is(0x27, 0x07)) return fail(ENOSPC);  // space allocation failed write protect
    if (sense.asc == 0x27) return fail(EROFS);
    return fail(EREMOTEIO);
}

Judgement judge_sense(const Sense& sense) {
    switch (sense.key) {
        case SenseKey::NoSense:
        case SenseKey::RecoveredError:
            return success();
        case SenseKey::NotReady:
            return sense.asc == 0x04 && becomes_ready(sense.ascq) ? retry_later() : fail(EIO);
        case SenseKey::MediumError:
            return judge_medium_error(sense);
        case SenseKey::HardwareError:
            return fail(EREMOTEIO);
        case SenseKey::IllegalRequest:
            return judge_illegal_request(sense);
        case SenseKey::UnitAttention:
            return judge_unit_attention(sense);
        case SenseKey::DataProtect:
            return judge_data_protect(sense);
        case SenseKey::AbortedCommand:
            return sense.asc == 0x10 ? fail(EILSEQ) : retry();  // 10h: protection information
        case SenseKey::BlankCheck:
        case SenseKey::CopyAborted:
        case SenseKey::VolumeOverflow:
        case SenseKey::Miscompare:
            return fail(EREMOTEIO);
        case SenseKey::VendorSpecific:
        case SenseKey::Reserved12:
        case SenseKey::Completed:
            return fail(EIO);
    }
    return fail(EIO);
}

Judgement judge_check_condition(base::ConstByteSpan data) {
    const auto sense = parse_sense(data);
    if (!sense) return retry();  // "something is wrong" without what: worth another try
    // A deferred error belongs to an earlier command; this one was not carried out.
    Judgement out = sense->deferred ? retry() : judge_sense(*sense);
    out.sense = sense;
    return out;
}

}  // namespace

Judgement judge(std::uint8_t status, base::ConstByteSpan sense) {
    switch (static_cast<Status>(status)) {
        case Status::Good:
        case Status::ConditionMet:
            return success();
        case Status::CheckCondition:
            return judge_check_condition(sense);
        case Status::Busy:
            return retry_later();
        case Status::TaskSetFull: {
            Judgement out = retry_later();
            out.notice = Notice::QueueFull;
            return out;
        }
        case Status::ReservationConflict:
            return fail(EBADE);
        case Status::AcaActive:
        case Status::TaskAborted:
            return retry();
    }
    return fail(EIO);  // obsolete and reserved codes
}

}  // namespace iscsi::scsi
