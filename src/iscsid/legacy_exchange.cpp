// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/legacy_exchange.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace iscsi::iscsid {

using base::ErrorCode;
namespace legacy = control::legacy;

std::variant<control::Request, ErrorCode> translate(
    const legacy::Request& request, const std::function<bool(std::uint32_t)>& host_exists) {
    using enum legacy::Command;
    switch (request.command) {
        case SessionLogin:
            return control::Login{
                .items = {{.node = request.login->node, .multiple = request.login->multiple}}};
        case SessionLogout:
            return control::Logout{.sids = {request.sid}};
        case SessionStats:
            return control::GetStats{.sids = {request.sid}};
        case SessionInfo:
        // Whatever runs has been taken over when the first request is read: all that is left to be
        // told to one who wants a session taken over is whether it is.
        case SessionSync:
            return control::ListSessions{.sids = {request.sid}};
        case ConfigIname:
        case ConfigIalias:
        case ConfigFile:
            return control::GetInfo{};
        case ImmediateStop:
            return control::Stop{};
        case SendTargets:
            // A discovery by the adapter itself, which none of our transports does.
            return host_exists(request.host_no) ? ErrorCode::TransportCaps
                                                : ErrorCode::TransportNotFound;
        case ConnAdd:
        case ConnRemove:
            return ErrorCode::Generic;
        case NotifyAddNode:
        case NotifyDelNode:
        case NotifyAddPortal:
        case NotifyDelPortal:
            // Compat: open-iscsi takes these, and does nothing.
            return request.payload_texts > 0 ? ErrorCode::Success : ErrorCode::Generic;
        case Unknown:
        case SessionActiveStat:
        case IsnsDevAttrQuery:
            return ErrorCode::InvalidRequest;
    }
    return ErrorCode::InvalidRequest;
}

std::optional<legacy::ReplyBytes> LegacyReply::take(const control::Answer& answer) {
    std::visit([this](const auto& body) { take(body); }, answer);
    if (!std::holds_alternative<control::Done>(answer)) return std::nullopt;
    return legacy::encode_reply(reply_);
}

// The one item of a request; Done repeats its code.
void LegacyReply::take(const control::ItemDone& item) { reply_.code = item.code; }

void LegacyReply::take(const control::DaemonInfo& info) {
    using enum legacy::Command;
    reply_.speaks_json = true;
    if (reply_.command == ConfigIname) reply_.text = info.initiator_name;
    if (reply_.command == ConfigIalias) reply_.text = info.initiator_alias;
    if (reply_.command == ConfigFile) reply_.text = info.config_file;
}

void LegacyReply::take(const control::SessionInfo& info) {
    found_ = true;
    // The enumerations have the same numbers.
    reply_.session_state = static_cast<legacy::SessionState>(info.internal_state);
    reply_.conn_state = static_cast<legacy::ConnState>(info.connection_state);
}

void LegacyReply::take(const control::StatsInfo& stats) {
    for (const control::Counter& counter : stats.counters) {
        const auto* const name = std::ranges::find(legacy::kStatNames, counter.name);
        if (name == legacy::kStatNames.end()) continue;
        reply_.stats
            .values[static_cast<std::size_t>(std::distance(legacy::kStatNames.begin(), name))] =
            counter.value;
    }
    for (const control::Counter& counter : stats.extended) {
        reply_.stats.custom.push_back({counter.name, counter.value});
    }
}

void LegacyReply::take(const control::Done& done) {
    if (done.code != ErrorCode::Success) {
        reply_.code = done.code;
    } else if (reply_.command == legacy::Command::SessionInfo && !found_) {
        reply_.code = ErrorCode::SessionNotFound;
    } else if (reply_.command == legacy::Command::SessionSync) {
        reply_.code = found_ ? ErrorCode::SessionExists : ErrorCode::SessionNotFound;
    }
}

legacy::ReplyBytes legacy_error(legacy::Command command, ErrorCode code) {
    return legacy::encode_reply({.command = command, .code = code});
}

}  // namespace iscsi::iscsid
