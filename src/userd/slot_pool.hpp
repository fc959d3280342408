// SPDX-License-Identifier: LGPL-2.1-or-later
// The buffers of all requests under way: a fixed number, allocated once. A slot's buffer first
// takes the request as the kernel hands it over (for a write, with its data); a read's data take
// its place. The most recently used buffer is used next, so that a quiet session touches few.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "os/pages.hpp"
#include "userd/scheduler.hpp"

namespace iscsi::userd {

inline constexpr std::size_t kDataBytesMax = 1024UL * 1024;  // of one request
// A request's header comes first; libfuse reads up to a page of it.
inline constexpr std::size_t kBufferBytes = kDataBytesMax + 8UL * 1024;

class SlotPool {
public:
    static base::Result<SlotPool> create(std::size_t slots);

    std::optional<Slot> take();
    void give_back(Slot slot);
    bool empty() const { return free_.empty(); }
    std::size_t size() const { return count_; }

    base::ByteSpan buffer(Slot slot) const;
    base::ByteSpan data(Slot slot) const { return buffer(slot).first(kDataBytesMax); }
    // The slot whose buffer holds this byte.
    std::optional<Slot> slot_of(const std::byte* byte) const;

    // Makes the first buffers resident, so that I/O can start without waiting for memory.
    void prefault(std::size_t slots) const;
    // Gives back the memory of free buffers but the prefaulted ones.
    void trim(std::size_t keep_slots) const;

private:
    SlotPool(os::Pages pages, std::size_t slots);
    os::Pages pages_;
    std::size_t count_;
    std::vector<Slot> free_;  // last in, first out
};

}  // namespace iscsi::userd
