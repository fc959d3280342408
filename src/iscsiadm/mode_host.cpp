// SPDX-License-Identifier: LGPL-2.1-or-later
// -m host: adapters, and for software transports one host for each session.
#include <algorithm>
#include <cerrno>
#include <vector>

#include "iscsiadm/app.hpp"

#include "iscsiadm/sessions.hpp"

namespace iscsi::iscsiadm {

namespace {

using base::ErrorCode;

constexpr int kSuccess = 0;
constexpr std::int32_t kLevelMax = 4;
constexpr std::uint32_t kChapIndexMax = 2048;

HostView host_of(const control::SessionInfo& session) {
    return {.host_no = session.host_no,
            .transport = session.transport,
            .initiator_name = {},
            .ip_address = session.iface_ipaddress,
            .hw_address = {},
            .netdev = session.iface_netdev,
            .sessions = {&session, 1}};
}

int list(App& app) {
    const auto level = app.command().level();
    if (level > kLevelMax) {
        return app.fail(ErrorCode::Invalid,
                        fmt::format("Invalid info level {}. Try 0 - 4.", level));
    }
    auto listed = list_sessions(app.daemon(),
                                {.luns = level == kLevelMax || app.report().wants_everything()});
    if (!listed) return app.fail(listed.error());
    Sessions& sessions = listed->sessions;
    // As the kernel's directory of hosts is sorted: host1, host10, host2.
    std::ranges::sort(sessions, {}, [](const control::SessionInfo& session) {
        return fmt::format("host{}", session.host_no);
    });
    if (sessions.empty()) {
        app.report().hosts({}, /*level=*/0);
        return app.fail(ErrorCode::NoObjectsFound, "No iSCSI hosts.");
    }
    std::vector<HostView> hosts;
    for (const auto& session : sessions) hosts.push_back(host_of(session));
    app.report().hosts(hosts, level);
    return kSuccess;
}

// The tables below are in adapters' own memory. The host of a session in software has none, and
// 2.1.8 finds out in its own way for each.

constexpr int kAdapterFailed = 1;

bool is_session_host(App& app, std::uint32_t host) {
    const auto listed = list_sessions(app.daemon(), {.luns = false});
    return listed && std::ranges::any_of(listed->sessions, [host](const auto& session) {
               return session.host_no == host;
           });
}

int no_such_host(App& app, std::uint32_t host) {
    return app.fail(ErrorCode::TransportNotFound,
                    fmt::format("Could not read proc_name for host{} rc 5.\n"
                                "Could not match hostno {} to transport.",
                                host, host));
}

// What is about to be done, for people.
void announce(App& app, std::string_view text) {
    if (!app.command().json) app.out().line("{}", text);
}

int failed(App& app, std::string_view text, int status = kAdapterFailed) {
    app.out().error_text(text);
    return status;
}

bool is_chap_pair(const std::vector<record::Assignment>& assignments) {
    const auto names = [&](std::string_view name, std::string_view password) {
        return assignments.size() == 2 &&
               std::ranges::all_of(assignments, [&](const record::Assignment& each) {
                   return each.name == name || each.name == password;
               });
    };
    return names("host.auth.username", "host.auth.password") ||
           names("host.auth.username_in", "host.auth.password_in");
}

int set_chap(App& app, std::uint32_t host) {
    const auto& assignments = app.command().assignments;
    if (assignments.empty()) {
        // Compat: ends with success although nothing was done.
        app.out().error_text("Chap username/password not provided.");
        return kSuccess;
    }
    if (!is_session_host(app, host)) return no_such_host(app, host);
    if (is_chap_pair(assignments)) return failed(app, "CHAP setting failed");
    return app.fail(ErrorCode::Invalid,
                    "Invalid username/password pair passed. Unable to determine the type of chap "
                    "entry");
}

int chap(App& app, std::uint32_t host) {
    const auto& command = app.command();
    const auto& ops = command.ops;
    if (ops.none()) {
        return app.fail(ErrorCode::Invalid, "CHAP mode requires host no and valid operation");
    }
    if (ops.is(Op::New) || ops.is(Op::Update)) return set_chap(app, host);
    if (ops.is(Op::Delete) && (!command.index || *command.index > kChapIndexMax)) {
        app.out().error_text("Invalid chap table index.");  // Compat: success, as above
        return kSuccess;
    }
    if (!ops.is(Op::Show) && !ops.is(Op::Delete)) {
        return app.fail(ErrorCode::Invalid, "Invalid operation.");
    }
    if (!is_session_host(app, host)) return no_such_host(app, host);
    if (ops.is(Op::Show)) {
        return failed(app,
                      "Received iferror -22: Invalid argument.\nget_chap_info failed. errno=0");
    }
    announce(app, fmt::format("Deleting CHAP index: {}", *command.index));
    return failed(app, "CHAP Delete failed.");
}

int show_flashnode(App& app, std::uint32_t host) {
    const auto& index = app.command().index;
    if (!index) {
        return app.fail(ErrorCode::NoObjectsFound,
                        fmt::format("No flashnodes attached to host {}.", host));
    }
    return failed(app,
                  fmt::format("Could not read info for flashnode {} of host {}, No such file or "
                              "directory",
                              *index, host),
                  ENOENT);
}

int new_flashnode(App& app, std::uint32_t host) {
    const auto& type = app.command().portal_type;
    if (type != "ipv4" && type != "ipv6") {
        return app.fail(ErrorCode::Invalid, "Invalid type mentioned for flashnode");
    }
    announce(app, fmt::format("Create new flashnode for host {}.", host));
    return failed(app, fmt::format("Creation of flashnode for host {} failed.", host));
}

int flashnode(App& app, std::uint32_t host) {
    const auto& command = app.command();
    const auto& ops = command.ops;
    const bool shows = ops.none() || ops.is(Op::Show);
    if (!shows && !ops.is(Op::New) && !command.index) {
        return app.fail(ErrorCode::Invalid, "Invalid flashnode index");
    }
    if (!is_session_host(app, host)) return no_such_host(app, host);
    if (shows) return show_flashnode(app, host);
    if (ops.is(Op::New)) return new_flashnode(app, host);
    const auto index = *command.index;
    if (ops.is(Op::Delete)) {
        announce(app, fmt::format("Delete flashnode {}.", index));
        return failed(app, fmt::format("Deletion of flashnode {} of host {} failed.", index, host));
    }
    if (ops.is(Op::Update)) {
        return failed(app,
                      fmt::format("Could not read info for flashnode {}, No such file or "
                                  "directory\nUpdate for flashnode {} of host {} failed.",
                                  index, index, host),
                      ENOENT);
    }
    if (ops.is(Op::Login)) {
        announce(app, fmt::format("Login to flashnode {}.", index));
        return failed(app, fmt::format("Login to flashnode {} of host {} failed.", index, host),
                      static_cast<int>(ErrorCode::Login));
    }
    announce(app, fmt::format("Logout flashnode {}.", index));
    return failed(app, fmt::format("Logout of flashnode {} of host {} failed.", index, host),
                  static_cast<int>(ErrorCode::Logout));
}

int host_stats(App& app, std::uint32_t host) {
    if (!is_session_host(app, host)) return no_such_host(app, host);
    return failed(app, "get_host_stats failed. errno=0");
}

}  // namespace

int run_host_mode(App& app) {
    const auto& command = app.command();
    if (command.host_mac) return app.fail(ErrorCode::Invalid, "Could not match MAC to host.");
    // Compat: without -H it is host 0.
    const auto host = static_cast<std::uint32_t>(command.host.value_or(0));
    switch (command.submode) {
        case SubMode::None:
            return list(app);
        case SubMode::Chap:
            return chap(app, host);
        case SubMode::Flashnode:
            return flashnode(app, host);
        case SubMode::Stats:
            return host_stats(app, host);
        case SubMode::Ping:
            break;
    }
    // Compat: ends with success.
    app.out().error("Invalid Sub Mode");
    return kSuccess;
}

}  // namespace iscsi::iscsiadm
