// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/user_sessions.hpp"

#include <algorithm>
#include <utility>

#include "config.h"
#include "datapath/user/observer.hpp"
#include "listing/session_info.hpp"

namespace iscsi::iscsiadm {

namespace {

constexpr const char* kRundir = ISCSI_RUNDIR;
constexpr std::string_view kUserPath = "user";

control::SessionInfo info_of(const datapath::ObservedSession& seen,
                             const control::ListSessions& request) {
    const datapath::Adoptable& session = seen.session;
    control::SessionInfo info =
        listing::session_info(session.sid, session.spec, session.login, request.secrets);
    info.data_path = kUserPath;
    info.current_address = session.current_address;
    info.current_port = session.current_port;
    info.session_state = seen.status.state;
    if (session.logged_in) info.iface_ipaddress = session.local_address;
    info.connection_state = control::ConnectionState::Unknown;
    info.internal_state = control::InternalState::Unknown;
    if (request.luns) info.luns = listing::lun_infos(seen.status.luns);
    return info;
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
    return listing::stats_info(0, sid, stats);
}

base::Result<std::string> rescan_user_session(std::uint64_t sid) {
    ISCSI_TRY(auto done, datapath::rescan_as_observer(kRundir, sid));
    return done.news();
}

}  // namespace iscsi::iscsiadm
