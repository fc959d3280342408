// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/login.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "iscsiadm/sessions.hpp"
#include "os/resolve.hpp"

namespace iscsi::iscsiadm {

namespace {

using base::ErrorCode;

// Compat: of several failed logins the first one is the exit status, of failed logouts the last.
ErrorCode first_of(ErrorCode first, ErrorCode next) {
    return first == ErrorCode::Success ? next : first;
}
ErrorCode last_of(ErrorCode last, ErrorCode next) {
    return next == ErrorCode::Success ? last : next;
}

std::string describe_record(const record::Node& node) {
    return store::describe(store::node_id(node));
}

// What the daemon said of one item of a request.
struct Verdict {
    ErrorCode code = ErrorCode::DaemonCommunication;
    std::string message;
};

// Sends a request about `count` items and collects what is said of each. When the request as a
// whole fails, that is printed, and each item has failed with its code.
std::vector<Verdict> ask_about(App& app, const control::Request& request, std::size_t count) {
    std::vector<Verdict> verdicts(count);
    const auto take = [&](const control::Answer& answer) {
        if (const auto* item = std::get_if<control::ItemDone>(&answer)) {
            if (item->index < count) verdicts[item->index] = {item->code, item->message};
        } else if (const auto* notice = std::get_if<control::Notice>(&answer)) {
            app.out().notice(notice->text);
        }
    };
    const auto done = app.daemon().ask(request, WhenDown::StartIt, take);
    if (!done) {
        app.out().error_text(done.error().message);
        for (auto& verdict : verdicts) verdict = {done.error().code, {}};
    }
    return verdicts;
}

// The second line of a failure: the number that scripts know, and the reason behind it.
void report(Output& out, const Verdict& verdict) {
    out.reported(verdict.code);
    if (!verdict.message.empty()) out.error_text(verdict.message);
}

std::size_t sessions_of(App& app, const record::Node& node) {
    return static_cast<std::size_t>(
        std::ranges::count_if(app.sessions(), [&](const control::SessionInfo& session) {
            return uses(session, node, os::same_address);
        }));
}

ErrorCode send_logins(App& app, std::vector<control::LoginItem> items) {
    auto& out = app.out();
    for (const auto& item : items) {
        out.line("Logging in to {}{}", describe_record(item.node),
                 item.multiple ? " (multiple)" : "");
    }
    const control::Login request{.items = items, .no_wait = app.command().no_wait};
    const auto verdicts = ask_about(app, request, items.size());
    ErrorCode result = ErrorCode::Success;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto name = describe_record(items[i].node);
        if (verdicts[i].code != ErrorCode::Success) {
            out.error("Could not login to {}.", name);
            report(out, verdicts[i]);
            result = first_of(result, verdicts[i].code);
        } else if (!app.command().no_wait) {
            out.line("Login to {} successful.", name);
        }
    }
    return result;
}

}  // namespace

base::ErrorCode login_records(App& app, std::span<const record::Node> records) {
    std::vector<control::LoginItem> items;
    ErrorCode result = ErrorCode::Success;
    const auto flush = [&] {
        if (!items.empty()) result = first_of(result, send_logins(app, std::exchange(items, {})));
    };
    for (const auto& record : records) {
        const auto wanted =
            static_cast<std::size_t>(std::max<std::int32_t>(record.session.nr_sessions, 0));
        const auto present = sessions_of(app, record);
        if (present >= wanted) {
            app.out().error("{}: {} session{} requested, but {} already present.",
                            record.iface.iscsi_ifacename, wanted, wanted == 1 ? "" : "s", present);
            result = first_of(result, ErrorCode::SessionExists);
            continue;
        }
        for (std::size_t i = present; i < wanted; ++i) {
            items.push_back({.node = record, .multiple = wanted > 1});
            if (items.size() == control::kItemsMax) flush();
        }
    }
    flush();
    return result;
}

base::ErrorCode login_once_more(App& app, const record::Node& record) {
    return send_logins(app, {{.node = record, .multiple = true}});
}

namespace {

std::vector<std::uint64_t> sids_of(std::span<const control::SessionInfo> sessions) {
    std::vector<std::uint64_t> sids;
    for (const auto& session : sessions) sids.push_back(session.sid);
    return sids;
}

}  // namespace

base::ErrorCode logout_sessions(App& app, std::span<const control::SessionInfo> sessions) {
    auto& out = app.out();
    for (const auto& session : sessions) {
        out.line("Logging out of session {}", describe(session));
    }
    const auto verdicts =
        ask_about(app, control::Logout{.sids = sids_of(sessions)}, sessions.size());
    ErrorCode result = ErrorCode::Success;
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        if (verdicts[i].code == ErrorCode::Success) {
            out.line("Logout of {} successful.", describe(sessions[i]));
            continue;
        }
        out.error("Could not logout of {}.", describe(sessions[i]));
        report(out, verdicts[i]);
        result = last_of(result, verdicts[i].code);
    }
    return result;
}

base::ErrorCode rescan_sessions(App& app, std::span<const control::SessionInfo> sessions) {
    for (const auto& session : sessions) {
        app.out().line("Rescanning session {}", describe(session));
    }
    const auto verdicts =
        ask_about(app, control::Rescan{.sids = sids_of(sessions)}, sessions.size());
    ErrorCode result = ErrorCode::Success;
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        if (verdicts[i].code == ErrorCode::Success) continue;
        app.out().error("Could not rescan session {}.", describe(sessions[i]));
        report(app.out(), verdicts[i]);
        result = last_of(result, verdicts[i].code);
    }
    return result;
}

namespace {

void print_counters(Output& out, std::string_view title,
                    std::span<const control::Counter> counters) {
    out.line("{}:", title);
    for (const auto& counter : counters) out.line("\t{}: {}", counter.name, counter.value);
}

}  // namespace

base::ErrorCode print_stats(App& app, std::span<const control::SessionInfo> sessions) {
    std::vector<std::optional<control::StatsInfo>> stats(sessions.size());
    ErrorCode result = ErrorCode::Success;
    const auto take = [&](const control::Answer& answer) {
        if (const auto* found = std::get_if<control::StatsInfo>(&answer)) {
            if (found->index < stats.size()) stats[found->index] = *found;
        } else if (const auto* item = std::get_if<control::ItemDone>(&answer)) {
            result = last_of(result, item->code);
        }
    };
    const auto done =
        app.daemon().ask(control::GetStats{.sids = sids_of(sessions)}, WhenDown::StartIt, take);
    if (!done) {
        app.out().error_text(done.error().message);
        return done.error().code;
    }
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        if (!stats[i]) continue;
        app.out().line("Stats for session {}", describe(sessions[i]));
        print_counters(app.out(), "iSCSI SNMP", stats[i]->counters);
        // Compat: the block is there only when there is something in it.
        if (!stats[i]->extended.empty()) {
            print_counters(app.out(), "iSCSI Extended", stats[i]->extended);
        }
    }
    return last_of(result, done->code);
}

}  // namespace iscsi::iscsiadm
