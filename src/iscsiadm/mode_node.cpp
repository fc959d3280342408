// SPDX-License-Identifier: LGPL-2.1-or-later
// -m node: records of targets, and the sessions made from them.
#include <algorithm>
#include <iterator>
#include <utility>

#include "iscsiadm/app.hpp"
#include "iscsiadm/groups.hpp"
#include "iscsiadm/iface_files.hpp"
#include "iscsiadm/login.hpp"
#include "iscsiadm/options.hpp"

#include "iscsiadm/sessions.hpp"
#include "os/resolve.hpp"

namespace iscsi::iscsiadm {

namespace {

using base::ErrorCode;
using store::NodeId;
using store::NodePattern;

constexpr int kSuccess = 0;

int no_records(App& app) { return app.fail(ErrorCode::NoObjectsFound, "No records found"); }

int list_nodes(App& app) {
    const auto level = app.command().level();
    if (level > 1) {
        return app.fail(ErrorCode::Invalid,
                        fmt::format("Invalid info level {}. Try 0 or 1.", level));
    }
    const auto ids = app.store().find({});
    if (!ids) return app.fail(ids.error());
    app.report().nodes(*ids, level);
    return ids->empty() ? no_records(app) : kSuccess;
}

// What became of each record of an operation. What fails is printed and does not stop the rest; the
// last failure is the status, as open-iscsi has it. A record that someone deletes at the same time
// is as good as not found.
class Outcomes {
public:
    Outcomes(App& app, std::size_t count) : app_(app), count_(count) {}

    void take(const base::Status& outcome) {
        if (outcome) return;
        if (outcome.error().code == ErrorCode::NoObjectsFound && ++gone_ < count_) return;
        app_.out().error_text(outcome.error().message);
        result_ = outcome.error().code;
    }
    int status() const {
        if (result_ == ErrorCode::Success) return kSuccess;
        return app_.fail(result_, fmt::format("Could not execute operation on all records: {}",
                                              base::error_text(result_)));
    }

private:
    App& app_;
    std::size_t count_;
    std::size_t gone_ = 0;
    ErrorCode result_ = ErrorCode::Success;
};

// Applies an operation to all records that the pattern finds. It takes them all, and tells what
// became of each.
template <class Operation>
int for_records(App& app, const NodePattern& pattern, Operation operation) {
    const auto ids = app.store().find(pattern);
    if (!ids) return app.fail(ids.error());
    if (ids->empty()) return no_records(app);
    Outcomes outcomes(app, ids->size());
    operation(*ids, outcomes);
    return outcomes.status();
}

int show_nodes(App& app, const NodePattern& pattern) {
    const auto show = [&](const NodeId& id) -> base::Status {
        ISCSI_TRY(const auto node, app.store().load(id));
        app.report().record(node, app.command().show_secrets);
        return {};
    };
    return for_records(app, pattern, [&](const auto& ids, Outcomes& outcomes) {
        for (const NodeId& id : ids) outcomes.take(show(id));
    });
}

// A session among the records would go on with the old transport.
base::Result<bool> any_in_use(App& app, const NodePattern& pattern) {
    ISCSI_TRY(const auto ids, app.store().find(pattern));
    for (const auto& id : ids) {
        const auto node = app.store().load(id);
        if (!node && node.error().code == ErrorCode::NoObjectsFound) continue;
        if (!node) return std::unexpected(node.error());
        if (app.in_use(*node)) return true;
    }
    return false;
}

int update_nodes(App& app, const NodePattern& pattern) {
    const auto& assignments = app.command().assignments;
    if (assignments.empty()) return app.fail(ErrorCode::Invalid, "update requires name and value");
    if (const auto allowed = record::check_node_mode(assignments); !allowed) {
        return app.fail(allowed.error());
    }
    if (record::changes_transport(assignments)) {
        const auto in_use = any_in_use(app, pattern);
        if (!in_use) return app.fail(in_use.error());
        if (*in_use) return app.fail(ErrorCode::SessionExists, kTransportInUse);
    }
    const int status = for_records(app, pattern, [&](const auto& ids, Outcomes& outcomes) {
        const auto told = [&](const auto& updated) { outcomes.take(app.tell(updated)); };
        outcomes.take(app.store().update_all(ids, assignments, told));
    });
    if (status == status_of(ErrorCode::Invalid)) app.hint<record::Node>();
    return status;
}

int delete_nodes(App& app, const NodePattern& pattern) {
    return for_records(app, pattern, [&](const auto& ids, Outcomes& outcomes) {
        const auto told = [&](const base::Status& removed) { outcomes.take(removed); };
        outcomes.take(app.store().remove_all(ids, told));
    });
}

std::string describe_new(const record::Node& node) {
    const auto& iface = node.iface;
    return fmt::format("[{}:[hw={},ip={},net_if={},iscsi_if={}] {},{},{} {}]", iface.transport_name,
                       iface.hwaddress, iface.ipaddress, iface.net_ifacename, iface.iscsi_ifacename,
                       node.conn[0].address, node.conn[0].port, node.tpgt, node.name);
}

record::Node static_node(App& app, NodeId id, const record::Iface& iface) {
    record::Node node = app.conf().node;
    node.name = std::move(id.target);
    node.tpgt = id.tpgt;
    node.conn[0].address = std::move(id.address);
    node.conn[0].port = id.port;
    node.discovery_type = record::NodeDiscoveryType::Static;
    node.discovery_address.clear();
    node.discovery_port = 0;
    node.iface = iface;
    return node;
}

// Adds records a few at a time: a database of thousands costs no more memory than one of ten.
class NodeAdder {
public:
    NodeAdder(App& app, const NodePattern& pattern)
        : app_(app), iface_(app.iface_for_records(pattern.iface)) {}

    base::Status add(NodeId id) {
        nodes_.push_back(static_node(app_, std::move(id), iface_));
        any_ = true;
        return nodes_.size() < kAtOnce ? base::Status() : flush();
    }
    base::Status flush() {
        ISCSI_TRY_VOID(app_.store().add_all(nodes_));
        for (const auto& node : nodes_) {
            app_.report().event({.what = Event::What::NodeAdded,
                                 .text = fmt::format("New iSCSI node {} added", describe_new(node)),
                                 .node = store::node_id(node)});
        }
        nodes_.clear();
        return {};
    }
    bool any() const { return any_; }

private:
    static constexpr std::size_t kAtOnce = 16;

    App& app_;
    record::Iface iface_;
    std::vector<record::Node> nodes_;
    bool any_ = false;
};

base::Status add_to_target(App& app, NodeAdder& adder, const NodePattern& pattern) {
    ISCSI_TRY(auto ids, app.store().portals(*pattern.target, pattern.portal));
    for (NodeId& id : ids) ISCSI_TRY_VOID(adder.add(std::move(id)));
    return {};
}

base::Status add_known(App& app, NodeAdder& adder, NodePattern pattern) {
    if (pattern.target) {
        ISCSI_TRY_VOID(add_to_target(app, adder, pattern));
        return adder.flush();
    }
    ISCSI_TRY(const auto targets, app.store().targets());
    for (const std::string_view target : targets.sorted()) {
        pattern.target = target;
        ISCSI_TRY_VOID(add_to_target(app, adder, pattern));
    }
    return adder.flush();
}

base::Status add_given(NodeAdder& adder, const NodePattern& pattern) {
    ISCSI_TRY_VOID(adder.add({.target = *pattern.target,
                              .address = pattern.portal->address,
                              .port = pattern.portal->port,
                              .tpgt = pattern.portal->tpgt}));
    return adder.flush();
}

int add_nodes(App& app, const NodePattern& pattern) {
    NodeAdder adder(app, pattern);
    const bool given = pattern.target && pattern.portal && !pattern.portal->address.empty();
    const auto added = given ? add_given(adder, pattern) : add_known(app, adder, pattern);
    if (!added) {
        app.out().error_text(added.error().message);
        if (!adder.any()) return status_of(added.error().code);
        return app.fail(added.error().code, fmt::format("Error while adding record: {}",
                                                        base::error_text(added.error().code)));
    }
    if (!adder.any()) {
        return app.fail(ErrorCode::NoObjectsFound,
                        "Error while adding record: no objects found. Name a target and a portal.");
    }
    if (!pattern.iface) make_iface_directory(app);
    return kSuccess;
}

int login_nodes(App& app, const NodePattern& pattern) {
    const auto ids = app.store().find(pattern);
    if (!ids) return app.fail(ids.error());
    if (ids->empty()) return no_records(app);
    std::vector<record::Node> nodes;
    for (const auto& id : *ids) {
        auto node = app.store().load(id);
        if (!node) return app.fail(node.error());
        nodes.push_back(std::move(*node));
    }
    const auto result = login_records(app, nodes);
    if (result == ErrorCode::Success) return kSuccess;
    return app.fail(result, "Could not log into all portals");
}

Sessions matching_sessions(App& app, const NodePattern& pattern) {
    Sessions found;
    std::ranges::copy_if(app.sessions(), std::back_inserter(found),
                         [&](const control::SessionInfo& session) {
                             return matches(session, pattern, os::same_address);
                         });
    return found;
}

int logout_nodes(App& app, const NodePattern& pattern) {
    const auto sessions = matching_sessions(app, pattern);
    if (sessions.empty()) {
        return app.fail(ErrorCode::NoObjectsFound, "No matching sessions found");
    }
    const auto result = logout_sessions(app, sessions);
    if (result == ErrorCode::Success) return kSuccess;
    return app.fail(result, "Could not logout of all requested sessions");
}

template <class Operation>
int with_sessions(App& app, const NodePattern& pattern, Operation operation) {
    auto sessions = matching_sessions(app, pattern);
    std::erase_if(sessions, [](const auto& session) { return session.logging_in; });
    if (sessions.empty()) return app.fail(ErrorCode::NoObjectsFound, "No session found.");
    const auto result = operation(app, sessions);
    if (result == ErrorCode::Success) return kSuccess;
    return app.fail(result, fmt::format("Could not execute operation on all sessions: {}",
                                        base::error_text(result)));
}

int operate_on_records(App& app, const NodePattern& pattern) {
    const auto& ops = app.command().ops;
    if (ops.none() || ops.is(Op::Show)) return show_nodes(app, pattern);
    if (ops.is(Op::Update)) return update_nodes(app, pattern);
    if (ops.is(Op::Delete)) {
        app.store().tidy();
        return delete_nodes(app, pattern);
    }
    return app.fail(ErrorCode::Invalid, "operation is not supported.");
}

}  // namespace

int run_node_mode(App& app) {
    const auto& command = app.command();
    if (command.login_group) return login_group(app, *command.login_group);
    if (command.logout_group) return logout_group(app, *command.logout_group);

    const auto pattern = app.pattern();
    if (!pattern) {
        make_iface_directory(app);
        return app.fail(pattern.error());
    }
    if (command.ops.is(Op::New)) return add_nodes(app, *pattern);
    if (command.rescan) return with_sessions(app, *pattern, rescan_sessions);
    if (command.stats) return with_sessions(app, *pattern, report_stats);
    if (command.login && command.logout) {
        return app.fail(ErrorCode::Invalid, "Invalid parameters. Both login and logout passed in");
    }
    if ((command.login || command.logout) && !command.ops.none()) {
        return app.fail(ErrorCode::Invalid, "Invalid parameters. Login/logout and op passed in");
    }
    if (command.login) return login_nodes(app, *pattern);
    if (command.logout) return logout_nodes(app, *pattern);
    // Compat: all of them, whatever their port, when the portal is an empty one.
    const bool everything = !pattern->target && !command.portal && !pattern->iface;
    if (command.ops.none() && everything) return list_nodes(app);
    return operate_on_records(app, *pattern);
}

}  // namespace iscsi::iscsiadm
