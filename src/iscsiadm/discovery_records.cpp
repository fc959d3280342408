// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/discovery_records.hpp"

#include <utility>

#include "iscsiadm/print_records.hpp"
#include "record/text.hpp"

namespace iscsi::iscsiadm {

namespace {

using base::ErrorCode;
using record::NodeDiscoveryType;
using store::DiscoveryId;

constexpr int kSuccess = 0;
constexpr int kNothing = static_cast<int>(ErrorCode::NoObjectsFound);

// The same operations on both kinds of records.
struct SendTargetsRecords {
    using Record = record::SendTargets;
    static Record fresh(const store::Conf& conf) { return conf.send_targets; }
    static auto load(store::Store& store, const DiscoveryId& id) {
        return store.load_send_targets(id);
    }
    static auto save(store::Store& store, const Record& record) {
        return store.save_send_targets(record);
    }
    static auto update(store::Store& store, const DiscoveryId& id,
                       std::span<const record::Assignment> assignments) {
        return store.update_send_targets(id, assignments);
    }
    static auto remove(store::Store& store, const DiscoveryId& id) {
        return store.remove_send_targets(id);
    }
};

struct IsnsRecords {
    using Record = record::Isns;
    static Record fresh(const store::Conf& conf) { return conf.isns; }
    static auto load(store::Store& store, const DiscoveryId& id) { return store.load_isns(id); }
    static auto save(store::Store& store, const Record& record) { return store.save_isns(record); }
    static auto update(store::Store& store, const DiscoveryId& id,
                       std::span<const record::Assignment> assignments) {
        return store.update_isns(id, assignments);
    }
    static auto remove(store::Store& store, const DiscoveryId& id) { return store.remove_isns(id); }
};

template <class Records>
int add(App& app, const DiscoveryId& id) {
    auto record = Records::fresh(app.conf());
    record.address = id.address;
    record.port = id.port;
    const auto saved = Records::save(app.store(), record);
    if (!saved) {
        app.out().error_text(saved.error().message);
        return app.fail(saved.error().code, "Could not add new discovery record.");
    }
    app.out().line("New discovery record for [{},{}] added.", id.address, id.port);
    return kSuccess;
}

template <class Records>
int remove(App& app, const DiscoveryId& id) {
    const auto removed = Records::remove(app.store(), id);
    if (removed) return kSuccess;
    app.out().error_text(removed.error().message);
    return app.fail(removed.error().code, "Unable to delete record!");
}

int no_record(App& app, const DiscoveryId& id) {
    // Compat: 6 here, where other modes say 21.
    return app.fail(ErrorCode::Database,
                    fmt::format("Discovery record [{},{}] not found.", id.address, id.port));
}

template <class Records>
int operate(App& app, const DiscoveryId& id) {
    const auto& command = app.command();
    if (command.ops.has(Op::New)) return add<Records>(app, id);
    const auto found = Records::load(app.store(), id);
    if (!found && found.error().code == ErrorCode::NoObjectsFound) return no_record(app, id);
    // A damaged record can be deleted, but nothing else.
    if (command.ops.is(Op::Delete)) return remove<Records>(app, id);
    if (!found) return app.fail(found.error());
    if (command.ops.none() || command.ops.is(Op::Show)) {
        app.out().text(record::print_shown(*found, command.show_secrets));
        return kSuccess;
    }
    if (!command.ops.is(Op::Update)) {
        return app.fail(ErrorCode::Invalid, "Operation is not supported.");
    }
    if (command.assignments.empty()) {
        return app.fail(ErrorCode::Invalid, "Update requires name and value.");
    }
    const auto updated = app.tell(Records::update(app.store(), id, command.assignments));
    if (updated) return kSuccess;
    const int status = app.fail(updated.error());
    app.hint<typename Records::Record>();
    return status;
}

int print_flat(App& app, std::span<const DiscoveryId> send_targets,
               std::span<const DiscoveryId> isns) {
    for (const auto& id : send_targets) {
        app.out().line("{}:{} via sendtargets", id.address, id.port);
    }
    for (const auto& id : isns) app.out().line("{}:{} via isns", id.address, id.port);
    return send_targets.empty() && isns.empty() ? kNothing : kSuccess;
}

// One heading of the tree. True when there was something below it.
base::Result<bool> print_sources(App& app, NodeDiscoveryType type,
                                 std::span<const DiscoveryId> ids) {
    for (const auto& id : ids) {
        app.out().line("DiscoveryAddress: {},{}", id.address, id.port);
        ISCSI_TRY(const auto nodes, app.store().linked(type, id));
        print_found_tree(app.out(), nodes);
    }
    if (ids.empty()) app.out().line("No targets found.");
    return !ids.empty();
}

base::Result<bool> print_linked(App& app, NodeDiscoveryType type) {
    ISCSI_TRY(const auto nodes, app.store().linked(type, {}));
    if (nodes.empty()) {
        app.out().line("No targets found.");
        return false;
    }
    print_found_tree(app.out(), nodes);
    return true;
}

base::Result<bool> print_tree(App& app, std::span<const DiscoveryId> send_targets,
                              std::span<const DiscoveryId> isns) {
    app.out().line("SENDTARGETS:");
    ISCSI_TRY(const bool some_st, print_sources(app, NodeDiscoveryType::SendTargets, send_targets));
    app.out().line("iSNS:");
    ISCSI_TRY(const bool some_isns, print_sources(app, NodeDiscoveryType::Isns, isns));
    app.out().line("STATIC:");
    ISCSI_TRY(const bool some_static, print_linked(app, NodeDiscoveryType::Static));
    app.out().line("FIRMWARE:");
    ISCSI_TRY(const bool some_firmware, print_linked(app, NodeDiscoveryType::Firmware));
    return some_st || some_isns || some_static || some_firmware;
}

}  // namespace

store::DiscoveryId discovery_id(const Command& command) {
    const auto default_port =
        command.type == DiscoveryKind::Isns ? record::kIsnsPort : record::kIscsiPort;
    // Parsed before without a fault; only the default differs.
    const auto portal = record::parse_portal(command.portal_text, default_port);
    return {.address = portal->address, .port = portal->port};
}

int list_discovery_records(App& app) {
    const auto send_targets = app.store().send_targets();
    if (!send_targets) return app.fail(send_targets.error());
    const auto isns = app.store().isns();
    if (!isns) return app.fail(isns.error());
    if (app.command().level() < 1) return print_flat(app, *send_targets, *isns);
    const auto some = print_tree(app, *send_targets, *isns);
    if (!some) return app.fail(some.error());
    return *some ? kSuccess : kNothing;
}

int show_send_targets(App& app, const record::SendTargets& discovery) {
    app.out().text(record::print_shown(discovery, app.command().show_secrets));
    return kSuccess;
}

int operate_on_discovery_record(App& app) {
    const auto id = discovery_id(app.command());
    return app.command().type == DiscoveryKind::Isns ? operate<IsnsRecords>(app, id)
                                                     : operate<SendTargetsRecords>(app, id);
}

}  // namespace iscsi::iscsiadm
