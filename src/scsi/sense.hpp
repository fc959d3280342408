// SPDX-License-Identifier: LGPL-2.1-or-later
// Sense data, fixed and descriptor format (SPC-4 section 4.5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"

namespace iscsi::scsi {

enum class SenseKey : std::uint8_t {
    NoSense = 0,
    RecoveredError = 1,
    NotReady = 2,
    MediumError = 3,
    HardwareError = 4,
    IllegalRequest = 5,
    UnitAttention = 6,
    DataProtect = 7,
    BlankCheck = 8,
    VendorSpecific = 9,
    CopyAborted = 10,
    AbortedCommand = 11,
    Reserved12 = 12,
    VolumeOverflow = 13,
    Miscompare = 14,
    Completed = 15,
};

struct Sense {
    SenseKey key = SenseKey::NoSense;
    std::uint8_t asc = 0;                      // additional sense code
    std::uint8_t ascq = 0;                     // and its qualifier
    bool deferred = false;                     // about an earlier command
    std::optional<std::uint64_t> information;  // the failing block, for medium errors

    bool is(std::uint8_t code, std::uint8_t qualifier) const {
        return asc == code && ascq == qualifier;
    }
    bool operator==(const Sense&) const = default;
};

// From the sense bytes alone (the caller took off the two length bytes of RFC 7143 section
// 11.4.7.2). nullopt when the response code is none of 70h..73h or the key did not arrive.
std::optional<Sense> parse_sense(base::ConstByteSpan data);

// "Medium Error 11/00 at block 2048": for the log.
std::string describe(const Sense& sense);

}  // namespace iscsi::scsi
