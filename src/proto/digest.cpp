// SPDX-License-Identifier: LGPL-2.1-or-later
#include "proto/digest.hpp"

#include <isa-l/crc.h>

#include <algorithm>
#include <cstddef>

namespace iscsi::proto {

namespace {
constexpr std::size_t kChunk = std::size_t{1} << 30;  // crc32_iscsi takes an int length
}

void Crc32c::update(base::ConstByteSpan bytes) {
    while (!bytes.empty()) {
        const auto chunk = bytes.first(std::min(bytes.size(), kChunk));
        // ISA-L's prototype lacks the const; it only reads.
        auto* data =
            static_cast<unsigned char*>(static_cast<void*>(const_cast<std::byte*>(chunk.data())));
        state_ = crc32_iscsi(data, static_cast<int>(chunk.size()), state_);
        bytes = bytes.subspan(chunk.size());
    }
}

std::uint32_t Crc32c::value() const { return state_ ^ 0xffff'ffff; }

std::array<std::byte, kDigestBytes> Crc32c::wire() const {
    const std::uint32_t crc = value();
    return {static_cast<std::byte>(crc & 0xff), static_cast<std::byte>((crc >> 8) & 0xff),
            static_cast<std::byte>((crc >> 16) & 0xff), static_cast<std::byte>(crc >> 24)};
}

std::array<std::byte, kDigestBytes> crc32c_wire(base::ConstByteSpan bytes) {
    Crc32c crc;
    crc.update(bytes);
    return crc.wire();
}

bool digest_matches(const Crc32c& crc, base::ConstByteSpan wire) {
    return std::ranges::equal(crc.wire(), wire);
}

}  // namespace iscsi::proto
