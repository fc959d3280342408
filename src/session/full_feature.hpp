// SPDX-License-Identifier: LGPL-2.1-or-later
// The full-feature phase of a session (RFC 7143 sections 4.2 and 11) as an engine without socket,
// clock or thread: SCSI tasks, bytes and time go in; bytes, a deadline and events come out. One
// connection, error recovery level 0: any error ends the connection, and the owner carries the
// unfinished tasks over to the next one.
//
//               submit, receive, send            logout answered
//            .--------.                    .----------------------> LoggedOut --.
//            v        |                    |                                    |
//   ------> Running --'--- logout() ---> LoggingOut                             | drain()
//   ^          |                           |                                    v
//   |          '------ error, timeout -----'----------------------> Dropped -> Drained
//   '------------------------------- restart() -------------------------------------'
//
//   FullFeature engine(config, logged_in, now);
//   after each call: drain next_event(), then
//     hand send_window() to writev, report with on_sent();
//     hand recv_window() to readv, report with on_received();
//     at deadline() call on_deadline().
//
// Memory. The lists of spans in a Task and the bytes they cover belong to the caller and must stay
// as they are until the task's TaskDone came out of next_event(). recv_window() points into a
// task's own memory while the payload of a Data-In is due, so a socket read may be under way when
// the connection drops: cancel or finish reads and writes before drain(), which gives the tasks
// back. A TaskDone is held back while send_window() refers to the task's data.
//
// No call allocates but the constructor, and restart() when MaxOutstandingR2T has grown.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <variant>

#include "base/bytes.hpp"
#include "base/instant.hpp"
#include "proto/types.hpp"
#include "session/connection_error.hpp"
#include "session/negotiated.hpp"
#include "session/protocol_error.hpp"
#include "session/session_stats.hpp"

namespace iscsi::session {

inline constexpr std::size_t kCdbBytesMax = 260;      // SPC: the longest variable-length CDB
inline constexpr std::size_t kQueueDepthMax = 16384;  // task table limit
inline constexpr std::size_t kSenseBytesMax = 252;    // SPC: the longest sense data

// Names a task while it is in the engine's table. A stale handle is a miss, never another task.
struct TaskHandle {
    std::uint32_t initiator_task_tag = proto::kReservedTag;
    bool operator==(const TaskHandle&) const = default;
};
struct TaskManagementHandle {
    std::uint32_t initiator_task_tag = proto::kReservedTag;
    bool operator==(const TaskManagementHandle&) const = default;
};

// A SCSI command. Reads have data_in, writes have data_out, others neither; the sum of the span
// sizes is the Expected Data Transfer Length. Empty spans are allowed. The CDB is copied.
struct Task {
    proto::Lun lun;
    base::ConstByteSpan cdb;  // 6..kCdbBytesMax bytes
    proto::TaskAttribute attribute = proto::TaskAttribute::Simple;
    bool immediate = false;  // ahead of the command window (section 4.2.2.1); not for disk I/O
    std::span<const base::ConstByteSpan> data_out;
    std::span<const base::ByteSpan> data_in;
    std::uint64_t user = 0;    // comes back in every event about the task
    base::Duration timeout{};  // from submit(); zero: none
};

enum class SubmitError : std::uint8_t {
    QueueFull,   // queue_depth tasks are in the table; try again after a TaskDone
    NotRunning,  // logging out, dropped or drained
    BadTask,     // both directions, a CDB of a wrong length, or 4 GiB and more of data
};

// Events --------------------------------------------------------------------------------------

enum class TaskOutcome : std::uint8_t {
    Completed,      // the target ran it: `status`, `sense` and the residual are valid
    TargetFailure,  // the target could not run it: `response` tells (section 11.4.3)
    Rejected,       // the target refused its PDU: `reject_reason` (section 11.17.1)
    Aborted,        // ended by task management; see `timed_out`
    Requeue,        // the connection went away; send it again on the next one
    Failed,         // the connection went away and drain() said so
};

enum class Residual : std::uint8_t { None, Underflow, Overflow };

// The task is out of the table and its memory is the caller's again. Exactly one per submit().
struct TaskDone {
    TaskHandle task;
    std::uint64_t user = 0;
    TaskOutcome outcome = TaskOutcome::Completed;
    std::uint8_t status = 0;    // SAM status byte
    std::uint8_t response = 0;  // iSCSI response code
    std::uint8_t reject_reason = 0;
    Residual residual = Residual::None;
    std::uint32_t residual_count = 0;  // bytes that were not transferred (section 11.4.5)
    std::uint32_t bytes_in = 0;        // Data-In bytes that arrived, duplicates excluded
    std::uint32_t bytes_out = 0;       // data bytes handed to the socket
    bool sent = false;                 // the command went out: the target may have run it
    bool timed_out = false;            // its timeout passed before it ended
    base::ConstByteSpan sense;         // engine's memory, valid until the next next_event()
};

// A task's timeout passed. It is still in the table; with Config::escalate the engine aborts it.
struct TaskTimedOut {
    TaskHandle task;
    std::uint64_t user = 0;
};

enum class TaskManagementOutcome : std::uint8_t {
    Answered,  // `response` is the target's (proto::TaskManagementAnswer)
    TimedOut,
    Rejected,  // by a Reject PDU
    Lost,      // the connection went away first
};
// On Answered with Complete the TaskDone of every task it ended came before.
struct TaskManagementDone {
    TaskManagementHandle handle;
    proto::TaskManagementFunction function = proto::TaskManagementFunction::AbortTask;
    proto::Lun lun;
    TaskManagementOutcome outcome = TaskManagementOutcome::Answered;
    std::uint8_t response = 0;
};

// An Asynchronous Message (section 11.9), fields as received. The owner acts: it logs out when
// event 1 asks for it, and scans again when luns_changed.
struct AsyncReceived {
    std::uint8_t event = 0;
    std::uint8_t vendor_code = 0;
    std::uint16_t parameter1 = 0;
    std::uint16_t parameter2 = 0;
    std::uint16_t parameter3 = 0;
    proto::Lun lun;
    bool luns_changed = false;  // event 0 with sense 3F/0E
    base::ConstByteSpan sense;  // event 0; engine's memory, valid until the next next_event()
};

// A Reject (section 11.17) that the connection survives. What it means for a task or a logout is
// told by that one's own event.
struct RejectReceived {
    std::uint8_t reason = 0;
    std::uint8_t rejected_opcode = 0;
    std::uint32_t rejected_tag = proto::kReservedTag;
};

// The end of logout(). Nothing is sent or received after it; drain() hands the tasks back.
struct LogoutAnswered {
    bool responded = false;     // false: timed out, rejected, or the connection broke first
    std::uint8_t response = 0;  // proto::LogoutAnswer
    std::uint16_t time2wait_s = 0;
    std::uint16_t time2retain_s = 0;
};

// The connection is of no use any more. Comes once; nothing is sent or received after it.
struct Dropped {
    ConnectionErrorNumber number = ConnectionErrorNumber::ConnectionFailed;
    std::optional<ProtocolError> protocol_error;  // set when the target broke a rule
};

using FullFeatureEvent = std::variant<TaskDone, TaskTimedOut, TaskManagementDone, AsyncReceived,
                                      RejectReceived, LogoutAnswered, Dropped>;

// What drain() does with unfinished tasks.
enum class Disposition : std::uint8_t { Requeue, Fail };

// ---------------------------------------------------------------------------------------------

struct FullFeatureConfig {
    std::size_t queue_depth = 128;  // tasks in the table: 1..kQueueDepthMax (node.session.cmds_max)
    base::Duration noop_out_interval = std::chrono::seconds(5);  // zero: no pings
    base::Duration noop_out_timeout = std::chrono::seconds(5);   // zero: no pings
    base::Duration abort_timeout = std::chrono::seconds(15);
    base::Duration lu_reset_timeout = std::chrono::seconds(30);
    base::Duration target_reset_timeout = std::chrono::seconds(30);
    // After a task management function is sent, send no more data for the tasks it ends
    // (node.session.iscsi.FastAbort); false: answer R2Ts until the response (section 4.2.3.3).
    bool fast_abort = true;
    // On a task's timeout: abort it; if that fails reset the LUN, then the target, then drop the
    // connection with number 21. False: the owner does what it likes after TaskTimedOut.
    bool escalate = true;
};

class FullFeature {
public:
    enum class State : std::uint8_t { Running, LoggingOut, LoggedOut, Dropped, Drained };

    FullFeature(const FullFeatureConfig& config, const LoggedIn& logged_in, base::Instant now);
    ~FullFeature();
    FullFeature(const FullFeature&) = delete;
    FullFeature& operator=(const FullFeature&) = delete;

    State state() const;
    std::size_t tasks() const;       // in the table
    std::size_t free_slots() const;  // submit() that will not say QueueFull
    const SessionStats& stats() const;

    // Queues a command; it goes out as the command window allows, in the order of submit().
    std::expected<TaskHandle, SubmitError> submit(const Task& task, base::Instant now);

    // Task management (section 11.5), sent as immediate requests. A task that was not sent yet is
    // taken back without a PDU: its TaskDone comes, and nullopt is returned. nullopt also for a
    // stale handle, in a state other than Running, and when kTaskManagementMax are under way.
    std::optional<TaskManagementHandle> abort_task(TaskHandle task, base::Instant now);
    // No new command is sent while a reset is under way.
    std::optional<TaskManagementHandle> reset_lun(proto::Lun lun, base::Instant now);
    std::optional<TaskManagementHandle> reset_target(base::Instant now);  // warm

    // Sends a Logout Request; commands not sent yet stay queued for drain(). LogoutAnswered comes
    // after at most `timeout`. Does nothing unless Running.
    void logout(proto::LogoutReason reason, base::Duration timeout, base::Instant now);

    // Where the next bytes from the socket go: the task's own memory while the payload of a Data-In
    // is due, followed by scratch memory for what comes after. Empty while events or answers to the
    // target wait to be fetched, and after the connection ended. Changes only by on_received(),
    // next_event() and on_sent(), and by those only while it is empty: a read may stay under way
    // during every other call.
    std::span<const base::ByteSpan> recv_window();
    void on_received(std::size_t count, base::Instant now);  // count <= sum of the window's sizes

    // What to send next, many PDUs at once; refers to the tasks' data. Stable from the call that
    // returned a non-empty list until on_sent(). At most kSendSpansMax spans.
    std::span<const base::ConstByteSpan> send_window();
    void on_sent(std::size_t count, base::Instant now);  // count <= sum of the window's sizes

    base::Instant deadline() const;
    void on_deadline(base::Instant now);  // harmless when called early

    // The socket failed or was closed, or the owner wants to be rid of the connection. Dropped
    // follows, unless the connection had ended before.
    void connection_lost(ConnectionErrorNumber number);

    // After Dropped or LoggedOut, when no read or write is under way: a TaskDone for each task that
    // was not done, in the order of submit(). The state is Drained.
    void drain(Disposition disposition);

    // Takes over the next connection. Only when Drained, after next_event() gave everything.
    // Statistics go on counting.
    void restart(const LoggedIn& logged_in, base::Instant now);

    std::optional<FullFeatureEvent> next_event();

    static constexpr std::size_t kSendSpansMax = 512;
    static constexpr std::size_t kRecvSpansMax = 128;
    static constexpr std::size_t kTaskManagementMax = 16;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace iscsi::session
