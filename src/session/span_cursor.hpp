// SPDX-License-Identifier: LGPL-2.1-or-later
// A position in data that lies in pieces (a list of spans owned by somebody else), counted in bytes
// from the start of the first piece. Moving forward costs what is skipped; backward starts over.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "base/bytes.hpp"
#include "base/check.hpp"

namespace iscsi::session {

template <class Piece>  // base::ByteSpan or base::ConstByteSpan
class SpanCursor {
public:
    SpanCursor() = default;
    explicit SpanCursor(std::span<const Piece> list) : list_(list) {}

    void seek(std::size_t offset) {
        if (offset < position_) *this = SpanCursor(list_);
        while (position_ < offset) CHECK(!take(offset - position_).empty());
    }
    // The next bytes that lie together, at most `size`; empty at the end (or for size 0).
    Piece take(std::size_t size) {
        while (index_ < list_.size() && inside_ == list_[index_].size()) {
            ++index_;
            inside_ = 0;
        }
        if (index_ == list_.size()) return {};
        const Piece piece = list_[index_].subspan(inside_);
        const std::size_t taken = std::min(size, piece.size());
        inside_ += taken;
        position_ += taken;
        return piece.first(taken);
    }
    std::size_t position() const { return position_; }

private:
    std::span<const Piece> list_;
    std::size_t index_ = 0;     // of the piece at hand
    std::size_t inside_ = 0;    // bytes of it that lie behind
    std::size_t position_ = 0;  // bytes of all pieces that lie behind
};

}  // namespace iscsi::session
