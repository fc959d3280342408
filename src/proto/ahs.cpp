// SPDX-License-Identifier: LGPL-2.1-or-later
#include "proto/ahs.hpp"

#include <algorithm>

namespace iscsi::proto {

std::expected<std::optional<AhsView>, AhsErrc> AhsReader::next() {
    if (rest_.empty()) return std::nullopt;
    if (rest_.size() < 4) return std::unexpected(AhsErrc::Truncated);
    const std::size_t length = base::load_u16(rest_, 0);
    if (length == 0) return std::unexpected(AhsErrc::TooShort);
    if (3 + length > rest_.size()) return std::unexpected(AhsErrc::Truncated);
    const AhsView view{base::load_u8(rest_, 2), rest_.subspan(3, length)};
    const std::size_t whole = 3 + length;
    rest_ = rest_.subspan(std::min(rest_.size(), whole + base::pad4(whole)));
    return view;
}

std::size_t encode_extended_cdb(base::ByteSpan out, base::ConstByteSpan cdb) {
    CHECK(cdb.size() > 16);
    const auto tail = cdb.subspan(16);
    const std::size_t total = extended_cdb_ahs_bytes(cdb.size());
    CHECK(out.size() >= total);
    std::ranges::fill(out.first(total), std::byte{0});
    // One reserved byte, then the rest of the CDB (section 11.2.2.3).
    base::store_u16(out, 0, static_cast<std::uint16_t>(tail.size() + 1));
    base::store_u8(out, 2, kAhsExtendedCdb);
    std::ranges::copy(tail, out.begin() + 4);
    return total;
}

std::size_t encode_bidirectional_read_length(base::ByteSpan out, std::uint32_t bytes) {
    CHECK(out.size() >= kBidirectionalReadLengthAhsBytes);
    base::store_u16(out, 0, 5);
    base::store_u8(out, 2, kAhsBidirectionalReadLength);
    base::store_u8(out, 3, 0);
    base::store_u32(out, 4, bytes);
    return kBidirectionalReadLengthAhsBytes;
}

}  // namespace iscsi::proto
