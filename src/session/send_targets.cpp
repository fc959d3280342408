// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/send_targets.hpp"

#include <fmt/format.h>

#include <utility>

namespace iscsi::session {

namespace {

constexpr std::uint32_t kTaskTag = 1;
constexpr std::size_t kEmptyRoundsMax = 64;  // NOPs and continuations without text
constexpr std::size_t kRemarksMax = 16;

class TargetList {
public:
    // False: too many.
    [[nodiscard]] bool on_pair(const proto::TextPair& pair) {
        if (pair.key == "TargetName") return on_name(pair.value);
        if (pair.key == "TargetAddress") return on_address(pair.value);
        return true;
    }
    SendTargetsAnswer take() {
        end_target();
        return std::move(answer_);
    }

private:
    // A target without an address is reachable where it was asked for; one that gave nothing but
    // addresses of no use said that it is somewhere else.
    void end_target() {
        if (!in_target_ || !bad_address_ || !answer_.targets.back().addresses.empty()) return;
        remark("ignoring the target '{}', which has no usable address",
               answer_.targets.back().name);
        answer_.targets.pop_back();
    }

    bool on_name(const std::string& name) {
        end_target();
        bad_address_ = false;
        // The addresses of a target that is left out are left out as well.
        in_target_ = is_iscsi_name(name);
        if (!in_target_) {
            remark("ignoring a target with the name '{}', which is no iSCSI name", name);
            return true;
        }
        if (answer_.targets.size() == kSendTargetsTargetsMax) return false;
        answer_.targets.push_back({name, {}});
        return true;
    }

    bool on_address(const std::string& text) {
        auto address = parse_target_address(text);
        if (!in_target_) return true;
        if (!address) {
            remark("ignoring a target address '{}', which is none", text);
            bad_address_ = true;
            return true;
        }
        if (addresses_++ == kSendTargetsAddressesMax) return false;
        answer_.targets.back().addresses.push_back(std::move(*address));
        return true;
    }

    void remark(fmt::format_string<std::string> format, const std::string& text) {
        if (answer_.remarks.size() == kRemarksMax) return;
        answer_.remarks.push_back(fmt::format(format, proto::printable(text)));
    }

    SendTargetsAnswer answer_;
    std::size_t addresses_ = 0;
    bool in_target_ = false;
    bool bad_address_ = false;  // the target at hand gave one
};

}  // namespace

std::variant<SendTargetsAnswer, SendTargetsFailed> read_targets(
    const std::vector<proto::TextPair>& pairs) {
    TargetList list;
    for (const auto& pair : pairs) {
        if (!list.on_pair(pair)) {
            return SendTargetsFailed{.code = base::ErrorCode::Generic,
                                     .text = "received an invalid response: too many targets"};
        }
    }
    return list.take();
}

SendTargetsEngine::SendTargetsEngine(const LoggedIn& login, SendTargetsLimits limits,
                                     base::Instant now)
    : cmd_sn_(login.cmd_sn),
      max_cmd_sn_(login.max_cmd_sn),
      exp_stat_sn_(login.exp_stat_sn),
      limits_(limits),
      reader_(login.params.max_recv_data_segment_length) {
    // LoginEngine offers a discovery session no digests unless its record asks for them, and none
    // does.
    CHECK(!login.params.header_digest && !login.params.data_digest);
    out_.add("SendTargets", "All");
    request(proto::kReservedTag, now);
}

void SendTargetsEngine::request(std::uint32_t target_transfer_tag, base::Instant now) {
    const auto text = out_.next_segment(out_.size());
    proto::TextRequest pdu;
    // A command window that the target has closed must not keep us from going on: an immediate
    // request needs no room in it (section 4.2.2.1).
    pdu.immediate = !cmd_sn_.precedes_or_is(max_cmd_sn_);
    pdu.data_segment_length = static_cast<std::uint32_t>(text.size());
    pdu.initiator_task_tag = kTaskTag;
    pdu.target_transfer_tag = target_transfer_tag;
    pdu.cmd_sn = cmd_sn_;
    pdu.exp_stat_sn = exp_stat_sn_;
    if (!pdu.immediate) cmd_sn_ = cmd_sn_.next();
    send(proto::encode(pdu), text);
    deadline_ = limits_.answer_deadline;
    if (limits_.response_timeout.count() > 0) {
        deadline_ = base::earlier(deadline_, now + limits_.response_timeout);
    }
}

void SendTargetsEngine::send(const proto::Bhs& header, base::ConstByteSpan data) {
    to_send_.assign(header.begin(), header.end());
    to_send_.insert(to_send_.end(), data.begin(), data.end());
    to_send_.resize(to_send_.size() + base::pad4(to_send_.size()));
    sent_ = 0;
    reader_.start_over();
}

std::span<const base::ConstByteSpan> SendTargetsEngine::send_window() {
    window_ = base::ConstByteSpan(to_send_).subspan(sent_);
    if (done_ || window_.empty()) return {};
    return {&window_, 1};
}

void SendTargetsEngine::on_sent(std::size_t count, base::Instant /*now*/) {
    CHECK(count <= to_send_.size() - sent_);
    sent_ += count;
}

std::span<std::byte> SendTargetsEngine::recv_window() {
    if (done_ || sent_ != to_send_.size()) return {};
    return reader_.window();
}

void SendTargetsEngine::on_received(std::size_t count, base::Instant now) {
    if (done_) return;
    const auto complete = reader_.on_received(count);
    if (!complete) return fail(pdu_read_error_text(complete.error()));
    if (*complete) on_pdu(now);
}

void SendTargetsEngine::on_pdu(base::Instant now) {
    const auto header = reader_.header();
    const auto opcode = proto::decode_common(header).opcode;
    if (opcode == std::to_underlying(proto::Opcode::TextResponse)) {
        const auto response = proto::decode<proto::TextResponse>(header);
        return response ? on_text(*response, now)
                        : fail(proto::decode_error_text(response.error()));
    }
    if (reader_.data().empty() && ++rounds_ > kEmptyRoundsMax) {
        return fail("there is no end to them");
    }
    if (opcode == std::to_underlying(proto::Opcode::NopIn)) {
        const auto nop = proto::decode<proto::NopIn>(header);
        return nop ? on_nop_in(*nop) : fail(proto::decode_error_text(nop.error()));
    }
    // A Reject of our request, or an asynchronous message: whatever it says, this session is about
    // to end; another attempt may work.
    finish(SendTargetsFailed{.retryable = true,
                             .code = base::ErrorCode::Transport,
                             .text = fmt::format("received unexpected opcode 0x{:02x}", opcode)});
}

bool SendTargetsEngine::accept_stat_sn(proto::StatSn stat_sn) {
    if (stat_sn != exp_stat_sn_) {
        fail(fmt::format("its StatSN is {}, expected {}", stat_sn.value, exp_stat_sn_.value));
        return false;
    }
    exp_stat_sn_ = stat_sn.next();
    return true;
}

void SendTargetsEngine::accept_window(proto::CmdSn exp_cmd_sn, proto::CmdSn max_cmd_sn) {
    // Section 4.2.2.1: a window of less than nothing is ignored, and it never shrinks.
    if (max_cmd_sn.next().precedes(exp_cmd_sn)) return;
    if (max_cmd_sn_.precedes(max_cmd_sn)) max_cmd_sn_ = max_cmd_sn;
}

void SendTargetsEngine::on_text(const proto::TextResponse& response, base::Instant now) {
    const bool tagged = response.target_transfer_tag != proto::kReservedTag;
    if (response.initiator_task_tag != kTaskTag) {
        return fail(fmt::format("its task tag is 0x{:08x}, we sent {}", response.initiator_task_tag,
                                kTaskTag));
    }
    if (!accept_stat_sn(response.stat_sn)) return;
    accept_window(response.exp_cmd_sn, response.max_cmd_sn);
    if (response.final && response.continue_text) return fail("its F and C bits are both set");
    // Compat: LIO puts a tag into the last of several responses too, against RFC 7143 section
    // 11.11.1. Without this a list of its targets longer than one PDU cannot be had.
    if (!response.final && !tagged) return fail("it is not final and has no target transfer tag");
    if (auto taken = in_.append(reader_.data()); !taken) {
        return fail(proto::text_error_text(taken.error()));
    }
    if (response.final) return on_end();
    if (reader_.data().empty() && ++rounds_ > kEmptyRoundsMax) {
        return fail("there is no end to them");
    }
    // Compat: a target may cut a pair without setting the C bit, so everything up to F is one text.
    request(response.target_transfer_tag, now);
}

void SendTargetsEngine::on_nop_in(const proto::NopIn& nop) {
    accept_window(nop.exp_cmd_sn, nop.max_cmd_sn);
    // With ITT ffffffff its StatSN is the next one, not one to acknowledge (section 11.19.4). We
    // have sent no ping, so that any other tag is wrong.
    if (nop.initiator_task_tag != proto::kReservedTag) return fail("it answers no ping of ours");
    if (nop.target_transfer_tag == proto::kReservedTag) return reader_.start_over();
    proto::NopOut answer;
    answer.immediate = true;
    answer.data_segment_length = static_cast<std::uint32_t>(reader_.data().size());
    answer.lun = nop.lun;
    answer.target_transfer_tag = nop.target_transfer_tag;
    answer.cmd_sn = cmd_sn_;
    answer.exp_stat_sn = exp_stat_sn_;
    const std::vector<std::byte> echo(reader_.data().begin(), reader_.data().end());
    send(proto::encode(answer), echo);
}

void SendTargetsEngine::on_end() {
    const auto pairs = in_.take();
    if (!pairs) return fail(proto::text_error_text(pairs.error()));
    finish(read_targets(*pairs));
}

void SendTargetsEngine::on_deadline(base::Instant now) {
    if (done_ || now < deadline_) return;
    finish(SendTargetsFailed{
        .retryable = true, .code = base::ErrorCode::PduTimeout, .text = "timed out."});
}

std::optional<SendTargetsEngine::Event> SendTargetsEngine::next_event() {
    return std::exchange(event_, std::nullopt);
}

void SendTargetsEngine::finish(Event event) {
    if (done_) return;
    done_ = true;
    event_ = std::move(event);
}

void SendTargetsEngine::fail(std::string_view why) {
    finish(SendTargetsFailed{.code = base::ErrorCode::Generic,
                             .text = fmt::format("received an invalid response: {}", why)});
}

}  // namespace iscsi::session
