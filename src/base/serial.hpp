// SPDX-License-Identifier: LGPL-2.1-or-later
// 32-bit serial numbers that wrap (RFC 1982, used by RFC 7143 section 4.2.2). One type per counter,
// so that a StatSN is never compared with a CmdSN. There is no operator<.
#pragma once

#include <cstdint>

namespace iscsi::base {

template <class Tag>
struct Serial {
    std::uint32_t value = 0;

    constexpr bool operator==(const Serial&) const = default;
    constexpr Serial next() const { return {value + 1}; }
    constexpr Serial plus(std::uint32_t count) const { return {value + count}; }
    constexpr bool precedes(Serial other) const {
        const std::uint32_t distance = other.value - value;
        return distance != 0 && distance < 0x8000'0000;
    }
    constexpr bool precedes_or_is(Serial other) const { return *this == other || precedes(other); }
};

}  // namespace iscsi::base
