// SPDX-License-Identifier: LGPL-2.1-or-later
#include "world.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace sim {

namespace {

using namespace std::chrono_literals;
using namespace iscsi;
using session::FullFeature;

constexpr std::uint32_t kDiskBlocks = 1024;

session::FullFeatureConfig engine_config(std::size_t depth, bool fast_abort) {
    session::FullFeatureConfig config;
    config.queue_depth = depth;
    config.fast_abort = fast_abort;
    return config;
}

}  // namespace

void Tally::add(const Tally& other) {
    done += other.done;
    retried += other.retried;
    aborted += other.aborted;
    dropped += other.dropped;
    violations += other.violations;
    bytes += other.bytes;
}

World::World(std::uint64_t seed)
    : dice_(seed),
      depth_(dice_.pick<std::size_t>({1, 2, 8, 32, 128})),
      blocks_max_(dice_.pick<std::uint32_t>({1, 8, 64, 200})),
      target_(dice_, kDiskBlocks),
      expected_(kDiskBlocks * ModelTarget::kBlock),
      now_(base::Instant{} + 1ms),
      config_(engine_config(depth_, dice_.chance(0.5))),
      engine_(config_, log_in(), now_) {}

void World::fail(std::string what) {
    if (problem_.empty()) problem_ = std::move(what);
}

// Swarm testing: each fault is off in many runs, and strong in some.
void World::draw_terms() {
    const auto maybe = [&](double most) {
        return dice_.chance(0.6) ? 0.0 : dice_.chance(0.5) ? most : most / 10;
    };
    manners_ = {.status_in_data = dice_.pick({0.0, 0.5, 1.0}),
                .failure = maybe(0.2),
                .early = dice_.pick({0.0, 1.0}),
                .busy = maybe(0.2),
                .shorten = maybe(0.2),
                .forget = maybe(0.1),
                .reject = maybe(0.1),
                .refuse_abort = maybe(0.5),
                .ping = maybe(0.3),
                .chatter = maybe(0.3),
                .empty_data = maybe(0.2),
                .lie = maybe(0.01),
                .flip = maybe(0.005),
                .shut_window = dice_.pick({0.0, 0.0, 0.5, 0.95})};
    cut_chance_ = maybe(0.01);
    const auto length = [&] { return dice_.pick<std::uint32_t>({512, 513, 4096, 65536, 262144}); };
    const bool digests = dice_.chance(0.3);
    const std::uint32_t max_burst = length();
    terms_ = {.header_digest = digests || dice_.chance(0.2),
              .data_digest = digests || dice_.chance(0.2),
              .initial_r2t = dice_.chance(0.5),
              .immediate_data = dice_.chance(0.5),
              .data_in_order = dice_.chance(0.8),
              .target_segment = length(),
              .initiator_segment = length(),
              .first_burst = std::min(length(), max_burst),
              .max_burst = max_burst,
              .max_r2t = dice_.pick<std::uint32_t>({1, 2, 8}),
              .cmd_sn = dice_.pick<std::uint32_t>({1, 0xfffffff0, 0x7ffffff0, 0}),
              .stat_sn = dice_.pick<std::uint32_t>({1, 0xffffffff, 0xfffffff0}),
              .window = dice_.pick<std::uint32_t>({1, 2, 32, 256})};
}

session::LoggedIn World::log_in() {
    draw_terms();
    target_.connect(terms_, manners_);
    session::LoggedIn login;
    login.params = {.header_digest = terms_.header_digest,
                    .data_digest = terms_.data_digest,
                    .max_recv_data_segment_length = terms_.initiator_segment,
                    .max_xmit_data_segment_length = terms_.target_segment,
                    .max_burst_length = terms_.max_burst,
                    .first_burst_length = terms_.first_burst,
                    .initial_r2t = terms_.initial_r2t,
                    .immediate_data = terms_.immediate_data,
                    .max_outstanding_r2t = terms_.max_r2t,
                    .data_pdu_in_order = terms_.data_in_order,
                    .data_sequence_in_order = terms_.data_in_order};
    // R2Ts of the model always come in order.
    login.tsih = 1;
    login.cmd_sn = login.exp_cmd_sn = {terms_.cmd_sn};
    login.max_cmd_sn = {terms_.cmd_sn + terms_.window - 1};
    login.exp_stat_sn = {terms_.stat_sn};
    return login;
}

bool World::region_is_free(std::uint32_t block, std::uint32_t blocks) const {
    const auto apart = [&](const Operation& o) {
        return block + blocks <= o.block || o.block + o.blocks <= block;
    };
    return std::ranges::all_of(waiting_, apart) &&
           std::ranges::all_of(attempts_,
                               [&](const auto& a) { return apart(a.second->operation); });
}

void World::new_operation() {
    Operation operation;
    operation.write = dice_.chance(0.5);
    operation.blocks = dice_.chance(0.05) ? 0 : dice_.between(1, blocks_max_);
    operation.block = dice_.below(kDiskBlocks - operation.blocks + 1);
    if (!region_is_free(operation.block, operation.blocks)) return;
    if (operation.write) {
        operation.content.resize(std::size_t{operation.blocks} * ModelTarget::kBlock);
        const auto key = static_cast<std::uint8_t>(dice_.next());
        for (std::size_t i = 0; i < operation.content.size(); ++i) {
            operation.content[i] = static_cast<std::uint8_t>(i * 31 + (i >> 9) * 7 + key);
        }
    }
    --operations_left_;
    waiting_.push_back(std::move(operation));
}

void World::submit() {
    auto attempt = std::make_unique<Attempt>();
    attempt->operation = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    const auto& operation = attempt->operation;
    attempt->cdb.resize(16);
    Bytes cdb(16);
    if (operation.blocks > 0) {
        cdb[0] = operation.write ? 0x8a : 0x88;
        put(cdb, 2, 8, operation.block);
        put(cdb, 10, 4, operation.blocks);
    }
    std::memcpy(attempt->cdb.data(), cdb.data(), cdb.size());
    attempt->memory.resize(std::size_t{operation.blocks} * ModelTarget::kBlock);
    if (operation.write && operation.blocks > 0) {
        std::memcpy(attempt->memory.data(), operation.content.data(), operation.content.size());
    }
    for (std::size_t at = 0; at < attempt->memory.size();) {
        const std::size_t left = attempt->memory.size() - at;
        const std::size_t size =
            dice_.chance(0.5) ? left : std::min<std::size_t>(left, dice_.below(9000));
        attempt->in.push_back(base::ByteSpan(attempt->memory).subspan(at, size));
        attempt->out.push_back(attempt->in.back());
        at += size;
    }
    session::Task task;
    task.lun = {0x0001'0000'0000'0000};
    task.cdb = attempt->cdb;
    if (operation.write) task.data_out = attempt->out;
    if (!operation.write) task.data_in = attempt->in;
    task.user = next_user_;
    task.timeout = 30s;
    note(true);
    if (!engine_.submit(task, now_)) return fail("submit was refused");
    attempts_[next_user_++] = std::move(attempt);
}

// A write to the socket is begun in one step and ended in another; the target may answer what it
// has got before that.
void World::begin_send() {
    if (sending_ > 0) return finish_send();
    const auto window = engine_.send_window();
    std::size_t total = 0;
    for (const auto& span : window) total += span.size();
    note(total > 0);
    if (total == 0) return;
    sending_ = dice_.chance(0.5) ? total : dice_.between(1, static_cast<std::uint32_t>(total));
    std::size_t left = sending_;
    for (const auto& span : window) {
        for (const auto byte : span.first(std::min(left, span.size()))) {
            to_target_.push_back(static_cast<std::uint8_t>(byte));
        }
        left -= std::min(left, span.size());
    }
}

void World::finish_send() {
    const std::size_t count = std::exchange(sending_, 0);
    // What was sent is still there to be looked at.
    std::size_t left = count;
    for (const auto& span : engine_.send_window()) {
        const auto part = span.first(std::min(left, span.size()));
        left -= part.size();
        if (!part.empty()) last_sent_byte_ = static_cast<std::uint8_t>(part.back());
    }
    if (left > 0 && engine_.state() == FullFeature::State::Running) {
        return fail("the window of a write under way has changed");
    }
    engine_.on_sent(count, now_);
}

// A read of the socket is begun in one step and ended in another.
void World::give_to_engine() {
    if (receiving_) {
        return finish_receive(dice_.chance(0.5) ? ~std::size_t{0} : dice_.between(1, 3000));
    }
    const auto window = engine_.recv_window();
    if (window.empty()) return;
    receive_window_.assign(window.begin(), window.end());
    receiving_ = true;
}

void World::finish_receive(std::size_t limit) {
    const auto window = engine_.recv_window();
    const bool same = std::ranges::equal(window, receive_window_, [](const auto& a, const auto& b) {
        return a.data() == b.data() && a.size() == b.size();
    });
    if (!same) return fail("the window of a read under way has changed");
    auto& stream = target_.out();
    std::size_t count = 0;
    for (const auto& span : receive_window_) {
        const std::size_t part = std::min({span.size(), limit - count, stream.size() - count});
        if (part > 0) std::memcpy(span.data(), stream.data() + count, part);
        count += part;
    }
    note(count > 0);
    if (count == 0) return;
    receiving_ = false;
    stream.erase(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(count));
    consumed_ += count;
    tally_.bytes += count;
    engine_.on_received(count, now_);
    const bool lied = target_.lie_end() && consumed_ >= *target_.lie_end();
    drain_events();
    if (lied && !target_.flipped() && engine_.state() == FullFeature::State::Running &&
        !engine_.recv_window().empty()) {
        fail("a lie was believed");
    }
}

void World::note(bool moved) { quiet_steps_ = moved ? 0 : quiet_steps_ + 1; }

// Where nothing moves any more the next thing to happen is a timer.
void World::move_time() {
    constexpr int kIdle = 60;
    if (quiet_steps_ > kIdle && engine_.deadline() != base::kNever && engine_.deadline() > now_) {
        now_ = engine_.deadline();
    } else {
        now_ += std::chrono::milliseconds(dice_.below(20));
    }
    if (engine_.deadline() <= now_) engine_.on_deadline(now_);
}

void World::cut_connection() {
    using enum session::ConnectionErrorNumber;
    engine_.connection_lost(dice_.chance(0.5) ? TcpConnectionClosed : TransmitFailed);
}

void World::drain_events() {
    while (const auto event = engine_.next_event()) {
        if (const auto* done = std::get_if<session::TaskDone>(&*event)) on_done(*done);
        if (const auto* dropped = std::get_if<session::Dropped>(&*event)) {
            ++tally_.dropped;
            if (dropped->protocol_error) ++tally_.violations;
            if (dropped->protocol_error && manners_.lie == 0 && manners_.flip == 0) {
                fail("an honest target was accused: " + describe(*dropped->protocol_error));
            }
        }
        if (const auto* answered = std::get_if<session::LogoutAnswered>(&*event)) {
            logged_out_ = answered->responded;
        }
    }
}

void World::on_done(const session::TaskDone& done) {
    const auto found = attempts_.find(done.user);
    if (found == attempts_.end()) return fail("a task ended twice");
    auto attempt = std::move(found->second);
    attempts_.erase(found);
    const auto& operation = attempt->operation;
    const bool good = done.outcome == session::TaskOutcome::Completed && done.status == 0;
    if (!good) {
        if (done.status == 2 && done.sense.size() != 18) fail("sense was lost");
        ++tally_.retried;
        if (done.outcome == session::TaskOutcome::Aborted) ++tally_.aborted;
        return waiting_.push_back(std::move(attempt->operation));
    }
    ++tally_.done;
    if (operation.write) {
        std::ranges::copy(operation.content,
                          expected_.begin() + std::ptrdiff_t{operation.block} *
                                                  std::ptrdiff_t{ModelTarget::kBlock});
        return;
    }
    const bool shortened = done.residual == session::Residual::Underflow;
    const std::size_t size = attempt->memory.size() - (shortened ? done.residual_count : 0);
    if (done.bytes_in != size) fail("GOOD for a read without all its data");
    check_read(*attempt, size);
}

void World::check_read(const Attempt& attempt, std::size_t size) {
    const auto* disk =
        expected_.data() + std::size_t{attempt.operation.block} * ModelTarget::kBlock;
    if (size > 0 && std::memcmp(attempt.memory.data(), disk, size) != 0)
        fail("a read gave wrong data");
}

void World::reconnect() {
    receiving_ = false;
    sending_ = 0;
    to_target_.clear();
    engine_.drain(session::Disposition::Requeue);
    drain_events();
    if (!attempts_.empty()) fail("a task did not come back from drain()");
    if (engine_.tasks() != 0) fail("the task table is not empty after drain()");
    consumed_ = 0;
    engine_.restart(log_in(), now_);
}

bool World::finished() const {
    return operations_left_ == 0 && waiting_.empty() && attempts_.empty();
}

// One step of the run; false when it is over.
bool World::act() {
    using State = FullFeature::State;
    const auto state = engine_.state();
    if (state == State::Dropped || (state == State::LoggedOut && !logged_out_)) {
        logging_out_ = false;
        reconnect();
    }
    if (state == State::LoggedOut && logged_out_) return false;
    if (finished() && !logging_out_) {
        logging_out_ = true;
        engine_.logout(proto::LogoutReason::CloseSession, 15s, now_);
    }
    switch (dice_.below(7)) {
        case 0:
            if (operations_left_ > 0 && attempts_.size() + waiting_.size() < 2 * depth_) {
                new_operation();
            }
            break;
        case 1:
            if (!waiting_.empty() && engine_.free_slots() > 0 && !logging_out_) submit();
            break;
        case 2:
            begin_send();
            break;
        case 3: {
            const auto count = dice_.below(to_target_.size() + 1);
            note(!to_target_.empty());
            target_.receive(std::span(to_target_).first(count));
            to_target_.erase(to_target_.begin(), to_target_.begin() + count);
            break;
        }
        case 4:
            note(target_.step());
            break;
        case 5:
            give_to_engine();
            break;
        default:
            if (dice_.chance(0.2)) move_time();
            if (dice_.chance(cut_chance_)) cut_connection();
            break;
    }
    drain_events();
    return true;
}

std::string World::run() {
    constexpr int kStepsMax = 2'000'000;
    for (int step = 0; step < kStepsMax; ++step) {
        if (!act()) {
            if (target_.disk() != expected_) fail("the disk holds other data than was written");
            return problem_;
        }
        if (!target_.verdict().empty()) fail("the target objects: " + target_.verdict());
        if (!problem_.empty()) return problem_;
    }
    return "the run does not come to an end";
}

}  // namespace sim
