// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/login.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/numbers.hpp"
#include "datapath/kernel/scanner.hpp"
#include "datapath/kernel/sysfs.hpp"
#include "iscsiadm/sessions.hpp"
#include "iscsiadm/user_sessions.hpp"
#include "os/resolve.hpp"
#include "record/values.hpp"
#include "store/names.hpp"

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
    std::uint64_t sid = 0;
};

struct Verdicts {
    std::vector<Verdict> items;
    std::string failure;  // of the request as a whole: each item has failed with its code
};

// "Logging in: 1 of 3 done"
std::string progress_text(const control::Request& request, std::size_t done, std::size_t count) {
    const std::string_view doing = std::holds_alternative<control::Login>(request) ? "Logging in"
                                   : std::holds_alternative<control::Logout>(request)
                                       ? "Logging out"
                                       : "Rescanning";
    return fmt::format("{}: {} of {} done", doing, done, count);
}

// Sends a request about `count` items and collects what is said of each.
Verdicts ask(App& app, const control::Request& request, std::size_t count) {
    Verdicts verdicts{.items = std::vector<Verdict>(count), .failure = {}};
    const Waiting waiting(app.out(), progress_text(request, 0, count));
    std::size_t answered = 0;
    const auto take = [&](const control::Answer& answer) {
        if (const auto* item = std::get_if<control::ItemDone>(&answer)) {
            if (item->index >= count) return;
            app.out().progress().update(progress_text(request, ++answered, count));
            verdicts.items[item->index] = {item->code, item->message, item->sid};
        } else if (const auto* notice = std::get_if<control::Notice>(&answer)) {
            app.out().notice(notice->text);
        }
    };
    const auto done = app.daemon().ask(request, WhenDown::StartIt, take);
    if (!done) {
        verdicts.failure = done.error().message;
        for (auto& verdict : verdicts.items) verdict.code = done.error().code;
    }
    return verdicts;
}

// The same; a failure of the request as a whole is printed.
std::vector<Verdict> ask_about(App& app, const control::Request& request, std::size_t count) {
    auto verdicts = ask(app, request, count);
    if (!verdicts.failure.empty()) app.out().error_text(verdicts.failure);
    return std::move(verdicts.items);
}

// The second line of a failure: the number that scripts know, and the reason behind it.
void report(Output& out, const Verdict& verdict) {
    out.reported(verdict.code);
    if (!verdict.message.empty()) out.error_text(verdict.message);
}

// A success with words: the session is up, and not all of its disks are what they should be.
void report_news(Output& out, const Verdict& verdict) {
    if (verdict.code != ErrorCode::Success) return;
    for (const auto line : base::split(verdict.message, '\n')) {
        if (!line.empty()) out.error("session {}: {}", verdict.sid, line);
    }
}

// The same for a logout: the session is gone, and some of what was written to its disks, too.
void report_losses(Output& out, const control::SessionInfo& session, const Verdict& verdict) {
    if (verdict.code != ErrorCode::Success) return;
    for (const auto line : base::split(verdict.message, '\n')) {
        if (!line.empty()) out.error("session {}: {}", session.sid, line);
    }
}

// Numbers that nobody can use, which -o update lets pass.
void warn_of_ranges(App& app, record::Node& node) {
    for (const auto& text : record::enforce_ranges(node)) {
        app.out().error("{}: {}", store::record_path(app.store().paths(), store::node_id(node)),
                        text);
    }
}

// A single login that is under way does not count: who asks for it again waits for its outcome.
std::size_t sessions_of(App& app, const record::Node& node) {
    const bool single = node.session.nr_sessions <= 1;
    return static_cast<std::size_t>(
        std::ranges::count_if(app.sessions(), [&](const control::SessionInfo& session) {
            return uses(session, node, os::same_address) && !(single && session.logging_in);
        }));
}

void report_begun(App& app, const control::LoginItem& item) {
    app.report().event({.what = Event::What::LoginBegun,
                        .text = fmt::format("Logging in to {}{}", describe_record(item.node),
                                            item.multiple ? " (multiple)" : "")});
}

void report_login(App& app, const record::Node& node, const Verdict& verdict) {
    auto& out = app.out();
    const auto name = describe_record(node);
    Event event{
        .what = Event::What::Login, .text = {}, .code = verdict.code, .node = store::node_id(node)};
    if (verdict.sid != 0) event.sid = verdict.sid;
    if (verdict.code != ErrorCode::Success) {
        out.error("Could not login to {}.", name);
        report(out, verdict);
    } else if (!app.command().no_wait) {
        event.text = fmt::format("Login to {} successful.", name);
    }
    app.report().event(event);
    report_news(out, verdict);
}

ErrorCode send_logins(App& app, const std::vector<control::LoginItem>& items) {
    for (const auto& item : items) report_begun(app, item);
    const control::Login request{.items = items, .no_wait = app.command().no_wait};
    const auto verdicts = ask_about(app, request, items.size());
    ErrorCode result = ErrorCode::Success;
    for (std::size_t i = 0; i < items.size(); ++i) {
        report_login(app, items[i].node, verdicts[i]);
        result = first_of(result, verdicts[i].code);
    }
    return result;
}

// Logins of one command, sent together.
class LoginBatch {
public:
    explicit LoginBatch(App& app) : app_(app) {}

    void add(const record::Node& node, bool multiple) {
        if (!multiple && names_a_portal_again(node)) {
            again_.push_back(node);
            return;
        }
        items_.push_back({.node = node, .multiple = multiple});
        if (items_.size() == control::kItemsMax) send();
    }

    // What was added and not yet sent.
    ErrorCode finish() {
        send();
        if (again_.empty()) return result_;
        app_.forget_sessions();
        for (const auto& node : again_) log_in_again(node);
        return result_;
    }

private:
    // Two records may name one portal in two ways: an address and a name for it.
    bool names_a_portal_again(const record::Node& node) {
        auto& known = addresses_[fmt::format("{} {} {}", node.name, node.iface.iscsi_ifacename,
                                             node.conn[0].port)];
        const std::string& address = node.conn[0].address;
        const bool found = std::ranges::any_of(known, [&](const std::string& other) {
            return other == address || os::same_address(other, address);
        });
        known.push_back(address);
        return found;
    }

    void log_in_again(const record::Node& node) {
        const control::LoginItem item{.node = node, .multiple = false};
        const bool present = std::ranges::any_of(app_.sessions(), [&](const auto& session) {
            return uses(session, node, os::same_address);
        });
        if (!present) {  // the other name did not lead there
            result_ = first_of(result_, send_logins(app_, {item}));
            return app_.forget_sessions();
        }
        report_begun(app_, item);
        report_login(app_, node, {ErrorCode::SessionExists, {}, 0});
        result_ = first_of(result_, ErrorCode::SessionExists);
    }

    void send() {
        if (!items_.empty()) result_ = first_of(result_, send_logins(app_, items_));
        items_.clear();
    }

    App& app_;
    std::vector<control::LoginItem> items_;
    std::vector<record::Node> again_;
    std::map<std::string, std::vector<std::string>> addresses_;  // of a target, iface and port
    ErrorCode result_ = ErrorCode::Success;
};

}  // namespace

base::ErrorCode login_records(App& app, std::span<const record::Node> records) {
    LoginBatch batch(app);
    ErrorCode result = ErrorCode::Success;
    for (auto record : records) {
        warn_of_ranges(app, record);
        const auto wanted = static_cast<std::size_t>(record.session.nr_sessions);
        const auto present = sessions_of(app, record);
        if (present >= wanted) {
            app.out().error("{}: {} session{} requested, but {} already present.",
                            record.iface.iscsi_ifacename, wanted, wanted == 1 ? "" : "s", present);
            result = first_of(result, ErrorCode::SessionExists);
            continue;
        }
        for (std::size_t i = present; i < wanted; ++i) {
            batch.add(record, wanted > 1);
        }
    }
    return first_of(result, batch.finish());
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

Event session_event(Event::What what, const control::SessionInfo& session, const Verdict& verdict) {
    return {.what = what,
            .text = {},
            .code = verdict.code,
            .node = record_of(session),
            .sid = session.sid};
}

}  // namespace

base::ErrorCode logout_sessions(App& app, std::span<const control::SessionInfo> sessions) {
    auto& out = app.out();
    for (const auto& session : sessions) {
        app.report().event({.what = Event::What::LogoutBegun,
                            .text = fmt::format("Logging out of session {}", describe(session))});
    }
    auto verdicts = ask_about(app, control::Logout{.sids = sids_of(sessions)}, sessions.size());
    ErrorCode result = ErrorCode::Success;
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        // It was there when we looked: another logout was quicker. Clients know one status for
        // a session that is gone, whenever it went.
        if (verdicts[i].code == ErrorCode::SessionNotFound) {
            verdicts[i].code = ErrorCode::NoObjectsFound;
        }
        auto event = session_event(Event::What::Logout, sessions[i], verdicts[i]);
        if (verdicts[i].code == ErrorCode::Success) {
            report_losses(out, sessions[i], verdicts[i]);
            event.text = fmt::format("Logout of {} successful.", describe(sessions[i]));
        } else {
            out.error("Could not logout of {}.", describe(sessions[i]));
            report(out, verdicts[i]);
            result = last_of(result, verdicts[i].code);
        }
        app.report().event(event);
    }
    return result;
}

namespace {

// Logged out since it was listed. Beside others it is no failure; where there are none but such the
// answer is the one of a moment later, when there is no session.
bool is_gone(ErrorCode code) { return code == ErrorCode::SessionNotFound; }

// False where this is no session of the kernel's. It scans for whoever asks.
bool scan_in_kernel(App& app, const control::SessionInfo& session) {
    const datapath::kernel::Sysfs sysfs;
    if (!sysfs.session(static_cast<std::uint32_t>(session.sid))) return false;
    const auto node = app.store().load(find_record_of(app.store(), session));
    datapath::kernel::scan(sysfs, {.sid = static_cast<std::uint32_t>(session.sid),
                                   .host_no = static_cast<std::uint32_t>(session.host_no),
                                   .queue_depth = node ? node->session.queue_depth : 0,
                                   .rescan_known = true});
    return true;
}

// Sessions in user space can be asked directly.
void rescan_without_daemon(App& app, std::span<const control::SessionInfo> sessions,
                           std::vector<Verdict>& verdicts) {
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        const std::uint64_t sid = sessions[i].sid;
        if (verdicts[i].code != ErrorCode::DaemonNotConnected) continue;
        if (!is_user_session(sessions[i])) {
            const bool found = scan_in_kernel(app, sessions[i]);
            verdicts[i] = {found ? ErrorCode::Success : ErrorCode::SessionNotFound, {}, sid};
            continue;
        }
        auto done = rescan_user_session(sid);
        verdicts[i] = done ? Verdict{ErrorCode::Success, std::move(*done), sid}
                           : Verdict{done.error().code, done.error().message, sid};
    }
}

}  // namespace

base::ErrorCode rescan_sessions(App& app, std::span<const control::SessionInfo> sessions) {
    for (const auto& session : sessions) {
        app.report().event({.what = Event::What::RescanBegun,
                            .text = fmt::format("Rescanning session {}", describe(session))});
    }
    auto [verdicts, failure] =
        ask(app, control::Rescan{.sids = sids_of(sessions)}, sessions.size());
    ErrorCode result = ErrorCode::Success;
    rescan_without_daemon(app, sessions, verdicts);
    const bool all_done = std::ranges::none_of(
        verdicts, [](const Verdict& one) { return one.code == ErrorCode::DaemonNotConnected; });
    if (!failure.empty() && !all_done) app.out().error_text(failure);
    const bool all_gone = std::ranges::all_of(verdicts, is_gone, &Verdict::code);
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        const bool gone = is_gone(verdicts[i].code);
        if (gone) verdicts[i].code = ErrorCode::NoObjectsFound;
        app.report().event(session_event(Event::What::Rescan, sessions[i], verdicts[i]));
        report_news(app.out(), verdicts[i]);
        if (verdicts[i].code == ErrorCode::Success || (gone && !all_gone)) continue;
        app.out().error("Could not rescan session {}.", describe(sessions[i]));
        report(app.out(), verdicts[i]);
        result = last_of(result, verdicts[i].code);
    }
    return result;
}

namespace {

using StatsOfSessions = std::vector<std::optional<control::StatsInfo>>;

void stats_without_daemon(std::span<const control::SessionInfo> sessions, StatsOfSessions& stats,
                          std::vector<ErrorCode>& codes) {
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        auto found = is_user_session(sessions[i])
                         ? stats_of_user_session(sessions[i].sid)
                         : base::fail(ErrorCode::DaemonNotConnected, "iscsid does not run");
        codes[i] = found ? ErrorCode::Success : found.error().code;
        if (found) stats[i] = std::move(*found);
    }
}

ErrorCode first_failure(std::span<const ErrorCode> codes) {
    const auto failed = std::ranges::find_if(
        codes, [](ErrorCode code) { return code != ErrorCode::Success && !is_gone(code); });
    if (failed != codes.end()) return *failed;
    return std::ranges::all_of(codes, is_gone) ? ErrorCode::NoObjectsFound : ErrorCode::Success;
}

}  // namespace

base::ErrorCode report_stats(App& app, std::span<const control::SessionInfo> sessions) {
    StatsOfSessions stats(sessions.size());
    std::vector<ErrorCode> codes(sessions.size(), ErrorCode::Success);
    const auto take = [&](const control::Answer& answer) {
        if (const auto* found = std::get_if<control::StatsInfo>(&answer)) {
            if (found->index < stats.size()) stats[found->index] = *found;
        } else if (const auto* item = std::get_if<control::ItemDone>(&answer)) {
            if (item->index < codes.size()) codes[item->index] = item->code;
        }
    };
    const auto done =
        app.daemon().ask(control::GetStats{.sids = sids_of(sessions)}, WhenDown::StartIt, take);
    if (!done) {
        std::ranges::fill(codes, done.error().code);
        if (done.error().code == ErrorCode::DaemonNotConnected) {
            stats_without_daemon(sessions, stats, codes);
        }
    }
    const ErrorCode result = first_failure(codes);
    if (!done && result != ErrorCode::Success && result != ErrorCode::NoObjectsFound) {
        app.out().error_text(done.error().message);
    }
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        if (stats[i]) app.report().stats(sessions[i], *stats[i]);
    }
    // A refusal of the request as a whole names no session.
    const bool refused = done && result == ErrorCode::Success && !is_gone(done->code);
    return refused ? done->code : result;
}

}  // namespace iscsi::iscsiadm
