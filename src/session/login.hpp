// SPDX-License-Identifier: LGPL-2.1-or-later
// The login phase of one connection (RFC 7143 sections 6.3 and 11.12), as an engine without socket
// and clock: bytes and time go in, bytes, a deadline and events come out. iscsid, iscsistart,
// discovery and the tests all log in with this one.
//
//   LoginEngine login(config, random, now);
//   until an event ends it:
//     send every span of send_window(), report with on_sent();
//     when send_window() is empty, read into recv_window(), report with on_received();
//     at deadline() call on_deadline();
//     drain next_event() after each call.
//
// The owner handles a closed or broken connection itself. The engine asks for exactly the bytes of
// the PDU at hand, so nothing that follows the final login response is ever taken from the socket.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/instant.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "proto/types.hpp"
#include "record/auth.hpp"
#include "session/negotiated.hpp"
#include "session/offer.hpp"

namespace iscsi::session {

struct LoginConfig {
    std::string initiator_name;
    std::string initiator_alias;  // empty: not sent
    std::string target_name;      // Normal only
    SessionType session_type = SessionType::Normal;
    proto::Isid isid;        // see isid_for_session()
    std::uint16_t tsih = 0;  // nonzero only to add a connection to a session
    std::uint16_t cid = 0;
    proto::CmdSn cmd_sn{1};
    proto::StatSn exp_stat_sn{0};
    Offer offer;
    // CHAP is used exactly when auth.password is set; the target has to prove itself when
    // auth.username_in or auth.password_in is set as well. auth.authmethod is not looked at.
    // Compat: open-iscsi up to 2.1.11 authenticates even with authmethod = None.
    record::Auth auth;
    // For each response to arrive completely; auth_timeout counts in the security stage after its
    // first response. Zero means no such limit.
    std::chrono::seconds login_timeout{15};
    std::chrono::seconds auth_timeout{45};
    base::Instant login_deadline = base::kNever;  // for the whole login
};

// 00 02 3d and the low 24 bits of the session id.
proto::Isid isid_for_session(std::uint32_t sid);
// For a discovery session, of the random type (RFC 7143 section 11.12.5): with an ISID that several
// of them share, each would end the others at the target (section 6.3.5).
proto::Isid isid_for_discovery(base::Random& random);

// Something the operator should read; the login goes on.
struct Notice {
    base::LogLevel level = base::LogLevel::Warning;
    std::string text;
    bool operator==(const Notice&) const = default;
};

// The target sent us elsewhere (status class 1). The connection is of no use any more.
struct Redirect {
    std::string address;  // host name, IPv4, or IPv6 without brackets
    std::uint16_t port = 3260;
    std::optional<std::uint16_t> target_portal_group_tag;
    bool permanent = false;
    bool operator==(const Redirect&) const = default;
};

// Why a login failed; the numbers are those of `Login error (Login status N)`.
enum class LoginStatus : std::uint8_t {
    IoError = 1,               // a response did not arrive in time
    Failed = 2,                // the target refused: see status_class and status_detail
    VersionMismatch = 3,       // the target speaks another version of the protocol
    NegotiationFailed = 4,     // a key was answered against its rule
    AuthenticationFailed = 5,  // we refuse: CHAP went wrong on the target's side
    RedirectionFailed = 6,     // redirected to an address that cannot be read
    InvalidPdu = 7,            // a PDU breaks the rules of the login phase
};

struct LoginFailed {
    LoginStatus status = LoginStatus::Failed;
    bool retryable = false;  // else there is no use in trying again
    base::ErrorCode code = base::ErrorCode::FatalLogin;
    std::uint8_t status_class = 0;  // as the target sent it, with LoginStatus::Failed only
    std::uint8_t status_detail = 0;
    std::string text;  // one sentence for the operator, never with a secret in it
    bool operator==(const LoginFailed&) const = default;
};

class LoginEngine {
public:
    using Event = std::variant<Notice, LoggedIn, Redirect, LoginFailed>;

    // `random` gives CHAP identifiers and challenges and must outlive the engine.
    LoginEngine(LoginConfig config, base::Random& random, base::Instant now);
    ~LoginEngine();
    LoginEngine(LoginEngine&&) noexcept;
    LoginEngine& operator=(LoginEngine&&) noexcept;

    std::span<std::byte> recv_window();  // empty while there is something to send, and at the end
    void on_received(std::size_t count, base::Instant now);  // count <= recv_window().size()
    std::span<const base::ConstByteSpan> send_window();      // stable until on_sent()
    void on_sent(std::size_t count, base::Instant now);
    base::Instant deadline() const;
    void on_deadline(base::Instant now);
    // One of LoggedIn, Redirect, LoginFailed comes exactly once, last.
    std::optional<Event> next_event();
    bool done() const;  // that last event has been decided

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace iscsi::session
