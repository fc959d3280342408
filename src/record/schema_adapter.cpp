// SPDX-License-Identifier: LGPL-2.1-or-later
// host.auth.* and flashnode.* keys: the tables of offload adapters.
#include "record/codec.hpp"

namespace iscsi::record {

namespace {

void add_flash_session(auto add) {
    add(ISCSI_AT(session.auto_snd_tgt_disable), {.name = "flashnode.session.auto_snd_tgt_disable",
                                                 .doc = "Do not discover targets by itself."});
    add(ISCSI_AT(session.discovery_session),
        {.name = "flashnode.session.discovery_session", .doc = "This is a discovery session."});
    add(ISCSI_AT(session.portal_type),
        {.name = "flashnode.session.portal_type", .doc = "ipv4 or ipv6."});
    add(ISCSI_AT(session.entry_enable),
        {.name = "flashnode.session.entry_enable", .doc = "The entry is in use."});
    add(ISCSI_AT(session.immediate_data),
        {.name = "flashnode.session.immediate_data", .doc = "ImmediateData."});
    add(ISCSI_AT(session.initial_r2t),
        {.name = "flashnode.session.initial_r2t", .doc = "InitialR2T."});
    add(ISCSI_AT(session.data_seq_in_order),
        {.name = "flashnode.session.data_seq_in_order", .doc = "DataSequenceInOrder."});
    add(ISCSI_AT(session.data_pdu_in_order),
        {.name = "flashnode.session.data_pdu_in_order", .doc = "DataPDUInOrder."});
    add(ISCSI_AT(session.chap_auth_en), {.name = "flashnode.session.chap_auth_en",
                                         .doc = "Authenticate with CHAP.",
                                         .sysfs = "chap_auth"});
    add(ISCSI_AT(session.discovery_logout_en), {.name = "flashnode.session.discovery_logout_en",
                                                .doc = "Log out after discovery.",
                                                .sysfs = "discovery_logout"});
    add(ISCSI_AT(session.bidi_chap_en),
        {.name = "flashnode.session.bidi_chap_en", .doc = "Mutual CHAP.", .sysfs = "bidi_chap"});
    add(ISCSI_AT(session.discovery_auth_optional),
        {.name = "flashnode.session.discovery_auth_optional",
         .doc = "Authentication of discovery is optional."});
    add(ISCSI_AT(session.erl), {.name = "flashnode.session.erl", .doc = "Error recovery level."});
    add(ISCSI_AT(session.first_burst_len),
        {.name = "flashnode.session.first_burst_len", .doc = "FirstBurstLength, in bytes."});
    add(ISCSI_AT(session.def_time2wait),
        {.name = "flashnode.session.def_time2wait", .doc = "DefaultTime2Wait, in seconds."});
    add(ISCSI_AT(session.def_time2retain),
        {.name = "flashnode.session.def_time2retain", .doc = "DefaultTime2Retain, in seconds."});
    add(ISCSI_AT(session.max_outstanding_r2t),
        {.name = "flashnode.session.max_outstanding_r2t", .doc = "MaxOutstandingR2T."});
    add(ISCSI_AT(session.isid), {.name = "flashnode.session.isid", .doc = "Initiator session id."});
    add(ISCSI_AT(session.tsid),
        {.name = "flashnode.session.tsid", .doc = "Target session handle."});
    add(ISCSI_AT(session.max_burst_len),
        {.name = "flashnode.session.max_burst_len", .doc = "MaxBurstLength, in bytes."});
    add(ISCSI_AT(session.def_taskmgmt_tmo), {.name = "flashnode.session.def_taskmgmt_tmo",
                                             .doc = "Timeout of task management, in seconds."});
    add(ISCSI_AT(session.targetalias),
        {.name = "flashnode.session.targetalias", .doc = "The target's alias."});
    add(ISCSI_AT(session.targetname),
        {.name = "flashnode.session.targetname", .doc = "The target's iSCSI name."});
    add(ISCSI_AT(session.discovery_parent_idx), {.name = "flashnode.session.discovery_parent_idx",
                                                 .doc = "Index of the entry that found this one."});
    add(ISCSI_AT(session.discovery_parent_type), {.name = "flashnode.session.discovery_parent_type",
                                                  .doc = "Kind of the entry that found this one."});
    add(ISCSI_AT(session.tpgt),
        {.name = "flashnode.session.tpgt", .doc = "Target portal group tag."});
    add(ISCSI_AT(session.chap_out_idx), {.name = "flashnode.session.chap_out_idx",
                                         .doc = "CHAP table entry that proves our name."});
    add(ISCSI_AT(session.chap_in_idx), {.name = "flashnode.session.chap_in_idx",
                                        .doc = "CHAP table entry that proves the target's name."});
    add(ISCSI_AT(session.username),
        {.name = "flashnode.session.username", .doc = "CHAP name that we give to the target."});
    add(ISCSI_AT(session.username_in),
        {.name = "flashnode.session.username_in", .doc = "CHAP name that the target gives to us."});
    add(ISCSI_AT(session.password),
        {.name = "flashnode.session.password", .doc = "CHAP secret that proves our name."});
    add(ISCSI_AT(session.password_in), {.name = "flashnode.session.password_in",
                                        .doc = "CHAP secret that proves the target's name."});
    add(ISCSI_AT(session.is_boot_target),
        {.name = "flashnode.session.is_boot_target", .doc = "The adapter boots from this target."});
}

void add_flash_connection(auto add) {
    add(ISCSI_AT(conn[0].is_fw_assigned_ipv6), {.name = "flashnode.conn[0].is_fw_assigned_ipv6",
                                                .doc = "The firmware assigned the IPv6 address."});
    add(ISCSI_AT(conn[0].header_digest_en), {.name = "flashnode.conn[0].header_digest_en",
                                             .doc = "Header digests.",
                                             .sysfs = "header_digest"});
    add(ISCSI_AT(conn[0].data_digest_en), {.name = "flashnode.conn[0].data_digest_en",
                                           .doc = "Data digests.",
                                           .sysfs = "data_digest"});
    add(ISCSI_AT(conn[0].snack_req_en),
        {.name = "flashnode.conn[0].snack_req_en", .doc = "SNACK requests.", .sysfs = "snack_req"});
    add(ISCSI_AT(conn[0].tcp_timestamp_stat),
        {.name = "flashnode.conn[0].tcp_timestamp_stat", .doc = "State of TCP timestamps."});
    add(ISCSI_AT(conn[0].tcp_nagle_disable),
        {.name = "flashnode.conn[0].tcp_nagle_disable", .doc = "Switch Nagle's algorithm off."});
    add(ISCSI_AT(conn[0].tcp_wsf_disable),
        {.name = "flashnode.conn[0].tcp_wsf_disable", .doc = "Switch TCP window scaling off."});
    add(ISCSI_AT(conn[0].tcp_timer_scale),
        {.name = "flashnode.conn[0].tcp_timer_scale", .doc = "TCP timer scale."});
    add(ISCSI_AT(conn[0].tcp_timestamp_en), {.name = "flashnode.conn[0].tcp_timestamp_en",
                                             .doc = "TCP timestamps.",
                                             .sysfs = "tcp_timestamp_enable"});
    add(ISCSI_AT(conn[0].fragment_disable),
        {.name = "flashnode.conn[0].fragment_disable", .doc = "Switch IP fragmentation off."});
    add(ISCSI_AT(conn[0].max_xmit_dlength), {.name = "flashnode.conn[0].max_xmit_dlength",
                                             .doc = "Most bytes per data segment that we send."});
    add(ISCSI_AT(conn[0].max_recv_dlength), {.name = "flashnode.conn[0].max_recv_dlength",
                                             .doc = "Most bytes per data segment that we take."});
    add(ISCSI_AT(conn[0].keepalive_tmo),
        {.name = "flashnode.conn[0].keepalive_tmo", .doc = "Keepalive timeout, in seconds."});
    add(ISCSI_AT(conn[0].port),
        {.name = "flashnode.conn[0].port", .doc = "TCP port of the target."});
    add(ISCSI_AT(conn[0].ipaddress),
        {.name = "flashnode.conn[0].ipaddress", .doc = "Address of the target."});
    add(ISCSI_AT(conn[0].redirect_ipaddr), {.name = "flashnode.conn[0].redirect_ipaddr",
                                            .doc = "Address that the target redirected to."});
    add(ISCSI_AT(conn[0].max_segment_size),
        {.name = "flashnode.conn[0].max_segment_size", .doc = "Largest TCP segment."});
    add(ISCSI_AT(conn[0].local_port),
        {.name = "flashnode.conn[0].local_port", .doc = "Our TCP port."});
    add(ISCSI_AT(conn[0].ipv4_tos),
        {.name = "flashnode.conn[0].ipv4_tos", .doc = "IPv4 type of service."});
    add(ISCSI_AT(conn[0].ipv6_traffic_class),
        {.name = "flashnode.conn[0].ipv6_traffic_class", .doc = "IPv6 traffic class."});
    add(ISCSI_AT(conn[0].ipv6_flow_label),
        {.name = "flashnode.conn[0].ipv6_flow_label", .doc = "IPv6 flow label."});
    add(ISCSI_AT(conn[0].link_local_ipv6),
        {.name = "flashnode.conn[0].link_local_ipv6", .doc = "Our link-local address."});
    add(ISCSI_AT(conn[0].tcp_xmit_wsf),
        {.name = "flashnode.conn[0].tcp_xmit_wsf", .doc = "Window scale factor for sending."});
    add(ISCSI_AT(conn[0].tcp_recv_wsf),
        {.name = "flashnode.conn[0].tcp_recv_wsf", .doc = "Window scale factor for receiving."});
    add(ISCSI_AT(conn[0].statsn), {.name = "flashnode.conn[0].statsn", .doc = "StatSN."});
    add(ISCSI_AT(conn[0].exp_statsn),
        {.name = "flashnode.conn[0].exp_statsn", .doc = "Expected StatSN."});
}

}  // namespace

template <>
const Schema<HostChap>& schema<HostChap>() {
    static const Schema<HostChap> instance({
        key<HostChap>(ISCSI_AT(tbl_idx),
                      {.name = "host.auth.tbl_idx", .doc = "Index in the adapter's CHAP table."}),
        key<HostChap>(ISCSI_AT(username), {.name = "host.auth.username",
                                           .doc = "CHAP name that we give to the target."}),
        key<HostChap>(ISCSI_AT(password), {.name = "host.auth.password",
                                           .doc = "CHAP secret that proves our name.",
                                           .visibility = Visibility::Masked}),
        length_key<HostChap>(ISCSI_AT(password),
                             {.name = "host.auth.password_length", .doc = "Length of the secret."}),
        key<HostChap>(ISCSI_AT(username_in), {.name = "host.auth.username_in",
                                              .doc = "CHAP name that the target gives to us."}),
        key<HostChap>(ISCSI_AT(password_in), {.name = "host.auth.password_in",
                                              .doc = "CHAP secret that proves the target's name.",
                                              .visibility = Visibility::Masked}),
        length_key<HostChap>(ISCSI_AT(password_in), {.name = "host.auth.password_in_length",
                                                     .doc = "Length of the secret."}),
    });
    return instance;
}

template <>
const Schema<Flashnode>& schema<Flashnode>() {
    static const Schema<Flashnode> instance = [] {
        std::vector<Key<Flashnode>> keys;
        // The attribute is called as the end of the key, where nothing else is said.
        const auto add = [&](auto at, KeyInfo info) {
            if (info.sysfs.empty()) info.sysfs = info.name.substr(info.name.rfind('.') + 1);
            keys.push_back(key<Flashnode>(at, info));
        };
        add_flash_session(add);
        add_flash_connection(add);
        return Schema<Flashnode>(std::move(keys));
    }();
    return instance;
}

}  // namespace iscsi::record
