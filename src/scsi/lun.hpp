// SPDX-License-Identifier: LGPL-2.1-or-later
// Logical unit numbers as SAM writes them (8 bytes, SAM-5 section 4.7) and as Linux counts them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"

namespace iscsi::scsi {

enum class LunMethod : std::uint8_t {
    Peripheral,   // 00b: bus and LUN 0..255
    Flat,         // 01b: LUN 0..16383
    LogicalUnit,  // 10b: bus, target, LUN
    Extended      // 11b: extended flat space, well-known logical units
};

class Lun {
public:
    constexpr Lun() = default;

    // The wire form as one big-endian number: what PDU headers and REPORT LUNS carry.
    static constexpr Lun from_wire(std::uint64_t wire) { return Lun(wire); }
    constexpr std::uint64_t wire() const { return wire_; }

    // Linux's number: the 16-bit levels in reverse order, so that LUN 5 of the peripheral method is
    // 5, and LUN 5 of the flat method is 0x4005. It is what by-path names and users say.
    static constexpr Lun from_number(std::uint64_t number) { return Lun(swap_levels(number)); }
    constexpr std::uint64_t number() const { return swap_levels(wire_); }

    // The wire form for a plain LUN as an administrator counts: peripheral below 256, flat below
    // 16384, else extended flat addressing (three-byte form up to 2^24).
    static std::optional<Lun> from_plain(std::uint64_t plain);
    // The reverse, for single-level LUNs on bus 0; nullopt for anything deeper.
    std::optional<std::uint64_t> plain() const;

    LunMethod method() const { return static_cast<LunMethod>(wire_ >> 62); }
    // REPORT LUNS, ACCESS CONTROLS and the like: no medium behind it.
    bool is_well_known() const { return ((wire_ >> 56) & 0xff) == 0xc1; }

    constexpr auto operator<=>(const Lun&) const = default;

private:
    explicit constexpr Lun(std::uint64_t wire) : wire_(wire) {}
    static constexpr std::uint64_t swap_levels(std::uint64_t v) {
        return (v >> 48) | ((v >> 16) & 0xffff'0000) | ((v << 16) & 0xffff'0000'0000) | (v << 48);
    }
    std::uint64_t wire_ = 0;
};

// "lun-5" or "lun-0x4105000000000000": the last part of a by-path name, as udev's path_id has it.
std::string by_path_lun(Lun lun);

}  // namespace iscsi::scsi
