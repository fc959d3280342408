// SPDX-License-Identifier: LGPL-2.1-or-later
// R2Ts waiting to be answered, in the order in which they arrived (RFC 7143 section 11.8 asks for
// that order within a task). A ring of fixed size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.hpp"
#include "proto/types.hpp"

namespace iscsi::session {

struct PendingR2t {
    std::uint32_t task_tag = proto::kReservedTag;
    std::uint32_t target_transfer_tag = proto::kReservedTag;
    proto::Lun lun;
    std::uint32_t offset = 0;  // of the next byte to send
    std::uint32_t left = 0;    // bytes to send
    std::uint32_t data_sn = 0;
};

class R2tQueue {
public:
    // Grows, never shrinks; drops what is queued.
    void restart(std::size_t capacity) {
        ring_.resize(std::max(capacity, ring_.size()));
        first_ = count_ = 0;
    }
    bool empty() const { return count_ == 0; }
    bool full() const { return count_ == ring_.size(); }
    PendingR2t& front() {
        CHECK(!empty());
        return ring_[first_];
    }
    void push(const PendingR2t& r2t) {
        CHECK(!full());
        ring_[(first_ + count_++) % ring_.size()] = r2t;
    }
    void pop() {
        CHECK(!empty());
        first_ = (first_ + 1) % ring_.size();
        --count_;
    }

private:
    std::vector<PendingR2t> ring_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
};

}  // namespace iscsi::session
