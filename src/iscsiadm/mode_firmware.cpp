// SPDX-License-Identifier: LGPL-2.1-or-later
// -m fw: boot targets that the firmware left for us.
#include <algorithm>
#include <array>

#include "iscsiadm/app.hpp"
#include "iscsiadm/firmware_targets.hpp"
#include "iscsiadm/login.hpp"
#include "record/schema.hpp"

namespace iscsi::iscsiadm {

namespace {

using base::ErrorCode;
using record::Node;

constexpr const char* kSysfs = "/sys";
// A boot waits for its disk, and has nobody to look after the session yet.
constexpr std::int32_t kBootLoginRetries = 30;

bool is_set_by_user(App& app, std::string_view name) {
    const auto& assignments = app.command().assignments;
    return std::ranges::find(assignments, name, &record::Assignment::name) != assignments.end();
}

void set_boot_defaults(App& app, Node& node) {
    const auto unless_set = [&](std::string_view name, auto& member, auto value) {
        if (!is_set_by_user(app, name)) member = value;
    };
    auto& timeo = node.conn[0].timeo;
    unless_set("node.session.initial_login_retry_max", node.session.initial_login_retry_max,
               kBootLoginRetries);
    unless_set("node.conn[0].timeo.noop_out_interval", timeo.noop_out_interval, 0);
    unless_set("node.conn[0].timeo.noop_out_timeout", timeo.noop_out_timeout, 0);
    unless_set("node.session.scan", node.session.scan, record::Scan::Auto);
}

// Unlike -o update, any key may be set but what decides the way to the target.
base::Status merge(const std::vector<record::Assignment>& assignments, Node& node) {
    constexpr auto kWay = std::to_array<std::string_view>(
        {"iface.net_ifacename", "iface.hwaddress", "iface.transport_name"});
    for (const auto& [name, value] : assignments) {
        if (std::ranges::find(kWay, name) != kWay.end()) {
            return base::fail(ErrorCode::Invalid,
                              "Cannot override interface parameters for firmware logins");
        }
        const auto* key = record::schema<Node>().find(name);
        if (key == nullptr) return base::fail(ErrorCode::Invalid, "Unknown parameter {}.", name);
        if (!key->set(node, key->info, value).understood) {
            return base::fail(ErrorCode::Invalid,
                              "unknown value format '{}' for parameter name '{}'\n"
                              "Unknown parameter {}.",
                              value, name, name);
        }
    }
    return {};
}

base::Result<Node> node_of(App& app, const firmware::BootTarget& target) {
    Node node = app.conf().node;
    node.name = target.name;
    node.tpgt = firmware::kBootTag;
    node.conn[0].address = target.address;
    node.conn[0].port = target.port;
    node.discovery_type = record::NodeDiscoveryType::Firmware;
    node.iface = app.iface_for_records({});
    node.iface.initiatorname = target.initiator_name;
    auto algorithms = std::move(node.session.auth.chap_algs);
    node.session.auth = auth_of(target);
    node.session.auth.chap_algs = std::move(algorithms);
    set_boot_defaults(app, node);
    ISCSI_TRY_VOID(merge(app.command().assignments, node));
    return node;
}

int log_in(App& app, const std::vector<firmware::BootTarget>& targets) {
    std::vector<Node> nodes;
    for (const auto& target : targets) {
        auto node = node_of(app, target);
        if (!node) {
            app.out().error_text(node.error().message);
            const int status = app.fail(node.error().code, "Could not merge user params");
            app.hint<Node>();
            return status;
        }
        nodes.push_back(std::move(*node));
    }
    // Compat: how the logins end is not told by the exit status.
    (void)login_records(app, nodes);
    return status_of(ErrorCode::Success);
}

}  // namespace

std::vector<firmware::BootTarget> boot_targets(App& app) {
    auto found = firmware::read_boot_targets(os::system_files(), kSysfs);
    app.report().boot_problems(found.problems);
    return std::move(found.targets);
}

int no_firmware_targets(App& app) {
    const auto code = ErrorCode::NoObjectsFound;
    return app.fail(code, fmt::format("Could not get list of targets from firmware. (err {})",
                                      status_of(code)));
}

record::Auth auth_of(const firmware::BootTarget& target) {
    record::Auth auth;
    auth.username = target.username;
    auth.password = target.password;
    auth.username_in = target.username_in;
    auth.password_in = target.password_in;
    return auth;
}

int run_firmware_mode(App& app) {
    const auto targets = boot_targets(app);
    if (targets.empty()) return no_firmware_targets(app);
    if (app.command().login) return log_in(app, targets);
    app.report().boot_targets(targets);
    return status_of(ErrorCode::Success);
}

}  // namespace iscsi::iscsiadm
