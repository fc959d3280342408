// SPDX-License-Identifier: LGPL-2.1-or-later
// What iscsiadm asks iscsid for, and what iscsid answers. One connection carries one request:
//
//   iscsiadm -> iscsid   {"request":"login", ...}\n
//   iscsid -> iscsiadm   any number of   {"progress":"...", ...}\n
//                        then exactly one {"done":true,"code":N,"message":"..."}\n   and closes
//
// The socket is kSocketName in Linux' abstract namespace. The first byte tells this protocol from
// open-iscsi's fixed-size requests, which begin with a small little-endian command number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "record/node.hpp"

namespace iscsi::control {

// From here on they are no sessions' numbers, but stand for logins that have not reached their
// target. A data path may have no session for such a one; it can be logged out nevertheless.
inline constexpr std::uint64_t kFirstUnmadeSid = 2'000'000'000;

// Abstract name, without the leading NUL. kSocketVariable in the environment overrides it.
inline constexpr std::string_view kSocketName = "ISCSIADM_ABSTRACT_NAMESPACE";
inline constexpr const char* kSocketVariable = "ISCSID_SOCKET";

inline constexpr std::size_t kRequestBytesMax = 8U << 20;  // of one line
inline constexpr std::size_t kItemsMax = 1024;             // logins or sids in one request
inline constexpr std::size_t kRecordBytesMax = 64U << 10;  // text of one record
// An answer line longer than this is no answer of iscsid.
inline constexpr std::size_t kAnswerBytesMax = 4U << 20;

// Requests -----------------------------------------------------------------------------------

struct LoginItem {
    record::Node node;      // with its secrets
    bool multiple = false;  // one more session even if this record has some already
    bool operator==(const LoginItem&) const = default;
};
// Logs in to all items at the same time. An ItemDone for each, as they finish; Done carries the
// first error in order of items. With no_wait each item is done as soon as it is accepted.
struct Login {
    std::vector<LoginItem> items;
    bool no_wait = false;
    bool operator==(const Login&) const = default;
};
// Logs out of all sessions at the same time; an ItemDone for each.
struct Logout {
    std::vector<std::uint64_t> sids;
    bool operator==(const Logout&) const = default;
};
// The sessions that iscsid runs on a data path of its own (the kernel's are in sysfs), ascending
// sid, one SessionInfo each.
struct ListSessions {
    std::vector<std::uint64_t> sids;  // empty: all. An unknown one is left out
    bool luns = false;                // SessionInfo::luns is wanted (print level 3); the kernel's
                                      // are in sysfs
    bool secrets = false;             // SessionInfo's passwords are wanted
    bool unfinished = false;          // those too whose first login has not reached the target yet
    bool operator==(const ListSessions&) const = default;
};
// One StatsInfo for each, or an ItemDone with an error.
struct GetStats {
    std::vector<std::uint64_t> sids;
    bool operator==(const GetStats&) const = default;
};
// Looks for new, grown and vanished LUNs; an ItemDone for each session when its devices exist.
struct Rescan {
    std::vector<std::uint64_t> sids;
    bool operator==(const Rescan&) const = default;
};
// One DaemonInfo.
struct GetInfo {
    bool operator==(const GetInfo&) const = default;
};
// iscsiadm -k 0: iscsid ends, sessions stay. Answered when it is about to end.
struct Stop {
    bool operator==(const Stop&) const = default;
};

using Request = std::variant<Login, Logout, ListSessions, GetStats, Rescan, GetInfo, Stop>;

// Progress -----------------------------------------------------------------------------------

// One item of the request's list has ended. Items end in any order.
struct ItemDone {
    std::uint32_t index = 0;  // in the request's list
    std::uint64_t sid = 0;    // 0: no session
    base::ErrorCode code = base::ErrorCode::Success;
    // For the operator; may be empty. With Success: lines about disks of the session.
    std::string message;
    bool operator==(const ItemDone&) const = default;
};
// Something the operator should know although nothing failed: "the kernel has no iSCSI ...".
struct Notice {
    std::uint32_t index = 0;
    std::string text;
    bool operator==(const Notice&) const = default;
};
struct DaemonInfo {
    std::string version;
    std::string config_file;         // path of iscsid.conf
    std::string initiatorname_file;  // where the name comes from
    std::string initiator_name;      // empty: none configured
    std::string initiator_alias;     //
    std::uint32_t pid = 0;
    bool operator==(const DaemonInfo&) const = default;
};

// The words of print level 1, in open-iscsi's order and with its numbers.
enum class ConnectionState : std::uint8_t {
    Free,
    TransportWait,
    InLogin,
    LoggedIn,
    InLogout,
    LogoutRequested,
    CleanupWait,
    Unknown  // never sent: iscsid, which knows, does not run
};
enum class InternalState : std::uint8_t { NoChange, Cleanup, Reopen, Redirect, Unknown };
// "TRANSPORT WAIT", "LOGGED IN", ...; "NO CHANGE", "REOPEN", ...
std::string_view words(ConnectionState state);
std::string_view words(InternalState state);

struct LunInfo {
    std::uint64_t lun = 0;
    std::string block_device;  // "loop3"; empty: none
    std::string state;         // "running", "transport-offline", ...
    std::uint8_t peripheral_type = 0;
    std::string vendor;
    std::string product;
    std::string revision;
    std::uint64_t block_count = 0;
    std::uint32_t block_bytes = 0;
    bool operator==(const LunInfo&) const = default;
};

// Everything that the session and host modes print. Text that is not set is empty.
struct SessionInfo {
    std::uint64_t sid = 0;
    std::uint64_t host_no = 0;  // equals the sid: such a session has no SCSI host of the kernel's
    std::string transport;      // the record's word, e.g. "tcp"
    std::string data_path;      // "user": what really moves the data
    std::string target;
    std::int32_t tpgt = -1;
    std::string persistent_address;  // as in the record
    std::int32_t persistent_port = 3260;
    std::string current_address;  // after a redirect, or what the name resolved to
    std::int32_t current_port = 3260;
    std::string iface_name;
    std::string iface_initiatorname;  // the initiator name in use
    std::string iface_ipaddress;      // our end of the connection; empty while there is none
    std::string iface_hwaddress;      // as bound
    std::string iface_netdev;         // as bound
    ConnectionState connection_state = ConnectionState::Free;
    std::string session_state;  // sysfs' words: LOGGED_IN, FAILED, FREE
    InternalState internal_state = InternalState::NoChange;
    bool logging_in = false;              // its first login is not over
    std::int32_t recovery_timeout = 120;  // node.session.timeo.replacement_timeout
    std::int32_t target_reset_timeout = 30;
    std::int32_t lu_reset_timeout = 30;
    std::int32_t abort_timeout = 15;
    std::string username;
    std::string password;  // only when asked for
    std::string username_in;
    std::string password_in;
    bool header_digest = false;  // CRC32C
    bool data_digest = false;
    std::uint32_t max_recv_data_segment_length = 0;
    std::uint32_t max_xmit_data_segment_length = 0;
    std::uint32_t first_burst_length = 0;
    std::uint32_t max_burst_length = 0;
    bool immediate_data = true;
    bool initial_r2t = true;
    std::uint32_t max_outstanding_r2t = 1;
    std::vector<LunInfo> luns;  // only when asked for
    bool operator==(const SessionInfo&) const = default;
};

// A counter under the name that iscsiadm -s prints, in that order.
struct Counter {
    std::string name;
    std::uint64_t value = 0;
    bool operator==(const Counter&) const = default;
};
struct StatsInfo {
    std::uint32_t index = 0;
    std::uint64_t sid = 0;
    std::vector<Counter> counters;  // "iSCSI SNMP"
    std::vector<Counter> extended;  // "iSCSI Extended"
    bool operator==(const StatsInfo&) const = default;
};

struct Done {
    base::ErrorCode code = base::ErrorCode::Success;
    std::string message;
    bool operator==(const Done&) const = default;
};

using Answer = std::variant<ItemDone, Notice, DaemonInfo, SessionInfo, StatsInfo, Done>;

// Text of a message with its closing '\n'. Decoding takes the line with or without it and refuses,
// with ErrorCode::InvalidRequest and the name of the offending field, what is not JSON, names no
// known message, or has a field of the wrong type, range or size.
std::string encode(const Request& request);
std::string encode(const Answer& answer);
base::Result<Request> decode_request(std::string_view line);
base::Result<Answer> decode_answer(std::string_view line);

}  // namespace iscsi::control
