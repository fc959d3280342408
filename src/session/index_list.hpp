// SPDX-License-Identifier: LGPL-2.1-or-later
// Doubly linked lists through the elements of an array, by index: no allocation, O(1) insertion and
// removal. An element is in a list at most once; which list a link belongs to is the owner's rule.
#pragma once

#include <cstdint>

#include "base/check.hpp"

namespace iscsi::session {

inline constexpr std::uint32_t kNoIndex = 0xffff'ffff;

struct IndexLink {
    std::uint32_t previous = kNoIndex;
    std::uint32_t next = kNoIndex;
    bool linked = false;
};

// `LinkOf` maps an index to its IndexLink: a callable, kept by value.
template <class LinkOf>
class IndexList {
public:
    explicit IndexList(LinkOf link_of) : link_of_(link_of) {}

    bool empty() const { return first_ == kNoIndex; }
    std::uint32_t first() const { return first_; }
    std::uint32_t last() const { return last_; }
    std::uint32_t next(std::uint32_t index) const { return link_of_(index).next; }
    std::uint32_t previous(std::uint32_t index) const { return link_of_(index).previous; }
    bool contains(std::uint32_t index) const { return link_of_(index).linked; }

    void push_back(std::uint32_t index) { insert_after(last_, index); }
    // After kNoIndex means at the front.
    void insert_after(std::uint32_t before, std::uint32_t index) {
        IndexLink& link = link_of_(index);
        CHECK(!link.linked);
        link.linked = true;
        link.previous = before;
        link.next = before == kNoIndex ? first_ : link_of_(before).next;
        (before == kNoIndex ? first_ : link_of_(before).next) = index;
        (link.next == kNoIndex ? last_ : link_of_(link.next).previous) = index;
    }
    void remove(std::uint32_t index) {
        IndexLink& link = link_of_(index);
        if (!link.linked) return;
        (link.previous == kNoIndex ? first_ : link_of_(link.previous).next) = link.next;
        (link.next == kNoIndex ? last_ : link_of_(link.next).previous) = link.previous;
        link = {};
    }

private:
    LinkOf link_of_;
    std::uint32_t first_ = kNoIndex;
    std::uint32_t last_ = kNoIndex;
};

}  // namespace iscsi::session
