// SPDX-License-Identifier: LGPL-2.1-or-later
// Walks a C struct of another program, field by field, by the rules of the x86-64 ABI: each number
// at its natural alignment, in little-endian order. The same walk writes and reads, so one
// description of a struct serves both directions and its offsets are computed, not typed in.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"
#include "base/check.hpp"

namespace iscsi::base {

class StructWalk {
public:
    std::size_t offset() const { return at_; }
    void align(std::size_t to) { at_ = (at_ + to - 1) / to * to; }
    // Bytes of no interest: pointers, list heads, fields we have no use for.
    void skip(std::size_t bytes) { at_ += bytes; }

protected:
    explicit StructWalk(std::size_t at) : at_(at) {}
    std::size_t take(std::size_t bytes) { return std::exchange(at_, at_ + bytes); }

private:
    std::size_t at_;
};

// Reads; the caller has checked that `bytes` holds the whole struct.
class StructReader : public StructWalk {
public:
    StructReader(ConstByteSpan bytes, std::size_t at) : StructWalk(at), bytes_(bytes) {}

    // A number of the wire's type, which may be another than the member's.
    template <std::integral Wire, class Member>
    void number(Member& member) {
        align(sizeof(Wire));
        const std::size_t at = take(sizeof(Wire));
        CHECK(at + sizeof(Wire) <= bytes_.size());
        Wire value{};
        std::memcpy(&value, bytes_.data() + at, sizeof value);
        if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
        member = static_cast<Member>(value);
    }
    // char[capacity]; what is not terminated ends at the capacity.
    void text(std::size_t capacity, std::string& member) {
        const std::size_t at = take(capacity);
        CHECK(at + capacity <= bytes_.size());
        const auto field = as_text(bytes_.subspan(at, capacity));
        member = field.substr(0, std::min(field.find('\0'), capacity));
    }

private:
    ConstByteSpan bytes_;
};

// Writes into zeroed bytes. A text too long for its field is cut, and `truncated()` tells.
class StructWriter : public StructWalk {
public:
    StructWriter(ByteSpan bytes, std::size_t at) : StructWalk(at), bytes_(bytes) {}

    template <std::integral Wire, class Member>
    void number(const Member& member) {
        align(sizeof(Wire));
        const std::size_t at = take(sizeof(Wire));
        CHECK(at + sizeof(Wire) <= bytes_.size());
        auto value = static_cast<Wire>(member);
        if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
        std::memcpy(bytes_.data() + at, &value, sizeof value);
    }
    void text(std::size_t capacity, std::string_view member) {
        const std::size_t at = take(capacity);
        CHECK(at + capacity <= bytes_.size());
        const std::size_t fits = std::min(member.size(), capacity - 1);
        truncated_ = truncated_ || fits < member.size();
        std::memcpy(bytes_.data() + at, member.data(), fits);
    }
    bool truncated() const { return truncated_; }

private:
    ByteSpan bytes_;
    bool truncated_ = false;
};

}  // namespace iscsi::base
