// SPDX-License-Identifier: LGPL-2.1-or-later
// A target stored in an offload adapter's flash (flashnode.*), shown and changed by
// `iscsiadm -m host -C flashnode`. Read from and written to sysfs, never to a file. All keys,
// secrets too, are shown in clear, as open-iscsi does.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/secret.hpp"
#include "record/iface.hpp"

namespace iscsi::record {

struct FlashnodeSession {
    std::uint8_t auto_snd_tgt_disable = 0;
    std::uint8_t discovery_session = 0;
    std::string portal_type;
    std::uint8_t entry_enable = 0;
    std::uint8_t immediate_data = 0;
    std::uint8_t initial_r2t = 0;
    std::uint8_t data_seq_in_order = 0;
    std::uint8_t data_pdu_in_order = 0;
    std::uint8_t chap_auth_en = 0;
    std::uint8_t discovery_logout_en = 0;
    std::uint8_t bidi_chap_en = 0;
    std::uint8_t discovery_auth_optional = 0;
    std::uint8_t erl = 0;
    std::uint32_t first_burst_len = 0;
    std::uint16_t def_time2wait = 0;
    std::uint16_t def_time2retain = 0;
    std::uint16_t max_outstanding_r2t = 0;
    std::string isid;
    std::uint16_t tsid = 0;
    std::uint32_t max_burst_len = 0;
    std::uint16_t def_taskmgmt_tmo = 0;
    std::string targetalias;
    std::string targetname;
    std::uint16_t discovery_parent_idx = 0;
    std::string discovery_parent_type;
    std::uint16_t tpgt = 0;
    std::uint16_t chap_out_idx = 0;
    std::uint16_t chap_in_idx = 0;
    std::string username;
    std::string username_in;
    base::Secret password;
    base::Secret password_in;
    std::uint8_t is_boot_target = 0;
    bool operator==(const FlashnodeSession&) const = default;
};

struct FlashnodeConnection {
    std::uint8_t is_fw_assigned_ipv6 = 0;
    std::uint8_t header_digest_en = 0;
    std::uint8_t data_digest_en = 0;
    std::uint8_t snack_req_en = 0;
    std::uint8_t tcp_timestamp_stat = 0;
    std::uint8_t tcp_nagle_disable = 0;
    std::uint8_t tcp_wsf_disable = 0;
    std::uint8_t tcp_timer_scale = 0;
    std::uint8_t tcp_timestamp_en = 0;
    std::uint8_t fragment_disable = 0;
    std::uint32_t max_xmit_dlength = 0;
    std::uint32_t max_recv_dlength = 0;
    std::uint16_t keepalive_tmo = 0;
    std::uint16_t port = 0;
    std::string ipaddress;
    std::string redirect_ipaddr;
    std::uint32_t max_segment_size = 0;
    std::uint16_t local_port = 0;
    std::uint8_t ipv4_tos = 0;
    std::uint8_t ipv6_traffic_class = 0;
    std::uint16_t ipv6_flow_label = 0;
    std::string link_local_ipv6;
    std::uint32_t tcp_xmit_wsf = 0;
    std::uint32_t tcp_recv_wsf = 0;
    std::uint32_t statsn = 0;
    std::uint32_t exp_statsn = 0;
    bool operator==(const FlashnodeConnection&) const = default;
};

struct Flashnode {
    FlashnodeSession session;
    std::array<FlashnodeConnection, 1> conn;
    UnknownKeys unknown;

    bool operator==(const Flashnode&) const = default;
};

}  // namespace iscsi::record
