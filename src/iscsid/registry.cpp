// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/registry.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "iscsid/adoption.hpp"
#include "listing/session_info.hpp"
#include "os/block_devices.hpp"
#include "store/store.hpp"

namespace iscsi::iscsid {

using base::ErrorCode;
using base::LogLevel;

namespace {

constexpr std::string_view kTcpTransport = "tcp";

}  // namespace

Registry::Registry(Surroundings& surroundings, datapath::DataPath& user_path,
                   KernelPath kernel_path)
    : around_(surroundings), user_path_(user_path), kernel_path_(std::move(kernel_path)) {
    listen_to(user_path_);
}

void Registry::listen_to(datapath::DataPath& path) {
    path.set_event_handler([this](datapath::SessionKey key, const session::DataPathEvent& event) {
        const auto found = sessions_.find(key);
        if (found != sessions_.end()) found->second->on_data_path(event);
    });
    path.set_pdu_handler([this](datapath::SessionKey key, const datapath::ReceivedPdu& pdu) {
        const auto found = sessions_.find(key);
        if (found != sessions_.end()) found->second->on_pdu(pdu);
    });
}

Session& Registry::add(datapath::DataPath& path, datapath::SessionKey key,
                       datapath::SessionSpec spec) {
    auto session = std::make_unique<Session>(around_, path, key, std::move(spec));
    session->set_finished([this, key] { sessions_.erase(key); });
    return *(sessions_[key] = std::move(session));
}

// Which data path a record's transport means, and what to tell about it.
base::Result<Registry::Choice> Registry::choose_path(const record::Node& node) {
    const std::string& transport = node.iface.transport_name;
    if (transport == record::kUserTransport) return Choice{&user_path_, {}};
    auto kernel = kernel_path_(transport);
    if (kernel) return Choice{*kernel, {}};
    if (transport != kTcpTransport) return std::unexpected(std::move(kernel).error());
    constexpr std::string_view kWhy = "the kernel has no iSCSI initiator (iscsi_tcp)";
    if (!settings_.user_fallback) {
        return base::fail(ErrorCode::TransportNotFound,
                          "{}, and iscsid.user_fallback in iscsid.conf is No", kWhy);
    }
    return Choice{&user_path_, fmt::format("{}: using the data path in user space", kWhy)};
}

Session* Registry::session_of(const record::Node& node) const {
    const auto found = std::ranges::find_if(sessions_, [&node](const auto& entry) {
        const record::Node& other = entry.second->spec().node;
        return other.name == node.name && other.conn[0].address == node.conn[0].address &&
               other.conn[0].port == node.conn[0].port &&
               other.iface.iscsi_ifacename == node.iface.iscsi_ifacename;
    });
    return found == sessions_.end() ? nullptr : found->second.get();
}

Session::Reply Registry::reply_to(LoginHandler handler, datapath::SessionKey key) {
    return [this, key, handler = std::move(handler)](ErrorCode code, std::string message) {
        const auto found = sessions_.find(key);
        const bool up = code == ErrorCode::Success && found != sessions_.end();
        handler({up ? found->second->sid() : 0, code, std::move(message)});
    };
}

base::Result<Registry::Accepted> Registry::log_in(const control::LoginItem& item,
                                                  LoginHandler handler) {
    record::Node node = item.node;
    if (node.name.empty() || node.conn[0].address.empty() || node.conn[0].port < 1 ||
        node.conn[0].port > 65535) {
        return base::fail(ErrorCode::Invalid, "the record lacks a target name or a portal");
    }
    if (Session* other = item.multiple ? nullptr : session_of(node)) {
        if (!other->supervisor().logging_in()) {
            return base::fail(ErrorCode::SessionExists, "session exists");
        }
        other->join(reply_to(std::move(handler), other->key()));
        base::log(LogLevel::Info, "{}: one more waits for the login under way", node.name);
        return Accepted{
            "a login of this record is under way; waiting for its outcome (a logout "
            "ends it)"};
    }
    if (sessions_.size() >= kSessionsMax) {
        return base::fail(ErrorCode::Busy, "{} sessions are the most there can be", kSessionsMax);
    }
    const std::string& own_name = node.iface.initiatorname;
    datapath::SessionSpec spec{
        .node = {},
        .initiator_name = own_name.empty() ? settings_.initiator_name : own_name,
        .transport = node.iface.transport_name};
    if (spec.initiator_name.empty()) {
        return base::fail(ErrorCode::Invalid,
                          "no InitiatorName is configured: write one into initiatorname.iscsi (see "
                          "iscsi-iname), then send iscsid a SIGHUP");
    }
    ISCSI_TRY(Choice choice, choose_path(node));
    for (const std::string& note : session::normalize_timeouts(node)) {
        base::log(LogLevel::Error, "{}: {}", node.name, note);
    }
    if (!choice.notice.empty()) base::log(LogLevel::Info, "{}: {}", node.name, choice.notice);
    spec.node = std::move(node);

    const datapath::SessionKey key = new_key();
    Session& session = add(*choice.path, key, std::move(spec));
    session.begin(settings_.initiator_alias, reply_to(std::move(handler), key));
    return Accepted{std::move(choice.notice)};
}

base::Status Registry::log_out(std::uint64_t sid, Session::Reply reply) {
    Session* session = find(sid);
    if (session == nullptr) return base::fail(ErrorCode::SessionNotFound, "no session {}", sid);
    if (!settings_.safe_logout) return session->log_out(std::move(reply));
    const datapath::SessionKey key = session->key();
    session->path().status(key, [this, key, sid, reply = std::move(reply)](
                                    const base::Result<datapath::SessionStatus>& status) {
        const auto found = sessions_.find(key);
        if (found == sessions_.end()) return reply(ErrorCode::Success, {});
        for (const datapath::Lun& lun : status ? status->luns : std::vector<datapath::Lun>{}) {
            if (!lun.block_device.empty() && os::block_device_in_use(lun.block_device)) {
                return reply(ErrorCode::Busy,
                             fmt::format("Session {} is actively in use for mounted storage, "
                                         "and iscsid.safe_logout is configured.",
                                         sid));
            }
        }
        const auto accepted = found->second->log_out(reply);
        if (!accepted) reply(accepted.error().code, accepted.error().message);
    });
    return {};
}

void Registry::adopt_running(datapath::DataPath& path,
                             std::function<void(std::size_t count)> done) {
    path.find_running(
        [this, &path, done = std::move(done)](const std::vector<datapath::Adoptable>& running) {
            store::Store store(store::default_paths());
            for (const datapath::Adoptable& one : running) {
                const datapath::SessionKey key = new_key();
                path.take(key, one.sid);
                datapath::SessionSpec spec = one.spec;
                spec.node = adopted_record(one, store, settings_.node_defaults);
                if (!one.has_record) path.update(key, spec);
                Session& session = add(path, key, std::move(spec));
                base::log(LogLevel::Info, "session {} to {} goes on ({})", one.sid,
                          one.spec.node.name, one.logged_in ? "logged in" : "logging in again");
                session.adopt(one);
            }
            done(running.size());
        });
}

std::vector<Session*> Registry::listed(bool unfinished) {
    std::vector<Session*> out;
    for (auto& [key, session] : sessions_) {
        if (session->supervisor().state() == session::SupervisorState::Creating) continue;
        const bool listed = session->has_number() && session->supervisor().is_listed();
        if (unfinished || listed) out.push_back(session.get());
    }
    std::ranges::sort(out, {}, &Session::sid);
    return out;
}

Session* Registry::find(std::uint64_t sid) {
    for (auto& [key, session] : sessions_) {
        if (session->sid() == sid) return session.get();
    }
    return nullptr;
}

namespace {

control::ConnectionState connection_state(session::SupervisorState state) {
    using enum session::SupervisorState;
    switch (state) {
        case Idle:
        case Creating:
        case Ended:
            return control::ConnectionState::Free;
        case Connecting:
        case Waiting:
            return control::ConnectionState::TransportWait;
        case LoggingIn:
        case Starting:
            return control::ConnectionState::InLogin;
        case Scanning:
        case LoggedIn:
            return control::ConnectionState::LoggedIn;
        case LogoutRequested:
            return control::ConnectionState::LogoutRequested;
        case LoggingOut:
            return control::ConnectionState::InLogout;
        case Ending:
            return control::ConnectionState::CleanupWait;
    }
    return control::ConnectionState::Free;
}

control::InternalState internal_state(const session::Supervisor& supervisor) {
    using enum session::SupervisorState;
    switch (supervisor.state()) {
        case Idle:
        case Creating:
        case Scanning:
        case LoggedIn:
        case LogoutRequested:
        case LoggingOut:
        case Ended:
            return control::InternalState::NoChange;
        case Connecting:
        case LoggingIn:
        case Starting:
        case Waiting:
            if (supervisor.redirected()) return control::InternalState::Redirect;
            return supervisor.purpose() == session::Purpose::FirstLogin
                       ? control::InternalState::NoChange
                       : control::InternalState::Reopen;
        case Ending:
            return control::InternalState::Cleanup;
    }
    return control::InternalState::NoChange;
}

}  // namespace

control::SessionInfo describe(const Session& session, bool secrets) {
    control::SessionInfo info =
        listing::session_info(session.sid(), session.spec(), session.login(), secrets);
    info.data_path = std::string(session.path().name());
    info.current_address = session.current_address();
    info.current_port = session.current_port();
    info.connection_state = connection_state(session.supervisor().state());
    info.session_state = std::string(session::session_state_word(session.supervisor()));
    info.internal_state = internal_state(session.supervisor());
    info.logging_in = session.supervisor().logging_in();
    if (info.session_state == "LOGGED_IN") info.iface_ipaddress = session.local_address();
    return info;
}

}  // namespace iscsi::iscsid
