// SPDX-License-Identifier: LGPL-2.1-or-later
// The layouts, as walks over fields in the order of the structs (struct names in comments).
#include "control/legacy.hpp"

#include <type_traits>
#include <utility>

#include "base/fixed_struct.hpp"

namespace iscsi::control::legacy {

namespace {

// Capacities of open-iscsi's text fields, with the terminating zero.
using base::StructReader;
using base::StructWriter;

constexpr std::size_t kTargetName = 255;
constexpr std::size_t kAuthText = 256;
constexpr std::size_t kBootName = 256;
constexpr std::size_t kHost = 1025;
constexpr std::size_t kText = 80;
constexpr std::size_t kIfaceName = 65;
constexpr std::size_t kNetdev = 16;
constexpr std::size_t kHwAddress = 18;
constexpr std::size_t kTransport = 16;
constexpr std::size_t kAlias = 256;
constexpr std::size_t kCongestionControl = 16;

constexpr std::size_t kNodeAt = 16;
constexpr std::size_t kListHead = 16;
constexpr std::size_t kPointer = 8;

constexpr std::uint32_t kNoAlgorithm = 0xffff'ffff;
constexpr std::uint32_t kFirstAlgorithm = 5;  // CHAP_A of MD5; the others follow in enum order

template <class Walk>
constexpr bool kReads = std::is_same_v<Walk, StructReader>;

// An enumeration travels as int; a number out of its list is remembered, not cast blindly.
template <class Walk, class Enum>
void enumeration(Walk& walk, Enum& member, std::string_view name, std::string_view& bad_field) {
    if constexpr (kReads<Walk>) {
        std::uint32_t number = 0;
        walk.template number<std::uint32_t>(number);
        if (number >= record::kWords<std::remove_const_t<Enum>>.size()) {
            bad_field = name;
            return;
        }
        member = static_cast<Enum>(number);
    } else {
        walk.template number<std::uint32_t>(std::to_underlying(member));
    }
}

template <class Walk, class Flag>
void flag(Walk& walk, Flag& member) {
    if constexpr (kReads<Walk>) {
        std::int32_t number = 0;
        walk.template number<std::int32_t>(number);
        member = number != 0;
    } else {
        walk.template number<std::int32_t>(member ? 1 : 0);
    }
}

template <class Walk, class Member>
void secret(Walk& walk, Member& member) {
    std::uint32_t length = 0;
    if constexpr (kReads<Walk>) {
        std::string text;
        walk.text(kAuthText, text);
        walk.template number<std::uint32_t>(length);
        member = base::Secret(text);
        ::explicit_bzero(text.data(), text.size());
    } else {
        walk.text(kAuthText, member.reveal());
        length = static_cast<std::uint32_t>(member.reveal().size());
        walk.template number<std::uint32_t>(length);
    }
}

template <class Walk, class Algorithms>
void chap_algorithms(Walk& walk, Algorithms& member) {
    if constexpr (kReads<Walk>) {
        member.clear();
    }
    for (std::size_t i = 0; i < record::kChapAlgorithmsMax; ++i) {
        std::uint32_t number = kNoAlgorithm;
        if constexpr (kReads<Walk>) {
            walk.template number<std::uint32_t>(number);
            const std::uint32_t index = number - kFirstAlgorithm;
            if (index < record::kWords<record::ChapAlgorithm>.size()) {
                member.push_back(static_cast<record::ChapAlgorithm>(index));
            }
        } else {
            if (i < member.size()) number = kFirstAlgorithm + std::to_underlying(member[i]);
            walk.template number<std::uint32_t>(number);
        }
    }
}

// struct iscsi_auth_config
template <class Walk, class Auth>
void auth(Walk& walk, Auth& member, std::string_view& bad_field) {
    enumeration(walk, member.authmethod, "session.auth.authmethod", bad_field);
    walk.text(kAuthText, member.username);
    secret(walk, member.password);
    walk.text(kAuthText, member.username_in);
    secret(walk, member.password_in);
    chap_algorithms(walk, member.chap_algs);
}

// struct iscsi_session_operational_config
template <class Walk, class Iscsi>
void session_iscsi(Walk& walk, Iscsi& member) {
    walk.skip(3 * sizeof(std::int32_t));  // DataPDUInOrder, DataSequenceInOrder, protocol
    flag(walk, member.initial_r2t);
    flag(walk, member.immediate_data);
    walk.template number<std::int32_t>(member.first_burst_length);
    walk.template number<std::int32_t>(member.max_burst_length);
    walk.template number<std::int32_t>(member.default_time2wait);
    walk.template number<std::int32_t>(member.default_time2retain);
    walk.template number<std::int32_t>(member.max_connections);
    walk.template number<std::int32_t>(member.max_outstanding_r2t);
    walk.template number<std::int32_t>(member.erl);
    flag(walk, member.fast_abort);
}

// struct session_rec
template <class Walk, class Request>
void session(Walk& walk, Request& request, Version version, std::string_view& bad_field) {
    auto& s = request.node.session;
    walk.align(8);
    walk.template number<std::int32_t>(s.initial_cmdsn);
    walk.template number<std::int32_t>(s.reopen_max);
    walk.template number<std::int32_t>(s.xmit_thread_priority);
    walk.template number<std::int32_t>(s.cmds_max);
    walk.template number<std::int32_t>(s.queue_depth);
    walk.template number<std::int32_t>(s.initial_login_retry_max);
    walk.template number<std::int32_t>(s.nr_sessions);
    enumeration(walk, s.scan, "session.scan", bad_field);
    auth(walk, s.auth, bad_field);
    walk.template number<std::int32_t>(s.timeo.replacement_timeout);
    walk.template number<std::int32_t>(s.err_timeo.abort_timeout);
    walk.template number<std::int32_t>(s.err_timeo.host_reset_timeout);
    walk.template number<std::int32_t>(s.err_timeo.lu_reset_timeout);
    walk.template number<std::int32_t>(s.err_timeo.tgt_reset_timeout);
    session_iscsi(walk, s.iscsi);
    walk.align(kPointer);
    walk.skip(kPointer);  // info
    walk.template number<std::uint32_t>(request.sid);
    walk.template number<std::uint8_t>(request.multiple);
    walk.text(kBootName, request.boot_root);
    walk.text(kBootName, request.boot_nic);
    walk.text(kBootName, request.boot_target);
    if (version != Version::V2_1_8) walk.template number<std::int32_t>(s.sess_reopen_log_freq);
    walk.align(8);
}

// struct conn_rec
template <class Walk, class Conn>
void connection(Walk& walk, Conn& c, Version version, std::string_view& bad_field) {
    enumeration(walk, c.startup, "conn.startup", bad_field);
    walk.text(kHost, c.address);
    walk.template number<std::int32_t>(c.port);
    walk.template number<std::int32_t>(c.tcp.window_size);
    walk.template number<std::int32_t>(c.tcp.type_of_service);
    if (version == Version::Newest) walk.text(kCongestionControl, c.tcp.congestion_control);
    walk.template number<std::int32_t>(c.timeo.login_timeout);
    walk.template number<std::int32_t>(c.timeo.logout_timeout);
    walk.template number<std::int32_t>(c.timeo.auth_timeout);
    walk.skip(sizeof(std::int32_t));  // active_timeout
    walk.template number<std::int32_t>(c.timeo.noop_out_interval);
    walk.template number<std::int32_t>(c.timeo.noop_out_timeout);
    walk.template number<std::int32_t>(c.iscsi.max_recv_data_segment_length);
    walk.template number<std::int32_t>(c.iscsi.max_xmit_data_segment_length);
    enumeration(walk, c.iscsi.header_digest, "conn.iscsi.HeaderDigest", bad_field);
    enumeration(walk, c.iscsi.data_digest, "conn.iscsi.DataDigest", bad_field);
    flag(walk, c.iscsi.if_marker);
    flag(walk, c.iscsi.of_marker);
}

// struct iface_rec, first part: addresses and the link.
template <class Walk, class Iface>
void iface_link(Walk& walk, Iface& i) {
    walk.align(8);
    walk.skip(kListHead);
    walk.text(kIfaceName, i.iscsi_ifacename);
    walk.template number<std::uint32_t>(i.iface_num);
    walk.text(kNetdev, i.net_ifacename);
    walk.text(kHost, i.ipaddress);
    walk.text(kHost, i.subnet_mask);
    walk.text(kHost, i.gateway);
    walk.text(kText, i.bootproto);
    walk.text(kHost, i.ipv6_linklocal);
    walk.text(kHost, i.ipv6_router);
    walk.text(kHost, i.ipv6_autocfg);
    walk.text(kHost, i.linklocal_autocfg);
    walk.text(kHost, i.router_autocfg);
    walk.template number<std::uint8_t>(i.prefix_len);
    walk.template number<std::uint16_t>(i.vlan_id);
    walk.template number<std::uint8_t>(i.vlan_priority);
    walk.text(kText, i.vlan_state);
    walk.text(kText, i.state);
    walk.template number<std::uint16_t>(i.mtu);
    walk.template number<std::uint16_t>(i.port);
}

// struct iface_rec, second part: TCP and IP options of offload cards.
template <class Walk, class Iface>
void iface_options(Walk& walk, Iface& i) {
    walk.text(kText, i.delayed_ack);
    walk.text(kText, i.tcp_nagle);
    walk.text(kText, i.tcp_wsf_state);
    walk.template number<std::uint8_t>(i.tcp_wsf);
    walk.template number<std::uint8_t>(i.tcp_timer_scale);
    walk.text(kText, i.tcp_timestamp);
    walk.text(kText, i.dhcp_dns);
    walk.text(kText, i.dhcp_slp_da);
    walk.text(kText, i.tos_state);
    walk.template number<std::uint8_t>(i.tos);
    walk.text(kText, i.gratuitous_arp);
    walk.text(kText, i.dhcp_alt_client_id_state);
    walk.text(kText, i.dhcp_alt_client_id);
    walk.text(kText, i.dhcp_req_vendor_id_state);
    walk.text(kText, i.dhcp_vendor_id_state);
    walk.text(kText, i.dhcp_vendor_id);
    walk.text(kText, i.dhcp_learn_iqn);
    walk.text(kText, i.fragmentation);
    walk.text(kText, i.incoming_forwarding);
    walk.template number<std::uint8_t>(i.ttl);
    walk.text(kText, i.gratuitous_neighbor_adv);
    walk.text(kText, i.redirect);
    walk.text(kText, i.mld);
    walk.template number<std::uint32_t>(i.flow_label);
    walk.template number<std::uint32_t>(i.traffic_class);
    walk.template number<std::uint8_t>(i.hop_limit);
    walk.template number<std::uint32_t>(i.nd_reachable_tmo);
    walk.template number<std::uint32_t>(i.nd_rexmit_time);
    walk.template number<std::uint32_t>(i.nd_stale_tmo);
    walk.template number<std::uint8_t>(i.dup_addr_detect_cnt);
    walk.template number<std::uint32_t>(i.router_adv_link_mtu);
}

// struct iface_rec, third part: iSCSI options of offload cards, and who the iface is.
template <class Walk, class Iface>
void iface_iscsi(Walk& walk, Iface& i) {
    walk.template number<std::uint16_t>(i.def_task_mgmt_timeout);
    walk.text(kText, i.header_digest);
    walk.text(kText, i.data_digest);
    walk.text(kText, i.immediate_data);
    walk.text(kText, i.initial_r2t);
    walk.text(kText, i.data_seq_inorder);
    walk.text(kText, i.data_pdu_inorder);
    walk.template number<std::uint8_t>(i.erl);
    walk.template number<std::uint32_t>(i.max_receive_data_len);
    walk.template number<std::uint32_t>(i.first_burst_len);
    walk.template number<std::uint16_t>(i.max_outstanding_r2t);
    walk.template number<std::uint32_t>(i.max_burst_len);
    walk.text(kText, i.chap_auth);
    walk.text(kText, i.bidi_chap);
    walk.text(kText, i.strict_login_compliance);
    walk.text(kText, i.discovery_auth);
    walk.text(kText, i.discovery_logout);
    walk.skip(2 * kText);  // port_state, port_speed
    walk.text(kHwAddress, i.hwaddress);
    walk.text(kTransport, i.transport_name);
    walk.skip(kAlias);
    walk.text(kAlias, i.initiatorname);
    walk.align(8);
}

// From 2.1.9 on the list of discovery types lacks SLP.
template <class Walk, class Type>
void discovery_type(Walk& walk, Type& member, Version version, std::string_view& bad_field) {
    using enum record::NodeDiscoveryType;
    if (version == Version::V2_1_8) {
        enumeration(walk, member, "disc_type", bad_field);
        return;
    }
    constexpr std::array kNewer{SendTargets, Isns, OffloadSendTargets, Static, Firmware};
    if constexpr (kReads<Walk>) {
        std::uint32_t number = 0;
        walk.template number<std::uint32_t>(number);
        if (number >= kNewer.size()) {
            bad_field = "disc_type";
            return;
        }
        member = kNewer[number];
    } else {
        const auto* found = std::ranges::find(kNewer, member);
        walk.template number<std::uint32_t>(found - kNewer.begin());
    }
}

// struct node_rec, from the start of the list head to its end.
template <class Walk, class Request>
std::string_view node(Walk& walk, Request& request, Version version) {
    std::string_view bad_field;
    auto& n = request.node;
    walk.skip(kListHead);
    walk.text(kTargetName, n.name);
    walk.template number<std::int32_t>(n.tpgt);
    enumeration(walk, n.startup, "startup", bad_field);
    flag(walk, n.leading_login);
    session(walk, request, version, bad_field);
    connection(walk, n.conn[0], version, bad_field);
    iface_link(walk, n.iface);
    iface_options(walk, n.iface);
    iface_iscsi(walk, n.iface);
    discovery_type(walk, n.discovery_type, version, bad_field);
    walk.text(kHost, n.discovery_address);
    walk.template number<std::int32_t>(n.discovery_port);
    walk.align(8);
    return bad_field;
}

bool carries_config_text(Command command) {
    return command == Command::ConfigIname || command == Command::ConfigIalias ||
           command == Command::ConfigFile;
}

constexpr std::size_t kConfigText = 255;
constexpr std::string_view kJsonMark = "+json/1";
constexpr std::size_t kMarkField = 16;
constexpr std::size_t kMarkAt = kReplyBytes - kMarkField;
constexpr std::size_t kStatsAt = 64;
constexpr std::size_t kCustomName = 64;
constexpr std::size_t kCustomMax = 32;
constexpr std::uint32_t kGetStatsEvent = 20;

template <class Walk, class S>
void stats(Walk& walk, S& member) {
    for (std::size_t i = 0; i < member.values.size(); ++i) {
        if (i < 2) {
            walk.template number<std::uint64_t>(member.values[i]);
        } else {
            walk.template number<std::uint32_t>(member.values[i]);
        }
    }
    std::uint32_t count = 0;
    if constexpr (kReads<Walk>) {
        walk.template number<std::uint32_t>(count);
        member.custom.resize(std::min<std::size_t>(count, kCustomMax));
    } else {
        count = static_cast<std::uint32_t>(std::min(member.custom.size(), kCustomMax));
        walk.template number<std::uint32_t>(count);
    }
    for (std::size_t i = 0; i < std::min(member.custom.size(), kCustomMax); ++i) {
        walk.text(kCustomName, member.custom[i].name);
        walk.template number<std::uint64_t>(member.custom[i].value);
    }
}

}  // namespace

bool carries_record(Command command) {
    return command == Command::SessionLogin || command == Command::SessionSync;
}

bool carries_payload(Command command) {
    return command >= Command::NotifyAddNode && command <= Command::NotifyDelPortal;
}

std::size_t node_bytes(Version version) {
    switch (version) {
        case Version::V2_1_8:
            return 16088;
        case Version::V2_1_11:
            return 16096;
        case Version::Newest:
            return 16112;
    }
    return 0;
}

std::size_t request_bytes(Version version) { return kNodeAt + node_bytes(version); }

std::optional<Version> version_of_size(std::size_t bytes) {
    for (const auto version : {Version::V2_1_8, Version::V2_1_11, Version::Newest}) {
        if (request_bytes(version) == bytes) return version;
    }
    return std::nullopt;
}

base::Result<Request> decode_request(base::ConstByteSpan bytes, Version version) {
    CHECK(bytes.size() == request_bytes(version));
    Request request;
    StructReader reader(bytes, 0);
    reader.number<std::uint32_t>(request.command);
    reader.number<std::uint32_t>(request.payload_length);
    if (carries_record(request.command)) {
        NodeRequest login;
        StructReader record(bytes, kNodeAt);
        const auto bad_field = node(record, login, version);
        if (!bad_field.empty()) {
            return base::fail(base::ErrorCode::Invalid,
                              "login request: field {} holds a number out of its range", bad_field);
        }
        CHECK(record.offset() == bytes.size());
        request.login = std::move(login);
    } else if (request.command == Command::SendTargets) {
        reader.number<std::uint32_t>(request.host_no);
        return request;
    }
    reader.number<std::uint32_t>(request.sid);
    return request;
}

base::Result<std::vector<std::byte>> encode_request(const Request& request, Version version) {
    std::vector<std::byte> bytes(request_bytes(version));
    StructWriter writer(bytes, 0);
    writer.number<std::uint32_t>(std::to_underlying(request.command));
    writer.number<std::uint32_t>(request.payload_length);
    writer.number<std::uint32_t>(request.command == Command::SendTargets ? request.host_no
                                                                         : request.sid);
    if (carries_record(request.command) && request.login) {
        StructWriter record(bytes, kNodeAt);
        node(record, *request.login, version);
        if (record.truncated()) {
            return base::fail(base::ErrorCode::Invalid,
                              "record of {} has a value too long for this iscsid's request",
                              request.login->node.name);
        }
    }
    return bytes;
}

ReplyBytes encode_reply(const Reply& reply) {
    ReplyBytes bytes{};
    StructWriter writer(bytes, 0);
    writer.number<std::uint32_t>(std::to_underlying(reply.command));
    writer.number<std::uint32_t>(std::to_underlying(reply.code));
    if (carries_config_text(reply.command)) {
        writer.text(kConfigText, reply.text);
        if (reply.speaks_json) StructWriter(bytes, kMarkAt).text(kMarkField, kJsonMark);
    } else if (reply.command == Command::SessionInfo) {
        writer.number<std::int32_t>(std::to_underlying(reply.session_state));
        writer.number<std::int32_t>(std::to_underlying(reply.conn_state));
    } else if (reply.command == Command::SessionStats) {
        writer.number<std::uint32_t>(kGetStatsEvent);
        StructWriter numbers(bytes, kStatsAt);
        stats(numbers, reply.stats);
    }
    return bytes;
}

Reply decode_reply(base::ConstByteSpan bytes, Command command) {
    CHECK(bytes.size() == kReplyBytes);
    Reply reply;
    StructReader reader(bytes, 0);
    reader.number<std::uint32_t>(reply.command);
    std::uint32_t code = 0;
    reader.number<std::uint32_t>(code);
    reply.code = base::error_code_from_number(code);
    if (carries_config_text(command)) {
        reader.text(kConfigText, reply.text);
        std::string mark;
        StructReader(bytes, kMarkAt).text(kMarkField, mark);
        reply.speaks_json = command == Command::ConfigFile && mark == kJsonMark;
    } else if (command == Command::SessionInfo) {
        reader.number<std::int32_t>(reply.session_state);
        reader.number<std::int32_t>(reply.conn_state);
    } else if (command == Command::SessionStats) {
        StructReader numbers(bytes, kStatsAt);
        stats(numbers, reply.stats);
    }
    return reply;
}

}  // namespace iscsi::control::legacy
