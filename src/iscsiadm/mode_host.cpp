// SPDX-License-Identifier: LGPL-2.1-or-later
// -m host: adapters, and for software transports one host for each session.
#include <algorithm>
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

// The tables below are in adapters' own memory; hosts of software transports have none.
int no_adapter(App& app) {
    const auto host = app.command().host.value_or(0);
    return app.fail(ErrorCode::TransportNotFound,
                    fmt::format("Could not read proc_name for host{} rc 5.\n"
                                "Could not match hostno {} to transport.",
                                host, host));
}

int chap(App& app) {
    const auto& command = app.command();
    const auto& ops = command.ops;
    // Compat: these two end with success although nothing was done.
    const auto nothing_done = [&](std::string_view why) {
        app.out().error_text(why);
        return kSuccess;
    };
    if (ops.none()) {
        return app.fail(ErrorCode::Invalid, "CHAP mode requires host no and valid operation");
    }
    if (ops.is(Op::Show)) return no_adapter(app);
    if (ops.is(Op::New) || ops.is(Op::Update)) {
        if (command.assignments.empty()) {
            return nothing_done("Chap username/password not provided.");
        }
        return no_adapter(app);
    }
    if (ops.is(Op::Delete)) {
        if (!command.index || *command.index > kChapIndexMax) {
            return nothing_done("Invalid chap table index.");
        }
        return no_adapter(app);
    }
    return app.fail(ErrorCode::Invalid, "Invalid operation.");
}

int flashnode(App& app) {
    const auto& command = app.command();
    const bool needs_index =
        !command.ops.none() && !command.ops.is(Op::New) && !command.ops.is(Op::Show);
    if (needs_index && !command.index) {
        return app.fail(ErrorCode::Invalid, "Invalid flashnode index");
    }
    return no_adapter(app);
}

}  // namespace

int run_host_mode(App& app) {
    const auto& command = app.command();
    if (command.host_mac) return app.fail(ErrorCode::Invalid, "Could not match MAC to host.");
    switch (command.submode) {
        case SubMode::None:
            return list(app);
        case SubMode::Chap:
            return chap(app);
        case SubMode::Flashnode:
            return flashnode(app);
        case SubMode::Stats:
            return no_adapter(app);
        case SubMode::Ping:
            break;
    }
    // Compat: ends with success.
    app.out().error("Invalid Sub Mode");
    return kSuccess;
}

}  // namespace iscsi::iscsiadm
