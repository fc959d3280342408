// SPDX-License-Identifier: LGPL-2.1-or-later
// Drives a FullFeature engine by hand: what it sends is cut into PDUs for the test to look at, what
// the test writes is delivered in pieces of a chosen size. Digests are made and checked here.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proto/digest.hpp"
#include "proto/pdu.hpp"
#include "session/full_feature.hpp"

namespace iscsi::session::testing {

using namespace std::chrono_literals;
using Bytes = std::vector<std::byte>;

inline base::Instant at(base::Duration since_start) { return base::Instant{} + since_start; }

inline Bytes pattern(std::size_t size, unsigned seed = 1) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::byte>((i * 7 + (i >> 8) * 13 + std::size_t{seed} * 101) & 0xff);
    }
    return bytes;
}

struct SentPdu {
    proto::Bhs bhs{};
    Bytes ahs;
    Bytes data;

    proto::Opcode opcode() const {
        return static_cast<proto::Opcode>(proto::decode_common(bhs).opcode);
    }
    template <class Pdu>
    Pdu as() const {
        const auto pdu = proto::decode<Pdu>(bhs);
        EXPECT_TRUE(pdu.has_value()) << "sent another PDU than expected";
        return pdu.value_or(Pdu{});
    }
};

// A read or write with memory of its own.
struct Io {
    Bytes memory;
    std::vector<base::ByteSpan> in;
    std::vector<base::ConstByteSpan> out;
    Bytes cdb = Bytes(16, std::byte{0});
    Task task;

    // `pieces` span sizes; what is left over becomes the last piece.
    Io(bool read, std::size_t size, std::vector<std::size_t> pieces = {}) : memory(size) {
        cdb[0] = std::byte{static_cast<std::uint8_t>(read ? 0x88 : 0x8a)};
        std::size_t offset = 0;
        pieces.push_back(size);
        for (const auto wanted : pieces) {
            const auto piece =
                base::ByteSpan(memory).subspan(offset, std::min(wanted, size - offset));
            in.push_back(piece);
            out.push_back(piece);
            offset += piece.size();
        }
        if (!read) memory = pattern(size, 3);
        point(read);
    }
    Io(Io&&) = delete;

private:
    void point(bool read) {
        // `memory` may have moved by assignment.
        std::size_t offset = 0;
        for (std::size_t i = 0; i < in.size(); ++i) {
            in[i] = base::ByteSpan(memory).subspan(offset, in[i].size());
            out[i] = in[i];
            offset += in[i].size();
        }
        task.cdb = cdb;
        task.lun = {0x0001'0000'0000'0000};
        if (read) task.data_in = in;
        if (!read) task.data_out = out;
    }
};

inline LoggedIn logged_in() {
    LoggedIn login;
    login.params.max_recv_data_segment_length = 262144;
    login.params.max_xmit_data_segment_length = 8192;
    login.params.first_burst_length = 65536;
    login.params.max_burst_length = 262144;
    login.cid = 3;
    login.cmd_sn = {100};
    login.exp_cmd_sn = {100};
    login.max_cmd_sn = {131};
    login.exp_stat_sn = {500};
    return login;
}

class Harness {
public:
    explicit Harness(const LoggedIn& login = logged_in(), FullFeatureConfig config = {})
        : login_(login), engine(config, login, now), stat_sn(login.exp_stat_sn) {}

private:
    LoggedIn login_;

public:
    base::Instant now = at(1ms);
    FullFeature engine;
    proto::StatSn stat_sn;                   // of the next response of ours
    std::optional<proto::CmdSn> exp_cmd_sn;  // default: what the commands sent so far make it
    std::uint32_t window = 32;               // MaxCmdSN = ExpCmdSN + window - 1
    std::size_t chunk = std::numeric_limits<std::size_t>::max();  // bytes per delivery
    std::size_t send_chunk = std::numeric_limits<std::size_t>::max();

    // Takes what the engine wants to send and returns it as PDUs, digests checked.
    std::vector<SentPdu> sent() {
        for (auto window_list = engine.send_window(); !window_list.empty();
             window_list = engine.send_window()) {
            std::size_t taken = 0;
            for (const auto& span : window_list) {
                const auto part = span.first(std::min(span.size(), send_chunk - taken));
                wire_.insert(wire_.end(), part.begin(), part.end());
                taken += part.size();
                if (taken == send_chunk) break;
            }
            engine.on_sent(taken, now);
        }
        std::vector<SentPdu> pdus;
        while (auto pdu = cut()) {
            count(*pdu);
            pdus.push_back(std::move(*pdu));
        }
        EXPECT_TRUE(wire_.empty()) << "half a PDU was sent";
        return pdus;
    }
    SentPdu sent_one() {
        auto pdus = sent();
        EXPECT_EQ(pdus.size(), 1U);
        return pdus.empty() ? SentPdu{} : std::move(pdus.front());
    }

    // A PDU with numbers filled in: StatSN counted, window as set above.
    template <class Pdu>
    Bytes written(Pdu pdu, base::ConstByteSpan data = {}) {
        if constexpr (requires { pdu.data_segment_length; }) {
            pdu.data_segment_length = static_cast<std::uint32_t>(data.size());
        }
        number(pdu);
        return raw(proto::encode(pdu), data);
    }
    Bytes raw(const proto::Bhs& bhs, base::ConstByteSpan data = {}, base::ConstByteSpan ahs = {}) {
        Bytes bytes(bhs.begin(), bhs.end());
        bytes.insert(bytes.end(), ahs.begin(), ahs.end());
        if (login_.params.header_digest) append_digest(bytes, bytes);
        Bytes padded(data.begin(), data.end());
        padded.resize(data.size() + base::pad4(data.size()));
        bytes.insert(bytes.end(), padded.begin(), padded.end());
        if (login_.params.data_digest && !data.empty()) append_digest(bytes, padded);
        return bytes;
    }
    template <class Pdu>
    void deliver(const Pdu& pdu, base::ConstByteSpan data = {}) {
        deliver_bytes(written(pdu, data));
    }
    // False when the engine would take no more: it waits for us, or the connection is over.
    bool deliver_bytes(base::ConstByteSpan bytes) {
        while (!bytes.empty()) {
            const auto list = engine.recv_window();
            if (list.empty()) return false;
            std::size_t moved = 0;
            for (const auto& span : list) {
                const auto part = bytes.subspan(
                    moved, std::min({span.size(), bytes.size() - moved, chunk - moved}));
                std::ranges::copy(part, span.begin());
                moved += part.size();
                if (moved == chunk || moved == bytes.size()) break;
            }
            bytes = bytes.subspan(moved);
            engine.on_received(moved, now);
        }
        return true;
    }

    std::vector<FullFeatureEvent> events() {
        std::vector<FullFeatureEvent> list;
        while (auto event = engine.next_event()) list.push_back(*event);
        return list;
    }
    // The only event there is, which must be a T.
    template <class T>
    T event() {
        const auto list = events();
        EXPECT_EQ(list.size(), 1U);
        if (list.size() != 1 || !std::holds_alternative<T>(list.front())) {
            ADD_FAILURE() << "not the event that was expected";
            return {};
        }
        return std::get<T>(list.front());
    }
    // The violation for which the connection was dropped.
    std::optional<Violation> violation() {
        for (const auto& event : events()) {
            const auto* dropped = std::get_if<Dropped>(&event);
            if (dropped != nullptr && dropped->protocol_error) {
                EXPECT_EQ(number_of(dropped->protocol_error->violation), dropped->number);
                return dropped->protocol_error->violation;
            }
        }
        return std::nullopt;
    }

    TaskHandle submit(const Task& task) {
        const auto handle = engine.submit(task, now);
        EXPECT_TRUE(handle.has_value());
        return handle.value_or(TaskHandle{});
    }
    // Submits, and returns the command as sent (with what else was sent before it dropped).
    SentPdu start(const Task& task) {
        submit(task);
        auto pdus = sent();
        for (auto& pdu : pdus) {
            if (pdu.opcode() == proto::Opcode::ScsiCommand) return std::move(pdu);
        }
        ADD_FAILURE() << "no command was sent";
        return {};
    }

    proto::CmdSn expected_cmd_sn() const { return exp_cmd_sn.value_or(counted_cmd_sn_); }

private:
    void append_digest(Bytes& bytes, const Bytes& covered) {
        const auto digest = proto::crc32c_wire(covered);
        bytes.insert(bytes.end(), digest.begin(), digest.end());
    }
    template <class Pdu>
    void number(Pdu& pdu) {
        pdu.exp_cmd_sn = expected_cmd_sn();
        pdu.max_cmd_sn = expected_cmd_sn().plus(window - 1);
        bool counts = true;
        if constexpr (requires { pdu.has_status; }) counts = pdu.has_status;
        if constexpr (std::is_same_v<Pdu, proto::R2t>) counts = false;
        if constexpr (std::is_same_v<Pdu, proto::NopIn>) {
            counts = pdu.initiator_task_tag != proto::kReservedTag;
        }
        pdu.stat_sn = stat_sn;
        if (counts) stat_sn = stat_sn.next();
    }
    std::optional<SentPdu> cut() {
        if (wire_.size() < proto::kBhsBytes) return std::nullopt;
        SentPdu pdu;
        std::copy_n(wire_.begin(), proto::kBhsBytes, pdu.bhs.begin());
        const auto common = proto::decode_common(pdu.bhs);
        std::size_t offset = proto::kBhsBytes + common.ahs_bytes();
        pdu.ahs.assign(wire_.begin() + proto::kBhsBytes,
                       wire_.begin() + static_cast<std::ptrdiff_t>(offset));
        if (login_.params.header_digest) offset = check_digest(0, offset);
        const std::size_t padded = common.padded_data_bytes();
        const auto data = wire_.begin() + static_cast<std::ptrdiff_t>(offset);
        pdu.data.assign(data, data + common.data_segment_length);
        if (login_.params.data_digest && padded > 0) {
            offset = check_digest(offset, offset + padded);
        } else {
            offset += padded;
        }
        wire_.erase(wire_.begin(), wire_.begin() + static_cast<std::ptrdiff_t>(offset));
        return pdu;
    }
    std::size_t check_digest(std::size_t begin, std::size_t end) {
        const auto covered = base::ConstByteSpan(wire_).subspan(begin, end - begin);
        const auto digest = proto::crc32c_wire(covered);
        EXPECT_TRUE(std::ranges::equal(
            digest, base::ConstByteSpan(wire_).subspan(end, proto::kDigestBytes)))
            << "a wrong digest was sent";
        return end + proto::kDigestBytes;
    }
    void count(const SentPdu& pdu) {
        if (pdu.opcode() == proto::Opcode::ScsiCommand && !pdu.as<proto::ScsiCommand>().immediate) {
            EXPECT_EQ(pdu.as<proto::ScsiCommand>().cmd_sn, counted_cmd_sn_);
            counted_cmd_sn_ = counted_cmd_sn_.next();
        }
    }

    Bytes wire_;
    proto::CmdSn counted_cmd_sn_ = login_.cmd_sn;
};

}  // namespace iscsi::session::testing
