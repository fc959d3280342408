// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/groups.hpp"

#include <algorithm>
#include <iterator>
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

// The order in which leading logins try interfaces: those with a file, then the built-in ones.
std::vector<std::string> ifaces_to_try(App& app, const std::vector<record::Node>& leading) {
    std::vector<std::string> names;
    const auto add = [&](const std::string& name) {
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    };
    if (const auto files = app.iface_records()) {
        for (const auto& iface : *files) add(iface.iscsi_ifacename);
    }
    for (const auto& node : leading) add(node.iface.iscsi_ifacename);
    return names;
}

// Leading logins are for portals behind several interfaces where one session is enough: interface
// by interface, those portals are logged in to that have no session yet.
ErrorCode login_leading(App& app, const std::vector<record::Node>& leading) {
    const auto has_session = [&](const record::Node& node) {
        return std::ranges::any_of(app.sessions(), [&](const control::SessionInfo& session) {
            return !session.logging_in && session.target == node.name &&
                   session.persistent_port == node.conn[0].port &&
                   session.persistent_address == node.conn[0].address;
        });
    };
    for (const auto& iface : ifaces_to_try(app, leading)) {
        std::vector<record::Node> wanting;
        std::ranges::copy_if(leading, std::back_inserter(wanting), [&](const record::Node& node) {
            return node.iface.iscsi_ifacename == iface && !has_session(node);
        });
        if (wanting.empty()) continue;
        const auto result = login_records(app, wanting);
        app.forget_sessions();
        if (result != ErrorCode::Success) {
            app.out().error("Could not log into all portals on {}, trying next interface", iface);
        }
    }
    return std::ranges::all_of(leading, has_session) ? ErrorCode::Success : ErrorCode::FatalLogin;
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
        app.forget_sessions();
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
        const auto node = app.store().load(find_record_of(app.store(), session));
        if (!node || spared_by_logout(*node, session)) continue;
        if (belongs(*node, word)) chosen.push_back(session);
    }
    if (chosen.empty()) return app.fail(ErrorCode::NoObjectsFound, "No matching sessions found");
    const auto result = logout_sessions(app, chosen);
    if (result == ErrorCode::Success) return 0;
    return app.fail(result, "Could not logout of all requested sessions");
}

}  // namespace iscsi::iscsiadm
