// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/received_ranges.hpp"

#include <algorithm>

namespace iscsi::session {

// Index of the first range that ends after `offset`.
std::size_t ReceivedRanges::first_not_before(std::uint32_t offset) const {
    std::size_t at = 0;
    while (at < count_ && ranges_[at].end <= offset) ++at;
    return at;
}

ReceivedRanges::Added ReceivedRanges::check(std::uint32_t offset, std::uint32_t size) const {
    const std::size_t at = first_not_before(offset);
    const std::uint32_t end = offset + size;
    if (at < count_ && ranges_[at].begin < end) return Added::Overlaps;
    const bool joins =
        (at > 0 && ranges_[at - 1].end == offset) || (at < count_ && ranges_[at].begin == end);
    return joins || count_ < kRangesMax ? Added::Yes : Added::TooScattered;
}

ReceivedRanges::Added ReceivedRanges::add(std::uint32_t offset, std::uint32_t size) {
    const Added verdict = check(offset, size);
    if (verdict != Added::Yes) return verdict;
    bytes_ += size;
    const std::size_t at = first_not_before(offset);
    const std::uint32_t end = offset + size;
    const bool joins_before = at > 0 && ranges_[at - 1].end == offset;
    const bool joins_after = at < count_ && ranges_[at].begin == end;
    const auto position = ranges_.begin() + static_cast<std::ptrdiff_t>(at);
    const auto last = ranges_.begin() + static_cast<std::ptrdiff_t>(count_);
    if (joins_before && joins_after) {
        ranges_[at - 1].end = ranges_[at].end;
        std::move(position + 1, last, position);
        --count_;
    } else if (joins_before) {
        ranges_[at - 1].end = end;
    } else if (joins_after) {
        ranges_[at].begin = offset;
    } else {
        std::move_backward(position, last, last + 1);
        ranges_[at] = {offset, end};
        ++count_;
    }
    return Added::Yes;
}

std::uint32_t ReceivedRanges::next_in_order() const {
    return count_ > 0 && ranges_[0].begin == 0 ? ranges_[0].end : 0;
}

}  // namespace iscsi::session
