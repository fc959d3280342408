// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/convert.hpp"

#include <algorithm>

namespace iscsi::userd {

namespace {

std::chrono::seconds seconds(std::int32_t value) {
    return std::chrono::seconds(std::max<std::int32_t>(value, 0));
}

// An unset or senseless time limit must not mean "at once".
std::chrono::seconds limit(std::int32_t value, std::int32_t otherwise) {
    return std::chrono::seconds(value > 0 ? value : otherwise);
}

}  // namespace

Initiator::Config to_initiator_config(const userlink::SessionConfig& config) {
    Initiator::Config out;
    const std::uint32_t commands = std::clamp<std::uint32_t>(config.cmds_max, 1, 2048);
    out.scheduler.cmds_max = commands;
    out.scheduler.queue_depth = std::clamp<std::uint32_t>(config.queue_depth, 1, commands);
    out.scheduler.replacement_timeout = std::nullopt;
    if (config.replacement_timeout_s >= 0) {
        out.scheduler.replacement_timeout = seconds(config.replacement_timeout_s);
    }
    out.engine.queue_depth = commands;
    out.engine.noop_out_interval = seconds(config.noop_out_interval_s);
    out.engine.noop_out_timeout = seconds(config.noop_out_timeout_s);
    out.engine.abort_timeout = limit(config.abort_timeout_s, 15);
    out.engine.lu_reset_timeout = limit(config.lu_reset_timeout_s, 30);
    out.engine.target_reset_timeout = limit(config.tgt_reset_timeout_s, 30);
    out.engine.fast_abort = config.fast_abort;
    out.engine.escalate = false;  // the scheduler does that
    return out;
}

session::LoggedIn to_logged_in(const userlink::Binding& binding) {
    session::LoggedIn out;
    const userlink::Negotiated& from = binding.negotiated;
    session::NegotiatedParameters& to = out.params;
    to.header_digest = from.header_digest;
    to.data_digest = from.data_digest;
    to.max_recv_data_segment_length = from.max_recv_data_segment_length;
    to.max_xmit_data_segment_length = from.max_xmit_data_segment_length;
    to.max_burst_length = from.max_burst_length;
    to.first_burst_length = from.first_burst_length;
    to.initial_r2t = from.initial_r2t;
    to.immediate_data = from.immediate_data;
    to.max_outstanding_r2t = from.max_outstanding_r2t;
    to.data_pdu_in_order = from.data_pdu_in_order;
    to.data_sequence_in_order = from.data_sequence_in_order;
    to.error_recovery_level = from.error_recovery_level;
    to.default_time2wait = from.time2wait_s;
    to.default_time2retain = from.time2retain_s;
    to.target_alias = binding.target_alias;
    to.target_portal_group_tag = binding.tpgt;
    out.isid.bytes = binding.isid;
    out.tsih = binding.tsih;
    out.cid = binding.cid;
    out.cmd_sn = {binding.cmd_sn};
    out.exp_stat_sn = {binding.exp_stat_sn};
    out.exp_cmd_sn = {binding.exp_cmd_sn};
    out.max_cmd_sn = {binding.max_cmd_sn};
    return out;
}

userlink::Stats to_stats(const session::SessionStats& stats) {
    return {.txdata_octets = stats.txdata_octets,
            .rxdata_octets = stats.rxdata_octets,
            .noptx_pdus = stats.noptx_pdus,
            .scsicmd_pdus = stats.scsicmd_pdus,
            .tmfcmd_pdus = stats.tmfcmd_pdus,
            .login_pdus = stats.login_pdus,
            .text_pdus = stats.text_pdus,
            .dataout_pdus = stats.dataout_pdus,
            .logout_pdus = stats.logout_pdus,
            .snack_pdus = stats.snack_pdus,
            .noprx_pdus = stats.noprx_pdus,
            .scsirsp_pdus = stats.scsirsp_pdus,
            .tmfrsp_pdus = stats.tmfrsp_pdus,
            .textrsp_pdus = stats.textrsp_pdus,
            .datain_pdus = stats.datain_pdus,
            .logoutrsp_pdus = stats.logoutrsp_pdus,
            .r2t_pdus = stats.r2t_pdus,
            .async_pdus = stats.async_pdus,
            .rjt_pdus = stats.rjt_pdus,
            .digest_err = stats.digest_err,
            .timeout_err = stats.timeout_err,
            .eh_abort_cnt = stats.eh_abort_cnt};
}

}  // namespace iscsi::userd
