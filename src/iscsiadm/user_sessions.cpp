// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/user_sessions.hpp"

#include <algorithm>
#include <utility>

#include "config.h"
#include "datapath/user/observer.hpp"

namespace iscsi::iscsiadm {

namespace {

constexpr const char* kRundir = ISCSI_RUNDIR;
constexpr std::string_view kUserPath = "user";

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

void add_record(control::SessionInfo& info, const record::Node& node, bool secrets) {
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
    info.username = node.session.auth.username;
    info.username_in = node.session.auth.username_in;
    if (!secrets) return;
    info.password = std::string(node.session.auth.password.reveal());
    info.password_in = std::string(node.session.auth.password_in.reveal());
}

void add_luns(control::SessionInfo& info, const std::vector<datapath::Lun>& luns) {
    for (const datapath::Lun& lun : luns) {
        info.luns.push_back({.lun = lun.lun,
                             .block_device = lun.block_device,
                             .state = lun.state,
                             .peripheral_type = lun.peripheral_type,
                             .vendor = lun.vendor,
                             .product = lun.product,
                             .revision = lun.revision,
                             .block_count = lun.block_count,
                             .block_bytes = lun.block_bytes});
    }
}

control::SessionInfo info_of(const datapath::ObservedSession& seen,
                             const control::ListSessions& request) {
    const datapath::Adoptable& session = seen.session;
    control::SessionInfo info;
    info.sid = session.sid;
    info.host_no = session.sid;
    info.transport = session.spec.transport;
    info.data_path = kUserPath;
    add_record(info, session.spec.node, request.secrets);
    info.tpgt = session.login.params.target_portal_group_tag.value_or(1);
    info.current_address = session.current_address;
    info.current_port = session.current_port;
    info.iface_initiatorname = session.spec.initiator_name;
    info.session_state = seen.status.state;
    if (session.logged_in) info.iface_ipaddress = session.local_address;
    info.connection_state = control::ConnectionState::Unknown;
    info.internal_state = control::InternalState::Unknown;
    add_negotiated(info, session.login.params);
    if (request.luns) add_luns(info, seen.status.luns);
    return info;
}

std::vector<control::Counter> to_counters(const std::vector<datapath::Counter>& counters) {
    std::vector<control::Counter> out;
    out.reserve(counters.size());
    for (const datapath::Counter& counter : counters) out.push_back({counter.name, counter.value});
    return out;
}

}  // namespace

std::vector<control::SessionInfo> user_sessions(const control::ListSessions& request) {
    std::vector<control::SessionInfo> sessions;
    for (const auto& seen : datapath::observe_user_sessions(kRundir)) {
        const std::uint64_t sid = seen.session.sid;
        if (!request.sids.empty() && std::ranges::find(request.sids, sid) == request.sids.end()) {
            continue;
        }
        sessions.push_back(info_of(seen, request));
    }
    return sessions;
}

bool is_user_session(const control::SessionInfo& session) { return session.data_path == kUserPath; }

base::Result<control::StatsInfo> stats_of_user_session(std::uint64_t sid) {
    ISCSI_TRY(const auto stats, datapath::observe_stats(kRundir, sid));
    return control::StatsInfo{.index = 0,
                              .sid = sid,
                              .counters = to_counters(stats.counters),
                              .extended = to_counters(stats.extended)};
}

base::Result<std::string> rescan_user_session(std::uint64_t sid) {
    ISCSI_TRY(auto done, datapath::rescan_as_observer(kRundir, sid));
    return std::move(done.failures);
}

}  // namespace iscsi::iscsiadm
