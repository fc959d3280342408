// SPDX-License-Identifier: LGPL-2.1-or-later
// node.* keys, in show order.
#include <array>

#include "record/codec.hpp"

namespace iscsi::record {

namespace {

using Keys = std::vector<Key<Node>>;

constexpr Range kPorts{0, 65535};
constexpr Range kTags{-1, 65535};
constexpr Range kSegmentLengths{512, 16777215};  // RFC 7143 section 13.12 to 13.14
constexpr Range kSeconds{0, kIntMax};

void add_identity(Keys& keys) {
    keys.push_back(key<Node>(ISCSI_AT(name), {.name = "node.name",
                                              .doc = "The target's iSCSI name.",
                                              .settable = Settable::Identity,
                                              .sysfs = "targetname"}));
    keys.push_back(
        key<Node>(ISCSI_AT(tpgt), {.name = "node.tpgt",
                                   .doc = "Target portal group tag of the portal; -1 when unknown.",
                                   .range = kTags,
                                   .settable = Settable::Identity,
                                   .sysfs = "tpgt"}));
    keys.push_back(key<Node>(ISCSI_AT(startup),
                             {.name = "node.startup", .doc = "When to log in: at boot, or not."}));
    keys.push_back(key<Node>(
        ISCSI_AT(leading_login),
        {.name = "node.leading_login",
         .doc = "Log in through the first interface that works, after all other records."}));
}

void add_discovery(Keys& keys) {
    keys.push_back(key<Node>(ISCSI_AT(discovery_address),
                             {.name = "node.discovery_address",
                              .doc = "Address of the portal or server that told of this one.",
                              .settable = Settable::Identity}));
    keys.push_back(key<Node>(ISCSI_AT(discovery_port),
                             {.name = "node.discovery_port",
                              .doc = "Port of the portal or server that told of this one.",
                              .range = kPorts,
                              .settable = Settable::Identity}));
    keys.push_back(key<Node>(ISCSI_AT(discovery_type), {.name = "node.discovery_type",
                                                        .doc = "How this record came to be.",
                                                        .settable = Settable::Identity}));
}

void add_session(Keys& keys) {
    keys.push_back(key<Node>(
        ISCSI_AT(session.initial_cmdsn),
        {.name = "node.session.initial_cmdsn", .doc = "First command number of a session."}));
    keys.push_back(
        key<Node>(ISCSI_AT(session.initial_login_retry_max),
                  {.name = "node.session.initial_login_retry_max",
                   .doc = "How often a first login is tried again after a connection problem."}));
    keys.push_back(key<Node>(ISCSI_AT(session.xmit_thread_priority),
                             {.name = "node.session.xmit_thread_priority",
                              .doc = "Nice value of the kernel's sending thread.",
                              .range = Range{-20, 19}}));
    keys.push_back(
        key<Node>(ISCSI_AT(session.cmds_max),
                  {.name = "node.session.cmds_max",
                   .doc = "Commands in flight per session; a power of two. The kernel takes "
                          "up to 4096, iscsi-userd 2048.",
                   .range = Range{2, 65535}}));
    keys.push_back(key<Node>(ISCSI_AT(session.queue_depth), {.name = "node.session.queue_depth",
                                                             .doc = "Commands in flight per disk.",
                                                             .range = Range{1, 1024}}));
    keys.push_back(key<Node>(ISCSI_AT(session.nr_sessions),
                             {.name = "node.session.nr_sessions",
                              .doc = "Sessions that a login of this record makes.",
                              .range = Range{0, 1024}}));
}

void add_auth(Keys& keys) {
    keys.push_back(key<Node>(
        ISCSI_AT(session.auth.authmethod),
        {.name = "node.session.auth.authmethod", .doc = "Whether to authenticate with CHAP."}));
    keys.push_back(
        key<Node>(ISCSI_AT(session.auth.username), {.name = "node.session.auth.username",
                                                    .doc = "CHAP name that we give to the target.",
                                                    .sysfs = "username"}));
    keys.push_back(
        key<Node>(ISCSI_AT(session.auth.password), {.name = "node.session.auth.password",
                                                    .doc = "CHAP secret that proves our name.",
                                                    .visibility = Visibility::Masked,
                                                    .sysfs = "password"}));
    keys.push_back(length_key<Node>(ISCSI_AT(session.auth.password),
                                    {.name = "node.session.auth.password_length",
                                     .doc = "Length of the secret; follows from it."}));
    keys.push_back(key<Node>(ISCSI_AT(session.auth.username_in),
                             {.name = "node.session.auth.username_in",
                              .doc = "CHAP name that the target gives to us (mutual CHAP).",
                              .sysfs = "username_in"}));
    keys.push_back(key<Node>(ISCSI_AT(session.auth.password_in),
                             {.name = "node.session.auth.password_in",
                              .doc = "CHAP secret that proves the target's name.",
                              .visibility = Visibility::Masked,
                              .sysfs = "password_in"}));
    keys.push_back(length_key<Node>(ISCSI_AT(session.auth.password_in),
                                    {.name = "node.session.auth.password_in_length",
                                     .doc = "Length of the secret; follows from it."}));
    keys.push_back(key<Node>(ISCSI_AT(session.auth.chap_algs),
                             {.name = "node.session.auth.chap_algs",
                              .doc = "CHAP algorithms to offer, most wanted first."}));
}

void add_session_timeouts(Keys& keys) {
    keys.push_back(key<Node>(
        ISCSI_AT(session.timeo.replacement_timeout),
        {.name = "node.session.timeo.replacement_timeout",
         .doc = "Seconds that I/O waits for a lost session before it fails; 0: fail at once; "
                "negative: wait for ever.",
         .range = Range{kIntMin, kIntMax},
         .sysfs = "recovery_tmo"}));
    keys.push_back(key<Node>(ISCSI_AT(session.err_timeo.abort_timeout),
                             {.name = "node.session.err_timeo.abort_timeout",
                              .doc = "Seconds to wait for the answer to an abort.",
                              .range = kSeconds,
                              .sysfs = "abort_tmo"}));
    keys.push_back(key<Node>(ISCSI_AT(session.err_timeo.lu_reset_timeout),
                             {.name = "node.session.err_timeo.lu_reset_timeout",
                              .doc = "Seconds to wait for a logical unit reset.",
                              .range = kSeconds,
                              .sysfs = "lu_reset_tmo"}));
    keys.push_back(key<Node>(ISCSI_AT(session.err_timeo.tgt_reset_timeout),
                             {.name = "node.session.err_timeo.tgt_reset_timeout",
                              .doc = "Seconds to wait for a target reset.",
                              .range = kSeconds,
                              .sysfs = "tgt_reset_tmo"}));
    keys.push_back(key<Node>(ISCSI_AT(session.err_timeo.host_reset_timeout),
                             {.name = "node.session.err_timeo.host_reset_timeout",
                              .doc = "Seconds to wait for the session to come back after a reset.",
                              .range = kSeconds}));
}

void add_session_iscsi(Keys& keys) {
    keys.push_back(key<Node>(ISCSI_AT(session.iscsi.fast_abort),
                             {.name = "node.session.iscsi.FastAbort",
                              .doc = "Stop answering R2Ts of a task that is being aborted."}));
    keys.push_back(key<Node>(ISCSI_AT(session.iscsi.initial_r2t),
                             {.name = "node.session.iscsi.InitialR2T",
                              .doc = "Wait for the target's R2T before sending data.",
                              .sysfs = "initial_r2t"}));
    keys.push_back(key<Node>(ISCSI_AT(session.iscsi.immediate_data),
                             {.name = "node.session.iscsi.ImmediateData",
                              .doc = "Send data along with a write command.",
                              .sysfs = "immediate_data"}));
    keys.push_back(key<Node>(ISCSI_AT(session.iscsi.first_burst_length),
                             {.name = "node.session.iscsi.FirstBurstLength",
                              .doc = "Most unsolicited bytes of a write.",
                              .range = kSegmentLengths,
                              .sysfs = "first_burst_len"}));
    keys.push_back(key<Node>(ISCSI_AT(session.iscsi.max_burst_length),
                             {.name = "node.session.iscsi.MaxBurstLength",
                              .doc = "Most bytes of a solicited sequence.",
                              .range = kSegmentLengths,
                              .sysfs = "max_burst_len"}));
    keys.push_back(key<Node>(ISCSI_AT(session.iscsi.default_time2retain),
                             {.name = "node.session.iscsi.DefaultTime2Retain",
                              .doc = "Seconds that tasks outlive their connection.",
                              .range = Range{0, 3600}}));
    keys.push_back(key<Node>(ISCSI_AT(session.iscsi.default_time2wait),
                             {.name = "node.session.iscsi.DefaultTime2Wait",
                              .doc = "Seconds to wait before reconnecting.",
                              .range = Range{0, 3600}}));
    keys.push_back(key<Node>(ISCSI_AT(session.iscsi.max_connections),
                             {.name = "node.session.iscsi.MaxConnections",
                              .doc = "Connections per session.",
                              .range = Range{1, 65535}}));
    keys.push_back(key<Node>(ISCSI_AT(session.iscsi.max_outstanding_r2t),
                             {.name = "node.session.iscsi.MaxOutstandingR2T",
                              .doc = "Outstanding R2Ts per task.",
                              .range = Range{1, 65535},
                              .sysfs = "max_outstanding_r2t"}));
    keys.push_back(key<Node>(ISCSI_AT(session.iscsi.erl), {.name = "node.session.iscsi.ERL",
                                                           .doc = "Error recovery level.",
                                                           .range = Range{0, 2},
                                                           .sysfs = "erl"}));
    keys.push_back(key<Node>(
        ISCSI_AT(session.scan),
        {.name = "node.session.scan", .doc = "Scan for disks at login, or only when asked."}));
    keys.push_back(key<Node>(ISCSI_AT(session.reopen_max),
                             {.name = "node.session.reopen_max",
                              .doc = "Reconnections before giving a session up; 0: no limit."}));
    keys.push_back(key<Node>(ISCSI_AT(session.sess_reopen_log_freq),
                             {.name = "node.session.sess_reopen_log_freq",
                              .doc = "Log every so many failed reconnections.",
                              .since = "2.1.12"}));
}

void add_connection(Keys& keys) {
    keys.push_back(key<Node>(ISCSI_AT(conn[0].address),
                             {.name = "node.conn[0].address",
                              .doc = "Address of the portal: IPv4, IPv6 or host name.",
                              .settable = Settable::Identity,
                              .sysfs = "persistent_address"}));
    keys.push_back(key<Node>(ISCSI_AT(conn[0].port), {.name = "node.conn[0].port",
                                                      .doc = "TCP port of the portal.",
                                                      .range = kPorts,
                                                      .settable = Settable::Identity,
                                                      .sysfs = "persistent_port"}));
    keys.push_back(key<Node>(ISCSI_AT(conn[0].startup),
                             {.name = "node.conn[0].startup",
                              .doc = "When to log in; either this or node.startup counts."}));
    keys.push_back(key<Node>(
        ISCSI_AT(conn[0].tcp.window_size),
        {.name = "node.conn[0].tcp.window_size", .doc = "Socket buffer size, in bytes."}));
    keys.push_back(key<Node>(ISCSI_AT(conn[0].tcp.type_of_service),
                             {.name = "node.conn[0].tcp.type_of_service",
                              .doc = "IP type of service of the connection.",
                              .range = Range{0, 255}}));
    keys.push_back(key<Node>(ISCSI_AT(conn[0].tcp.congestion_control),
                             {.name = "node.conn[0].tcp.congestion_control",
                              .doc = "TCP congestion control algorithm; empty: the system's.",
                              .since = "2.1.12"}));
}

void add_connection_timeouts(Keys& keys) {
    keys.push_back(key<Node>(ISCSI_AT(conn[0].timeo.logout_timeout),
                             {.name = "node.conn[0].timeo.logout_timeout",
                              .doc = "Seconds to wait for the answer to a logout.",
                              .range = kSeconds}));
    keys.push_back(key<Node>(ISCSI_AT(conn[0].timeo.login_timeout),
                             {.name = "node.conn[0].timeo.login_timeout",
                              .doc = "Seconds that one attempt to connect and log in may take.",
                              .range = kSeconds}));
    keys.push_back(key<Node>(ISCSI_AT(conn[0].timeo.auth_timeout),
                             {.name = "node.conn[0].timeo.auth_timeout",
                              .doc = "Seconds that authentication may take.",
                              .range = kSeconds}));
    keys.push_back(key<Node>(ISCSI_AT(conn[0].timeo.noop_out_interval),
                             {.name = "node.conn[0].timeo.noop_out_interval",
                              .doc = "Seconds of silence before the target is pinged; 0: never.",
                              .range = kSeconds,
                              .sysfs = "recv_tmo"}));
    keys.push_back(key<Node>(ISCSI_AT(conn[0].timeo.noop_out_timeout),
                             {.name = "node.conn[0].timeo.noop_out_timeout",
                              .doc = "Seconds to wait for the answer to a ping.",
                              .range = kSeconds,
                              .sysfs = "ping_tmo"}));
}

void add_connection_iscsi(Keys& keys) {
    keys.push_back(key<Node>(ISCSI_AT(conn[0].iscsi.max_xmit_data_segment_length),
                             {.name = "node.conn[0].iscsi.MaxXmitDataSegmentLength",
                              .doc = "Most bytes per data segment that we send; 0: the target's.",
                              .range = Range{0, 16777215},
                              .sysfs = "max_xmit_dlength"}));
    keys.push_back(key<Node>(ISCSI_AT(conn[0].iscsi.max_recv_data_segment_length),
                             {.name = "node.conn[0].iscsi.MaxRecvDataSegmentLength",
                              .doc = "Most bytes per data segment that we take.",
                              .range = kSegmentLengths,
                              .sysfs = "max_recv_dlength"}));
    keys.push_back(key<Node>(ISCSI_AT(conn[0].iscsi.header_digest),
                             {.name = "node.conn[0].iscsi.HeaderDigest",
                              .doc = "Checksums of headers, in order of preference.",
                              .sysfs = "header_digest"}));
    keys.push_back(key<Node>(ISCSI_AT(conn[0].iscsi.data_digest),
                             {.name = "node.conn[0].iscsi.DataDigest",
                              .doc = "Checksums of data, in order of preference.",
                              .sysfs = "data_digest"}));
    keys.push_back(key<Node>(
        ISCSI_AT(conn[0].iscsi.if_marker),
        {.name = "node.conn[0].iscsi.IFMarker", .doc = "Obsolete; never offered (RFC 7143)."}));
    keys.push_back(key<Node>(
        ISCSI_AT(conn[0].iscsi.of_marker),
        {.name = "node.conn[0].iscsi.OFMarker", .doc = "Obsolete; never offered (RFC 7143)."}));
}

// Compat: in a node record's file these iface keys stand before the others.
constexpr std::array<std::string_view, 7> kFirstInFile{
    "iface.hwaddress", "iface.ipaddress",   "iface.iscsi_ifacename", "iface.net_ifacename",
    "iface.gateway",   "iface.subnet_mask", "iface.prefix_len",
};

}  // namespace

template <>
const Schema<Node>& schema<Node>() {
    static const Schema<Node> instance = [] {
        Keys keys;
        add_identity(keys);
        for (auto& iface_key : iface_keys_of_node()) keys.push_back(iface_key);
        add_discovery(keys);
        add_session(keys);
        add_auth(keys);
        add_session_timeouts(keys);
        add_session_iscsi(keys);
        add_connection(keys);
        add_connection_timeouts(keys);
        add_connection_iscsi(keys);
        return Schema<Node>(std::move(keys), kFirstInFile);
    }();
    return instance;
}

}  // namespace iscsi::record
