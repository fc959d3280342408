// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/user/convert.hpp"

#include <algorithm>
#include <limits>

#include "record/text.hpp"

namespace iscsi::datapath {

namespace {

// Numbers of records are not limited; those on the wire are.
std::uint32_t at_least_one(std::int32_t value) {
    return static_cast<std::uint32_t>(std::max(value, 1));
}

std::uint16_t as_port(std::int32_t port) {
    return static_cast<std::uint16_t>(
        std::clamp<std::int32_t>(port, 0, std::numeric_limits<std::uint16_t>::max()));
}

std::string_view state_word(userlink::SessionState state) {
    switch (state) {
        case userlink::SessionState::Free:
            return "FREE";
        case userlink::SessionState::LoggedIn:
            return "LOGGED_IN";
        case userlink::SessionState::Failed:
        case userlink::SessionState::Terminated:
            return "FAILED";
    }
    return "FAILED";
}

userlink::Negotiated to_negotiated(const session::NegotiatedParameters& p) {
    return {.header_digest = p.header_digest,
            .data_digest = p.data_digest,
            .initial_r2t = p.initial_r2t,
            .immediate_data = p.immediate_data,
            .data_pdu_in_order = p.data_pdu_in_order,
            .data_sequence_in_order = p.data_sequence_in_order,
            .max_recv_data_segment_length = p.max_recv_data_segment_length,
            .max_xmit_data_segment_length = p.max_xmit_data_segment_length,
            .first_burst_length = p.first_burst_length,
            .max_burst_length = p.max_burst_length,
            .max_outstanding_r2t = p.max_outstanding_r2t,
            .error_recovery_level = p.error_recovery_level,
            .time2wait_s = p.default_time2wait,
            .time2retain_s = p.default_time2retain};
}

session::LoggedIn to_login(const userlink::Binding& b) {
    const userlink::Negotiated& n = b.negotiated;
    session::LoggedIn login;
    login.params.header_digest = n.header_digest;
    login.params.data_digest = n.data_digest;
    login.params.max_recv_data_segment_length = n.max_recv_data_segment_length;
    login.params.max_xmit_data_segment_length = n.max_xmit_data_segment_length;
    login.params.max_burst_length = n.max_burst_length;
    login.params.first_burst_length = n.first_burst_length;
    login.params.initial_r2t = n.initial_r2t;
    login.params.immediate_data = n.immediate_data;
    login.params.max_outstanding_r2t = n.max_outstanding_r2t;
    login.params.data_pdu_in_order = n.data_pdu_in_order;
    login.params.data_sequence_in_order = n.data_sequence_in_order;
    login.params.error_recovery_level = n.error_recovery_level;
    login.params.default_time2wait = n.time2wait_s;
    login.params.default_time2retain = n.time2retain_s;
    login.params.target_alias = b.target_alias;
    login.params.target_portal_group_tag = b.tpgt;
    login.isid.bytes = b.isid;
    login.tsih = b.tsih;
    login.cid = b.cid;
    login.cmd_sn.value = b.cmd_sn;
    login.exp_stat_sn.value = b.exp_stat_sn;
    login.exp_cmd_sn.value = b.exp_cmd_sn;
    login.max_cmd_sn.value = b.max_cmd_sn;
    return login;
}

}  // namespace

userlink::SessionConfig to_config(std::uint64_t sid, const SessionSpec& spec) {
    record::Node open = spec.node;
    open.session.auth.password = {};
    open.session.auth.password_in = {};
    const record::Session& session = spec.node.session;
    const record::Connection& connection = spec.node.conn[0];
    return {.sid = sid,
            .target = spec.node.name,
            .persistent_address = connection.address,
            .persistent_port = as_port(connection.port),
            .tpgt = as_port(spec.node.tpgt),
            .initiator_name = spec.initiator_name,
            .transport = spec.transport,
            .iface_name = spec.node.iface.iscsi_ifacename,
            .iface_hwaddress = spec.node.iface.hwaddress,
            .iface_net_ifacename = spec.node.iface.net_ifacename,
            .iface_ipaddress = spec.node.iface.ipaddress,
            .replacement_timeout_s = session.timeo.replacement_timeout,
            .abort_timeout_s = session.err_timeo.abort_timeout,
            .lu_reset_timeout_s = session.err_timeo.lu_reset_timeout,
            .tgt_reset_timeout_s = session.err_timeo.tgt_reset_timeout,
            .noop_out_interval_s = connection.timeo.noop_out_interval,
            .noop_out_timeout_s = connection.timeo.noop_out_timeout,
            .queue_depth = at_least_one(session.queue_depth),
            .cmds_max = at_least_one(session.cmds_max),
            .scan_auto = session.scan == record::Scan::Auto,
            .fast_abort = session.iscsi.fast_abort,
            .record = record::print_file(open)};
}

userlink::Binding to_binding(const LoggedInConnection& connection) {
    const session::LoggedIn& login = connection.login;
    return {.generation = connection.generation,
            .negotiated = to_negotiated(login.params),
            .isid = login.isid.bytes,
            .tsih = login.tsih,
            .cid = login.cid,
            .tpgt = login.params.target_portal_group_tag.value_or(1),
            .cmd_sn = login.cmd_sn.value,
            .exp_stat_sn = login.exp_stat_sn.value,
            .exp_cmd_sn = login.exp_cmd_sn.value,
            .max_cmd_sn = login.max_cmd_sn.value,
            .received = {},  // the login engine never reads past the final response
            .current_address = connection.current_address,
            .current_port = connection.current_port,
            .local_address = connection.local_address,
            .target_alias = login.params.target_alias};
}

Adoptable to_adoptable(const userlink::Status& status) {
    Adoptable out;
    out.sid = status.config.sid;
    // Warnings are of no use: we wrote the text ourselves, perhaps as another version.
    (void)record::parse_into(out.spec.node, status.config.record);
    out.spec.initiator_name = status.config.initiator_name;
    out.spec.transport = status.config.transport;
    out.logged_in = status.state == userlink::SessionState::LoggedIn;
    out.generation = status.binding.generation;
    out.login = to_login(status.binding);
    out.current_address = status.binding.current_address;
    out.current_port = status.binding.current_port;
    out.local_address = status.binding.local_address;
    return out;
}

SessionStatus to_status(const userlink::Status& status) {
    SessionStatus out{
        .state = std::string(state_word(status.state)), .host_no = status.config.sid, .luns = {}};
    for (const userlink::LunStatus& lun : status.luns) {
        out.luns.push_back({.lun = lun.lun,
                            .peripheral_type = lun.peripheral_type,
                            .block_device = lun.block_device,
                            .state = lun.state,
                            .vendor = lun.vendor,
                            .product = lun.product,
                            .revision = lun.revision,
                            .block_count = lun.block_count,
                            .block_bytes = lun.block_bytes});
    }
    return out;
}

Stats to_stats(const userlink::Stats& s) {
    return {.counters = {{"txdata_octets", s.txdata_octets}, {"rxdata_octets", s.rxdata_octets},
                         {"noptx_pdus", s.noptx_pdus},       {"scsicmd_pdus", s.scsicmd_pdus},
                         {"tmfcmd_pdus", s.tmfcmd_pdus},     {"login_pdus", s.login_pdus},
                         {"text_pdus", s.text_pdus},         {"dataout_pdus", s.dataout_pdus},
                         {"logout_pdus", s.logout_pdus},     {"snack_pdus", s.snack_pdus},
                         {"noprx_pdus", s.noprx_pdus},       {"scsirsp_pdus", s.scsirsp_pdus},
                         {"tmfrsp_pdus", s.tmfrsp_pdus},     {"textrsp_pdus", s.textrsp_pdus},
                         {"datain_pdus", s.datain_pdus},     {"logoutrsp_pdus", s.logoutrsp_pdus},
                         {"r2t_pdus", s.r2t_pdus},           {"async_pdus", s.async_pdus},
                         {"rjt_pdus", s.rjt_pdus},           {"digest_err", s.digest_err},
                         {"timeout_err", s.timeout_err}},
            .extended = {{"eh_abort_cnt", s.eh_abort_cnt}}};
}

}  // namespace iscsi::datapath
