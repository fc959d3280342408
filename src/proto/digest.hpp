// SPDX-License-Identifier: LGPL-2.1-or-later
// CRC32C digests (RFC 7143 section 13.1), computed by ISA-L. A digest covers header + AHS, or data
// + padding, and travels least significant byte first.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "proto/types.hpp"

namespace iscsi::proto {

// Digest of bytes that arrive or leave in pieces.
class Crc32c {
public:
    void update(base::ConstByteSpan bytes);
    std::uint32_t value() const;
    std::array<std::byte, kDigestBytes> wire() const;

private:
    std::uint32_t state_ = 0xffff'ffff;
};

std::array<std::byte, kDigestBytes> crc32c_wire(base::ConstByteSpan bytes);
bool digest_matches(const Crc32c& crc, base::ConstByteSpan wire);

}  // namespace iscsi::proto
