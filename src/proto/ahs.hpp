// SPDX-License-Identifier: LGPL-2.1-or-later
// Additional header segments (RFC 7143 section 11.2.2): each is AHSLength (2 bytes, what follows
// the type), AHSType (1), type-specific bytes, padded to four.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"

namespace iscsi::proto {

enum class AhsErrc : std::uint8_t {
    Truncated,  // a segment claims more bytes than TotalAHSLength left for it
    TooShort,   // AHSLength too small for its type
};

struct AhsView {
    std::uint8_t type = 0;
    base::ConstByteSpan body;  // AHSLength bytes after the type byte
};

inline constexpr std::uint8_t kAhsExtendedCdb = 1;
inline constexpr std::uint8_t kAhsBidirectionalReadLength = 2;

// Walks the segments in `bytes` (TotalAHSLength * 4 bytes). Call until it gives nullopt.
class AhsReader {
public:
    explicit AhsReader(base::ConstByteSpan bytes) : rest_(bytes) {}
    std::expected<std::optional<AhsView>, AhsErrc> next();

private:
    base::ConstByteSpan rest_;
};

// Bytes that an extended CDB of `cdb_bytes` (> 16) adds to the header, a multiple of four.
constexpr std::size_t extended_cdb_ahs_bytes(std::size_t cdb_bytes) {
    const std::size_t bare = 4 + (cdb_bytes - 16);
    return bare + base::pad4(bare);
}
// Writes the segment for the part of `cdb` after its first 16 bytes; returns the bytes written.
// `out` must hold extended_cdb_ahs_bytes(cdb.size()).
std::size_t encode_extended_cdb(base::ByteSpan out, base::ConstByteSpan cdb);

inline constexpr std::size_t kBidirectionalReadLengthAhsBytes = 8;
std::size_t encode_bidirectional_read_length(base::ByteSpan out, std::uint32_t bytes);

}  // namespace iscsi::proto
