// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/task_table.hpp"

#include "base/check.hpp"

namespace iscsi::session {

TaskTable::TaskTable(std::size_t depth)
    : slots_(depth),
      free_({&slots_, &TaskSlot::queue}),
      commands_({&slots_, &TaskSlot::queue}),
      immediate_commands_({&slots_, &TaskSlot::queue}),
      order_({&slots_, &TaskSlot::order}),
      timers_({&slots_, &TaskSlot::timer}) {
    CHECK(depth >= 1 && depth <= kQueueDepthMax);
    for (std::uint32_t i = 0; i < depth; ++i) free_.push_back(i);
}

TaskSlot* TaskTable::find(std::uint32_t tag) {
    const std::uint32_t index = tag_index(tag);
    if (index >= slots_.size()) return nullptr;
    auto& slot = slots_[index];
    return slot.state != TaskSlot::State::Free && slot.tag == tag ? &slot : nullptr;
}

TaskSlot& TaskTable::take() {
    CHECK(!full());
    const std::uint32_t index = free_.first();
    free_.remove(index);
    auto& slot = slots_[index];
    slot.generation++;
    slot.tag = make_tag(slot.generation, index);
    slot.state = TaskSlot::State::Queued;
    order_.push_back(index);
    ++used_;
    return slot;
}

void TaskTable::release(TaskSlot& slot) {
    CHECK(slot.state != TaskSlot::State::Free && slot.pins == 0);
    const std::uint32_t index = index_of(slot);
    dequeue(slot);
    order_.remove(index);
    timers_.remove(index);
    const std::uint16_t generation = slot.generation;
    slot = TaskSlot{};
    slot.generation = generation;
    // The slot used longest ago comes next: tags repeat as late as they can.
    free_.push_back(index);
    --used_;
}

void TaskTable::dequeue(TaskSlot& slot) {
    if (slot.state != TaskSlot::State::Queued) return;
    (slot.immediate ? immediate_commands_ : commands_).remove(index_of(slot));
}

void TaskTable::arm(TaskSlot& slot, base::Instant deadline) {
    slot.deadline = deadline;
    if (deadline == base::kNever) return;
    // Deadlines come nearly in order: look for the place from the end.
    std::uint32_t before = timers_.last();
    while (before != kNoIndex && slots_[before].deadline > deadline) {
        before = timers_.previous(before);
    }
    timers_.insert_after(before, index_of(slot));
}

base::Instant TaskTable::first_deadline() const {
    return timers_.empty() ? base::kNever : slots_[timers_.first()].deadline;
}

TaskSlot* TaskTable::expire(base::Instant now) {
    if (first_deadline() > now || timers_.empty()) return nullptr;
    auto& slot = slots_[timers_.first()];
    disarm(slot);
    return &slot;
}

}  // namespace iscsi::session
