// SPDX-License-Identifier: LGPL-2.1-or-later
// The fixed-size requests and replies between open-iscsi's own iscsiadm and iscsid, so that an
// iscsiadm inside a container can talk to our iscsid, and ours to such a daemon.
//
// There is no version in them: a request is one C struct whose size tells which version sent it.
// Replies have the same layout everywhere. All numbers are native, little-endian on x86-64.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "record/node.hpp"

namespace iscsi::control::legacy {

// Releases that differ in the layout of a request or in the numbers inside.
enum class Version : std::uint8_t {
    V2_1_8,   // also what 2.1.9 and 2.1.10 send, but for the number of the discovery type
    V2_1_11,  // + session.conn_reopen_log_freq
    Newest,   // + conn.tcp.congestion_control
};

inline constexpr std::size_t kReplyBytes = 2464;
inline constexpr std::size_t kPayloadBytesMax = 65536;

std::size_t node_bytes(Version version);
std::size_t request_bytes(Version version);
// The version whose requests have this size.
std::optional<Version> version_of_size(std::size_t bytes);
// The shortest request of any version: what to wait for before deciding.
inline constexpr std::size_t kRequestBytesMin = 16104;
inline constexpr std::size_t kRequestBytesMax = 16128;

enum class Command : std::uint32_t {
    Unknown = 0,
    SessionLogin = 1,
    SessionLogout = 2,
    SessionActiveStat = 4,
    ConnAdd = 5,
    ConnRemove = 6,
    SessionStats = 7,
    ConfigIname = 8,
    ConfigIalias = 9,
    ConfigFile = 10,
    ImmediateStop = 11,
    SessionSync = 12,
    SessionInfo = 13,
    IsnsDevAttrQuery = 14,
    SendTargets = 15,
    NotifyAddNode = 16,
    NotifyDelNode = 17,
    NotifyAddPortal = 18,
    NotifyDelPortal = 19,
};

// A node record as it travels, with the fields that no record file has.
struct NodeRequest {
    record::Node node;
    std::uint32_t sid = 0;
    bool multiple = false;  // one more session although the record has one already
    std::string boot_root;
    std::string boot_nic;
    std::string boot_target;
};

struct Request {
    Command command = Command::Unknown;  // may hold a number that no enumerator has
    std::uint32_t payload_length = 0;    // bytes that follow the struct (commands 16 to 19)
    std::uint32_t sid = 0;               // SessionLogout, SessionStats, SessionInfo
    std::optional<NodeRequest> login;    // SessionLogin, SessionSync
    std::uint32_t host_no = 0;           // SendTargets
    std::size_t payload_texts = 0;       // how many the payload holds (commands 16 to 19)
};
bool carries_record(Command command);
bool carries_payload(Command command);

// `bytes` is one whole struct of request_bytes(version). Numbers out of an enumeration's range give
// Error Invalid with the field's name. 2.1.9 and 2.1.10 number the discovery type otherwise than
// 2.1.8; both readings of it are harmless for a login, so the 2.1.8 one is taken.
base::Result<Request> decode_request(base::ConstByteSpan bytes, Version version);
// Error Invalid if a text does not fit its field.
base::Result<std::vector<std::byte>> encode_request(const Request& request, Version version);

// The first word of a reply's session state (print level 1).
enum class SessionState : std::int32_t {
    NoChange = 0,
    Cleanup = 1,
    Reopen = 2,
    Redirect = 3,
    Destroyed = 4,
};
enum class ConnState : std::int32_t {
    Free = 0,
    TransportWait = 1,
    InLogin = 2,
    LoggedIn = 3,
    InLogout = 4,
    LogoutRequested = 5,
    CleanupWait = 6,
};

// struct iscsi_stats and its custom entries, in the order of their fields.
inline constexpr std::array<std::string_view, 21> kStatNames{
    "txdata_octets",  "rxdata_octets", "noptx_pdus",   "scsicmd_pdus", "tmfcmd_pdus",
    "login_pdus",     "text_pdus",     "dataout_pdus", "logout_pdus",  "snack_pdus",
    "noprx_pdus",     "scsirsp_pdus",  "tmfrsp_pdus",  "textrsp_pdus", "datain_pdus",
    "logoutrsp_pdus", "r2t_pdus",      "async_pdus",   "rjt_pdus",     "digest_err",
    "timeout_err"};
struct CustomStat {
    std::string name;  // at most 63 characters
    std::uint64_t value = 0;
    bool operator==(const CustomStat&) const = default;
};
struct Stats {
    std::array<std::uint64_t, kStatNames.size()>
        values{};                    // as kStatNames; 32 bit after the first two
    std::vector<CustomStat> custom;  // at most 32
    bool operator==(const Stats&) const = default;
};

struct Reply {
    Command command = Command::Unknown;
    base::ErrorCode code = base::ErrorCode::Success;
    std::string text;  // ConfigIname, ConfigIalias, ConfigFile; at most 254 characters
    // ConfigFile: the JSON of messages.hpp is understood, too. A mark in bytes that open-iscsi
    // leaves zero and does not look at.
    bool speaks_json = false;
    SessionState session_state = SessionState::NoChange;  // SessionInfo
    ConnState conn_state = ConnState::Free;               // SessionInfo
    Stats stats;                                          // SessionStats
};

using ReplyBytes = std::array<std::byte, kReplyBytes>;
ReplyBytes encode_reply(const Reply& reply);
// `command` is what was asked, since only that tells which fields a reply holds.
Reply decode_reply(base::ConstByteSpan bytes, Command command);

}  // namespace iscsi::control::legacy
