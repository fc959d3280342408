// SPDX-License-Identifier: LGPL-2.1-or-later
// How a discovery run changes the node database:
//
//   op        record of the same name      new portal   record of this source, not found again
//   new       kept                         added        kept
//   update    reset to defaults            added        kept
//   delete    kept                         not added    deleted unless in use
//
// Several ops add up; a run without an op has all three; nonpersistent has none.
#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "store/names.hpp"
#include "store/store.hpp"

namespace iscsi::store {

namespace {

using base::ErrorCode;
using record::Node;

Node node_for(const DiscoveryRun& run, const FoundPortal& found, const record::Iface& iface) {
    Node node = run.defaults;
    node.name = found.target;
    node.tpgt = found.portal.tpgt;
    node.conn[0].address = found.portal.address;
    node.conn[0].port = found.portal.port;
    node.discovery_type = run.type;
    node.discovery_address = run.source.address;
    node.discovery_port = run.source.address.empty() ? 0 : run.source.port;
    node.iface = record::copy_for_node(iface, run.defaults.iface);
    if (!found.initiator_name.empty()) node.iface.initiatorname = found.initiator_name;
    if (found.auth) {
        auto algorithms = std::move(node.session.auth.chap_algs);
        node.session.auth = *found.auth;
        node.session.auth.chap_algs = std::move(algorithms);
    }
    return node;
}

// Compat: a record that firmware brought gets this when it is found again, not before.
void mark_onboot(Node& node) {
    node.startup = record::Startup::Onboot;
    node.conn[0].startup = record::Startup::Onboot;
}

bool is_of_source(const Node& node, const DiscoveryRun& run) {
    return node.discovery_type == run.type && node.discovery_address == run.source.address &&
           (run.source.address.empty() || node.discovery_port == run.source.port);
}

}  // namespace

base::Status Store::remove_stale(const DiscoveryRun& run, DiscoveryEffect& effect) {
    std::set<NodeId> found;
    for (const Node& node : effect.nodes) found.insert(node_id(node));
    ISCSI_TRY(const auto all, find({}));
    for (const NodeId& id : all) {
        if (found.contains(id)) continue;
        const auto node = load(id);
        if (!node || !is_of_source(*node, run)) continue;  // another's, or damaged
        auto removed = remove_uncommitted(id);
        if (removed) {
            effect.removed.push_back(id);
        } else if (removed.error().code != ErrorCode::NoObjectsFound) {
            effect.problems.push_back(std::move(removed).error());
        }
    }
    return tree_.commit();
}

base::Result<DiscoveryEffect> Store::apply_discovery(const DiscoveryRun& run) {
    DiscoveryEffect effect;
    std::set<NodeId> seen;  // targets may name a portal twice
    std::vector<Node> to_write;
    for (const FoundPortal& found : run.portals) {
        for (const record::Iface& iface : run.ifaces) {
            Node node = node_for(run, found, iface);
            const NodeId id = node_id(node);
            if (auto valid = check_node_id(id); !valid) {
                effect.problems.push_back(std::move(valid).error());
                continue;
            }
            if (!seen.insert(id).second) continue;
            auto present = load(id);
            const bool keep = present && !run.ops.update;
            if (present && run.type == record::NodeDiscoveryType::Firmware) mark_onboot(node);
            if (!keep && (run.ops.add || run.ops.update)) to_write.push_back(node);
            effect.nodes.push_back(keep ? std::move(*present) : std::move(node));
        }
    }
    ISCSI_TRY_VOID(add_all(to_write));
    if (run.ops.remove) ISCSI_TRY_VOID(remove_stale(run, effect));
    return effect;
}

}  // namespace iscsi::store
