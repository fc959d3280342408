// SPDX-License-Identifier: LGPL-2.1-or-later
// How fast the session engine is without a network: commands in, responses from a target that costs
// next to nothing. "items" are PDUs in both directions, "bytes" are data.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.hpp"
#include "proto/digest.hpp"
#include "proto/pdu.hpp"
#include "session/full_feature.hpp"

using namespace iscsi;

namespace {

constexpr base::Instant kNow{};

session::LoggedIn login(bool digests) {
    session::LoggedIn result;
    result.params.header_digest = result.params.data_digest = digests;
    result.params.initial_r2t = false;
    result.params.max_recv_data_segment_length = 1 << 20;
    result.params.max_xmit_data_segment_length = 1 << 20;
    result.params.first_burst_length = 1 << 20;
    result.params.max_burst_length = 1 << 20;
    result.cmd_sn = result.exp_cmd_sn = {1};
    result.max_cmd_sn = {1 + 1023};
    result.exp_stat_sn = {1};
    return result;
}

session::FullFeatureConfig config(std::size_t depth) {
    session::FullFeatureConfig result;
    result.queue_depth = depth;
    return result;
}

// Answers commands with GOOD: reads with one Data-In that carries the status.
class Target {
public:
    explicit Target(bool digests) : digests_(digests) {}

    void take(std::span<const base::ConstByteSpan> window) {
        for (const auto& span : window) {
            if (skip_ > 0) {
                skip_ -= span.size();
                continue;
            }
            CHECK(span.size() == proto::kBhsBytes);  // the engine gives each header a span
            const auto command = proto::decode<proto::ScsiCommand>(span.first<proto::kBhsBytes>());
            CHECK(command.has_value());
            skip_ = (digests_ ? 4 : 0) + proto::decode_common(span.first<48>()).padded_data_bytes();
            if (digests_ && command->data_segment_length > 0) skip_ += 4;
            answer(*command);
        }
    }
    std::vector<std::byte>& stream() { return stream_; }

private:
    void answer(const proto::ScsiCommand& command) {
        ++cmd_sn_;
        if (!command.read) {
            proto::ScsiResponse pdu;
            pdu.initiator_task_tag = command.initiator_task_tag;
            return number_and_append(pdu, 0);
        }
        proto::DataIn pdu;
        pdu.initiator_task_tag = command.initiator_task_tag;
        pdu.final = pdu.has_status = true;
        pdu.data_segment_length = command.expected_data_transfer_length;
        number_and_append(pdu, pdu.data_segment_length);
    }
    template <class Pdu>
    void number_and_append(Pdu& pdu, std::size_t size) {
        pdu.stat_sn = {stat_sn_++};
        pdu.exp_cmd_sn = {cmd_sn_};
        pdu.max_cmd_sn = {cmd_sn_ + 1023};
        const auto bhs = proto::encode(pdu);
        stream_.insert(stream_.end(), bhs.begin(), bhs.end());
        if (digests_) append(proto::crc32c_wire(bhs));
        if (size == 0) return;
        stream_.resize(stream_.size() + size);
        if (data_digest_size_ != size) {
            data_digest_ = proto::crc32c_wire(std::vector<std::byte>(size));
            data_digest_size_ = size;
        }
        if (digests_) append(data_digest_);
    }
    void append(const std::array<std::byte, 4>& digest) {
        stream_.insert(stream_.end(), digest.begin(), digest.end());
    }

    bool digests_;
    std::size_t skip_ = 0;
    std::uint32_t cmd_sn_ = 1;
    std::uint32_t stat_sn_ = 1;
    std::vector<std::byte> stream_;
    std::array<std::byte, 4> data_digest_{};
    std::size_t data_digest_size_ = 0;
};

// What the kernel would do: copy into the windows, as much as fits each time.
void deliver(session::FullFeature& engine, base::ConstByteSpan bytes) {
    while (!bytes.empty()) {
        std::size_t count = 0;
        for (const auto& span : engine.recv_window()) {
            const std::size_t part = std::min(span.size(), bytes.size() - count);
            std::memcpy(span.data(), bytes.data() + count, part);
            count += part;
        }
        CHECK(count > 0);
        bytes = bytes.subspan(count);
        engine.on_received(count, kNow);
    }
}

void run(benchmark::State& state, bool write) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const auto depth = static_cast<std::size_t>(state.range(1));
    const bool digests = state.range(2) != 0;
    session::FullFeature engine(config(depth), login(digests), kNow);
    Target target(digests);
    std::vector<std::byte> memory(size * depth);
    std::vector<base::ByteSpan> in;
    std::vector<base::ConstByteSpan> out;
    for (std::size_t i = 0; i < depth; ++i) {
        in.push_back(base::ByteSpan(memory).subspan(i * size, size));
        out.push_back(in.back());
    }
    const std::vector<std::byte> cdb(16);
    for (auto _ : state) {
        for (std::size_t i = 0; i < depth; ++i) {
            session::Task task;
            task.cdb = cdb;
            if (write) task.data_out = std::span(out).subspan(i, 1);
            if (!write) task.data_in = std::span(in).subspan(i, 1);
            CHECK(engine.submit(task, kNow).has_value());
        }
        for (auto window = engine.send_window(); !window.empty(); window = engine.send_window()) {
            target.take(window);
            std::size_t total = 0;
            for (const auto& span : window) total += span.size();
            engine.on_sent(total, kNow);
        }
        deliver(engine, target.stream());
        target.stream().clear();
        while (engine.next_event()) {
        }
        CHECK(engine.tasks() == 0);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(2 * depth));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size * depth));
}

void read(benchmark::State& state) { run(state, /*write=*/false); }
void write(benchmark::State& state) { run(state, /*write=*/true); }

void arguments(benchmark::internal::Benchmark* bench) {
    bench->ArgNames({"size", "depth", "digests"});
    for (const int digests : {0, 1}) {
        bench->Args({512, 128, digests})->Args({4096, 1, digests});
        bench->Args({4096, 32, digests})->Args({262144, 32, digests});
    }
}
BENCHMARK(read)->Apply(arguments);
BENCHMARK(write)->Apply(arguments);

}  // namespace

BENCHMARK_MAIN();
