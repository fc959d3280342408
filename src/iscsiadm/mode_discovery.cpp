// SPDX-License-Identifier: LGPL-2.1-or-later
// -m discovery and -m discoverydb: asking for targets, and the records of whom to ask.
#include <utility>

#include "iscsiadm/app.hpp"
#include "iscsiadm/discover.hpp"
#include "iscsiadm/discovery_records.hpp"

namespace iscsi::iscsiadm {

namespace {

using base::ErrorCode;

int usage(App& app, std::string_view message) { return app.fail(ErrorCode::Invalid, message); }

int no_slp(App& app) { return usage(app, "SLP discovery is not fully implemented yet."); }

bool only_shows(const Ops& ops) { return ops.none() || ops.is(Op::Show); }

// Mode discovery, no type: the SendTargets record of a portal.
int one_record(App& app) {
    const auto& command = app.command();
    const auto id = discovery_id(command);
    auto found = app.store().load_send_targets(id);
    // What has lost its record can still be deleted.
    if (!found && app.command().ops.is(Op::Delete) && app.store().remove_send_targets(id)) return 0;
    if (!found) {
        return usage(app, fmt::format("Discovery record [{},{}] not found!", id.address, id.port));
    }
    if (command.login || command.discover) return discover_send_targets(app, *found);
    if (only_shows(command.ops)) return show_send_targets(app, *found);
    if (command.ops.is(Op::Delete)) {
        const auto removed = app.store().remove_send_targets(id);
        if (removed) return 0;
        app.out().error_text(removed.error().message);
        return app.fail(removed.error().code, "Unable to delete record!");
    }
    if (command.ops.is(Op::New) || command.ops.is(Op::Update)) {
        return usage(app,
                     "Operations new and update for discovery mode is not supported. Use "
                     "discoverydb mode.");
    }
    return usage(app, "Invalid operation.");
}

int untyped_discovery(App& app) {
    const auto& command = app.command();
    if (command.portal) return one_record(app);
    if (command.portal_is_empty) return usage(app, "Discovery record [,3260] not found!");
    if (only_shows(command.ops)) return list_discovery_records(app);
    return usage(app, "Invalid operation.");
}

int discovery_mode(App& app) {
    const auto& command = app.command();
    switch (command.type) {
        case DiscoveryKind::SendTargets:
            if (!command.portal) {
                return usage(app, "Please specify portal as <ipaddr>[:<ipport>]");
            }
            return discover_afresh(app);
        case DiscoveryKind::Isns:
            if (!command.portal) {
                return usage(app, "Please specify portal as <ipaddr>:[<ipport>]");
            }
            return discover_isns(app);
        case DiscoveryKind::Firmware:
            return discover_firmware(app);
        case DiscoveryKind::Slp:
            return no_slp(app);
        case DiscoveryKind::None:
            break;
    }
    return untyped_discovery(app);
}

int untyped_discoverydb(App& app) {
    const auto& command = app.command();
    if (!command.portal && !command.portal_is_empty) {
        if (only_shows(command.ops)) return list_discovery_records(app);
        return usage(app, "Invalid operation. Operation not supported.");
    }
    return usage(app, command.ops.none()
                          ? "Invalid command. Portal not needed or Possibly missing discovery "
                            "--type."
                          : "Invalid command. Possibly missing discovery --type.");
}

// Of discoverydb with a type. `-p ''` names a record that cannot be.
int without_portal(App& app) {
    const auto& command = app.command();
    if (!command.portal_is_empty || command.discover || command.ops.has(Op::New)) {
        return usage(app, "Please specify portal as <ipaddr>[:<ipport>]");
    }
    return app.fail(
        ErrorCode::Database,
        fmt::format("Discovery record [,{}] not found.",
                    command.type == DiscoveryKind::Isns ? record::kIsnsPort : record::kIscsiPort));
}

int discoverydb_mode(App& app) {
    const auto& command = app.command();
    switch (command.type) {
        case DiscoveryKind::SendTargets:
        case DiscoveryKind::Isns:
            if (!command.portal) return without_portal(app);
            if (!command.discover) return operate_on_discovery_record(app);
            return command.type == DiscoveryKind::Isns ? discover_isns(app) : discover_stored(app);
        case DiscoveryKind::Firmware:
            if (!command.discover) {
                return usage(app, "Invalid command. Possibly missing --discover argument.");
            }
            return discover_firmware(app);
        case DiscoveryKind::Slp:
            return no_slp(app);
        case DiscoveryKind::None:
            break;
    }
    return untyped_discoverydb(app);
}

}  // namespace

int run_discovery_mode(App& app) {
    return app.command().mode == Mode::DiscoveryDb ? discoverydb_mode(app) : discovery_mode(app);
}

}  // namespace iscsi::iscsiadm
