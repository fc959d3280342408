// SPDX-License-Identifier: LGPL-2.1-or-later
// The messages of NETLINK_ISCSI: struct iscsi_uevent (56 bytes) and what follows it. Pure encoding
// and decoding; os/netlink.hpp has the socket. Numbers are native, little-endian on x86-64.
//
// The kernel answers each request with the same structure; events come unasked to group 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"

namespace iscsi::datapath::kernel {

inline constexpr std::size_t kUeventBytes = 56;

enum class UeventType : std::uint32_t {
    CreateSession = 11,
    DestroySession = 12,
    CreateConn = 13,
    DestroyConn = 14,
    BindConn = 15,
    SetParam = 16,
    StartConn = 17,
    StopConn = 18,
    SendPdu = 19,
    GetStats = 20,
    TransportEpConnect = 22,
    TransportEpPoll = 23,
    TransportEpDisconnect = 24,
    TgtDscvr = 25,
    SetHostParam = 26,
    UnbindSession = 27,
    CreateBoundSession = 28,
    TransportEpConnectThroughHost = 29,
    PathUpdate = 30,
    SetIfaceParams = 31,
    Ping = 32,
    GetChap = 33,
    DeleteChap = 34,
    SetFlashnodeParams = 35,
    NewFlashnode = 36,
    DelFlashnode = 37,
    LoginFlashnode = 38,
    LogoutFlashnode = 39,
    LogoutFlashnodeSid = 40,
    SetChap = 41,
    GetHostStats = 42,
    DestroySessionAsync = 43,

    RecvPdu = 101,
    ConnError = 102,
    IfError = 103,
    DestroyedSession = 104,
    UnboundSession = 105,
    CreatedSession = 106,
    PathReq = 107,
    IfDown = 108,
    ConnLoginState = 109,
    HostEvent = 110,
    PingComp = 111,
};

enum class Param : std::uint32_t {
    MaxRecvDlength = 0,
    MaxXmitDlength = 1,
    HdrdgstEn = 2,
    DatadgstEn = 3,
    InitialR2tEn = 4,
    MaxR2t = 5,
    ImmDataEn = 6,
    FirstBurst = 7,
    MaxBurst = 8,
    PduInorderEn = 9,
    DataseqInorderEn = 10,
    Erl = 11,
    IfmarkerEn = 12,
    OfmarkerEn = 13,
    ExpStatsn = 14,
    TargetName = 15,
    Tpgt = 16,
    PersistentAddress = 17,
    PersistentPort = 18,
    SessRecoveryTmo = 19,
    Username = 22,
    UsernameIn = 23,
    Password = 24,
    PasswordIn = 25,
    FastAbort = 26,
    AbortTmo = 27,
    LuResetTmo = 28,
    PingTmo = 30,
    RecvTmo = 31,
    IfaceName = 32,
    InitiatorName = 34,
    TgtResetTmo = 35,
    BootRoot = 39,
    BootNic = 40,
    BootTarget = 41,
    DiscoverySess = 43,
};

enum class HostParam : std::uint32_t {
    HwAddress = 0,
    InitiatorName = 1,
    NetdevName = 2,
    IpAddress = 3,
};

enum class StopFlag : std::uint32_t { Terminate = 1, Suspend = 2, Recover = 3 };

using Bytes = std::vector<std::byte>;

// A connection of a kernel session, and the transport that runs it (its handle, from sysfs).
struct ConnectionId {
    std::uint64_t transport_handle = 0;
    std::uint32_t sid = 0;
    std::uint32_t cid = 0;
};

struct SessionLimits {
    std::uint32_t initial_cmdsn = 0;
    std::uint16_t cmds_max = 128;
    std::uint16_t queue_depth = 32;
};

// Requests: the uevent with its payload, without the netlink header.
Bytes create_session(std::uint64_t transport_handle, const SessionLimits& limits);
Bytes destroy_session(std::uint64_t transport_handle, std::uint32_t sid);
Bytes unbind_session(std::uint64_t transport_handle, std::uint32_t sid);
Bytes create_conn(const ConnectionId& id);
Bytes destroy_conn(const ConnectionId& id);
// `endpoint` is the socket's descriptor number for software transports.
Bytes bind_conn(const ConnectionId& id, std::uint64_t endpoint, bool leading);
// The value travels as text; the kernel parses numbers itself.
Bytes set_param(const ConnectionId& id, Param param, std::string_view value);
Bytes set_host_param(std::uint64_t transport_handle, std::uint32_t host_no, HostParam param,
                     std::string_view value);
Bytes start_conn(const ConnectionId& id);
Bytes stop_conn(const ConnectionId& id, StopFlag flag);
// `data` is padded with zeros to a multiple of four.
Bytes send_pdu(const ConnectionId& id, base::ConstByteSpan bhs, base::ConstByteSpan data);
Bytes get_stats(const ConnectionId& id);

// The answer to a request. Which of the numbers are meant depends on the request.
struct Answer {
    UeventType type{};
    std::int32_t retcode = 0;     // all but the creating requests: 0, or a negative errno
    std::uint32_t sid = 0;        // CreateSession, CreateConn
    std::uint32_t host_no = 0;    // CreateSession
    std::int32_t cid = 0;         // CreateConn; -1: failed
    base::ConstByteSpan payload;  // GetStats: struct iscsi_stats
};
struct IfError {
    std::int32_t error_number = 0;  // negative errno
};
struct RecvPdu {
    std::uint32_t sid = 0;
    std::uint32_t cid = 0;
    base::ConstByteSpan bhs;   // 48 bytes
    base::ConstByteSpan data;  // what follows, padding included
};
struct ConnError {
    std::uint32_t sid = 0;
    std::uint32_t cid = 0;
    std::uint32_t error = 0;  // 1001...
};
struct ConnLoginState {
    std::uint32_t sid = 0;
    std::uint32_t cid = 0;
    std::uint32_t state = 0;
};
struct SessionCreated {
    std::uint32_t sid = 0;
    std::uint32_t host_no = 0;
};
struct SessionUnbound {
    std::uint32_t sid = 0;
    std::uint32_t host_no = 0;
};
struct SessionDestroyed {
    std::uint32_t sid = 0;
    std::uint32_t host_no = 0;
};
// An event that this version has no use for.
struct OtherEvent {
    std::uint32_t type = 0;
};

using Message = std::variant<Answer, IfError, RecvPdu, ConnError, ConnLoginState, SessionCreated,
                             SessionUnbound, SessionDestroyed, OtherEvent>;

enum class UeventErrc : std::uint8_t { Truncated };

// Spans in the message point into `bytes`.
std::expected<Message, UeventErrc> decode(base::ConstByteSpan bytes);

// struct iscsi_stats: the fixed counters in the order iscsiadm prints them, then the transport's
// own. Counters that the kernel cut off are left out.
struct Counter {
    std::string_view name;  // of a fixed counter: static; of a custom one: inside `payload`
    std::uint64_t value = 0;
};
struct Counters {
    std::vector<Counter> fixed;
    std::vector<Counter> custom;
};
std::expected<Counters, UeventErrc> decode_stats(base::ConstByteSpan payload);

}  // namespace iscsi::datapath::kernel
