// SPDX-License-Identifier: LGPL-2.1-or-later
// -m session: what runs now.
#include <algorithm>
#include <utility>

#include "iscsiadm/app.hpp"
#include "iscsiadm/login.hpp"
#include "iscsiadm/sessions.hpp"

namespace iscsi::iscsiadm {

namespace {

using base::ErrorCode;

constexpr int kSuccess = 0;
constexpr std::int32_t kLevelMax = 3;

// Print level 0 has nothing that only iscsid knows.
bool needs_states(App& app) { return app.command().level() > 0 || app.report().wants_everything(); }

base::Result<SessionList> chosen_sessions(App& app) {
    const auto& command = app.command();
    control::ListSessions request{
        .sids = {},
        .luns = command.level() >= kLevelMax || app.report().wants_everything(),
        .secrets = command.show_secrets,
        .unfinished = command.logout};
    if (command.sid) request.sids.push_back(*command.sid);
    ISCSI_TRY(auto list, list_sessions(app.daemon(), request,
                                       needs_states(app) ? WhenDown::StartIt : WhenDown::LeaveIt));
    if (command.sid && list.sessions.empty()) {
        return base::fail(ErrorCode::SysfsLookup,
                          "could not read session targetname: 5\n"
                          "Could not get session info for sid {}",
                          *command.sid);
    }
    return list;
}

int print(App& app, const SessionList& list) {
    const Sessions& sessions = list.sessions;
    const auto level = app.command().level();
    if (sessions.empty()) {
        app.report().sessions({}, /*level=*/0, /*show_secrets=*/false);
        return app.fail(ErrorCode::NoObjectsFound, "No active sessions.");
    }
    if (level > kLevelMax) {
        return app.fail(ErrorCode::Invalid,
                        fmt::format("Invalid info level {}. Try 0 - 3.", level));
    }
    // Compat: said once for each session, and a success.
    if (needs_states(app) && !list.daemon_down.empty()) {
        for (std::size_t i = 0; i < sessions.size(); ++i) app.out().error_text(list.daemon_down);
    }
    app.report().sessions(sessions, level, app.command().show_secrets);
    return kSuccess;
}

int no_record(App& app, const base::Error& error) {
    if (error.code != ErrorCode::NoObjectsFound) return app.fail(error);
    return app.fail(ErrorCode::NoObjectsFound, "No records found");
}

int show_record(App& app, const control::SessionInfo& session) {
    const auto node = app.store().load(find_record_of(app.store(), session));
    if (!node) return no_record(app, node.error());
    app.report().record(*node, app.command().show_secrets);
    return kSuccess;
}

int failed_on_record(App& app, const base::Error& error) {
    if (error.code == ErrorCode::NoObjectsFound) return no_record(app, error);
    app.out().error_text(error.message);
    return app.fail(error.code, fmt::format("Could not execute operation on all records: {}",
                                            base::error_text(error.code)));
}

int update_record(App& app, const control::SessionInfo& session) {
    const auto& assignments = app.command().assignments;
    if (assignments.empty()) return app.fail(ErrorCode::Invalid, "update requires name and value");
    if (const auto allowed = record::check_node_mode(assignments); !allowed) {
        return app.fail(allowed.error());
    }
    if (record::changes_transport(assignments)) {
        return app.fail(ErrorCode::SessionExists, kTransportInUse);
    }
    const auto updated =
        app.tell(app.store().update(find_record_of(app.store(), session), assignments));
    if (updated) return kSuccess;
    const int status = failed_on_record(app, updated.error());
    if (status == status_of(ErrorCode::Invalid)) app.hint<record::Node>();
    return status;
}

int delete_record(App& app, const control::SessionInfo& session) {
    const auto removed = app.store().remove(find_record_of(app.store(), session));
    return removed ? kSuccess : failed_on_record(app, removed.error());
}

int login_again(App& app, const control::SessionInfo& session) {
    const auto node = app.store().load(find_record_of(app.store(), session));
    if (!node) return no_record(app, node.error());
    const auto result = login_once_more(app, *node);
    if (result == ErrorCode::Success) return kSuccess;
    return app.fail(result, "Could not log into all portals");
}

// -r with something to do to the session's record.
int operate_on_record(App& app, const control::SessionInfo& session) {
    const auto& ops = app.command().ops;
    if (ops.is(Op::New)) return login_again(app, session);
    if (ops.is(Op::Update)) return update_record(app, session);
    if (ops.is(Op::Delete)) return delete_record(app, session);
    if (ops.none() || ops.is(Op::Show)) return show_record(app, session);
    return app.fail(ErrorCode::Invalid, "operation is not supported.");
}

int each_session(App& app, const Sessions& sessions, bool rescan) {
    if (sessions.empty()) return app.fail(ErrorCode::NoObjectsFound, "No session found.");
    const auto result = rescan ? rescan_sessions(app, sessions) : report_stats(app, sessions);
    if (result == ErrorCode::Success) return kSuccess;
    return app.fail(result, fmt::format("Could not execute operation on all sessions: {}",
                                        base::error_text(result)));
}

int logout(App& app, const Sessions& sessions) {
    // Compat: -o new is a login.
    if (app.command().ops.is(Op::New)) {
        return app.fail(ErrorCode::Invalid, "Invalid parameters. Both login and logout passed in");
    }
    if (!app.command().ops.none()) {
        return app.fail(ErrorCode::Invalid, "Invalid parameters. Login/logout and op passed in");
    }
    if (sessions.empty()) {
        return app.fail(ErrorCode::NoObjectsFound, "No matching sessions found");
    }
    const auto result = logout_sessions(app, sessions);
    if (result == ErrorCode::Success) return kSuccess;
    return app.fail(result, "Could not logout of all requested sessions");
}

}  // namespace

int run_session_mode(App& app) {
    const auto& command = app.command();
    if (command.ops.is(Op::New) && !command.sid) {
        return app.fail(ErrorCode::Invalid,
                        "session mode: Operation 'new' only allowed with specific session IDs");
    }
    const auto list = chosen_sessions(app);
    if (!list) return app.fail(list.error());
    if (command.rescan || command.stats) return each_session(app, list->sessions, command.rescan);
    if (command.logout) return logout(app, list->sessions);
    if (!command.sid) return print(app, *list);
    if (command.level() > 0 && command.ops.none()) return print(app, *list);
    return operate_on_record(app, list->sessions.front());
}

}  // namespace iscsi::iscsiadm
