// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/sessions.hpp"

#include <algorithm>
#include <utility>

namespace iscsi::iscsiadm {

namespace {

bool address_matches(const std::string& a, const std::string& b,
                     const store::SameAddress& same_address) {
    return a == b || (same_address && same_address(a, b));
}

}  // namespace

base::Result<Sessions> list_sessions(Daemon& daemon, const control::ListSessions& request) {
    Sessions sessions;
    const auto take = [&](const control::Answer& answer) {
        if (const auto* session = std::get_if<control::SessionInfo>(&answer)) {
            sessions.push_back(*session);
        }
    };
    const auto done = daemon.ask(request, WhenDown::LeaveIt, take);
    if (!done && done.error().code != base::ErrorCode::DaemonNotConnected) {
        return std::unexpected(done.error());
    }
    if (done && done->code != base::ErrorCode::Success) {
        return std::unexpected(base::Error{done->code, done->message});
    }
    std::ranges::sort(sessions, {}, [](const control::SessionInfo& session) {
        return fmt::format("session{}", session.sid);
    });
    return sessions;
}

bool uses(const control::SessionInfo& session, const record::Node& node,
          const store::SameAddress& same_address) {
    return session.target == node.name && session.persistent_port == node.conn[0].port &&
           session.iface_name == node.iface.iscsi_ifacename &&
           address_matches(session.persistent_address, node.conn[0].address, same_address);
}

bool matches(const control::SessionInfo& session, const store::NodePattern& pattern,
             const store::SameAddress& same_address) {
    if (pattern.target && *pattern.target != session.target) return false;
    if (pattern.iface) {
        record::Iface iface;
        iface.iscsi_ifacename = session.iface_name;
        iface.transport_name = session.transport;
        if (!record::matches_iface(*pattern.iface, iface)) return false;
    }
    if (!pattern.portal) return true;
    return pattern.portal->port == session.persistent_port &&
           address_matches(pattern.portal->address, session.persistent_address, same_address);
}

store::NodeId record_of(const control::SessionInfo& session) {
    return {.target = session.target,
            .address = session.persistent_address,
            .port = session.persistent_port,
            .tpgt = session.tpgt,
            .iface = session.iface_name};
}

std::string describe(const control::SessionInfo& session) {
    return fmt::format("[sid: {}, target: {}, portal: {},{}]", session.sid, session.target,
                       session.persistent_address, session.persistent_port);
}

}  // namespace iscsi::iscsiadm
