// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/discover.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "discovery/send_targets_run.hpp"
#include "iscsiadm/discovery_records.hpp"
#include "iscsiadm/firmware_targets.hpp"
#include "iscsiadm/iface_files.hpp"
#include "iscsiadm/login.hpp"

#include "os/random.hpp"

namespace iscsi::iscsiadm {

namespace {

using base::ErrorCode;

constexpr int kSuccess = 0;

// Those given with -I. Compat: one that does not exist is told of, and the others are used.
base::Result<std::vector<record::Iface>> given_ifaces(App& app) {
    std::vector<record::Iface> ifaces;
    for (const auto& name : app.command().ifaces) {
        const auto iface = app.store().load_iface(name);
        if (iface) {
            ifaces.push_back(app.iface_for_records(*iface));
            continue;
        }
        make_iface_directory(app);
        app.out().error(
            "Could not read iface info for {}. Make sure an iface config with the "
            "file name and iface.iscsi_ifacename {} is in {}.",
            name, name, app.store().paths().ifaces());
    }
    if (ifaces.empty()) return std::unexpected(base::Error{ErrorCode::NoObjectsFound, {}});
    return ifaces;
}

// The interfaces to discover through: those given with -I, else all records of software TCP, else
// the default. Error: none of those given exists, which has been told.
base::Result<std::vector<record::Iface>> chosen_ifaces(App& app) {
    if (!app.command().ifaces.empty()) return given_ifaces(app);
    std::vector<record::Iface> ifaces;
    ISCSI_TRY(auto known, app.iface_records());
    std::ranges::copy_if(known, std::back_inserter(ifaces),
                         [](const record::Iface& iface) { return iface.transport_name == "tcp"; });
    if (ifaces.empty()) ifaces.push_back(app.iface_for_records({}));
    return ifaces;
}

// Compat: other operations count as given, so that they keep the database from changing.
store::DiscoveryOps discovery_ops(const Ops& ops) {
    if (ops.none()) return store::DiscoveryOps::all();
    return {.add = ops.has(Op::New), .update = ops.has(Op::Update), .remove = ops.has(Op::Delete)};
}

void print_log(Output& out, base::LogLevel level, std::string_view text) {
    switch (level) {
        case base::LogLevel::Error:
        case base::LogLevel::Warning:
            out.error_text(text);
            return;
        case base::LogLevel::Info:
            out.line("{}", text);
            return;
        case base::LogLevel::Debug:
            base::log_text(level, text);
            return;
    }
}

// One interface could not reach the portal; another one may.
bool concerns_one_iface(ErrorCode code) {
    return code == ErrorCode::Transport || code == ErrorCode::TransportTimeout;
}

struct Found {
    record::Iface iface;
    std::vector<store::FoundPortal> portals;
};

base::Result<std::vector<store::FoundPortal>> ask(App& app,
                                                  const discovery::SendTargetsRequest& request) {
    os::SystemRandom random;
    const auto log = [&app](base::LogLevel level, std::string_view text) {
        print_log(app.out(), level, text);
    };
    const Waiting waiting(app.out(), fmt::format("Discovering at {}:{}", request.record.address,
                                                 request.record.port));
    ISCSI_TRY(auto discovered, discovery::run_send_targets(request, random, log));
    std::vector<store::FoundPortal> portals;
    for (auto& each : discovered) {
        portals.push_back(
            {.target = std::move(each.target),
             .portal = {.address = std::move(each.address), .port = each.port, .tpgt = each.tpgt}});
    }
    return portals;
}

constexpr std::string_view kNoName = "Cannot perform discovery. Invalid Initiatorname.";

base::Result<std::vector<Found>> ask_through_all(App& app, const record::SendTargets& discovery,
                                                 const std::vector<record::Iface>& ifaces) {
    auto identity = app.identity();
    if (!identity) return std::unexpected(std::move(identity).error());
    std::vector<Found> found;
    std::optional<base::Error> trouble;
    for (const auto& iface : ifaces) {
        if (identity->initiator_name.empty() && iface.initiatorname.empty()) {
            return base::fail(ErrorCode::Invalid, "{}", kNoName);
        }
        auto portals = ask(app, {.record = discovery,
                                 .iface = iface,
                                 .initiator_name = identity->initiator_name,
                                 .initiator_alias = identity->initiator_alias});
        if (portals) {
            found.push_back({iface, std::move(*portals)});
        } else if (concerns_one_iface(portals.error().code)) {
            trouble = base::Error{portals.error().code, {}};
        } else {
            return std::unexpected(base::Error{portals.error().code, {}});
        }
    }
    if (found.empty() && trouble) return std::unexpected(std::move(*trouble));
    return found;
}

void print_found(App& app, const std::vector<Found>& found) {
    std::vector<store::NodeId> lines;
    for (const auto& [iface, portals] : found) {
        for (const auto& each : portals) {
            lines.push_back({.target = each.target,
                             .address = each.portal.address,
                             .port = each.portal.port,
                             .tpgt = each.portal.tpgt,
                             .iface = iface.iscsi_ifacename});
        }
    }
    app.report().found(lines, app.command().level());
}

// The portals that any interface was told of, each once.
std::vector<store::FoundPortal> all_portals(const std::vector<Found>& found) {
    std::vector<store::FoundPortal> portals;
    for (const auto& each : found) {
        for (const auto& portal : each.portals) {
            const auto same = [&](const store::FoundPortal& known) {
                return known.target == portal.target && known.portal == portal.portal;
            };
            if (std::ranges::none_of(portals, same)) portals.push_back(portal);
        }
    }
    return portals;
}

std::vector<record::Iface> ifaces_of(const std::vector<Found>& found) {
    std::vector<record::Iface> ifaces;
    for (const auto& each : found) {
        if (std::ranges::find(ifaces, each.iface) == ifaces.end()) ifaces.push_back(each.iface);
    }
    return ifaces;
}

int keep_and_print(App& app, record::NodeDiscoveryType type, const store::DiscoveryId& source,
                   const std::vector<Found>& found) {
    auto portals = all_portals(found);
    if (portals.empty()) return app.fail(ErrorCode::NoObjectsFound, "No portals found");
    const auto effect = app.store().apply_discovery({.type = type,
                                                     .source = source,
                                                     .portals = std::move(portals),
                                                     .ifaces = ifaces_of(found),
                                                     .ops = discovery_ops(app.command().ops),
                                                     .defaults = app.conf().node});
    if (!effect) return app.fail(effect.error());
    for (const auto& problem : effect->problems) app.out().error_text(problem.message);
    print_found(app, found);
    return app.command().login ? status_of(login_records(app, effect->nodes)) : kSuccess;
}

int run(App& app, const record::SendTargets& discovery, const std::vector<record::Iface>& ifaces) {
    const auto found = ask_through_all(app, discovery, ifaces);
    if (found) {
        return keep_and_print(app, record::NodeDiscoveryType::SendTargets,
                              {.address = discovery.address, .port = discovery.port}, *found);
    }
    const auto& error = found.error();
    if (!error.message.empty()) app.out().error_text(error.message);
    const int status = app.fail(
        error.code,
        fmt::format("Could not perform SendTargets discovery: {}", base::error_text(error.code)));
    // From where iscsid has taken it, if it has told.
    const auto& daemon = app.daemon().info();
    if (error.message == kNoName && daemon && !daemon->initiatorname_file.empty()) {
        app.out().hint(
            fmt::format("iscsid has found no InitiatorName in {}: write one there (see "
                        "iscsi-iname), then send iscsid a SIGHUP",
                        daemon->initiatorname_file));
    }
    return status;
}

base::Status save(App& app, const record::SendTargets& discovery) {
    if (app.command().ops.has(Op::Nonpersistent)) return {};
    return app.store().save_send_targets(discovery);
}

record::SendTargets from_conf(App& app) {
    record::SendTargets discovery = app.conf().send_targets;
    auto id = discovery_id(app.command());
    discovery.address = std::move(id.address);
    discovery.port = id.port;
    return discovery;
}

int not_saved(App& app, const base::Error& error) {
    app.out().error_text(error.message);
    return app.fail(error.code, "Could not add new discovery record.");
}

}  // namespace

int discover_afresh(App& app) {
    const auto ifaces = chosen_ifaces(app);
    if (!ifaces) return app.fail(ifaces.error());
    const auto discovery = from_conf(app);
    if (const auto saved = save(app, discovery); !saved) return not_saved(app, saved.error());
    return run(app, discovery, *ifaces);
}

int discover_stored(App& app) {
    auto discovery = app.store().load_send_targets(discovery_id(app.command()));
    if (!discovery) {
        // A damaged record is replaced, like a missing one.
        discovery = from_conf(app);
        if (const auto saved = save(app, *discovery); !saved) return not_saved(app, saved.error());
    }
    return discover_send_targets(app, *discovery);
}

int discover_send_targets(App& app, const record::SendTargets& discovery) {
    const auto ifaces = chosen_ifaces(app);
    if (!ifaces) return app.fail(ifaces.error());
    return run(app, discovery, *ifaces);
}

int discover_firmware(App& app) {
    auto ifaces = chosen_ifaces(app);
    if (!ifaces) {
        // Compat: said, and done without them.
        (void)app.fail(ifaces.error());
        ifaces = std::vector{app.iface_for_records({})};
    }
    const auto targets = boot_targets(app);
    if (targets.empty()) {
        const int status = no_firmware_targets(app);
        if (!app.command().ifaces.empty()) app.out().error("Could not perform fw discovery.");
        return status;
    }
    std::vector<store::FoundPortal> portals;
    portals.reserve(targets.size());
    for (const auto& target : targets) {
        portals.push_back(
            {.target = target.name,
             .portal = {.address = target.address, .port = target.port, .tpgt = firmware::kBootTag},
             .initiator_name = target.initiator_name,
             .auth = auth_of(target)});
    }
    std::vector<Found> found;
    for (const auto& iface : *ifaces) found.push_back({iface, portals});
    return keep_and_print(app, record::NodeDiscoveryType::Firmware, {.address = {}, .port = 0},
                          found);
}

int discover_isns(App& app) {
    return app.fail(ErrorCode::IsnsUnavailable,
                    fmt::format("Could not perform iSNS discovery: {}",
                                base::error_text(ErrorCode::IsnsUnavailable)));
}

}  // namespace iscsi::iscsiadm
