// SPDX-License-Identifier: LGPL-2.1-or-later
// The scheduler under any sequence of requests, answers, losses and time: every request completes
// exactly once, nothing runs without a connection or beyond its limits, success means that the
// target has confirmed every block.
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "base/check.hpp"
#include "userd/scheduler.hpp"

namespace {

using namespace iscsi;
using namespace iscsi::userd;
using namespace std::chrono_literals;

constexpr std::size_t kSlots = 8;
constexpr std::uint32_t kQueueDepth = 3;
constexpr std::uint32_t kCommandsMax = 4;
constexpr std::uint8_t kGood = 0;

class Input {
public:
    explicit Input(base::ConstByteSpan bytes) : bytes_(bytes) {}
    bool empty() const { return bytes_.empty(); }
    std::uint8_t next() {
        if (bytes_.empty()) return 0;
        const auto value = std::to_integer<std::uint8_t>(bytes_.front());
        bytes_ = bytes_.subspan(1);
        return value;
    }

private:
    base::ConstByteSpan bytes_;
};

class World {
public:
    explicit World(std::uint8_t flavour) : scheduler_(config(flavour), kSlots) {
        for (std::uint32_t id = 0; id < 2; ++id) {
            Volume volume;
            volume.lun = scsi::Lun::from_number(id + 1);
            volume.blocks = 1 << 20;
            volume.max_transfer_blocks = (flavour & 1) != 0 ? 3 : 0;
            volume.discard = (flavour & 2) != 0 ? ZeroMethod::WriteSame16 : ZeroMethod::None;
            volume.discard_fallback = (flavour & 4) != 0 ? ZeroMethod::Unmap : ZeroMethod::None;
            volume.max_write_same_blocks = 5;
            volume.max_unmap_blocks = 16;
            volume.unmap_granularity = 4;
            volume.write_zeros = volume.discard;
            scheduler_.set_volume(id, volume);
        }
    }

    void step(Input& input) {
        const std::uint8_t what = input.next();
        switch (what % 10) {
            case 0:
            case 1:
                submit(input);
                break;
            case 2:
            case 3:
                act(/*may_start=*/true);
                break;
            case 4:
                act((what & 0x80) != 0);
                break;
            case 5:
                answer(input);
                break;
            case 6:
                connect();
                break;
            case 7:
                lose();
                break;
            case 8:
                pass_time(input.next());
                break;
            default:
                scheduler_.on_task_management_done((what & 0x80) != 0);
                break;
        }
    }

    // A connection and a willing target: everything must come to its end.
    void settle() {
        connect();
        for (int round = 0; round < 10'000 && scheduler_.busy_slots() != 0; ++round) {
            act(true);
            for (Slot slot = 0; slot < kSlots; ++slot) {
                if (slots_[slot].running) respond(slot, kGood, {}, /*all=*/true);
            }
            pass_time(1);
        }
        act(true);
        CHECK(scheduler_.busy_slots() == 0 && scheduler_.running() == 0);
        for (const auto& slot : slots_) CHECK(!slot.busy);
    }

private:
    struct Shadow {
        bool busy = false;
        bool running = false;
        Request request;
        std::uint64_t confirmed = 0;  // blocks
    };

    static Scheduler::Config config(std::uint8_t flavour) {
        Scheduler::Config out{.queue_depth = kQueueDepth, .cmds_max = kCommandsMax};
        out.replacement_timeout = std::chrono::seconds(flavour >> 4);
        if ((flavour & 8) != 0) out.replacement_timeout = std::nullopt;
        return out;
    }

    void submit(Input& input) {
        const Slot slot = input.next() % kSlots;
        if (slots_[slot].busy) return;
        Request request{.kind = static_cast<RequestKind>(input.next() % 5),
                        .volume = input.next() % 2u,
                        .lba = input.next(),
                        .blocks = 1u + input.next() % 8u};
        if (request.kind == RequestKind::Flush) request.blocks = 0;
        request.data = base::ByteSpan(memory_).first(request.blocks * 512);
        slots_[slot] = {.busy = true, .request = request};
        scheduler_.submit(slot, request, now_);
    }

    void act(bool may_start) {
        while (const auto action = scheduler_.next_action(may_start, now_)) {
            if (const auto* start = std::get_if<StartCommand>(&*action)) on_start(start->slot);
            if (const auto* complete = std::get_if<Complete>(&*action)) on_complete(*complete);
            if (const auto* abort = std::get_if<AbortTask>(&*action)) {
                CHECK(abort->slot < kSlots && slots_[abort->slot].running);
            }
            if (std::holds_alternative<DropConnection>(*action)) lose();
        }
    }

    void on_start(Slot slot) {
        CHECK(connected_ && slots_[slot].busy && !slots_[slot].running);
        slots_[slot].running = true;
        std::array<std::uint32_t, 2> running{};
        for (const auto& one : slots_) running[one.request.volume] += one.running ? 1 : 0;
        CHECK(running[0] <= kQueueDepth && running[1] <= kQueueDepth);
        CHECK(running[0] + running[1] <= kCommandsMax);
    }

    void on_complete(const Complete& complete) {
        Shadow& slot = slots_[complete.slot];
        CHECK(slot.busy && !slot.running);
        if (complete.error_number == 0) CHECK(slot.confirmed >= slot.request.blocks);
        slot = {};
    }

    void answer(Input& input) {
        const Slot slot = input.next() % kSlots;
        const std::uint8_t kind = input.next();
        if (!slots_[slot].running) return;
        std::array<std::byte, 14> sense{};
        sense[0] = std::byte{0x70};
        sense[2] = std::byte(kind & 0x0f);
        sense[7] = std::byte{6};
        sense[12] = std::byte(input.next());
        sense[13] = std::byte(input.next());
        constexpr std::array<std::uint8_t, 8> kStatuses = {0x00, 0x00, 0x02, 0x02,
                                                           0x08, 0x18, 0x28, 0x40};
        respond(slot, kStatuses[kind >> 5], sense, (kind & 0x10) != 0);
    }

    void respond(Slot id, std::uint8_t status, base::ConstByteSpan sense, bool all) {
        Shadow& slot = slots_[id];
        const Command& command = scheduler_.command(id);
        std::size_t bytes = command.direction == Direction::Read ? command.read_into.size()
                                                                 : command.write_from.size();
        if (!all && bytes > 0) --bytes;
        slot.running = false;
        const auto judgement = scsi::judge(status, sense);
        const std::uint64_t covered = blocks_of(command);
        if (judgement.verdict == scsi::Verdict::Success && (all || command.write_from.empty()) &&
            (all || command.read_into.empty())) {
            slot.confirmed += covered;
        }
        // Commands that the target does not know are given up or replaced.
        if (slot.request.kind == RequestKind::Flush) slot.confirmed = 0;
        scheduler_.on_result(
            id, {.answered = true, .status = status, .sense = sense, .transferred = bytes}, now_);
    }

    static std::uint64_t blocks_of(const Command& command) {
        const base::ConstByteSpan cdb(command.cdb.bytes);
        switch (command.cdb.opcode()) {
            case scsi::Opcode::Read10:
            case scsi::Opcode::Write10:
                return base::load_u16(cdb, 7);
            case scsi::Opcode::WriteSame16:
                return base::load_u32(cdb, 10);
            case scsi::Opcode::Unmap:
                return base::load_u32(command.write_from, 16);
            default:
                return 0;
        }
    }

    void connect() {
        for (auto& slot : slots_) slot.running = false;
        connected_ = true;
        scheduler_.on_connected(now_);
    }
    void lose() {
        for (auto& slot : slots_) slot.running = false;
        connected_ = false;
        scheduler_.on_connection_lost(now_);
    }
    void pass_time(std::uint8_t seconds) {
        now_ += std::chrono::seconds(seconds);
        if (scheduler_.deadline() <= now_) scheduler_.on_deadline(now_);
    }

    base::Instant now_ = base::Instant{} + 1h;
    bool connected_ = false;
    std::array<std::byte, 8UL * 512> memory_{};
    std::array<Shadow, kSlots> slots_{};
    Scheduler scheduler_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    Input input(std::as_bytes(std::span(bytes, size)));
    World world(input.next());
    while (!input.empty()) world.step(input);
    world.settle();
    return 0;
}
