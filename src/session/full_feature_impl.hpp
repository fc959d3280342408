// SPDX-License-Identifier: LGPL-2.1-or-later
// Inside of the full-feature engine; only full_feature*.cpp include it.
//
//   full_feature.cpp             submit, events, drain, restart: the life of engine and tasks
//   full_feature_send.cpp        what goes out and in which order
//   full_feature_receive.cpp     PDUs of tasks: Data-In, R2T, SCSI Response
//   full_feature_notices.cpp     all other PDUs
//   full_feature_management.cpp  task management, escalation, timers
//
// What belongs to the session (TaskTable, CommandWindow, management) is apart from what belongs to
// the connection (StreamReader, SendBatch, StatSN, Keepalive), so that a session can have several
// connections one day.
#pragma once

#include <array>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "session/command_window.hpp"
#include "session/full_feature.hpp"
#include "session/keepalive.hpp"
#include "session/r2t_queue.hpp"
#include "session/send_batch.hpp"
#include "session/stream_reader.hpp"
#include "session/task_table.hpp"

namespace iscsi::session {

using Checked = std::expected<void, ProtocolError>;

inline std::unexpected<ProtocolError> violated(Violation violation, std::uint64_t value,
                                               std::uint64_t expected = 0) {
    return std::unexpected(ProtocolError{violation, value, expected});
}

// The header of the PDU at hand, whose opcode is known to be Pdu's.
template <class Pdu>
std::expected<Pdu, ProtocolError> decoded(const StreamReader& reader) {
    const auto pdu = proto::decode<Pdu>(reader.header());
    if (!pdu) return violated(Violation::BadField, reader.common().opcode);
    return *pdu;
}

// A task management request under way.
struct ManagementSlot {
    // Over: the outcome was told. The slot stays until the event was fetched and, after a timeout,
    // as long as it can be spared, since a late answer must still find its tag.
    enum class State : std::uint8_t { Free, Queued, Sent, Over };

    State state = State::Free;
    bool event_waits = false;      // Over: TaskManagementDone was not fetched yet
    bool answer_may_come = false;  // Over: timed out
    std::uint16_t generation = 0;
    std::uint32_t tag = proto::kReservedTag;
    proto::TaskManagementFunction function = proto::TaskManagementFunction::AbortTask;
    proto::Lun lun;
    std::uint32_t task_tag = proto::kReservedTag;  // AbortTask
    base::Instant deadline = base::kNever;
    bool escalating = false;  // ours, after a timeout; not asked for by the owner

    bool is_under_way() const { return state == State::Queued || state == State::Sent; }
};

class FullFeature::Impl {
public:
    Impl(const FullFeatureConfig& config, const LoggedIn& logged_in, base::Instant now);

    std::expected<TaskHandle, SubmitError> submit(const Task& task, base::Instant now);
    std::optional<TaskManagementHandle> abort_task(TaskHandle task, base::Instant now);
    std::optional<TaskManagementHandle> reset_lun(proto::Lun lun, base::Instant now);
    std::optional<TaskManagementHandle> reset_target(base::Instant now);
    void logout(proto::LogoutReason reason, base::Duration timeout, base::Instant now);

    std::span<const base::ByteSpan> recv_window();
    void on_received(std::size_t count, base::Instant now);
    std::span<const base::ConstByteSpan> send_window();
    void on_sent(std::size_t count, base::Instant now);
    base::Instant deadline() const;
    void on_deadline(base::Instant now);

    void fail(ConnectionErrorNumber number, std::optional<ProtocolError> error = std::nullopt);
    void drain(Disposition disposition);
    void restart(const LoggedIn& logged_in, base::Instant now);
    std::optional<FullFeatureEvent> next_event();

    State state() const { return state_; }
    const TaskTable& tasks() const { return tasks_; }
    const SessionStats& stats() const { return stats_; }

private:
    static constexpr std::size_t kNoticesMax = 8;      // unfetched AsyncReceived, RejectReceived
    static constexpr std::size_t kPingAnswersMax = 8;  // pings of the target's, not answered yet

    bool alive() const { return state_ == State::Running || state_ == State::LoggingOut; }

    // full_feature.cpp
    void connect(const LoggedIn& logged_in, base::Instant now);
    void finish(TaskSlot& slot, TaskDone done);
    void give_back(TaskSlot& slot);
    void push_event(const FullFeatureEvent& event);
    base::ConstByteSpan show_sense(base::ConstByteSpan sense);

    // full_feature_send.cpp
    void fill_batch();
    bool send_one();
    bool send_control();
    void send_management(ManagementSlot& slot);
    bool in_a_burst();
    void drop_dead_r2ts();
    void send_logout();
    void send_ping();
    void send_ping_answer();
    bool send_command();
    void send_command_of(TaskSlot& slot);
    std::size_t immediate_bytes(const TaskSlot& slot) const;
    bool send_unsolicited();
    bool send_solicited();
    void send_data(TaskSlot& slot, proto::DataOut pdu, std::uint32_t left);
    bool commands_are_held() const;

    // full_feature_receive.cpp
    void parse();
    bool must_pause() const;
    Checked on_header();
    Checked on_data_in_header();
    Checked on_complete();
    Checked on_data_in();
    Checked on_r2t();
    Checked on_scsi_response();
    Checked check_r2t(const TaskSlot& slot, const proto::R2t& pdu) const;
    struct StatusReport;
    Checked finish_with_status(TaskSlot& slot, const StatusReport& report);
    Checked check_status(const TaskSlot& slot, const StatusReport& report) const;
    std::expected<TaskSlot*, ProtocolError> active_task(std::uint32_t tag);
    Checked expect_stat_sn(proto::StatSn stat_sn);
    Checked check_tag_is_ours(std::uint32_t tag) const;

    // full_feature_notices.cpp
    Checked on_nop_in();
    Checked on_management_response();
    Checked on_async_message();
    Checked on_reject();
    Checked on_logout_response();
    Checked after_reject(std::uint8_t reason, proto::BhsView rejected);
    void reject_task(std::uint32_t tag, std::uint8_t reason);

    // full_feature_management.cpp
    ManagementSlot* take_management();
    ManagementSlot* find_management(std::uint32_t tag);
    std::uint32_t management_tag(const ManagementSlot& slot) const;
    ManagementSlot* request(proto::TaskManagementFunction function, proto::Lun lun,
                            base::Instant deadline);
    ManagementSlot* request_abort(TaskSlot& task);
    // A reset of ours is under way that ends all tasks of this LUN.
    bool reset_covers(proto::Lun lun) const;
    void stop_data_of(const ManagementSlot& slot);
    bool affects(const ManagementSlot& slot, const TaskSlot& task) const;
    void report(ManagementSlot& slot, TaskManagementOutcome outcome, std::uint8_t response);
    void apply(const ManagementSlot& slot);
    void escalate(const ManagementSlot& slot);
    void abort_timed_out_task(TaskSlot& slot);
    void abort_tasks_that_wait();
    void on_management_fetched(std::uint32_t tag);
    void on_task_deadlines(base::Instant now);
    void on_management_deadlines(base::Instant now);
    void answer_logout(const LogoutAnswered& answer);

    FullFeatureConfig config_;
    State state_ = State::Running;
    NegotiatedParameters params_;
    SessionStats stats_;
    base::Instant now_;  // of the latest call that was told the time

    // The session.
    CommandWindow window_;
    TaskTable tasks_;
    std::array<ManagementSlot, kTaskManagementMax> management_;
    std::size_t aborts_wanted_ = 0;  // tasks with abort_wanted

    // The connection.
    StreamReader reader_;
    bool parse_pending_ = false;  // the reader may have whole PDUs: events or answers wait
    SendBatch batch_;
    proto::StatSn exp_stat_sn_;
    std::uint16_t cid_ = 0;
    Keepalive keepalive_;
    R2tQueue r2ts_;
    std::uint32_t unsolicited_task_ = kNoIndex;  // its unsolicited Data-Outs are going out

    enum class RequestState : std::uint8_t { None, Queued, Sent };
    struct Ping {
        RequestState state = RequestState::None;
        std::uint16_t generation = 0;
        std::uint32_t tag = proto::kReservedTag;
    };
    Ping ping_;
    struct PingAnswer {
        proto::Lun lun;
        std::uint32_t target_transfer_tag = 0;
    };
    std::array<PingAnswer, kPingAnswersMax> ping_answers_;
    std::size_t ping_answers_count_ = 0;
    struct Logout {
        RequestState state = RequestState::None;
        proto::LogoutReason reason = proto::LogoutReason::CloseSession;
        std::uint32_t tag = proto::kReservedTag;
        base::Instant deadline = base::kNever;
    };
    Logout logout_;

    // Events, a ring that cannot overflow: every kind in it is limited.
    std::vector<FullFeatureEvent> events_;
    std::size_t events_first_ = 0;
    std::size_t events_count_ = 0;
    std::size_t notices_ = 0;  // AsyncReceived and RejectReceived among them
    std::array<std::array<std::byte, kSenseBytesMax>, kNoticesMax> notice_sense_{};
    std::size_t notice_sense_next_ = 0;
    std::array<std::byte, kSenseBytesMax> shown_sense_{};
};

// Sense data in a data segment that starts with a two-byte SenseLength (sections 11.4.7, 11.9.4):
// what of it is there, at most kSenseBytesMax bytes.
base::ConstByteSpan sense_in(base::ConstByteSpan segment);

}  // namespace iscsi::session
