// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/sessions.hpp"

#include <algorithm>
#include <utility>

#include "config.h"
#include "iscsiadm/kernel_sessions.hpp"
#include "os/files.hpp"

namespace iscsi::iscsiadm {

namespace {

// Where the processes of user space sessions have their sockets.
constexpr const char* kUserSessions = ISCSI_RUNDIR "/userd";
constexpr std::string_view kKernelPath = "kernel";

bool address_matches(const std::string& a, const std::string& b,
                     const store::SameAddress& same_address) {
    return a == b || (same_address && same_address(a, b));
}

// Sessions in user space outlive iscsid, and only iscsid can tell about them.
bool sessions_may_remain() {
    const auto entries = os::system_files().list(kUserSessions);
    return entries && std::ranges::any_of(*entries, [](const os::DirectoryEntry& entry) {
               return entry.name.ends_with(".sock");
           });
}

}  // namespace

base::Result<Sessions> list_sessions(Daemon& daemon, const control::ListSessions& request) {
    Sessions sessions = kernel_sessions(datapath::kernel::Sysfs(), request);
    const auto take = [&](const control::Answer& answer) {
        const auto* session = std::get_if<control::SessionInfo>(&answer);
        if (session == nullptr) return;
        if (session->data_path != kKernelPath) return sessions.push_back(*session);
        // Of the kernel's, the daemon knows what sysfs does not tell.
        const auto same = std::ranges::find(sessions, session->sid, &control::SessionInfo::sid);
        if (same == sessions.end()) return;
        same->connection_state = session->connection_state;
        same->internal_state = session->internal_state;
    };
    auto done = daemon.ask(request, WhenDown::LeaveIt, take);
    if (!done && done.error().code == base::ErrorCode::DaemonNotConnected) {
        if (!sessions_may_remain()) return sessions;
        done = daemon.ask(request, WhenDown::StartIt, take);
    }
    if (!done) return std::unexpected(std::move(done).error());
    if (done->code != base::ErrorCode::Success) {
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
