// SPDX-License-Identifier: LGPL-2.1-or-later
// The SCSI tasks of a session in a table of fixed size, found by Initiator Task Tag. A tag is the
// slot's index and a generation that changes with each use, so a late PDU for an old task is told
// from one for the task that has the slot now.
//
//           command sent          status arrived, or aborted,    event fetched
//                                 and none of its data is in
//                                 the send window
//   Queued ------------> Active -------------------------> Done ------------> Free
//     |                    |   \                            ^
//     |                    |    `----> Finishing -----------'
//     |                    |           data still in the send window
//     '--------------------'-- taken back or drained -------^
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/instant.hpp"
#include "proto/pdu.hpp"
#include "session/full_feature.hpp"
#include "session/index_list.hpp"
#include "session/received_ranges.hpp"
#include "session/span_cursor.hpp"

namespace iscsi::session {

// Tags of everything we send: index in the low half, generation in the high half. Indexes from the
// queue depth up belong to task management, pings and logout.
constexpr std::uint32_t make_tag(std::uint16_t generation, std::uint32_t index) {
    return (std::uint32_t{generation} << 16) | index;
}
constexpr std::uint32_t tag_index(std::uint32_t tag) { return tag & 0xffff; }

struct TaskSlot {
    enum class State : std::uint8_t { Free, Queued, Active, Finishing, Done };
    enum class Direction : std::uint8_t { None, Read, Write };

    State state = State::Free;
    std::uint16_t generation = 0;
    std::uint32_t tag = proto::kReservedTag;

    // The command.
    proto::Lun lun;
    std::uint64_t user = 0;
    Direction direction = Direction::None;
    bool immediate = false;
    proto::TaskAttribute attribute = proto::TaskAttribute::Simple;
    std::array<std::byte, 16> cdb{};
    std::array<std::byte, kCdbBytesMax> ahs{};  // the rest of a long CDB, as on the wire
    std::size_t ahs_bytes = 0;
    std::uint32_t data_length = 0;  // Expected Data Transfer Length
    proto::CmdSn cmd_sn;            // once Active

    // Reading.
    std::span<const base::ByteSpan> data_in;
    SpanCursor<base::ByteSpan> in_cursor;
    ReceivedRanges received;
    std::uint32_t data_in_pdus = 0;  // the next DataSN

    // Writing.
    std::span<const base::ConstByteSpan> data_out;
    SpanCursor<base::ConstByteSpan> out_cursor;
    std::uint32_t r2ts = 0;              // the next R2TSN
    std::uint32_t outstanding_r2ts = 0;  // not answered entirely yet
    std::uint32_t unsolicited_end = 0;   // bytes that go out without R2T: immediate and Data-Out
    std::uint32_t unsolicited_sn = 0;    // DataSN of the next unsolicited Data-Out
    std::uint32_t asked_for = 0;         // bytes sent unasked or covered by R2Ts
    std::uint32_t bytes_out = 0;         // put into the send window so far
    bool data_stopped = false;           // no more Data-Out: task management has ended it

    std::uint32_t pins = 0;  // PDUs in the send window that refer to data_out or ahs
    base::Instant deadline = base::kNever;
    bool timed_out = false;
    bool abort_wanted = false;  // timed out, and no task management slot was free

    TaskDone done;  // from Finishing on
    std::array<std::byte, kSenseBytesMax> sense{};
    std::size_t sense_bytes = 0;

    IndexLink queue;  // in one of: commands to send, immediate commands to send, free slots
    IndexLink order;  // in submit order, all that are not Free
    IndexLink timer;  // by deadline
};

class TaskTable {
    struct LinkOf {
        std::vector<TaskSlot>* slots;
        IndexLink TaskSlot::* link;
        IndexLink& operator()(std::uint32_t index) const { return (*slots)[index].*link; }
    };

public:
    using List = IndexList<LinkOf>;

    explicit TaskTable(std::size_t depth);
    TaskTable(const TaskTable&) = delete;
    TaskTable& operator=(const TaskTable&) = delete;

    std::size_t depth() const { return slots_.size(); }
    std::size_t used() const { return used_; }
    bool full() const { return used_ == slots_.size(); }

    TaskSlot& operator[](std::uint32_t index) { return slots_[index]; }
    std::uint32_t index_of(const TaskSlot& slot) const {
        return static_cast<std::uint32_t>(&slot - slots_.data());
    }
    // The slot with this tag, or nullptr when it is not Free under it.
    TaskSlot* find(std::uint32_t tag);

    // A slot with a new tag and nothing else set, at the end of order(). The table is not full.
    TaskSlot& take();
    // Removes it from every list.
    void release(TaskSlot& slot);

    void arm(TaskSlot& slot, base::Instant deadline);
    void disarm(TaskSlot& slot) { timers_.remove(index_of(slot)); }
    base::Instant first_deadline() const;
    // The next slot whose deadline is not after `now`, disarmed; nullptr when there is none.
    TaskSlot* expire(base::Instant now);

    List& commands() { return commands_; }
    List& immediate_commands() { return immediate_commands_; }
    void dequeue(TaskSlot& slot);
    const List& order() const { return order_; }

private:
    std::vector<TaskSlot> slots_;
    std::size_t used_ = 0;
    List free_;
    List commands_;
    List immediate_commands_;
    List order_;
    List timers_;
};

}  // namespace iscsi::session
