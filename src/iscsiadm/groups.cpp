// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/groups.hpp"

#include <algorithm>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

#include "iscsiadm/login.hpp"
#include "iscsiadm/options.hpp"
#include "iscsiadm/sessions.hpp"

namespace iscsi::iscsiadm {

namespace {

using base::ErrorCode;
using record::Startup;

// Compat: a record belongs to a group by its own startup value or by its connection's.
bool belongs(const record::Node& node, const std::string& word) {
    if (word == "all") return true;
    const auto wanted = record::enum_from_word<Startup>(word);
    return node.startup == wanted || node.conn[0].startup == wanted;
}

bool is_group(const std::string& word) {
    return word == "all" || word == "manual" || word == "automatic";
}

std::vector<record::Node> load_group(App& app, const std::vector<store::NodeId>& ids,
                                     const std::string& word) {
    std::vector<record::Node> nodes;
    for (const auto& id : ids) {
        auto node = app.store().load(id);
        if (!node) {
            // One damaged record must not keep the machine from its other disks.
            app.out().error_text(node.error().message);
            continue;
        }
        if (belongs(*node, word)) nodes.push_back(std::move(*node));
    }
    return nodes;
}

// Names of targets with leading-login records for which no session could be made.
//
// A leading login is for targets behind several interfaces where one session is enough: interface
// by interface, only those targets are tried that have no session yet.
ErrorCode login_leading(App& app, const std::vector<record::Node>& leading) {
    std::vector<std::string> served;
    const auto is_served = [&](const std::string& target) {
        return std::ranges::find(served, target) != served.end() ||
               std::ranges::any_of(app.sessions(), [&](const control::SessionInfo& session) {
                   return session.target == target;
               });
    };
    std::vector<std::string> ifaces;
    for (const auto& node : leading) {
        if (std::ranges::find(ifaces, node.iface.iscsi_ifacename) == ifaces.end()) {
            ifaces.push_back(node.iface.iscsi_ifacename);
        }
    }
    for (const auto& iface : ifaces) {
        bool all_well = true;
        for (const auto& node : leading) {
            if (node.iface.iscsi_ifacename != iface || is_served(node.name)) continue;
            if (login_records(app, {&node, 1}) == ErrorCode::Success) {
                served.push_back(node.name);
            } else {
                all_well = false;
            }
        }
        if (!all_well) {
            app.out().error("Could not log into all portals on {}, trying next interface", iface);
        }
    }
    const bool done = std::ranges::all_of(
        leading, [&](const record::Node& node) { return is_served(node.name); });
    return done ? ErrorCode::Success : ErrorCode::FatalLogin;
}

// Compat: what a group logout passes over, whatever the word: records that are gone or have another
// transport now, those of the boot, those found by firmware.
bool spared_by_logout(const record::Node& node, const control::SessionInfo& session) {
    return node.iface.transport_name != session.transport || node.startup == Startup::Onboot ||
           node.discovery_type == record::NodeDiscoveryType::Firmware;
}

}  // namespace

int login_group(App& app, const std::string& word) {
    if (!is_group(word) && word != "onboot") {
        app.out().error("Invalid loginall option {}.", word);
        return suggest_help(app.out());
    }
    const auto ids = app.store().find({});
    if (!ids) return app.fail(ids.error());
    auto nodes = load_group(app, *ids, word);
    if (nodes.empty()) return app.fail(ErrorCode::NoObjectsFound, "No records found");

    const auto first_leading = std::ranges::stable_partition(
        nodes, [](const record::Node& node) { return !node.leading_login; });
    const std::vector<record::Node> leading(first_leading.begin(), first_leading.end());
    nodes.erase(first_leading.begin(), first_leading.end());

    auto result = login_records(app, nodes);
    if (result != ErrorCode::Success) app.out().error("Could not log into all portals");
    if (!leading.empty()) {
        const auto led = login_leading(app, leading);
        if (led != ErrorCode::Success) app.out().error("Could not login all leading-login portals");
        if (result == ErrorCode::Success) result = led;
    }
    return status_of(result);
}

int logout_group(App& app, const std::string& word) {
    if (!is_group(word)) {
        app.out().error("Invalid logoutall option {}.", word);
        return suggest_help(app.out());
    }
    Sessions chosen;
    for (const auto& session : app.sessions()) {
        const auto node = app.store().load(record_of(session));
        if (!node || spared_by_logout(*node, session)) continue;
        if (belongs(*node, word)) chosen.push_back(session);
    }
    if (chosen.empty()) return app.fail(ErrorCode::NoObjectsFound, "No matching sessions found");
    const auto result = logout_sessions(app, chosen);
    if (result == ErrorCode::Success) return 0;
    return app.fail(result, "Could not logout of all requested sessions");
}

}  // namespace iscsi::iscsiadm
