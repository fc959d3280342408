// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/slot_pool.hpp"

#include <functional>

#include "base/check.hpp"

namespace iscsi::userd {

base::Result<SlotPool> SlotPool::create(std::size_t slots) {
    ISCSI_TRY(auto pages, os::Pages::allocate(slots * kBufferBytes));
    return SlotPool(std::move(pages), slots);
}

SlotPool::SlotPool(os::Pages pages, std::size_t slots) : pages_(std::move(pages)), count_(slots) {
    free_.reserve(slots);
    for (std::size_t i = slots; i > 0; --i) free_.push_back(static_cast<Slot>(i - 1));
}

std::optional<Slot> SlotPool::take() {
    if (free_.empty()) return std::nullopt;
    const Slot slot = free_.back();
    free_.pop_back();
    return slot;
}

void SlotPool::give_back(Slot slot) {
    CHECK(free_.size() < count_);
    free_.push_back(slot);
}

base::ByteSpan SlotPool::buffer(Slot slot) const {
    CHECK(slot < count_);
    return pages_.bytes().subspan(slot * kBufferBytes, kBufferBytes);
}

std::optional<Slot> SlotPool::slot_of(const std::byte* byte) const {
    const auto all = pages_.bytes();
    // std::less orders pointers into different objects too.
    constexpr std::less<const std::byte*> before;
    if (before(byte, all.data()) || !before(byte, all.data() + all.size())) return std::nullopt;
    return static_cast<Slot>(static_cast<std::size_t>(byte - all.data()) / kBufferBytes);
}

void SlotPool::prefault(std::size_t slots) const {
    for (Slot slot = 0; slot < slots && slot < count_; ++slot) os::Pages::prefault(buffer(slot));
}

void SlotPool::trim(std::size_t keep_slots) const {
    for (const Slot slot : free_) {
        if (slot >= keep_slots) os::Pages::release(buffer(slot));
    }
}

}  // namespace iscsi::userd
