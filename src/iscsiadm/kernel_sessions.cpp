// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/kernel_sessions.hpp"

#include <algorithm>

namespace iscsi::iscsiadm {

namespace {

using datapath::kernel::SessionView;
using datapath::kernel::Sysfs;

std::uint32_t length_of(const std::optional<std::int64_t>& value) {
    return static_cast<std::uint32_t>(value.value_or(0));
}

void add_negotiated(control::SessionInfo& info, const SessionView& view) {
    info.header_digest = view.header_digest.value_or(0) != 0;
    info.data_digest = view.data_digest.value_or(0) != 0;
    info.max_recv_data_segment_length = length_of(view.max_recv_dlength);
    info.max_xmit_data_segment_length = length_of(view.max_xmit_dlength);
    info.first_burst_length = length_of(view.first_burst_len);
    info.max_burst_length = length_of(view.max_burst_len);
    info.immediate_data = view.immediate_data.value_or(0) != 0;
    info.initial_r2t = view.initial_r2t.value_or(0) != 0;
    info.max_outstanding_r2t = length_of(view.max_outstanding_r2t);
}

void add_host(control::SessionInfo& info, const Sysfs& sysfs, const SessionView& view) {
    if (!view.host_no) return;
    info.host_no = *view.host_no;
    const auto host = sysfs.host(*view.host_no);
    if (!host) return;
    info.transport = host->transport;
    info.iface_ipaddress = host->ipaddress;
    info.iface_hwaddress = host->hwaddress;
    info.iface_netdev = host->netdev;
}

control::SessionInfo info_of(const Sysfs& sysfs, const SessionView& view,
                             const control::ListSessions& request) {
    control::SessionInfo info;
    info.sid = view.sid;
    info.target = view.target;
    info.tpgt = view.tpgt;
    info.persistent_address = view.persistent_address;
    info.persistent_port = view.persistent_port;
    info.current_address = view.address;
    info.current_port = view.port;
    info.iface_name = view.iface_name;
    info.iface_initiatorname = view.initiatorname;
    info.connection_state = control::ConnectionState::Unknown;
    info.internal_state = control::InternalState::Unknown;
    info.session_state = view.state;
    info.recovery_timeout = view.recovery_timeout;
    info.target_reset_timeout = view.target_reset_timeout;
    info.lu_reset_timeout = view.lu_reset_timeout;
    info.abort_timeout = view.abort_timeout;
    info.username = view.username;
    info.username_in = view.username_in;
    if (request.secrets) {
        info.password = view.password;
        info.password_in = view.password_in;
    }
    add_negotiated(info, view);
    add_host(info, sysfs, view);
    if (request.luns) {
        for (const auto& lun : sysfs.luns(view.sid)) {
            info.luns.push_back(
                {.lun = lun.lun, .block_device = lun.block_device, .state = lun.state});
        }
    }
    return info;
}

}  // namespace

std::vector<control::SessionInfo> kernel_sessions(const Sysfs& sysfs,
                                                  const control::ListSessions& request) {
    std::vector<control::SessionInfo> sessions;
    for (const auto sid : sysfs.session_ids()) {
        if (!request.sids.empty() && std::ranges::find(request.sids, sid) == request.sids.end()) {
            continue;
        }
        // One that vanishes while it is read is not there.
        if (const auto view = sysfs.session(sid)) {
            sessions.push_back(info_of(sysfs, *view, request));
        }
    }
    return sessions;
}

}  // namespace iscsi::iscsiadm
