// SPDX-License-Identifier: LGPL-2.1-or-later
// A target and an owner that do anything. The first byte chooses what was negotiated, then each
// byte is an action: submit a task, move bytes, let time pass, abort, log out, break the
// connection, or take a PDU from the input, with the fields put right that the action says, so that
// it gets past the first checks.
//
// Checked: each task ends exactly once, its memory is not touched afterwards (it is freed), GOOD
// means all data, windows are as promised.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "base/check.hpp"
#include "proto/digest.hpp"
#include "proto/pdu.hpp"
#include "session/full_feature.hpp"

using namespace iscsi;
using namespace std::chrono_literals;

namespace {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size)
        : bytes_(std::as_bytes(std::span(data, size))) {}
    bool empty() const { return bytes_.empty(); }
    std::uint8_t byte() {
        if (bytes_.empty()) return 0;
        const auto first = std::to_integer<std::uint8_t>(bytes_.front());
        bytes_ = bytes_.subspan(1);
        return first;
    }
    std::size_t word() {
        const std::size_t high = byte();
        return high << 8 | byte();
    }
    base::ConstByteSpan take(std::size_t count) {
        const auto taken = bytes_.first(std::min(count, bytes_.size()));
        bytes_ = bytes_.subspan(taken.size());
        return taken;
    }

private:
    base::ConstByteSpan bytes_;
};

struct Lent {
    std::vector<std::byte> memory;
    base::ByteSpan in;
    base::ConstByteSpan out;
    bool read = false;
    std::uint32_t tag = 0;
    std::uint32_t data_sn = 0;  // what a target of good will would say next
    std::uint32_t offset = 0;
};

session::LoggedIn login_for(unsigned choice) {
    session::LoggedIn login;
    login.params.header_digest = (choice & 1) != 0;
    login.params.data_digest = (choice & 2) != 0;
    login.params.initial_r2t = (choice & 4) != 0;
    login.params.immediate_data = (choice & 8) != 0;
    login.params.data_pdu_in_order = login.params.data_sequence_in_order = (choice & 16) != 0;
    const std::uint32_t length = (choice & 32) != 0 ? 512 : 16384;
    login.params.max_recv_data_segment_length = length;
    login.params.max_xmit_data_segment_length = length;
    login.params.first_burst_length = 1024;
    login.params.max_burst_length = 4096;
    login.params.max_outstanding_r2t = (choice & 64) != 0 ? 4 : 1;
    login.cmd_sn = login.exp_cmd_sn = {0xffff'fffc};
    login.max_cmd_sn = {2};
    login.exp_stat_sn = {0xffff'fffe};
    return login;
}

session::FullFeatureConfig config() {
    session::FullFeatureConfig config;
    config.queue_depth = 6;
    return config;
}

class Session {
public:
    explicit Session(unsigned choice)
        : choice_(choice), engine_(config(), login_for(choice), now_) {
        stat_sn_ = login_for(choice).exp_stat_sn.value;
    }

    void act(Input& input) {
        const unsigned action = input.byte();
        switch (action % 10) {
            case 0:
                return submit(input);
            case 1:
                return send(input.word());
            case 2:
            case 3:
            case 4:
                return deliver_pdu(input);
            case 5:
                return deliver(input.take(input.byte()));
            case 6:
                now_ += std::chrono::milliseconds(input.word());
                return engine_.on_deadline(now_);
            case 7:
                return manage(input);
            case 8:
                if (input.byte() % 8 == 0) {
                    engine_.connection_lost(session::ConnectionErrorNumber::TcpConnectionClosed);
                }
                return;
            default:
                return fetch();
        }
    }
    void end() {
        engine_.connection_lost(session::ConnectionErrorNumber::TcpConnectionClosed);
        fetch();
        CHECK(engine_.tasks() == 0 && lent_.empty());
    }

private:
    void submit(Input& input) {
        auto lent = std::make_unique<Lent>();
        const unsigned kind = input.byte();
        lent->memory.resize(input.word() % 9000);
        lent->read = (kind & 1) != 0;
        lent->in = lent->memory;
        lent->out = lent->memory;
        const std::vector<std::byte> cdb((kind & 2) != 0 ? 32 : 16);
        session::Task task;
        task.lun = {kind & 4};
        task.cdb = cdb;
        task.immediate = (kind & 8) != 0;
        if (lent->read) task.data_in = std::span(&lent->in, 1);
        if (!lent->read) task.data_out = std::span(&lent->out, 1);
        task.user = ++user_;
        if ((kind & 16) != 0) task.timeout = 100ms;
        const auto handle = engine_.submit(task, now_);
        if (!handle) return;
        lent->tag = handle->initiator_task_tag;
        lent_[user_] = std::move(lent);
    }
    void send(std::size_t limit) {
        std::size_t total = 0;
        unsigned sum = 0;
        for (const auto& span : engine_.send_window()) {
            CHECK(!span.empty());
            for (const auto byte : span) sum += std::to_integer<unsigned>(byte);  // readable
            total += span.size();
        }
        volatile unsigned seen = sum;
        (void)seen;
        if (total > 0) engine_.on_sent(std::min(total, limit + 1), now_);
    }
    void deliver(base::ConstByteSpan bytes) {
        while (!bytes.empty()) {
            const auto window = engine_.recv_window();
            if (window.empty()) return;
            std::size_t count = 0;
            for (const auto& span : window) {
                CHECK(!span.empty());
                const auto part = bytes.subspan(count, std::min(span.size(), bytes.size() - count));
                if (!part.empty()) std::memcpy(span.data(), part.data(), part.size());
                count += part.size();
            }
            bytes = bytes.subspan(count);
            engine_.on_received(count, now_);
        }
    }
    void deliver_pdu(Input& input) {
        const unsigned right = input.byte();  // which fields are put right
        const std::size_t size = input.word() % 9000;
        proto::Bhs bhs{};
        const auto header = input.take(bhs.size());
        std::ranges::copy(header, bhs.begin());
        repair(bhs, right, size);
        std::vector<std::byte> pdu(bhs.begin(), bhs.end());
        if ((choice_ & 1) != 0) append_digest(pdu, bhs);
        if ((right & 1) != 0 && size > 0) {
            const std::vector<std::byte> data(size + base::pad4(size));
            pdu.insert(pdu.end(), data.begin(), data.end());
            if ((choice_ & 2) != 0) append_digest(pdu, data);
        }
        deliver(pdu);
    }
    void repair(proto::Bhs& bhs, unsigned right, std::size_t size) {
        constexpr std::uint8_t kOpcodes[] = {0x20, 0x21, 0x22, 0x25, 0x26, 0x31, 0x32, 0x3f};
        if ((right & 1) != 0) {
            base::store_u8(bhs, 0, kOpcodes[base::load_u8(bhs, 0) % 8]);
            base::store_u8(bhs, 4, 0);
            base::store_u24(bhs, 5, static_cast<std::uint32_t>(size));
        }
        if ((right & 2) != 0) base::store_u32(bhs, 24, stat_sn_);
        if ((right & 4) != 0) {
            base::store_u32(bhs, 28, 0xffff'fffc);
            base::store_u32(bhs, 32, 0xffff'fffc + 64);
        }
        if ((right & 8) != 0) base::store_u32(bhs, 16, proto::kReservedTag);
        if ((right & 16) != 0 && !lent_.empty()) aim(bhs, right, size);
        const auto opcode = base::load_u8(bhs, 0);
        const bool counts = (opcode == 0x25 && (base::load_u8(bhs, 1) & 1) != 0) ||
                            opcode == 0x21 || opcode == 0x22 || opcode == 0x26 || opcode == 0x32 ||
                            opcode == 0x3f;
        if ((right & 2) != 0 && counts) ++stat_sn_;
    }
    // At a task that is there, with the numbers it waits for.
    void aim(proto::Bhs& bhs, unsigned right, std::size_t size) {
        auto& lent = *std::next(lent_.begin(),
                                static_cast<std::ptrdiff_t>(base::load_u8(bhs, 19) % lent_.size()))
                          ->second;
        base::store_u32(bhs, 16, lent.tag);
        if ((right & 32) == 0) return;
        base::store_u32(bhs, 36, lent.data_sn++);
        base::store_u32(bhs, 40, lent.offset);
        if (base::load_u8(bhs, 0) == 0x31) {
            size = std::min<std::size_t>(
                4096, lent.memory.size() - std::min<std::size_t>(lent.offset, lent.memory.size()));
            base::store_u32(bhs, 44, static_cast<std::uint32_t>(size));
            base::store_u64(bhs, 8, 0);
        }
        lent.offset += static_cast<std::uint32_t>(size);
    }
    static void append_digest(std::vector<std::byte>& out, base::ConstByteSpan covered) {
        const auto digest = proto::crc32c_wire(covered);
        out.insert(out.end(), digest.begin(), digest.end());
    }
    void manage(Input& input) {
        const unsigned what = input.byte();
        switch (what % 4) {
            case 0:
                if (!lent_.empty()) engine_.abort_task({lent_.begin()->second->tag}, now_);
                break;
            case 1:
                engine_.reset_lun({what & 4}, now_);
                break;
            case 2:
                engine_.reset_target(now_);
                break;
            default:
                engine_.logout(proto::LogoutReason::CloseSession, 15s, now_);
                break;
        }
    }
    void fetch() {
        fetch_events();
        using State = session::FullFeature::State;
        const auto state = engine_.state();
        if (state != State::Dropped && state != State::LoggedOut) return;
        CHECK(engine_.recv_window().empty() && engine_.send_window().empty());
        engine_.drain(session::Disposition::Requeue);
        fetch_events();
        CHECK(engine_.tasks() == 0 && lent_.empty());
        engine_.restart(login_for(choice_), now_);
        stat_sn_ = login_for(choice_).exp_stat_sn.value;
    }
    void fetch_events() {
        while (const auto event = engine_.next_event()) {
            const auto* done = std::get_if<session::TaskDone>(&*event);
            if (done == nullptr) continue;
            const auto found = lent_.find(done->user);
            CHECK(found != lent_.end());
            const auto& lent = *found->second;
            const bool good = done->outcome == session::TaskOutcome::Completed && done->status == 0;
            const auto missing =
                done->residual == session::Residual::Underflow ? done->residual_count : 0;
            if (good && lent.read) CHECK(done->bytes_in == lent.memory.size() - missing);
            CHECK(done->sense.size() <= session::kSenseBytesMax);
            lent_.erase(found);
        }
    }

    unsigned choice_;
    base::Instant now_ = base::Instant{} + 1ms;
    session::FullFeature engine_;
    std::map<std::uint64_t, std::unique_ptr<Lent>> lent_;
    std::uint64_t user_ = 0;
    std::uint32_t stat_sn_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    Session session(input.byte());
    while (!input.empty()) session.act(input);
    session.end();
    return 0;
}
