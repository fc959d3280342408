// SPDX-License-Identifier: LGPL-2.1-or-later
// What becomes of a command that the target has answered: success, another try, or an errno. The
// numbers are those a user of a Linux SCSI disk sees, since file systems and multipath know them.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "scsi/sense.hpp"

namespace iscsi::scsi {

enum class Status : std::uint8_t {
    Good = 0x00,
    CheckCondition = 0x02,
    ConditionMet = 0x04,
    Busy = 0x08,
    ReservationConflict = 0x18,
    TaskSetFull = 0x28,
    AcaActive = 0x30,
    TaskAborted = 0x40,
};

enum class Verdict : std::uint8_t {
    Success,
    Retry,       // at once; counts as an attempt
    RetryLater,  // the target is busy or becoming ready: after a pause, for as long as it may take
    Fail,
};

// News about the logical unit that came with the answer.
enum class Notice : std::uint8_t {
    None,
    LunsChanged,        // 3F/0E: REPORT LUNS data has changed
    CapacityChanged,    // 2A/09
    ParametersChanged,  // 2A/01, 3F/03: mode pages or INQUIRY data (write protection, for one)
    QueueFull,          // fewer commands at a time, please
};

struct Judgement {
    Verdict verdict = Verdict::Success;
    int error_number = 0;  // for Fail, and for a Retry that has used up its attempts
    Notice notice = Notice::None;
    // The command is one this target does not know, or a field of it: for optional commands.
    bool unsupported = false;
    std::optional<Sense> sense;

    bool operator==(const Judgement&) const = default;
};

// `status` as received in the SCSI Response; `sense` what came with it (may be empty).
Judgement judge(std::uint8_t status, base::ConstByteSpan sense);

}  // namespace iscsi::scsi
