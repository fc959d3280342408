// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model_target.hpp"

#include <algorithm>

namespace sim {

namespace {

constexpr std::uint32_t kNoTag = 0xffffffff;
constexpr std::uint64_t kLun = 0x0001000000000000;

std::uint64_t get64(std::span<const std::uint8_t> bytes, std::size_t at) {
    return (std::uint64_t{get(bytes, at, 4)} << 32) | get(bytes, at + 4, 4);
}

bool serial_at_most(std::uint32_t a, std::uint32_t b) { return b - a < 0x80000000U; }

}  // namespace

void ModelTarget::connect(const Terms& terms, const Manners& manners) {
    terms_ = terms;
    manners_ = manners;
    in_.clear();
    out_.clear();
    tasks_.clear();
    closed_.clear();
    pings_.clear();
    answers_.clear();
    unsolicited_itt_ = kNoTag;
    exp_cmd_sn_ = terms.cmd_sn;
    max_cmd_sn_ = terms.cmd_sn + terms.window - 1;
    stat_sn_ = acked_stat_sn_ = terms.stat_sn;
    logged_out_ = flipped_ = false;
    lie_end_.reset();
    sent_ = 0;
}

void ModelTarget::judge(bool good, const char* rule) {
    if (!good && verdict_.empty()) verdict_ = rule;
}

void ModelTarget::receive(std::span<const std::uint8_t> bytes) {
    in_.insert(in_.end(), bytes.begin(), bytes.end());
    while (verdict_.empty() && cut()) {
    }
}

// Takes one PDU out of in_, if it is there.
bool ModelTarget::cut() {
    if (in_.size() < 48) return false;
    const std::uint32_t length = get(in_, 5, 3);
    const std::size_t pad = (4 - length % 4) % 4;
    const std::size_t data_at = 48 + in_[4] * 4U + (terms_.header_digest ? 4 : 0);
    const std::size_t whole =
        data_at + (length == 0 ? 0 : length + pad + (terms_.data_digest ? 4 : 0));
    judge(in_[4] == 0, "no AHS is needed for these commands");
    judge(length <= terms_.target_segment, "a segment over our MaxRecvDataSegmentLength");
    if (!verdict_.empty() || in_.size() < whole) return false;
    const std::span<const std::uint8_t> all(in_);
    Bytes digest;
    if (terms_.header_digest) {
        append_crc(digest, all.first(48));
        judge(std::equal(digest.begin(), digest.end(), all.begin() + 48), "wrong header digest");
    }
    if (length > 0 && terms_.data_digest) {
        digest.clear();
        append_crc(digest, all.subspan(data_at, length + pad));
        judge(std::equal(digest.begin(), digest.end(),
                         all.begin() + static_cast<std::ptrdiff_t>(data_at + length + pad)),
              "wrong data digest");
    }
    for (std::size_t i = 0; i < pad; ++i) judge(all[data_at + length + i] == 0, "padding not zero");
    take(all.first(48), all.subspan(data_at, length));
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(whole));
    return true;
}

void ModelTarget::take(std::span<const std::uint8_t> header, std::span<const std::uint8_t> data) {
    const std::uint8_t opcode = header[0] & 0x3f;
    const std::uint32_t exp_stat_sn = get(header, 28, 4);
    judge((header[0] & 0x80) == 0, "reserved bit in byte 0");
    judge(serial_at_most(acked_stat_sn_, exp_stat_sn), "ExpStatSN went back");
    judge(serial_at_most(exp_stat_sn, stat_sn_), "ExpStatSN for what was not sent");
    acked_stat_sn_ = exp_stat_sn;
    judge(!logged_out_ || opcode == 0x05, "a request after the Logout Request");
    switch (opcode) {
        case 0x00:
            return on_nop_out(header, data);
        case 0x01:
            return on_command(header, data);
        case 0x02:
            return on_management(header);
        case 0x05:
            return on_data_out(header, data);
        case 0x06:
            return on_logout(header);
        default:
            judge(false, "an opcode that is not expected");
    }
}

void ModelTarget::on_cmd_sn(std::span<const std::uint8_t> header) {
    const std::uint32_t cmd_sn = get(header, 24, 4);
    judge(cmd_sn == exp_cmd_sn_, "CmdSN is not the next one");
    if ((header[0] & 0x40) != 0) return;
    judge(serial_at_most(cmd_sn, max_cmd_sn_), "CmdSN outside the window");
    ++exp_cmd_sn_;
}

void ModelTarget::on_command(std::span<const std::uint8_t> header,
                             std::span<const std::uint8_t> data) {
    on_cmd_sn(header);
    Task task;
    task.itt = get(header, 16, 4);
    task.lun = get64(header, 8);
    task.cmd_sn = get(header, 24, 4);
    task.length = get(header, 20, 4);
    task.read = (header[1] & 0x40) != 0;
    task.write = (header[1] & 0x20) != 0;
    const bool final = (header[1] & 0x80) != 0;
    const std::uint8_t code = header[32];
    const std::uint32_t blocks = code == 0 ? 0 : get(header, 42, 4);
    task.disk_offset = code == 0 ? 0 : get64(header, 34) * kBlock;
    judge(task.itt != kNoTag, "a command without tag");
    judge(!tasks_.contains(task.itt), "a tag that is in use");
    judge(task.lun == kLun, "LUN");
    judge((header[1] & 0x18) == 0, "reserved bits of a command");
    judge(task.read == (code == 0x88) && task.write == (code == 0x8a), "R or W bit");
    judge(task.length == blocks * kBlock, "expected data transfer length");
    judge(task.disk_offset + task.length <= disk_.size(), "past the end of the disk");
    judge(unsolicited_itt_ == kNoTag, "a command inside another one's unsolicited burst");
    const std::uint32_t unasked = !task.write ? 0 : std::min(terms_.first_burst, task.length);
    judge(data.empty() || (task.write && terms_.immediate_data), "immediate data not allowed");
    judge(data.size() <= unasked, "more immediate data than FirstBurstLength");
    if (!verdict_.empty()) return;
    closed_.erase(task.itt);
    if (task.write) {
        task.data.resize(task.length);
        std::ranges::copy(data, task.data.begin());
        task.arrived = static_cast<std::uint32_t>(data.size());
        const bool more = !terms_.initial_r2t && task.arrived < unasked;
        judge(final == !more, "F bit of a command");
        task.unsolicited_left = more ? unasked - task.arrived : 0;
        task.asked_for = task.arrived + task.unsolicited_left;
        if (more) unsolicited_itt_ = task.itt;
    } else {
        judge(final, "F bit of a command without data");
    }
    draw_fate(task);
    tasks_[task.itt] = std::move(task);
}

void ModelTarget::draw_fate(Task& task) {
    task.gives = task.read ? task.length : 0;
    if (dice_.chance(manners_.forget)) task.forgotten = true;
    if (dice_.chance(manners_.busy)) {
        task.fails = true;
        task.failure = 0x08;
    } else if (dice_.chance(manners_.failure)) {
        task.fails = true;
    }
    if (task.fails && task.read) task.gives = dice_.below(task.length + 1);
    task.early = task.fails && dice_.chance(manners_.early);
    if (task.read && !task.fails && dice_.chance(manners_.shorten)) {
        task.gives = dice_.below(task.length / kBlock + 1) * kBlock;
    }
    if (!task.read) return;
    // Out of order: a few pieces, in any order.
    const std::uint32_t count = terms_.data_in_order ? 1 : dice_.between(1, 8);
    const std::uint32_t piece = task.gives / count + 1;
    for (std::uint32_t at = 0; at < task.gives; at += piece) {
        const auto place = task.pieces.begin() + dice_.below(task.pieces.size() + 1);
        task.pieces.insert(place, {at, std::min(at + piece, task.gives)});
    }
}

void ModelTarget::on_data_out(std::span<const std::uint8_t> header,
                              std::span<const std::uint8_t> data) {
    const std::uint32_t itt = get(header, 16, 4);
    const std::uint32_t ttt = get(header, 20, 4);
    const std::uint32_t offset = get(header, 40, 4);
    const std::uint32_t data_sn = get(header, 36, 4);
    const auto size = static_cast<std::uint32_t>(data.size());
    const bool final = (header[1] & 0x80) != 0;
    judge((header[1] & 0x7f) == 0, "reserved bits of a Data-Out");
    judge(size > 0, "an empty Data-Out");
    const auto found = tasks_.find(itt);
    if (found == tasks_.end()) {
        judge(closed_.contains(itt), "data for a task that never was");
        if (itt == unsolicited_itt_ && final) unsolicited_itt_ = kNoTag;
        return;
    }
    auto& task = found->second;
    judge(task.write && std::uint64_t{offset} + size <= task.length, "data past the end");
    if (!verdict_.empty()) return;
    std::ranges::copy(data, task.data.begin() + offset);
    if (ttt == kNoTag) {
        judge(get64(header, 8) == 0, "LUN on unsolicited data");
        judge(unsolicited_itt_ == itt && size <= task.unsolicited_left, "unsolicited data");
        judge(offset == task.arrived && data_sn == task.unsolicited_sn++, "offset or DataSN");
        task.unsolicited_left -= size;
        judge(final == (task.unsolicited_left == 0), "F bit of unsolicited data");
        if (final) unsolicited_itt_ = kNoTag;
    } else {
        judge(!task.r2ts.empty() && task.r2ts.front().ttt == ttt, "TTT is not the oldest R2T's");
        if (!verdict_.empty()) return;
        auto& r2t = task.r2ts.front();
        judge(get64(header, 8) == task.lun, "LUN on solicited data");
        judge(offset == r2t.offset + r2t.done && data_sn == r2t.data_sn++, "offset or DataSN");
        r2t.done += size;
        judge(r2t.done <= r2t.length, "more data than the R2T asked for");
        judge(final == (r2t.done == r2t.length), "F bit of solicited data");
        if (final) task.r2ts.pop_front();
    }
    task.arrived += size;
}

void ModelTarget::on_nop_out(std::span<const std::uint8_t> header,
                             std::span<const std::uint8_t> data) {
    on_cmd_sn(header);
    const std::uint32_t itt = get(header, 16, 4);
    const std::uint32_t ttt = get(header, 20, 4);
    judge(header[1] == 0x80 && data.empty(), "flags or data of a NOP-Out");
    if (ttt != kNoTag) {
        const auto ping = pings_.find(ttt);
        judge(ping != pings_.end(), "an answer to no ping");
        if (!verdict_.empty()) return;
        judge(itt == kNoTag && (header[0] & 0x40) != 0, "tag or I bit of an answer to a ping");
        judge(get64(header, 8) == ping->second, "LUN of an answer to a ping");
        pings_.erase(ping);
        return;
    }
    judge(itt != kNoTag && get64(header, 8) == 0, "tag or LUN of a ping");
    auto answer = this->header(0x20, itt);
    put(answer, 20, 4, kNoTag);
    answers_.push_back(answer);
}

void ModelTarget::on_management(std::span<const std::uint8_t> header) {
    on_cmd_sn(header);
    const std::uint32_t itt = get(header, 16, 4);
    const std::uint32_t referenced = get(header, 20, 4);
    const std::uint8_t function = header[1] & 0x7f;
    judge((header[0] & 0x40) != 0, "task management that is not immediate");
    judge(function == 1 || function == 5 || function == 6, "task management function");
    auto answer = this->header(0x22, itt);
    if (dice_.chance(manners_.refuse_abort)) {
        answer[2] = 5;
    } else if (function == 1) {
        const auto task = tasks_.find(referenced);
        judge(task != tasks_.end() || closed_.contains(referenced), "abort of an unknown task");
        if (task == tasks_.end()) {
            answer[2] = 1;
        } else {
            judge(get(header, 32, 4) == task->second.cmd_sn, "RefCmdSN");
            judge(get64(header, 8) == task->second.lun, "LUN of an abort");
            close_task(referenced);
        }
    } else {
        judge(referenced == kNoTag && get(header, 32, 4) == 0, "tag or RefCmdSN of a reset");
        while (!tasks_.empty()) close_task(tasks_.begin()->first);
    }
    answers_.push_back(answer);
}

void ModelTarget::on_logout(std::span<const std::uint8_t> header) {
    on_cmd_sn(header);
    judge((header[0] & 0x40) != 0 && header[1] == 0x80, "flags of a Logout Request");
    logged_out_ = true;
    auto answer = this->header(0x26, get(header, 16, 4));
    put(answer, 40, 2, 2);
    answers_.push_back(answer);
}

void ModelTarget::close_task(std::uint32_t itt) {
    // With FastAbort the rest of an unsolicited burst never comes.
    if (unsolicited_itt_ == itt) unsolicited_itt_ = kNoTag;
    closed_.insert(itt);
    tasks_.erase(itt);
}

bool ModelTarget::step() {
    if (dice_.chance(manners_.ping + manners_.chatter)) small_talk();
    if (!answers_.empty()) {
        const auto at = dice_.below(answers_.size());
        send(answers_[at], {}, /*counts=*/true);
        answers_.erase(answers_.begin() + at);
        return true;
    }
    std::vector<std::uint32_t> ready;
    for (const auto& [itt, task] : tasks_) {
        if (!task.forgotten) ready.push_back(itt);
    }
    if (ready.empty()) return false;
    auto& task = tasks_[ready[dice_.below(ready.size())]];
    advance(task);
    return true;
}

void ModelTarget::advance(Task& task) {
    if (dice_.chance(manners_.reject) && task.arrived == 0 && task.data_sn == 0 &&
        task.unsolicited_left == 0 && task.r2t_sn == 0) {
        auto pdu = header(0x3f, kNoTag);
        pdu[2] = 0x05;
        Bytes rejected(48);
        rejected[0] = 0x01;
        put(rejected, 16, 4, task.itt);
        close_task(task.itt);
        return send(pdu, rejected, true);
    }
    if (task.early && (!task.write || task.unsolicited_left == 0)) {
        return respond(task, task.failure);
    }
    if (task.read) return advance_read(task);
    if (task.write && task.arrived < task.length) return ask_for_data(task);
    if (task.write && !task.fails) {
        std::ranges::copy(task.data, disk_.begin() + static_cast<std::ptrdiff_t>(task.disk_offset));
    }
    respond(task, task.fails ? task.failure : 0);
}

void ModelTarget::ask_for_data(Task& task) {
    if (task.unsolicited_left > 0 || task.r2ts.size() >= terms_.max_r2t ||
        task.asked_for == task.length) {
        return;
    }
    const std::uint32_t most = std::min(terms_.max_burst, task.length - task.asked_for);
    const R2t r2t{.ttt = next_ttt_++,
                  .offset = task.asked_for,
                  .length = dice_.chance(0.7) ? most : dice_.between(1, most)};
    auto pdu = header(0x31, task.itt);
    put(pdu, 8, 4, task.lun >> 32);
    put(pdu, 20, 4, r2t.ttt);
    put(pdu, 36, 4, task.r2t_sn++);
    put(pdu, 40, 4, r2t.offset);
    put(pdu, 44, 4, r2t.length);
    task.asked_for += r2t.length;
    task.r2ts.push_back(r2t);
    send(pdu, {}, /*counts=*/false);
}

void ModelTarget::advance_read(Task& task) {
    if (!task.pieces.empty() && !task.fails && !lie_end_ && dice_.chance(manners_.lie)) {
        task.gives = task.length;  // claims to have sent it all
        respond(task, 0);
        lie_end_ = sent_;
        return;
    }
    const bool empty = dice_.chance(manners_.empty_data);
    if (task.pieces.empty() && !empty) return respond(task, task.fails ? task.failure : 0);
    std::uint32_t offset = task.gives;
    std::uint32_t size = 0;
    if (!task.pieces.empty() && !empty) {
        auto& [begin, end] = task.pieces.back();
        offset = begin;
        size =
            std::min({end - begin, terms_.initiator_segment, terms_.max_burst - task.in_sequence});
        if (dice_.chance(0.4)) size = dice_.between(1, size);
        begin += size;
        if (begin == end) task.pieces.pop_back();
    }
    task.in_sequence += size;
    const bool last = task.pieces.empty();
    const bool sequence_ends =
        last || !terms_.data_in_order || task.in_sequence == terms_.max_burst;
    auto pdu = header(0x25, task.itt);
    if (!sequence_ends) pdu[1] = 0;
    if (sequence_ends) task.in_sequence = 0;
    put(pdu, 20, 4, kNoTag);
    put(pdu, 36, 4, task.data_sn++);
    put(pdu, 40, 4, offset);
    const std::span<const std::uint8_t> data =
        std::span(disk_).subspan(task.disk_offset + offset, size);
    if (!last || task.fails || !dice_.chance(manners_.status_in_data)) {
        return send(pdu, data, /*counts=*/false);
    }
    pdu[1] |= 0x01;
    if (task.gives < task.length) {
        pdu[1] |= 0x02;
        put(pdu, 44, 4, task.length - task.gives);
    }
    const std::uint32_t itt = task.itt;
    send(pdu, data, /*counts=*/true);
    close_task(itt);
}

void ModelTarget::respond(Task& task, std::uint8_t status) {
    auto pdu = header(0x21, task.itt);
    pdu[3] = status;
    if (status == 0 && task.read && task.gives < task.length) {
        pdu[1] |= 0x02;
        put(pdu, 44, 4, task.length - task.gives);
    }
    put(pdu, 36, 4, task.read ? task.data_sn : task.r2t_sn);
    Bytes sense;
    if (status == 2) {
        sense.resize(20);
        put(sense, 0, 2, 18);
        sense[2] = 0x70;
        sense[4] = 0x03;
    }
    const std::uint32_t itt = task.itt;
    close_task(itt);
    send(pdu, sense, true);
}

void ModelTarget::small_talk() {
    if (dice_.chance(0.5) && manners_.ping > 0 && pings_.size() < 20) {
        auto pdu = header(0x20, kNoTag);
        put(pdu, 8, 4, kLun >> 32);
        put(pdu, 20, 4, next_ttt_);
        pings_[next_ttt_++] = kLun;
        return send(pdu, {}, false);
    }
    if (manners_.chatter == 0) return;
    if (dice_.chance(0.5)) {
        auto pdu = header(0x20, kNoTag);
        put(pdu, 20, 4, kNoTag);
        return send(pdu, {}, false);
    }
    auto pdu = header(0x32, kNoTag);
    pdu[36] = 255;
    send(pdu, {}, true);
}

Bytes ModelTarget::header(std::uint8_t opcode, std::uint32_t itt) const {
    Bytes bytes(48);
    bytes[0] = opcode;
    bytes[1] = 0x80;
    put(bytes, 16, 4, itt);
    return bytes;
}

void ModelTarget::number(Bytes& header, bool counts) {
    put(header, 24, 4, counts || header[0] != 0x25 ? stat_sn_ : 0);
    if (counts) ++stat_sn_;
    if (!dice_.chance(manners_.shut_window)) {
        const std::uint32_t limit = exp_cmd_sn_ + terms_.window - 1;
        if (serial_at_most(max_cmd_sn_, limit)) max_cmd_sn_ = limit;
    }
    put(header, 28, 4, exp_cmd_sn_);
    put(header, 32, 4, max_cmd_sn_);
}

// Breaks a rule in a way the initiator must notice on this very PDU.
void ModelTarget::lie_about(Bytes& header) {
    const std::uint8_t opcode = header[0];
    switch (dice_.below(4)) {
        case 0:  // another tag
            put(header, 16, 4, get(header, 16, 4) ^ 0x4000);
            break;
        case 1:  // an opcode that does not exist
            header[0] = 0x2b;
            break;
        case 2:  // commands that were never sent
            put(header, 28, 4, exp_cmd_sn_ + 100000);
            put(header, 32, 4, exp_cmd_sn_ + 100100);
            break;
        default:  // the PDU type's own number
            if (opcode == 0x25 || opcode == 0x31) {
                put(header, 36, 4, get(header, 36, 4) + 1);
            } else if (opcode == 0x20 && get(header, 16, 4) == kNoTag) {
                header[0] = 0x2b;
            } else {
                put(header, 24, 4, get(header, 24, 4) + 1);
            }
            break;
    }
}

void ModelTarget::send(Bytes header, std::span<const std::uint8_t> data, bool counts) {
    number(header, counts);
    put(header, 5, 3, data.size());
    const bool lies = dice_.chance(manners_.lie) && !lie_end_;
    if (lies) lie_about(header);
    Bytes pdu = header;
    if (terms_.header_digest) append_crc(pdu, header);
    if (!data.empty()) {
        Bytes padded(data.begin(), data.end());
        padded.resize((data.size() + 3) / 4 * 4);
        pdu.insert(pdu.end(), padded.begin(), padded.end());
        if (terms_.data_digest) append_crc(pdu, padded);
    }
    if (terms_.header_digest && terms_.data_digest && dice_.chance(manners_.flip)) {
        flipped_ = true;
        pdu[dice_.below(pdu.size())] ^= static_cast<std::uint8_t>(1U << dice_.below(8));
    }
    out_.insert(out_.end(), pdu.begin(), pdu.end());
    sent_ += pdu.size();
    if (lies) lie_end_ = sent_;
}

}  // namespace sim
