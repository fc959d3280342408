// SPDX-License-Identifier: LGPL-2.1-or-later
// Byte spans and bounds-checked cursors for the wire (big endian, RFC 7143 section 11) and for SCSI
// data (big endian as well).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/check.hpp"

namespace iscsi::base {

using ByteSpan = std::span<std::byte>;
using ConstByteSpan = std::span<const std::byte>;

inline ConstByteSpan as_bytes(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string_view as_text(ConstByteSpan bytes) {
    // The one sanctioned view of bytes as characters; char may alias anything.
    const void* first = bytes.data();
    return {static_cast<const char*>(first), bytes.size()};
}

// Reads a big-endian number of `Width` bytes at `offset`. The caller has checked the length:
// an offset past the end is our bug.
template <std::size_t Width>
constexpr std::uint64_t load_be(ConstByteSpan bytes, std::size_t offset) {
    static_assert(Width >= 1 && Width <= 8);
    CHECK(offset + Width <= bytes.size());
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < Width; ++i) {
        value = (value << 8) | std::to_integer<std::uint64_t>(bytes[offset + i]);
    }
    return value;
}

constexpr std::uint8_t load_u8(ConstByteSpan b, std::size_t at) {
    return static_cast<std::uint8_t>(load_be<1>(b, at));
}
constexpr std::uint16_t load_u16(ConstByteSpan b, std::size_t at) {
    return static_cast<std::uint16_t>(load_be<2>(b, at));
}
constexpr std::uint32_t load_u24(ConstByteSpan b, std::size_t at) {
    return static_cast<std::uint32_t>(load_be<3>(b, at));
}
constexpr std::uint32_t load_u32(ConstByteSpan b, std::size_t at) {
    return static_cast<std::uint32_t>(load_be<4>(b, at));
}
constexpr std::uint64_t load_u64(ConstByteSpan b, std::size_t at) { return load_be<8>(b, at); }

template <std::size_t Width>
constexpr void store_be(ByteSpan bytes, std::size_t offset, std::uint64_t value) {
    static_assert(Width >= 1 && Width <= 8);
    CHECK(offset + Width <= bytes.size());
    for (std::size_t i = 0; i < Width; ++i) {
        bytes[offset + Width - 1 - i] = static_cast<std::byte>(value & 0xff);
        value >>= 8;
    }
}

constexpr void store_u8(ByteSpan b, std::size_t at, std::uint8_t v) { store_be<1>(b, at, v); }
constexpr void store_u16(ByteSpan b, std::size_t at, std::uint16_t v) { store_be<2>(b, at, v); }
constexpr void store_u24(ByteSpan b, std::size_t at, std::uint32_t v) { store_be<3>(b, at, v); }
constexpr void store_u32(ByteSpan b, std::size_t at, std::uint32_t v) { store_be<4>(b, at, v); }
constexpr void store_u64(ByteSpan b, std::size_t at, std::uint64_t v) { store_be<8>(b, at, v); }

// Bytes that bring `length` to a multiple of four (RFC 7143 section 11.2.1).
constexpr std::size_t pad4(std::size_t length) { return (4 - length % 4) % 4; }

}  // namespace iscsi::base
