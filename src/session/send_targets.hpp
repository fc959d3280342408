// SPDX-License-Identifier: LGPL-2.1-or-later
// Asks a discovery session for all targets (RFC 7143 sections 4.3 and appendix C): the text request
// SendTargets=All and its answer, over any number of PDUs. An engine without socket and clock, used
// like LoginEngine, on the connection that the login left.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/instant.hpp"
#include "proto/pdu.hpp"
#include "proto/text.hpp"
#include "session/login.hpp"
#include "session/negotiated.hpp"
#include "session/pdu_reader.hpp"
#include "session/target_address.hpp"

namespace iscsi::session {

// One answer's limits. The largest known installations have some thousands of targets.
inline constexpr std::size_t kSendTargetsBytesMax = 16UL * 1024 * 1024;
inline constexpr std::size_t kSendTargetsTargetsMax = 65536;
inline constexpr std::size_t kSendTargetsAddressesMax = 262144;  // of all targets together

struct DiscoveredTarget {
    std::string name;
    // In the order the target gave them. Empty: reachable where it was asked (appendix C).
    std::vector<TargetAddress> addresses;
    bool operator==(const DiscoveredTarget&) const = default;
};

struct SendTargetsAnswer {
    std::vector<DiscoveredTarget> targets;  // in the order of the answer
    std::vector<std::string> remarks;       // for the operator: what was left out, and why
};

struct SendTargetsFailed {
    bool retryable = false;
    base::ErrorCode code = base::ErrorCode::Generic;
    std::string text;  // goes on after "discovery session to PORTAL "
    bool operator==(const SendTargetsFailed&) const = default;
};

// Turns the pairs of a complete answer into targets. Names and addresses that cannot be any are
// left out, with a remark; keys that do not belong here are ignored.
std::variant<SendTargetsAnswer, SendTargetsFailed> read_targets(
    const std::vector<proto::TextPair>& pairs);

struct SendTargetsLimits {
    std::chrono::seconds response_timeout{30};     // for each response anew; zero means none
    base::Instant answer_deadline = base::kNever;  // for the whole answer
};

class SendTargetsEngine {
public:
    using Event = std::variant<SendTargetsAnswer, SendTargetsFailed>;

    SendTargetsEngine(const LoggedIn& login, SendTargetsLimits limits, base::Instant now);

    std::span<std::byte> recv_window();
    void on_received(std::size_t count, base::Instant now);
    std::span<const base::ConstByteSpan> send_window();
    void on_sent(std::size_t count, base::Instant now);
    base::Instant deadline() const { return done_ ? base::kNever : deadline_; }
    void on_deadline(base::Instant now);
    // Exactly one event comes.
    std::optional<Event> next_event();
    bool done() const { return done_; }

private:
    void request(std::uint32_t target_transfer_tag, base::Instant now);
    void send(const proto::Bhs& header, base::ConstByteSpan data);
    void on_pdu(base::Instant now);
    void on_text(const proto::TextResponse& response, base::Instant now);
    void on_nop_in(const proto::NopIn& nop);
    void on_end();
    bool accept_stat_sn(proto::StatSn stat_sn);
    void accept_window(proto::CmdSn exp_cmd_sn, proto::CmdSn max_cmd_sn);
    void finish(Event event);
    void fail(std::string_view why);

    proto::CmdSn cmd_sn_;
    proto::CmdSn max_cmd_sn_;
    proto::StatSn exp_stat_sn_;
    SendTargetsLimits limits_;
    proto::TextWriter out_;
    std::vector<std::byte> to_send_;
    std::size_t sent_ = 0;
    base::ConstByteSpan window_;
    PduReader reader_;
    proto::TextCollector in_{kSendTargetsBytesMax};
    std::size_t rounds_ = 0;  // responses without text
    base::Instant deadline_ = base::kNever;
    bool done_ = false;
    std::optional<Event> event_;
};

}  // namespace iscsi::session
