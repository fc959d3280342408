// SPDX-License-Identifier: LGPL-2.1-or-later
// A node record (node.*): one target, one portal, one interface, and how to log in. Members are
// named as the keys: key `node.session.timeo.replacement_timeout` is
// `node.session.timeo.replacement_timeout`; RFC spellings become snake_case, so
// `node.session.iscsi.InitialR2T` is `node.session.iscsi.initial_r2t`. Member initialisers are the
// built-in defaults; iscsid.conf overrides them when a record is made (store/conf.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "record/auth.hpp"
#include "record/iface.hpp"
#include "record/words.hpp"

namespace iscsi::record {

struct SessionTimeouts {
    std::int32_t replacement_timeout =
        120;  // seconds of queueing before I/O fails; see README 8.1.3
    bool operator==(const SessionTimeouts&) const = default;
};

struct SessionErrorTimeouts {
    std::int32_t abort_timeout = 15;  // seconds, all four
    std::int32_t lu_reset_timeout = 30;
    std::int32_t tgt_reset_timeout = 30;
    std::int32_t host_reset_timeout = 60;
    bool operator==(const SessionErrorTimeouts&) const = default;
};

// What we offer for the session-wide keys of RFC 7143 section 13, and FastAbort, which is ours.
struct SessionIscsi {
    bool fast_abort = true;
    bool initial_r2t = false;
    bool immediate_data = true;
    std::int32_t first_burst_length = 262144;  // bytes
    std::int32_t max_burst_length = 16776192;  // bytes
    std::int32_t default_time2retain = 0;      // seconds
    std::int32_t default_time2wait = 2;        // seconds
    std::int32_t max_connections = 1;
    std::int32_t max_outstanding_r2t = 1;
    std::int32_t erl = 0;
    bool operator==(const SessionIscsi&) const = default;
};

struct Session {
    std::int32_t initial_cmdsn = 0;
    std::int32_t initial_login_retry_max = 4;
    std::int32_t xmit_thread_priority = -20;
    std::int32_t cmds_max = 128;
    std::int32_t queue_depth = 32;
    std::int32_t nr_sessions = 1;
    Auth auth;
    SessionTimeouts timeo;
    SessionErrorTimeouts err_timeo;
    SessionIscsi iscsi;
    Scan scan = Scan::Auto;
    std::int32_t reopen_max = 0;  // 0: for ever
    std::int32_t sess_reopen_log_freq = 1;
    bool operator==(const Session&) const = default;
};

struct ConnectionTcp {
    std::int32_t window_size = 524288;  // bytes
    std::int32_t type_of_service = 0;
    std::string congestion_control;  // empty: the kernel's default
    bool operator==(const ConnectionTcp&) const = default;
};

struct ConnectionTimeouts {
    std::int32_t logout_timeout = 15;  // seconds, all of them
    std::int32_t login_timeout = 30;
    std::int32_t auth_timeout = 45;
    std::int32_t noop_out_interval = 5;  // 0: no pings
    std::int32_t noop_out_timeout = 5;
    bool operator==(const ConnectionTimeouts&) const = default;
};

struct ConnectionIscsi {
    std::int32_t max_xmit_data_segment_length = 0;  // 0: whatever the target declares
    std::int32_t max_recv_data_segment_length = 262144;
    Digest header_digest = Digest::None;
    Digest data_digest = Digest::None;
    bool if_marker = false;
    bool of_marker = false;
    bool operator==(const ConnectionIscsi&) const = default;
};

struct Connection {
    std::string address;  // literally as the user or the target gave it; IPv6 without brackets
    std::int32_t port = 3260;
    Startup startup = Startup::Manual;
    ConnectionTcp tcp;
    ConnectionTimeouts timeo;
    ConnectionIscsi iscsi;
    bool operator==(const Connection&) const = default;
};

// Target portal group tag of a record whose tag nobody knows (RFC 7143 section 13.9: real tags are
// 0..65535).
inline constexpr std::int32_t kUnknownTpgt = -1;

struct Node {
    std::string name;  // the target's iSCSI name
    std::int32_t tpgt = kUnknownTpgt;
    Startup startup = Startup::Manual;
    bool leading_login = false;
    Iface iface;
    std::string discovery_address;
    std::int32_t discovery_port = 0;
    NodeDiscoveryType discovery_type = NodeDiscoveryType::Static;
    Session session;
    std::array<Connection, 1> conn;  // the format has room for more; open-iscsi has one
    UnknownKeys unknown;

    bool operator==(const Node&) const = default;
};

}  // namespace iscsi::record
