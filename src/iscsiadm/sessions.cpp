// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/sessions.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "iscsiadm/kernel_sessions.hpp"
#include "iscsiadm/user_sessions.hpp"

namespace iscsi::iscsiadm {

namespace {

constexpr std::string_view kKernelPath = "kernel";

bool address_matches(const std::string& a, const std::string& b,
                     const store::SameAddress& same_address) {
    return a == b || (same_address && same_address(a, b));
}

// What only iscsid knows, while it does not run.
void forget_states(Sessions& sessions) {
    for (control::SessionInfo& session : sessions) {
        session.connection_state = control::ConnectionState::Unknown;
        session.internal_state = control::InternalState::Unknown;
    }
}

}  // namespace

base::Result<SessionList> list_sessions(Daemon& daemon, const control::ListSessions& request,
                                        WhenDown when_down) {
    const datapath::kernel::Sysfs sysfs;
    const auto kernel_sids = sysfs.session_ids();
    Told told;  // of the kernel's
    SessionList list;
    Sessions& sessions = list.sessions;
    const auto take = [&](const control::Answer& answer) {
        const auto* session = std::get_if<control::SessionInfo>(&answer);
        if (session == nullptr) return;
        const bool in_sysfs =
            session->data_path == kKernelPath && session->sid < control::kFirstUnmadeSid;
        if (in_sysfs) {
            told[session->sid] = *session;
        } else {
            sessions.push_back(*session);
        }
    };
    auto done = daemon.ask(request, WhenDown::LeaveIt, take);
    if (!done && done.error().code == base::ErrorCode::DaemonNotConnected) {
        Sessions in_user_space = user_sessions(request);
        const bool any = !kernel_sids.empty() || !in_user_space.empty();
        // Without sessions there is nothing that the daemon could tell about.
        if (any && when_down == WhenDown::StartIt) {
            done = daemon.ask(request, WhenDown::StartIt, take);
        }
        if (!done && done.error().code == base::ErrorCode::DaemonNotConnected) {
            sessions = std::move(in_user_space);
            forget_states(sessions);
            list.daemon_down = done.error().message;
            done = control::Done{};
        }
    }
    if (!done) return std::unexpected(std::move(done).error());
    if (done->code != base::ErrorCode::Success) {
        return std::unexpected(base::Error{done->code, done->message});
    }
    std::ranges::move(kernel_sessions(sysfs, kernel_sids, request, told),
                      std::back_inserter(sessions));
    std::ranges::sort(sessions, {}, [](const control::SessionInfo& session) {
        return fmt::format("session{}", session.sid);
    });
    return list;
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
    if (pattern.portal->port != session.persistent_port) return false;
    return pattern.portal->address.empty() ||
           address_matches(pattern.portal->address, session.persistent_address, same_address);
}

store::NodeId record_of(const control::SessionInfo& session) {
    return {.target = session.target,
            .address = session.persistent_address,
            .port = session.persistent_port,
            .tpgt = session.tpgt,
            .iface = session.iface_name};
}

store::NodeId find_record_of(store::Store& records, const control::SessionInfo& session) {
    auto id = record_of(session);
    const auto node = records.load(id);
    if (node || node.error().code != base::ErrorCode::NoObjectsFound) return id;
    store::NodePattern pattern{
        .target = session.target,
        .portal = record::Portal{session.persistent_address, session.persistent_port},
        .iface = record::Iface{}};
    pattern.iface->iscsi_ifacename = session.iface_name;
    auto found = records.find(pattern);
    return found && !found->empty() ? std::move(found->front()) : std::move(id);
}

std::string describe(const control::SessionInfo& session) {
    return fmt::format("[sid: {}, target: {}, portal: {},{}]", session.sid, session.target,
                       session.persistent_address, session.persistent_port);
}

}  // namespace iscsi::iscsiadm
