// SPDX-License-Identifier: LGPL-2.1-or-later
// Inside the login engine: its state and the division of its work. login.cpp sends and receives,
// login_security.cpp runs the security stage, login_endings.cpp decides how a login ends.
#pragma once

#include <array>
#include <deque>

#include "proto/pdu.hpp"
#include "proto/text.hpp"
#include "session/chap.hpp"
#include "session/login.hpp"
#include "session/negotiation.hpp"
#include "session/pdu_reader.hpp"

namespace iscsi::session {

// Section 6.3: until negotiated otherwise, which never happens before the login is over, each side
// takes this much.
inline constexpr std::uint32_t kLoginDataBytesMax = 8192;
inline constexpr std::size_t kLoginTextBytesMax = 64UL * 1024;  // of one text, joined by the C bit
inline constexpr unsigned kLoginRoundsMax = 64;  // exchanges that bring no piece of a longer text

// What the last request has asked for.
//
//   with credentials                          T            T
//   ------------> AuthMethod --> ChapList --> ChapProof ------> Operational ----> Done
//                     |  None, no T               | no T   ^         ^ |T
//                     +-------------> SecurityEnd <+       |         | |no T: answers
//                     |  None, T          |      T         |         +-+
//                     +-------------------+----------------+
//   without credentials: starts at Operational. Any failure leads to Done.
enum class LoginStep : std::uint8_t {
    AuthMethod,   // offered the methods
    ChapList,     // offered CHAP algorithms
    ChapProof,    // answered the target's challenge, perhaps set it one
    SecurityEnd,  // nothing is left but the target's consent to leave the stage
    Operational,
    Done,
};

class LoginEngine::Impl {
public:
    Impl(LoginConfig config, base::Random& random, base::Instant now);

    std::span<std::byte> recv_window();
    void on_received(std::size_t count, base::Instant now);
    std::span<const base::ConstByteSpan> send_window();
    void on_sent(std::size_t count);
    base::Instant deadline() const;
    void on_deadline(base::Instant now);
    std::optional<Event> next_event();
    bool done() const { return step_ == LoginStep::Done; }

private:
    // Sending
    void start(base::Instant now);
    void add(std::string_view key, std::string_view value);
    void request(LoginStep step, bool transit, base::Instant now);
    void send_segment(base::Instant now);
    // Receiving
    void on_response(base::Instant now);
    bool check_response(const proto::LoginResponse& response);
    bool check_flags(const proto::LoginResponse& response);
    void on_status(const proto::LoginResponse& response);
    void on_redirect(const proto::LoginResponse& response);
    void on_text(const proto::LoginResponse& response, base::Instant now);
    // One per stage and step
    void on_security(const std::vector<proto::TextPair>& keys, bool transit, base::Instant now);
    void on_auth_method(const std::vector<proto::TextPair>& keys, bool transit, base::Instant now);
    void on_challenge(const std::vector<proto::TextPair>& keys, base::Instant now);
    void on_proof(const std::vector<proto::TextPair>& keys, bool transit, base::Instant now);
    void leave_security(bool transit, base::Instant now);
    void start_operational(base::Instant now);
    void on_operational_end(const proto::LoginResponse& response);
    // Endings
    void finish(Event event);
    void fail(LoginStatus status, std::string text);
    void fail_pdu(std::string_view why);
    void fail_negotiation(const NegotiationError& error);
    void fail_chap(const ChapFailure& failure);
    void notice(base::LogLevel level, std::string text) {
        events_.emplace_back(Notice{level, std::move(text)});
    }

    LoginConfig config_;
    Chap chap_;
    Negotiation negotiation_;
    LoginStep step_ = LoginStep::Operational;
    bool transit_ = false;  // the T bit of the request at hand
    proto::TextWriter out_;
    proto::Bhs header_{};
    std::vector<std::byte> data_;                   // segment and padding
    std::array<base::ConstByteSpan, 2> to_send_{};  // what is left of header_ and data_
    PduReader reader_{kLoginDataBytesMax};
    proto::TextCollector in_{kLoginTextBytesMax};
    unsigned rounds_ = 0;
    bool answered_ = false;  // a response has arrived
    proto::StatSn exp_stat_sn_;
    base::Instant response_deadline_ = base::kNever;
    std::deque<Event> events_;
};

}  // namespace iscsi::session
