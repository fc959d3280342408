// SPDX-License-Identifier: LGPL-2.1-or-later
#include "scsi/lun.hpp"

#include <fmt/format.h>

namespace iscsi::scsi {

namespace {
constexpr std::uint64_t kPeripheralMax = 0xff;
constexpr std::uint64_t kFlatMax = 0x3fff;
constexpr std::uint64_t kExtendedFlatMax = 0xff'ffff;
constexpr std::uint64_t kExtendedFlat3Byte = 0xd2;  // method 11b, length 01b, address method 2h
}  // namespace

std::optional<Lun> Lun::from_plain(std::uint64_t plain) {
    if (plain <= kPeripheralMax) return Lun(plain << 48);
    if (plain <= kFlatMax) return Lun((0x4000 | plain) << 48);
    if (plain <= kExtendedFlatMax) return Lun((kExtendedFlat3Byte << 56) | (plain << 32));
    return std::nullopt;
}

std::optional<std::uint64_t> Lun::plain() const {
    switch (method()) {
        case LunMethod::Peripheral:
            // The first byte is the bus: 0, or the LUN is behind a bridge.
            if ((wire_ & ~(kPeripheralMax << 48)) != 0) return std::nullopt;
            return wire_ >> 48;
        case LunMethod::Flat:
            if ((wire_ & 0xffff'ffff'ffff) != 0) return std::nullopt;
            return (wire_ >> 48) & kFlatMax;
        case LunMethod::LogicalUnit:
            return std::nullopt;
        case LunMethod::Extended:
            if (wire_ >> 56 != kExtendedFlat3Byte || (wire_ & 0xffff'ffff) != 0) {
                return std::nullopt;
            }
            return (wire_ >> 32) & kExtendedFlatMax;
    }
    return std::nullopt;
}

std::string by_path_lun(Lun lun) {
    // Compat: udev prints small numbers in decimal, and the first two levels in hexadecimal
    // otherwise; clients build the link's name themselves.
    const std::uint64_t number = lun.number();
    if (number < 256) return fmt::format("lun-{}", number);
    return fmt::format("lun-0x{:04x}{:04x}00000000", number & 0xffff, (number >> 16) & 0xffff);
}

}  // namespace iscsi::scsi
