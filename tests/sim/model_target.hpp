// SPDX-License-Identifier: LGPL-2.1-or-later
// An iSCSI target in full-feature phase, written from RFC 7143 for the simulation. It answers in
// every way the RFC allows, drawn by dice; it judges each PDU it receives; and when told to, it
// lies. It has one disk of 512-byte blocks that understands READ(16), WRITE(16) and TEST UNIT
// READY.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "wire.hpp"

namespace sim {

struct Terms {  // what login agreed on
    bool header_digest = false;
    bool data_digest = false;
    bool initial_r2t = true;
    bool immediate_data = true;
    bool data_in_order = true;  // DataPDUInOrder and DataSequenceInOrder
    std::uint32_t target_segment = 8192;
    std::uint32_t initiator_segment = 8192;
    std::uint32_t first_burst = 65536;
    std::uint32_t max_burst = 262144;
    std::uint32_t max_r2t = 1;
    std::uint32_t cmd_sn = 1;
    std::uint32_t stat_sn = 1;
    std::uint32_t window = 32;
};

struct Manners {  // probabilities; swarm testing: each run has some of them at zero
    double status_in_data = 0.5;
    double failure = 0;       // CHECK CONDITION instead of the right status
    double early = 0;         // a failure before the data of a write has arrived
    double busy = 0;          // BUSY, likewise
    double shorten = 0;       // a read that gives less and says so
    double forget = 0;        // a task that is never answered
    double reject = 0;        // a command is answered with Reject
    double refuse_abort = 0;  // task management is answered with "function not supported"
    double ping = 0;          // NOP-In that wants an answer
    double chatter = 0;       // NOP-In that wants none, Asynchronous Messages
    double empty_data = 0;    // Data-In without data
    double lie = 0;           // a PDU that breaks a rule
    double flip = 0;          // a bit that changes on the way (with digests only)
    double shut_window = 0;   // MaxCmdSN stands still for a while
};

class ModelTarget {
public:
    static constexpr std::uint32_t kBlock = 512;

    ModelTarget(Dice& dice, std::size_t blocks) : dice_(dice), disk_(blocks * kBlock) {}

    // A new connection: tasks of the old one are gone, the disk stays.
    void connect(const Terms& terms, const Manners& manners);
    void receive(std::span<const std::uint8_t> bytes);
    // Does something of what there is to do; false when there is nothing.
    bool step();

    Bytes& out() { return out_; }
    const Bytes& disk() const { return disk_; }
    const std::string& verdict() const { return verdict_; }  // the first broken rule, or empty
    bool logged_out() const { return logged_out_; }
    // Bytes of out() in all, up to the end of the first lie of this connection.
    std::optional<std::uint64_t> lie_end() const { return lie_end_; }
    bool flipped() const { return flipped_; }
    std::uint64_t sent() const { return sent_; }

private:
    struct R2t {
        std::uint32_t ttt = 0;
        std::uint32_t offset = 0;
        std::uint32_t length = 0;
        std::uint32_t done = 0;
        std::uint32_t data_sn = 0;
    };
    struct Task {
        std::uint32_t itt = 0;
        std::uint64_t lun = 0;
        std::uint32_t cmd_sn = 0;
        std::uint32_t length = 0;
        std::uint64_t disk_offset = 0;
        bool read = false;
        bool write = false;
        Bytes data;  // of a write
        std::uint32_t unsolicited_left = 0;
        std::uint32_t unsolicited_sn = 0;
        std::uint32_t arrived = 0;    // bytes of a write
        std::uint32_t asked_for = 0;  // sent unasked or covered by R2Ts
        std::deque<R2t> r2ts;
        std::uint32_t r2t_sn = 0;
        // Of a read: begin and end of what is still to be sent; the last piece is next.
        std::vector<std::pair<std::uint32_t, std::uint32_t>> pieces;
        std::uint32_t gives = 0;  // bytes a read will send
        std::uint32_t given = 0;
        std::uint32_t in_sequence = 0;
        std::uint32_t data_sn = 0;
        bool fails = false;
        std::uint8_t failure = 2;
        bool early = false;
        bool forgotten = false;
    };

    void judge(bool good, const char* rule);
    bool cut();
    void take(std::span<const std::uint8_t> header, std::span<const std::uint8_t> data);
    void on_command(std::span<const std::uint8_t> header, std::span<const std::uint8_t> data);
    void on_data_out(std::span<const std::uint8_t> header, std::span<const std::uint8_t> data);
    void on_nop_out(std::span<const std::uint8_t> header, std::span<const std::uint8_t> data);
    void on_management(std::span<const std::uint8_t> header);
    void on_logout(std::span<const std::uint8_t> header);
    void on_cmd_sn(std::span<const std::uint8_t> header);
    void draw_fate(Task& task);

    void advance(Task& task);
    void advance_read(Task& task);
    void ask_for_data(Task& task);
    void respond(Task& task, std::uint8_t status);
    void send(Bytes header, std::span<const std::uint8_t> data, bool counts);
    void number(Bytes& header, bool counts);
    Bytes header(std::uint8_t opcode, std::uint32_t itt) const;
    void lie_about(Bytes& header);
    void small_talk();
    void close_task(std::uint32_t itt);

    Dice& dice_;
    Bytes disk_;
    Terms terms_;
    Manners manners_;
    Bytes in_;
    Bytes out_;
    std::uint64_t sent_ = 0;
    std::string verdict_;
    std::map<std::uint32_t, Task> tasks_;
    std::set<std::uint32_t> closed_;  // data for these may still be on its way
    std::uint32_t unsolicited_itt_ = 0xffffffff;
    std::uint32_t exp_cmd_sn_ = 1;
    std::uint32_t max_cmd_sn_ = 32;
    std::uint32_t stat_sn_ = 1;
    std::uint32_t acked_stat_sn_ = 1;
    std::uint32_t next_ttt_ = 1;
    std::map<std::uint32_t, std::uint64_t> pings_;  // TTT -> LUN
    std::vector<Bytes> answers_;  // ready to be sent: to pings and task management
    bool logged_out_ = false;
    std::optional<std::uint64_t> lie_end_;
    bool flipped_ = false;
};

}  // namespace sim
