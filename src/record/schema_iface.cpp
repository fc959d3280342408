// SPDX-License-Identifier: LGPL-2.1-or-later
// iface.* keys, in the order in which an iface record's file and every listing have them.
#include "record/codec.hpp"

namespace iscsi::record {

namespace {

constexpr Range kVlanIds{0, 4095};
constexpr Range kVlanPriorities{0, 7};
constexpr Range kPorts{0, 65535};
constexpr Range kPrefixLengths{0, 128};
constexpr Range kErrorRecoveryLevels{0, 2};

template <class Record, class Outer>
class Builder {
public:
    template <class Inner>
    void add(Inner, KeyInfo info) {
        keys.push_back(key<Record>(Within<Outer, Inner>{}, info));
    }
    std::vector<Key<Record>> keys;
};

void add_common_head(auto& to) {
    to.add(ISCSI_AT(iscsi_ifacename),
           {.name = "iface.iscsi_ifacename", .doc = "Name of this interface record."});
    to.add(ISCSI_AT(net_ifacename), {.name = "iface.net_ifacename",
                                     .doc = "Network interface that connections are bound to."});
    to.add(ISCSI_AT(ipaddress),
           {.name = "iface.ipaddress",
            .doc = "Address of an offload port (not for software iSCSI); decides IPv4 or IPv6.",
            .sysfs = "ipaddress"});
    to.add(ISCSI_AT(prefix_len), {.name = "iface.prefix_len",
                                  .doc = "Length of the network prefix of iface.ipaddress.",
                                  .range = kPrefixLengths});
    to.add(ISCSI_AT(hwaddress),
           {.name = "iface.hwaddress",
            .doc = "MAC address of the network interface or offload port to bind to."});
    to.add(ISCSI_AT(transport_name),
           {.name = "iface.transport_name",
            .doc = "Transport: tcp, iser, user, or an offload driver (bnx2i, cxgb3i, cxgb4i, "
                   "qla4xxx, be2iscsi, ocs, qedi)."});
    to.add(ISCSI_AT(initiatorname),
           {.name = "iface.initiatorname",
            .doc = "Initiator name for sessions and discovery through this interface."});
    to.add(ISCSI_AT(state),
           {.name = "iface.state", .doc = "Port state: enable or disable.", .sysfs = "enabled"});
    to.add(ISCSI_AT(vlan_id),
           {.name = "iface.vlan_id", .doc = "VLAN id.", .range = kVlanIds, .sysfs = "vlan_id"});
    to.add(ISCSI_AT(vlan_priority), {.name = "iface.vlan_priority",
                                     .doc = "VLAN priority (802.1p).",
                                     .range = kVlanPriorities,
                                     .sysfs = "vlan_priority"});
    to.add(ISCSI_AT(vlan_state), {.name = "iface.vlan_state",
                                  .doc = "VLAN tagging: enable or disable.",
                                  .sysfs = "vlan_enabled"});
    to.add(ISCSI_AT(iface_num),
           {.name = "iface.iface_num", .doc = "Number of this interface on its offload port."});
    to.add(ISCSI_AT(mtu),
           {.name = "iface.mtu", .doc = "Largest packet, in bytes.", .sysfs = "mtu"});
    to.add(ISCSI_AT(port), {.name = "iface.port",
                            .doc = "TCP port of the initiator.",
                            .range = kPorts,
                            .sysfs = "port"});
}

void add_ipv4(auto& to) {
    const auto add = [&](auto at, KeyInfo info) {
        info.family = Family::Ipv4;
        to.add(at, info);
    };
    add(ISCSI_AT(bootproto), {.name = "iface.bootproto",
                              .doc = "Where the address comes from: dhcp or static.",
                              .sysfs = "bootproto"});
    add(ISCSI_AT(subnet_mask),
        {.name = "iface.subnet_mask", .doc = "Subnet mask.", .sysfs = "subnet"});
    add(ISCSI_AT(gateway), {.name = "iface.gateway", .doc = "Gateway.", .sysfs = "gateway"});
    add(ISCSI_AT(dhcp_alt_client_id_state),
        {.name = "iface.dhcp_alt_client_id_state",
         .doc = "Use the alternate DHCP client id: enable or disable.",
         .sysfs = "dhcp_alt_client_id_en"});
    add(ISCSI_AT(dhcp_alt_client_id), {.name = "iface.dhcp_alt_client_id",
                                       .doc = "Alternate DHCP client id.",
                                       .sysfs = "dhcp_alt_client_id"});
    add(ISCSI_AT(dhcp_dns), {.name = "iface.dhcp_dns",
                             .doc = "Ask DHCP for name servers: enable or disable.",
                             .sysfs = "dhcp_dns_address_en"});
    add(ISCSI_AT(dhcp_learn_iqn), {.name = "iface.dhcp_learn_iqn",
                                   .doc = "Take the initiator name from DHCP: enable or disable.",
                                   .sysfs = "dhcp_learn_iqn_en"});
    add(ISCSI_AT(dhcp_req_vendor_id_state),
        {.name = "iface.dhcp_req_vendor_id_state",
         .doc = "Require the vendor id in DHCP answers: enable or disable.",
         .sysfs = "dhcp_req_vendor_id_en"});
    add(ISCSI_AT(dhcp_vendor_id_state),
        {.name = "iface.dhcp_vendor_id_state",
         .doc = "Send a vendor id in DHCP requests: enable or disable.",
         .sysfs = "dhcp_use_vendor_id_en"});
    add(ISCSI_AT(dhcp_vendor_id),
        {.name = "iface.dhcp_vendor_id", .doc = "DHCP vendor id.", .sysfs = "dhcp_vendor_id"});
    add(ISCSI_AT(dhcp_slp_da), {.name = "iface.dhcp_slp_da",
                                .doc = "Ask DHCP for SLP directory agents: enable or disable.",
                                .sysfs = "dhcp_slp_da_info_en"});
    add(ISCSI_AT(fragmentation), {.name = "iface.fragmentation",
                                  .doc = "IP fragmentation: enable or disable.",
                                  .sysfs = "fragment_disable"});
    add(ISCSI_AT(gratuitous_arp), {.name = "iface.gratuitous_arp",
                                   .doc = "Gratuitous ARP: enable or disable.",
                                   .sysfs = "grat_arp_en"});
    add(ISCSI_AT(incoming_forwarding), {.name = "iface.incoming_forwarding",
                                        .doc = "Accept forwarded packets: enable or disable.",
                                        .sysfs = "incoming_forwarding_en"});
    add(ISCSI_AT(tos_state), {.name = "iface.tos_state",
                              .doc = "Set the type of service: enable or disable.",
                              .sysfs = "tos_en"});
    add(ISCSI_AT(tos), {.name = "iface.tos", .doc = "IPv4 type of service.", .sysfs = "tos"});
    add(ISCSI_AT(ttl), {.name = "iface.ttl", .doc = "IPv4 time to live.", .sysfs = "ttl"});
}

void add_ipv6(auto& to) {
    const auto add = [&](auto at, KeyInfo info) {
        info.family = Family::Ipv6;
        to.add(at, info);
    };
    add(ISCSI_AT(ipv6_autocfg), {.name = "iface.ipv6_autocfg",
                                 .doc = "Where the address comes from: nd, dhcpv6 or disable.",
                                 .sysfs = "ipaddr_autocfg"});
    add(ISCSI_AT(linklocal_autocfg), {.name = "iface.linklocal_autocfg",
                                      .doc = "Make the link-local address: auto or off.",
                                      .sysfs = "link_local_autocfg"});
    add(ISCSI_AT(router_autocfg), {.name = "iface.router_autocfg",
                                   .doc = "Learn the router: auto or off.",
                                   .sysfs = "router_state"});
    add(ISCSI_AT(ipv6_linklocal),
        {.name = "iface.ipv6_linklocal", .doc = "Link-local address.", .sysfs = "link_local_addr"});
    add(ISCSI_AT(ipv6_router),
        {.name = "iface.ipv6_router", .doc = "Default router.", .sysfs = "router_addr"});
    add(ISCSI_AT(dup_addr_detect_cnt), {.name = "iface.dup_addr_detect_cnt",
                                        .doc = "Probes of duplicate address detection.",
                                        .sysfs = "dup_addr_detect_cnt"});
    add(ISCSI_AT(flow_label), {.name = "iface.flow_label",
                               .doc = "IPv6 flow label.",
                               .range = Range{0, 0xfffff},
                               .sysfs = "flow_label"});
    add(ISCSI_AT(gratuitous_neighbor_adv),
        {.name = "iface.gratuitous_neighbor_adv",
         .doc = "Gratuitous neighbour advertisements: enable or disable.",
         .sysfs = "grat_neighbor_adv_en"});
    add(ISCSI_AT(hop_limit),
        {.name = "iface.hop_limit", .doc = "IPv6 hop limit.", .sysfs = "hop_limit"});
    add(ISCSI_AT(mld), {.name = "iface.mld",
                        .doc = "Multicast listener discovery: enable or disable.",
                        .sysfs = "mld_en"});
    add(ISCSI_AT(nd_reachable_tmo),
        {.name = "iface.nd_reachable_tmo",
         .doc = "Neighbour discovery: time a neighbour counts as reachable, in ms.",
         .sysfs = "nd_reachable_tmo"});
    add(ISCSI_AT(nd_rexmit_time),
        {.name = "iface.nd_rexmit_time",
         .doc = "Neighbour discovery: time between retransmissions, in ms.",
         .sysfs = "nd_rexmit_time"});
    add(ISCSI_AT(nd_stale_tmo), {.name = "iface.nd_stale_tmo",
                                 .doc = "Neighbour discovery: time until an entry is stale, in ms.",
                                 .sysfs = "nd_stale_tmo"});
    add(ISCSI_AT(router_adv_link_mtu), {.name = "iface.router_adv_link_mtu",
                                        .doc = "Link MTU from router advertisements.",
                                        .sysfs = "router_adv_link_mtu"});
    add(ISCSI_AT(traffic_class),
        {.name = "iface.traffic_class", .doc = "IPv6 traffic class.", .sysfs = "traffic_class"});
}

void add_tcp(auto& to) {
    to.add(ISCSI_AT(delayed_ack), {.name = "iface.delayed_ack",
                                   .doc = "TCP delayed acknowledgements: enable or disable.",
                                   .sysfs = "delayed_ack_en"});
    to.add(ISCSI_AT(tcp_nagle), {.name = "iface.tcp_nagle",
                                 .doc = "Nagle's algorithm: enable or disable.",
                                 .sysfs = "tcp_nagle_disable"});
    to.add(ISCSI_AT(tcp_wsf_state), {.name = "iface.tcp_wsf_state",
                                     .doc = "TCP window scaling: enable or disable.",
                                     .sysfs = "tcp_wsf_disable"});
    to.add(ISCSI_AT(tcp_wsf),
           {.name = "iface.tcp_wsf", .doc = "TCP window scale factor.", .sysfs = "tcp_wsf"});
    to.add(
        ISCSI_AT(tcp_timer_scale),
        {.name = "iface.tcp_timer_scale", .doc = "TCP timer scale.", .sysfs = "tcp_timer_scale"});
    to.add(ISCSI_AT(tcp_timestamp), {.name = "iface.tcp_timestamp",
                                     .doc = "TCP timestamps: enable or disable.",
                                     .sysfs = "tcp_timestamp_en"});
    to.add(ISCSI_AT(redirect), {.name = "iface.redirect",
                                .doc = "Follow ICMP redirects: enable or disable.",
                                .sysfs = "redirect_en"});
}

void add_iscsi(auto& to) {
    to.add(ISCSI_AT(def_task_mgmt_timeout),
           {.name = "iface.def_task_mgmt_timeout",
            .doc = "Default timeout of task management, in seconds.",
            .sysfs = "def_taskmgmt_tmo"});
    to.add(ISCSI_AT(header_digest), {.name = "iface.header_digest",
                                     .doc = "Offload default: enable or disable.",
                                     .sysfs = "header_digest"});
    to.add(ISCSI_AT(data_digest), {.name = "iface.data_digest",
                                   .doc = "Offload default: enable or disable.",
                                   .sysfs = "data_digest"});
    to.add(ISCSI_AT(immediate_data), {.name = "iface.immediate_data",
                                      .doc = "Offload default: enable or disable.",
                                      .sysfs = "immediate_data"});
    to.add(ISCSI_AT(initial_r2t), {.name = "iface.initial_r2t",
                                   .doc = "Offload default: enable or disable.",
                                   .sysfs = "initial_r2t"});
    to.add(ISCSI_AT(data_seq_inorder), {.name = "iface.data_seq_inorder",
                                        .doc = "Offload default: enable or disable.",
                                        .sysfs = "data_seq_in_order"});
    to.add(ISCSI_AT(data_pdu_inorder), {.name = "iface.data_pdu_inorder",
                                        .doc = "Offload default: enable or disable.",
                                        .sysfs = "data_pdu_in_order"});
    to.add(ISCSI_AT(erl), {.name = "iface.erl",
                           .doc = "Offload default: error recovery level.",
                           .range = kErrorRecoveryLevels,
                           .sysfs = "erl"});
    to.add(ISCSI_AT(max_receive_data_len),
           {.name = "iface.max_receive_data_len",
            .doc = "Offload default: MaxRecvDataSegmentLength, in bytes.",
            .sysfs = "max_recv_dlength"});
    to.add(ISCSI_AT(first_burst_len), {.name = "iface.first_burst_len",
                                       .doc = "Offload default: FirstBurstLength, in bytes.",
                                       .sysfs = "first_burst_len"});
    to.add(ISCSI_AT(max_outstanding_r2t), {.name = "iface.max_outstanding_r2t",
                                           .doc = "Offload default: MaxOutstandingR2T.",
                                           .sysfs = "max_outstanding_r2t"});
    to.add(ISCSI_AT(max_burst_len), {.name = "iface.max_burst_len",
                                     .doc = "Offload default: MaxBurstLength, in bytes.",
                                     .sysfs = "max_burst_len"});
    to.add(ISCSI_AT(chap_auth), {.name = "iface.chap_auth",
                                 .doc = "Offload default: CHAP, enable or disable.",
                                 .sysfs = "chap_auth"});
    to.add(ISCSI_AT(bidi_chap), {.name = "iface.bidi_chap",
                                 .doc = "Offload default: mutual CHAP, enable or disable.",
                                 .sysfs = "bidi_chap"});
    to.add(ISCSI_AT(strict_login_compliance),
           {.name = "iface.strict_login_compliance",
            .doc = "Offload: strict login compliance, enable or disable.",
            .sysfs = "strict_login_comp_en"});
    to.add(ISCSI_AT(discovery_auth), {.name = "iface.discovery_auth",
                                      .doc = "Offload: authenticate discovery, enable or disable.",
                                      .sysfs = "discovery_auth_optional"});
    to.add(ISCSI_AT(discovery_logout),
           {.name = "iface.discovery_logout",
            .doc = "Offload: log out after discovery, enable or disable.",
            .sysfs = "discovery_logout"});
}

}  // namespace

template <class Record, class Outer>
std::vector<Key<Record>> iface_keys(Outer) {
    Builder<Record, Outer> builder;
    add_common_head(builder);
    add_ipv4(builder);
    add_ipv6(builder);
    add_tcp(builder);
    add_iscsi(builder);
    return std::move(builder.keys);
}

template <>
const Schema<Iface>& schema<Iface>() {
    static const Schema<Iface> instance = [] {
        auto keys = iface_keys<Iface>(Itself{});
        keys.front().info.settable = Settable::Identity;  // the record's name
        return Schema<Iface>(std::move(keys));
    }();
    return instance;
}

std::vector<Key<Node>> iface_keys_of_node() {
    auto keys = iface_keys<Node>(ISCSI_AT(iface));
    for (auto& entry : keys) {
        // The transport alone may be changed in a node record itself.
        if (entry.info.name != "iface.transport_name") {
            entry.info.settable = Settable::ThroughIface;
        }
    }
    return keys;
}

}  // namespace iscsi::record
