// SPDX-License-Identifier: LGPL-2.1-or-later
// The model's own view of bytes. Nothing here is shared with src/: two sides that share code share
// its mistakes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sim {

using Bytes = std::vector<std::uint8_t>;

inline std::uint32_t get(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t width) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value = value * 256 + bytes[at + i];
    return static_cast<std::uint32_t>(value);
}

inline void put(std::span<std::uint8_t> bytes, std::size_t at, std::size_t width,
                std::uint64_t value) {
    for (std::size_t i = width; i-- > 0; value /= 256) {
        bytes[at + i] = static_cast<std::uint8_t>(value % 256);
    }
}

// CRC-32C as RFC 7143 section 13.1 wants it on the wire: reflected, complemented, low byte first.
inline std::uint32_t crc32c(std::span<const std::uint8_t> bytes) {
    static const auto table = [] {
        std::array<std::uint32_t, 256> t{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t value = i;
            for (int bit = 0; bit < 8; ++bit) {
                value = (value & 1) != 0 ? (value >> 1) ^ 0x82f63b78U : value >> 1;
            }
            t[i] = value;
        }
        return t;
    }();
    std::uint32_t crc = ~0U;
    for (const auto byte : bytes) crc = (crc >> 8) ^ table[(crc ^ byte) & 0xff];
    return ~crc;
}

inline void append_crc(Bytes& out, std::span<const std::uint8_t> covered) {
    const std::uint32_t crc = crc32c(covered);
    for (unsigned shift = 0; shift < 32; shift += 8) {
        out.push_back(static_cast<std::uint8_t>(crc >> shift));
    }
}

// Draws the course of a run from its seed (xorshift64*).
class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 0x1234567) {}
    std::uint64_t next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545f4914f6cdd1dU;
    }
    // 0..limit-1
    std::uint32_t below(std::uint64_t limit) {
        return limit == 0 ? 0 : static_cast<std::uint32_t>((next() >> 16) % limit);
    }
    std::uint32_t between(std::uint32_t low, std::uint32_t high) {
        return low + below(std::uint64_t{high} - low + 1);
    }
    bool chance(double probability) {
        return static_cast<double>(next() >> 11) < probability * 9007199254740992.0;
    }
    template <class T>
    T pick(std::initializer_list<T> choices) {
        return *(choices.begin() + below(choices.size()));
    }

private:
    std::uint64_t state_;
};

}  // namespace sim
