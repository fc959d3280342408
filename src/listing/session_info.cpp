// SPDX-License-Identifier: LGPL-2.1-or-later
#include "listing/session_info.hpp"

#include <string>

namespace iscsi::listing {

namespace {

void add_record(control::SessionInfo& info, const record::Node& node) {
    info.target = node.name;
    info.persistent_address = node.conn[0].address;
    info.persistent_port = node.conn[0].port;
    info.iface_name = node.iface.iscsi_ifacename;
    info.iface_hwaddress = node.iface.hwaddress;
    info.iface_netdev = node.iface.net_ifacename;
    info.recovery_timeout = node.session.timeo.replacement_timeout;
    info.target_reset_timeout = node.session.err_timeo.tgt_reset_timeout;
    info.lu_reset_timeout = node.session.err_timeo.lu_reset_timeout;
    info.abort_timeout = node.session.err_timeo.abort_timeout;
}

void add_names(control::SessionInfo& info, const record::Auth& auth, bool secrets) {
    info.username = auth.username;
    info.username_in = auth.username_in;
    if (!secrets) return;
    info.password = std::string(auth.password.reveal());
    info.password_in = std::string(auth.password_in.reveal());
}

void add_negotiated(control::SessionInfo& info, const session::NegotiatedParameters& params) {
    info.header_digest = params.header_digest;
    info.data_digest = params.data_digest;
    info.max_recv_data_segment_length = params.max_recv_data_segment_length;
    info.max_xmit_data_segment_length = params.max_xmit_data_segment_length;
    info.first_burst_length = params.first_burst_length;
    info.max_burst_length = params.max_burst_length;
    info.immediate_data = params.immediate_data;
    info.initial_r2t = params.initial_r2t;
    info.max_outstanding_r2t = params.max_outstanding_r2t;
}

std::vector<control::Counter> counters(const std::vector<datapath::Counter>& given) {
    std::vector<control::Counter> out;
    out.reserve(given.size());
    for (const datapath::Counter& counter : given) out.push_back({counter.name, counter.value});
    return out;
}

}  // namespace

control::SessionInfo session_info(std::uint64_t sid, const datapath::SessionSpec& spec,
                                  const session::LoggedIn& login, bool secrets) {
    control::SessionInfo info;
    info.sid = sid;
    info.host_no = sid;
    info.transport = spec.transport;
    info.iface_initiatorname = spec.initiator_name;
    // A record without a tag shows what the target has told.
    info.tpgt = login.params.target_portal_group_tag.value_or(spec.node.tpgt);
    add_record(info, spec.node);
    add_names(info, spec.node.session.auth, secrets);
    add_negotiated(info, login.params);
    return info;
}

std::vector<control::LunInfo> lun_infos(const std::vector<datapath::Lun>& luns) {
    std::vector<control::LunInfo> out;
    out.reserve(luns.size());
    for (const datapath::Lun& lun : luns) {
        out.push_back({.lun = lun.lun,
                       .block_device = lun.block_device,
                       .state = lun.state,
                       .peripheral_type = lun.peripheral_type,
                       .vendor = lun.vendor,
                       .product = lun.product,
                       .revision = lun.revision,
                       .block_count = lun.block_count,
                       .block_bytes = lun.block_bytes});
    }
    return out;
}

control::StatsInfo stats_info(std::uint32_t index, std::uint64_t sid,
                              const datapath::Stats& stats) {
    return {.index = index,
            .sid = sid,
            .counters = counters(stats.counters),
            .extended = counters(stats.extended)};
}

}  // namespace iscsi::listing
