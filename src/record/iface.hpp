// SPDX-License-Identifier: LGPL-2.1-or-later
// An interface record (iface.*): which transport, network interface or host bus adapter carries a
// session, and an offload card's network settings. A node record holds a copy of one. Members are
// named as the keys, `iface.mtu` is Iface::mtu; what each means stands in the schema (schema.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace iscsi::record {

// Keys that this version does not know, found in a record file, and values of known keys that can't
// be what is meant ("12junk"). They are kept as they were read and written back, so that a record
// shared with a newer version, or edited by hand, loses nothing.
struct UnknownKey {
    std::string name;
    std::string value;
    // Of a known key: what is used instead. Once the record has another value, that is written.
    std::string used = {};
    bool operator==(const UnknownKey&) const = default;
};
using UnknownKeys = std::vector<UnknownKey>;

struct Iface {
    std::string iscsi_ifacename = "default";
    std::string net_ifacename;
    std::string ipaddress;
    std::uint8_t prefix_len = 0;
    std::string hwaddress;
    std::string transport_name = "tcp";
    std::string initiatorname;
    std::string state;
    std::uint16_t vlan_id = 0;
    std::uint8_t vlan_priority = 0;
    std::string vlan_state;
    std::int32_t iface_num = 0;
    std::uint16_t mtu = 0;
    std::uint16_t port = 0;

    // IPv4 only
    std::string bootproto;
    std::string subnet_mask;
    std::string gateway;
    std::string dhcp_alt_client_id_state;
    std::string dhcp_alt_client_id;
    std::string dhcp_dns;
    std::string dhcp_learn_iqn;
    std::string dhcp_req_vendor_id_state;
    std::string dhcp_vendor_id_state;
    std::string dhcp_vendor_id;
    std::string dhcp_slp_da;
    std::string fragmentation;
    std::string gratuitous_arp;
    std::string incoming_forwarding;
    std::string tos_state;
    std::uint8_t tos = 0;
    std::uint8_t ttl = 0;

    // IPv6 only
    std::string ipv6_autocfg;
    std::string linklocal_autocfg;
    std::string router_autocfg;
    std::string ipv6_linklocal;
    std::string ipv6_router;
    std::uint8_t dup_addr_detect_cnt = 0;
    std::uint32_t flow_label = 0;
    std::string gratuitous_neighbor_adv;
    std::uint8_t hop_limit = 0;
    std::string mld;
    std::uint32_t nd_reachable_tmo = 0;
    std::uint32_t nd_rexmit_time = 0;
    std::uint32_t nd_stale_tmo = 0;
    std::uint32_t router_adv_link_mtu = 0;
    std::uint8_t traffic_class = 0;

    std::string delayed_ack;
    std::string tcp_nagle;
    std::string tcp_wsf_state;
    std::uint8_t tcp_wsf = 0;
    std::uint8_t tcp_timer_scale = 0;
    std::string tcp_timestamp;
    std::string redirect;
    std::uint16_t def_task_mgmt_timeout = 0;
    std::string header_digest;
    std::string data_digest;
    std::string immediate_data;
    std::string initial_r2t;
    std::string data_seq_inorder;
    std::string data_pdu_inorder;
    std::uint8_t erl = 0;
    std::uint32_t max_receive_data_len = 0;
    std::uint32_t first_burst_len = 0;
    std::uint16_t max_outstanding_r2t = 0;
    std::uint32_t max_burst_len = 0;
    std::string chap_auth;
    std::string bidi_chap;
    std::string strict_login_compliance;
    std::string discovery_auth;
    std::string discovery_logout;

    UnknownKeys unknown;

    bool operator==(const Iface&) const = default;
};

// Whether the IPv6-only keys of this record are the ones in use, instead of the IPv4-only ones.
// An unset address leaves the record's name to decide: "ipv6" in it. Else a colon-separated address
// that DHCP did not give.
bool is_ipv6(const Iface& iface);

// "default" in a binding field means the same as nothing there.
bool is_bound(std::string_view field);

// The built-in records: "default" (tcp), "iser" (iser) and "user" (our data path in user space).
// None has a file and none can be changed or deleted; but where open-iscsi has made an iface record
// named "user", there is no built-in one (store/).
inline constexpr std::string_view kDefaultIface = "default";
inline constexpr std::string_view kIserIface = "iser";
inline constexpr std::string_view kUserIface = "user";
inline constexpr std::string_view kUserTransport = "user";
bool is_builtin_iface(std::string_view name);
// Precondition: is_builtin_iface(name).
Iface builtin_iface(std::string_view name);

// Does `iface` (of a record) answer the pattern that the user named: equal names, and equal
// transports unless the name is "default" or the pattern has no transport.
bool matches_iface(const Iface& pattern, const Iface& iface);

// The copy of an iface record that a node record holds: everything but what open-iscsi leaves out
// of it (Compat: prefix_len) and the file's unknown keys.
Iface copy_for_node(const Iface& iface, const Iface& present);

}  // namespace iscsi::record
