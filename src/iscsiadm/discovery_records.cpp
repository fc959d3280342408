// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/discovery_records.hpp"

#include <utility>
#include <vector>

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
    app.report().event(
        {.what = Event::What::DiscoveryAdded,
         .text = fmt::format("New discovery record for [{},{}] added.", id.address, id.port),
         .name = fmt::format("{},{}", id.address, id.port)});
    return kSuccess;
}

int no_record(App& app, const DiscoveryId& id) {
    // Compat: 6 here, where other modes say 21.
    return app.fail(ErrorCode::Database,
                    fmt::format("Discovery record [{},{}] not found.", id.address, id.port));
}

template <class Records>
int remove(App& app, const DiscoveryId& id) {
    const auto removed = Records::remove(app.store(), id);
    if (removed) return kSuccess;
    if (removed.error().code == ErrorCode::NoObjectsFound) return no_record(app, id);
    app.out().error_text(removed.error().message);
    return app.fail(removed.error().code, "Unable to delete record!");
}

template <class Records>
int operate(App& app, const DiscoveryId& id) {
    const auto& command = app.command();
    if (command.ops.has(Op::New)) return add<Records>(app, id);
    const auto found = Records::load(app.store(), id);
    // A damaged record can be deleted, or what is left of one, but nothing else.
    if (command.ops.is(Op::Delete)) return remove<Records>(app, id);
    if (!found && found.error().code == ErrorCode::NoObjectsFound) return no_record(app, id);
    if (!found) return app.fail(found.error());
    if (command.ops.none() || command.ops.is(Op::Show)) {
        app.report().record(*found, command.show_secrets);
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

// Adds the sources of one kind, with their nodes when they will be told.
base::Status add_sources(App& app, NodeDiscoveryType type, const store::DiscoveryList& list,
                         std::vector<DiscoverySource>& sources) {
    for (const auto& problem : list.problems) app.out().error_text(problem.message);
    const bool with_nodes = app.command().level() >= 1 || app.report().wants_everything();
    for (const auto& id : list.ids) {
        auto& source = sources.emplace_back(DiscoverySource{.type = type, .id = id, .nodes = {}});
        if (with_nodes) {
            ISCSI_TRY(source.nodes, app.store().linked(type, id));
        }
    }
    return {};
}

// Records that came without a discovery: static ones and those from firmware.
base::Status add_linked(App& app, NodeDiscoveryType type, std::vector<DiscoverySource>& sources) {
    ISCSI_TRY(auto nodes, app.store().linked(type, {}));
    if (!nodes.empty()) sources.push_back({.type = type, .id = {}, .nodes = std::move(nodes)});
    return {};
}

base::Result<std::vector<DiscoverySource>> all_sources(App& app) {
    std::vector<DiscoverySource> sources;
    ISCSI_TRY(const auto send_targets, app.store().send_targets());
    ISCSI_TRY_VOID(add_sources(app, NodeDiscoveryType::SendTargets, send_targets, sources));
    ISCSI_TRY(const auto isns, app.store().isns());
    ISCSI_TRY_VOID(add_sources(app, NodeDiscoveryType::Isns, isns, sources));
    if (app.command().level() < 1 && !app.report().wants_everything()) return sources;
    ISCSI_TRY_VOID(add_linked(app, NodeDiscoveryType::Static, sources));
    ISCSI_TRY_VOID(add_linked(app, NodeDiscoveryType::Firmware, sources));
    return sources;
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
    const auto sources = all_sources(app);
    if (!sources) return app.fail(sources.error());
    app.report().sources(*sources, app.command().level());
    return sources->empty() ? kNothing : kSuccess;
}

int show_send_targets(App& app, const record::SendTargets& discovery) {
    app.report().record(discovery, app.command().show_secrets);
    return kSuccess;
}

int operate_on_discovery_record(App& app) {
    const auto id = discovery_id(app.command());
    return app.command().type == DiscoveryKind::Isns ? operate<IsnsRecords>(app, id)
                                                     : operate<SendTargetsRecords>(app, id);
}

}  // namespace iscsi::iscsiadm
