// SPDX-License-Identifier: LGPL-2.1-or-later
// The messages between iscsid and iscsi-userd: SOCK_SEQPACKET, one JSON object per message.
//
//   {"id":7,"request":"bind", ...}         iscsid -> userd; Bind carries one descriptor
//   (SCM_RIGHTS)
//   {"id":7,"answer":"ok"|"error", ...}    userd -> iscsid, one for each request, in any order
//   {"event":"conn_error", ...}            userd -> the controlling iscsid, whenever it happens
//
// The socket is socket_path(rundir, sid). The first request of a connection is Hello. One peer at a
// time is the controller; any number may be observers (Hello, GetStats, GetStatus only, and Rescan
// while there is no controller, since then nobody else could ask for one). When the
// controller's connection closes, the session goes on and the next controller takes over.
//
// Order of a session's life:
//   start `iscsi-userd --sid N`, connect, Hello(Controller), Configure, Bind, Rescan  (devices are
//   up)
//   ... conn_error -> login again -> Bind (I/O goes on) ...
//   Logout (devices go, Logout PDU, answer, event terminated, the process ends)
//   or Stop(terminate) where no Logout PDU can be sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.hpp"
#include "base/log.hpp"
#include "userlink/types.hpp"

namespace iscsi::userlink {

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::size_t kMessageBytesMax = 256UL * 1024;  // longer ones are refused unread

// Requests -----------------------------------------------------------------------------------

enum class Role : std::uint8_t { Observer, Controller };

struct Hello {
    std::uint32_t version = kProtocolVersion;
    Role role = Role::Observer;
    bool log = false;  // the controller wants LogLine
    bool operator==(const Hello&) const = default;
};
struct Configure {
    SessionConfig config;
    bool operator==(const Configure&) const = default;
};
struct Bind {  // replaces the connection in use, if there is one
    Binding binding;
    bool operator==(const Bind&) const = default;
};
enum class StopMode : std::uint8_t {
    Recover,   // drop the connection, keep devices, queue I/O up to replacement_timeout
    Terminate  // fail all I/O, remove the devices, end the process
};
struct Stop {
    StopMode mode = StopMode::Recover;
    bool operator==(const Stop&) const = default;
};
struct Rescan {  // answered when the scan is done and the devices exist
    bool operator==(const Rescan&) const = default;
};
struct Logout {                    // devices go first; then the Logout PDU; answered by LoggedOut
    std::uint32_t timeout_s = 15;  // for the target's response
    bool operator==(const Logout&) const = default;
};
struct GetStats {
    bool operator==(const GetStats&) const = default;
};
struct GetStatus {
    bool operator==(const GetStatus&) const = default;
};
// Sends a Logout PDU for the connection only, devices stay: what an asynchronous message that asks
// for logout wants (RFC 7143 section 11.9.1). LogoutDone follows, then conn_error or Bind.
struct LogoutConnection {
    std::uint32_t timeout_s = 15;
    bool operator==(const LogoutConnection&) const = default;
};

struct Request {
    std::uint64_t id = 0;  // chosen by the sender, comes back in the answer
    std::variant<Hello, Configure, Bind, Stop, Rescan, Logout, LogoutConnection, GetStats,
                 GetStatus>
        body;
    bool operator==(const Request&) const = default;
};

// Answers ------------------------------------------------------------------------------------

struct Done {  // nothing to tell but success
    bool operator==(const Done&) const = default;
};
// Why a request was refused or failed: number and sentence as everywhere.
struct Failure {
    base::ErrorCode code = base::ErrorCode::Internal;
    std::string message;
    bool operator==(const Failure&) const = default;
};
struct RescanDone {
    std::uint32_t luns = 0;     // LUNs the target reports
    std::uint32_t devices = 0;  // block devices that exist now
    std::string problems;       // one line per device that stays although its disk is away
    std::string failures;       // one line per disk that could not be made a device here
    std::string missing;        // one line per disk that has no device, since it can't be used
    std::string remarks;        // one line per device that is not what its user expects: its disk
                                // gave way to another, it has no link
    bool operator==(const RescanDone&) const = default;
};
struct LoggedOut {
    std::string losses;  // one line per disk whose last writes did not reach the target
    bool operator==(const LoggedOut&) const = default;
};
struct Answer {
    std::uint64_t id = 0;
    std::variant<Done, Failure, RescanDone, Stats, Status, LoggedOut> body;
    bool operator==(const Answer&) const = default;
};

// Events -------------------------------------------------------------------------------------

// The connection of `generation` is gone; iscsid logs in again and sends Bind.
struct ConnectionError {
    std::uint64_t generation = 0;
    std::uint32_t number = 0;  // 1..22, README section 8.1.3 (ISCSI_ERR_* - 1000)
    std::string text;          // what happened, for the log
    bool operator==(const ConnectionError&) const = default;
};
// An Asynchronous Message PDU (RFC 7143 section 11.9), fields as received.
struct AsyncMessage {
    std::uint64_t generation = 0;
    std::uint8_t event =
        0;  // 0 SCSI, 1 logout request, 2 drop connection, 3 drop session, 4 renegotiate
    std::uint8_t vendor_code = 0;
    std::uint16_t parameter1 = 0;
    std::uint16_t parameter2 = 0;
    std::uint16_t parameter3 = 0;
    bool luns_changed = false;  // event 0 with sense 3F/0E
    bool operator==(const AsyncMessage&) const = default;
};
struct LogoutDone {
    std::uint64_t generation = 0;
    bool responded = false;  // false: timed out or the connection broke first
    std::uint8_t response = 0;
    std::uint16_t time2wait_s = 0;
    std::uint16_t time2retain_s = 0;
    bool operator==(const LogoutDone&) const = default;
};
// replacement_timeout has passed: queued I/O was failed, new I/O fails until the next Bind.
struct RecoveryTimeout {
    bool operator==(const RecoveryTimeout&) const = default;
};
// A unit attention reported changed LUNs or capacity: with scan=auto iscsid sends Rescan.
struct DevicesChanged {
    std::string reason;
    bool operator==(const DevicesChanged&) const = default;
};
// Last message: devices are gone, the process ends.
struct Terminated {
    std::string reason;
    bool operator==(const Terminated&) const = default;
};

// What the process has logged, for a controller that wants to show it.
struct LogLine {
    base::LogLevel level = base::LogLevel::Info;
    std::string text;
    bool operator==(const LogLine&) const = default;
};

using Event = std::variant<ConnectionError, AsyncMessage, LogoutDone, RecoveryTimeout,
                           DevicesChanged, Terminated, LogLine>;
using FromUserd = std::variant<Answer, Event>;

// Text of a message. Decoding refuses, with ErrorCode::InvalidRequest and the field's name, what is
// not JSON, names no known message, or has a field of the wrong type or range.
std::string encode(const Request& request);
std::string encode(const Answer& answer);
std::string encode(const Event& event);
base::Result<Request> decode_request(std::string_view text);
base::Result<FromUserd> decode_from_userd(std::string_view text);

// The id of a request that decode_request refused, so that the refusal can be addressed.
std::optional<std::uint64_t> request_id(std::string_view text);

// RUNDIR/userd/SID.sock
std::string socket_path(std::string_view rundir, std::uint64_t sid);
// The session id of a file name in RUNDIR/userd ("1000001.sock"), or nullopt for other files.
std::optional<std::uint64_t> sid_of_socket_name(std::string_view file_name);

}  // namespace iscsi::userlink
