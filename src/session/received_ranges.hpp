// SPDX-License-Identifier: LGPL-2.1-or-later
// Which bytes of a read have arrived. With DataPDUInOrder and DataSequenceInOrder, that is, nearly
// always, there is one range from 0. Otherwise (RFC 7143 sections 13.18, 13.19) there may be gaps
// for a while, of which a fixed number is kept account of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace iscsi::session {

class ReceivedRanges {
public:
    static constexpr std::size_t kRangesMax = 16;
    enum class Added : std::uint8_t { Yes, Overlaps, TooScattered };

    // `size` > 0; offset + size fits 32 bits. Refused bytes are not counted.
    Added add(std::uint32_t offset, std::uint32_t size);
    // What add() would say.
    Added check(std::uint32_t offset, std::uint32_t size) const;

    std::uint32_t bytes() const { return bytes_; }
    // The first byte that has not arrived.
    std::uint32_t next_in_order() const;

private:
    struct Range {
        std::uint32_t begin = 0;
        std::uint32_t end = 0;
    };
    std::size_t first_not_before(std::uint32_t offset) const;

    std::array<Range, kRangesMax> ranges_{};  // ascending, never touching
    std::size_t count_ = 0;
    std::uint32_t bytes_ = 0;
};

}  // namespace iscsi::session
