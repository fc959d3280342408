// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/kernel_sessions.hpp"

#include <algorithm>
#include <optional>
#include <set>

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
    // The kernel has no address of a connection that is down.
    const bool connected = !view.address.empty();
    info.current_address = connected ? view.address : view.persistent_address;
    info.current_port = connected ? view.port : view.persistent_port;
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
    return info;
}

constexpr std::string_view kLoggedIn = "LOGGED_IN";

// Whether all that the daemon told still holds, and sysfs would show the same. Of other transports
// than TCP the kernel may show other values than those it was given; and it writes IPv6 addresses
// in their longest form.
bool is_whole(const control::SessionInfo& told, const control::ListSessions& request) {
    return !told.target.empty() && !told.current_address.contains(':') && told.transport == "tcp" &&
           !request.secrets && told.session_state == kLoggedIn &&
           told.connection_state == control::ConnectionState::LoggedIn &&
           told.internal_state == control::InternalState::NoChange;
}

std::optional<control::SessionInfo> from_daemon(const Sysfs& sysfs,
                                                const control::SessionInfo& told) {
    const auto live = sysfs.live(static_cast<std::uint32_t>(told.sid));
    if (!live || live->state != kLoggedIn || !live->host_no) return std::nullopt;
    control::SessionInfo info = told;
    info.data_path.clear();
    info.host_no = *live->host_no;
    info.recovery_timeout = live->recovery_timeout;
    return info;
}

std::optional<control::SessionInfo> one(const Sysfs& sysfs, std::uint32_t sid,
                                        const control::ListSessions& request, const Told& told) {
    const auto found = told.find(sid);
    if (found != told.end() && is_whole(found->second, request)) {
        if (auto info = from_daemon(sysfs, found->second)) return info;
    }
    const auto view = sysfs.session(sid);
    if (!view) return std::nullopt;  // one that vanishes while it is read is not there
    auto info = info_of(sysfs, *view, request);
    if (found != told.end()) {
        info.connection_state = found->second.connection_state;
        info.internal_state = found->second.internal_state;
        info.logging_in = found->second.logging_in;
    }
    return info;
}

void add_luns(const Sysfs& sysfs, std::vector<control::SessionInfo>& sessions) {
    std::set<std::uint32_t> hosts;
    for (const auto& info : sessions) hosts.insert(static_cast<std::uint32_t>(info.host_no));
    const auto luns = sysfs.luns_of(hosts);
    for (auto& info : sessions) {
        const auto found = luns.find(static_cast<std::uint32_t>(info.host_no));
        info.luns.clear();
        // A session without any is rare: its own directory has the last word.
        const auto own =
            found != luns.end() ? found->second : sysfs.luns(static_cast<std::uint32_t>(info.sid));
        for (const auto& lun : own) {
            info.luns.push_back(
                {.lun = lun.lun, .block_device = lun.block_device, .state = lun.state});
        }
    }
}

}  // namespace

std::vector<control::SessionInfo> kernel_sessions(const Sysfs& sysfs,
                                                  const std::vector<std::uint32_t>& sids,
                                                  const control::ListSessions& request,
                                                  const Told& told) {
    std::vector<control::SessionInfo> sessions;
    for (const auto sid : sids) {
        if (!request.sids.empty() && std::ranges::find(request.sids, sid) == request.sids.end()) {
            continue;
        }
        if (auto info = one(sysfs, sid, request, told)) sessions.push_back(std::move(*info));
    }
    if (request.luns) add_luns(sysfs, sessions);
    return sessions;
}

}  // namespace iscsi::iscsiadm
