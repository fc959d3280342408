// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/foreign_daemon.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "datapath/kernel/scanner.hpp"

namespace iscsi::iscsiadm {

using base::ErrorCode;
using os::ControlClient;
namespace legacy = control::legacy;

namespace {

// Connections at a time; each holds a descriptor until its reply has come.
constexpr std::size_t kConnectionsMax = 256;

std::string_view text_of(const std::vector<std::byte>& bytes) { return base::as_text(bytes); }

base::Result<legacy::Reply> read_reply(ControlClient& client, legacy::Command command,
                                       Patience patience) {
    ISCSI_TRY(const std::string bytes, client.read_block(legacy::kReplyBytes, patience));
    if (bytes.size() < legacy::kReplyBytes) {
        return base::fail(ErrorCode::DaemonCommunication,
                          "iscsid closed the connection before it was done");
    }
    auto reply = legacy::decode_reply(std::as_bytes(std::span(bytes)), command);
    if (reply.code == ErrorCode::Success && reply.command != command) {
        return base::fail(ErrorCode::DaemonCommunication, "iscsid answered another request");
    }
    return reply;
}

// The first error of all items.
void note(control::Done& done, const base::Error& error) {
    if (done.code == ErrorCode::Success) done = {error.code, error.message};
}

}  // namespace

base::Result<Peer> probe(ControlClient first, const Connector& connect, Patience patience) {
    constexpr std::array kLongestFirst{legacy::Version::Newest, legacy::Version::V2_1_11,
                                       legacy::Version::V2_1_8};
    std::optional<ControlClient> client = std::move(first);
    for (const auto version : kLongestFirst) {
        if (!client) {
            ISCSI_TRY(client, connect());
        }
        ISCSI_TRY(const auto bytes,
                  legacy::encode_request({.command = legacy::Command::ConfigFile}, version));
        ISCSI_TRY_VOID(client->send(text_of(bytes)));
        const auto reply = read_reply(*client, legacy::Command::ConfigFile, patience);
        if (reply && reply->code != ErrorCode::Success) {
            return base::fail(reply->code, "iscsid refused the request");
        }
        if (reply && reply->speaks_json) return Peer{};
        if (!reply && reply.error().code == ErrorCode::RequestTimedOut) {
            return std::unexpected(reply.error());
        }
        // The end of the stream, if the request was read to its end; else a reset.
        const auto rest = client->read_block(1, patience);
        if (reply && rest && rest->empty()) return Peer{version};
        client.reset();
    }
    return base::fail(ErrorCode::DaemonCommunication,
                      "what listens in iscsid's place is no iscsid");
}

base::Result<control::Done> ForeignDaemon::ask(const control::Request& request, Patience patience,
                                               const AnswerHandler& on_answer) {
    return std::visit([&](const auto& body) { return run(body, patience, on_answer); }, request);
}

base::Result<ControlClient> ForeignDaemon::send(const legacy::Request& request) const {
    ISCSI_TRY(const auto bytes, legacy::encode_request(request, version_));
    ISCSI_TRY(ControlClient client, connect_());
    ISCSI_TRY_VOID(client.send(text_of(bytes)));
    return client;
}

base::Result<legacy::Reply> ForeignDaemon::exchange(const legacy::Request& request,
                                                    Patience patience) const {
    ISCSI_TRY(ControlClient client, send(request));
    return read_reply(client, request.command, patience);
}

std::vector<control::ItemDone> ForeignDaemon::exchange_all(
    const std::vector<legacy::Request>& requests, bool wait, Patience patience) const {
    std::vector<control::ItemDone> items;
    for (std::size_t begin = 0; begin < requests.size(); begin += kConnectionsMax) {
        const std::size_t end = std::min(begin + kConnectionsMax, requests.size());
        std::vector<base::Result<ControlClient>> clients;
        for (std::size_t i = begin; i < end; ++i) clients.push_back(send(requests[i]));
        for (std::size_t i = begin; i < end; ++i) {
            auto& client = clients[i - begin];
            control::ItemDone item{.index = static_cast<std::uint32_t>(i), .sid = requests[i].sid};
            if (!client) {
                item.code = client.error().code;
                item.message = client.error().message;
            } else if (wait) {
                const auto reply = read_reply(*client, requests[i].command, patience);
                item.code = reply ? reply->code : reply.error().code;
                if (!reply) item.message = reply.error().message;
            }
            items.push_back(std::move(item));
        }
    }
    return items;
}

namespace {

control::Done tell_all(const std::vector<control::ItemDone>& items,
                       const ForeignDaemon::AnswerHandler& on_answer) {
    control::Done done;
    for (const auto& item : items) {
        note(done, {item.code, item.message});
        on_answer(item);
    }
    return done;
}

}  // namespace

control::Done ForeignDaemon::run(const control::Login& login, Patience patience,
                                 const AnswerHandler& on_answer) const {
    std::vector<legacy::Request> requests;
    requests.reserve(login.items.size());
    for (const auto& item : login.items) {
        requests.push_back(
            {.command = Command::SessionLogin,
             .login = legacy::NodeRequest{.node = item.node, .multiple = item.multiple}});
    }
    const auto earlier = sysfs_.session_ids();
    auto items = exchange_all(requests, /*wait=*/!login.no_wait, patience);
    if (!login.no_wait) find_sids(login, earlier, items);
    return tell_all(items, on_answer);
}

void ForeignDaemon::find_sids(const control::Login& login,
                              const std::vector<std::uint32_t>& earlier,
                              std::vector<control::ItemDone>& items) const {
    for (const auto sid : sysfs_.session_ids()) {
        if (std::ranges::find(earlier, sid) != earlier.end()) continue;
        const auto view = sysfs_.session(sid);
        if (!view) continue;
        const auto made_it = [&](const control::ItemDone& item) {
            const record::Node& node = login.items[item.index].node;
            return item.sid == 0 && item.code == ErrorCode::Success && view->target == node.name &&
                   view->persistent_address == node.conn[0].address &&
                   view->persistent_port == node.conn[0].port &&
                   view->iface_name == node.iface.iscsi_ifacename;
        };
        const auto item = std::ranges::find_if(items, made_it);
        if (item != items.end()) item->sid = sid;
    }
}

control::Done ForeignDaemon::run(const control::Logout& logout, Patience patience,
                                 const AnswerHandler& on_answer) const {
    std::vector<legacy::Request> requests;
    requests.reserve(logout.sids.size());
    for (const auto sid : logout.sids) {
        requests.push_back(
            {.command = Command::SessionLogout, .sid = static_cast<std::uint32_t>(sid)});
    }
    return tell_all(exchange_all(requests, /*wait=*/true, patience), on_answer);
}

// All of its sessions are the kernel's, and in sysfs. What only it knows is their states.
control::Done ForeignDaemon::run(const control::ListSessions& list, Patience patience,
                                 const AnswerHandler& on_answer) const {
    std::vector<std::uint64_t> sids = list.sids;
    if (sids.empty()) {
        for (const auto sid : sysfs_.session_ids()) sids.push_back(sid);
    }
    for (const auto sid : sids) {
        const auto reply = exchange(
            {.command = Command::SessionInfo, .sid = static_cast<std::uint32_t>(sid)}, patience);
        if (!reply) return {};  // too busy to say, so the states are unknown
        if (reply->code != ErrorCode::Success) continue;  // not managed by it, or gone
        const auto internal = static_cast<std::size_t>(reply->session_state);
        const auto connection = static_cast<std::size_t>(reply->conn_state);
        constexpr auto kInternalLast = static_cast<std::size_t>(control::InternalState::Redirect);
        constexpr auto kConnectionLast =
            static_cast<std::size_t>(control::ConnectionState::CleanupWait);
        control::SessionInfo info;
        info.sid = sid;
        info.data_path = "kernel";
        // The enumerations have the same numbers.
        if (internal <= kInternalLast) {
            info.internal_state = static_cast<control::InternalState>(internal);
        }
        if (connection <= kConnectionLast) {
            info.connection_state = static_cast<control::ConnectionState>(connection);
        }
        on_answer(info);
    }
    return {};
}

control::Done ForeignDaemon::run(const control::GetStats& stats, Patience patience,
                                 const AnswerHandler& on_answer) const {
    control::Done done;
    for (std::size_t i = 0; i < stats.sids.size(); ++i) {
        const auto index = static_cast<std::uint32_t>(i);
        const std::uint64_t sid = stats.sids[i];
        const auto reply = exchange(
            {.command = Command::SessionStats, .sid = static_cast<std::uint32_t>(sid)}, patience);
        if (!reply || reply->code != ErrorCode::Success) {
            const base::Error error = reply ? base::Error{reply->code, {}} : reply.error();
            note(done, error);
            on_answer(control::ItemDone{index, sid, error.code, error.message});
            continue;
        }
        control::StatsInfo info{.index = index, .sid = sid, .counters = {}, .extended = {}};
        for (std::size_t n = 0; n < legacy::kStatNames.size(); ++n) {
            info.counters.push_back({std::string(legacy::kStatNames[n]), reply->stats.values[n]});
        }
        for (const auto& custom : reply->stats.custom) {
            info.extended.push_back({custom.name, custom.value});
        }
        on_answer(info);
    }
    return done;
}

// Compat: open-iscsi's iscsiadm scans by itself.
control::Done ForeignDaemon::run(const control::Rescan& rescan, Patience,
                                 const AnswerHandler& on_answer) const {
    control::Done done;
    for (std::size_t i = 0; i < rescan.sids.size(); ++i) {
        const std::uint64_t sid = rescan.sids[i];
        control::ItemDone item{.index = static_cast<std::uint32_t>(i), .sid = sid};
        const auto view = sysfs_.session(static_cast<std::uint32_t>(sid));
        if (view && view->host_no) {
            datapath::kernel::scan(sysfs_, {.sid = static_cast<std::uint32_t>(sid),
                                            .host_no = *view->host_no,
                                            .queue_depth = 0,
                                            .rescan_known = true});
        } else {
            item.code = ErrorCode::SessionNotFound;
        }
        note(done, {item.code, item.message});
        on_answer(item);
    }
    return done;
}

control::Done ForeignDaemon::run(const control::GetInfo&, Patience patience,
                                 const AnswerHandler& on_answer) const {
    control::DaemonInfo info;
    const std::pair<Command, std::string control::DaemonInfo::*> questions[] = {
        {Command::ConfigIname, &control::DaemonInfo::initiator_name},
        {Command::ConfigIalias, &control::DaemonInfo::initiator_alias},
        {Command::ConfigFile, &control::DaemonInfo::config_file}};
    for (const auto& [command, field] : questions) {
        auto reply = exchange({.command = command}, patience);
        if (!reply) return {reply.error().code, reply.error().message};
        if (reply->code != ErrorCode::Success) return {reply->code, {}};
        info.*field = std::move(reply->text);
    }
    on_answer(info);
    return {};
}

control::Done ForeignDaemon::run(const control::Stop&, Patience patience,
                                 const AnswerHandler&) const {
    const auto reply = exchange({.command = Command::ImmediateStop}, patience);
    if (!reply) return {reply.error().code, reply.error().message};
    return {reply->code, {}};
}

}  // namespace iscsi::iscsiadm
