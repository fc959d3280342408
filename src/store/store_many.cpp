// SPDX-License-Identifier: LGPL-2.1-or-later
// Node records by the thousand. Their texts are written and synced together, without the lock; then
// each takes its place under the lock, by itself, for others want their turn.
#include <algorithm>

#include "store/names.hpp"
#include "store/store.hpp"

namespace iscsi::store {

using record::Node;

bool Store::is_written(const Node& node, std::string_view text) const {
    const NodeId id = node_id(node);
    if (!tree_.holds(record_path(paths(), id), text)) return false;
    return id.tpgt == record::kUnknownTpgt || !tree_.is_regular(untagged_path(paths(), id));
}

bool Store::is_in_place(const Node& node) const {
    const NodeId id = node_id(node);
    if (!check_node_id(id) || !is_written(node, record::print_file(node))) return false;
    if (id.tpgt == record::kUnknownTpgt) return true;
    return std::ranges::any_of(link_directories(node), [&](const auto& directory) {
        return tree_.link_target(directory + "/" + link_name(id)) == portal_path(paths(), id);
    });
}

base::Status Store::add_all(std::span<const Node> all) {
    std::vector<Node> changed;
    for (const Node& node : all) {
        ISCSI_TRY_VOID(check_node_id(node_id(node)));
        if (!is_in_place(node)) changed.push_back(node);
    }
    if (changed.size() == 1) return add(changed.front());
    std::span<const Node> nodes = changed;
    constexpr std::size_t kBatch = 256;  // each has a file open until it is in its place
    while (!nodes.empty()) {
        const auto batch = nodes.first(std::min(nodes.size(), kBatch));
        nodes = nodes.subspan(batch.size());
        std::vector<std::string> texts;
        for (const Node& node : batch) texts.push_back(record::print_file(node));
        ISCSI_TRY(const auto ready, tree_.prepare(texts));
        for (std::size_t i = 0; i < batch.size(); ++i) {
            ISCSI_TRY(const auto lock, tree_.lock());
            ISCSI_TRY_VOID(put_node(batch[i], &ready[i]));
        }
    }
    return tree_.commit();
}

// --- updating ------------------------------------------------------------------------------------

base::Status Store::update_all(std::span<const NodeId> ids,
                               std::span<const record::Assignment> assignments,
                               const ToldOfUpdate& told) {
    constexpr std::size_t kBatch = 64;
    if (ids.size() == 1) {
        told(update(ids.front(), assignments));
        return {};
    }
    while (!ids.empty()) {
        const auto batch = ids.first(std::min(ids.size(), kBatch));
        ids = ids.subspan(batch.size());
        update_batch(batch, assignments, told);
    }
    return tree_.commit();
}

void Store::update_batch(std::span<const NodeId> ids,
                         std::span<const record::Assignment> assignments,
                         const ToldOfUpdate& told) {
    std::vector<base::Result<PlannedUpdate>> plans;
    std::vector<std::string> texts;
    for (const NodeId& id : ids) {
        auto& plan = plans.emplace_back(plan_update(id, assignments, /*locked=*/false));
        if (!plan) continue;
        auto text = record::print_file(plan->node);
        plan->is_done = is_written(plan->node, text);
        if (!plan->is_done) texts.push_back(std::move(text));
    }
    // Without it each is written by itself, and says what is wrong with it.
    const auto ready = tree_.prepare(texts);
    std::size_t next = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto& plan = plans[i];
        if (!plan) {
            told(std::unexpected(plan.error()));
        } else if (plan->is_done) {
            told(plan->notes);
        } else if (ready) {
            told(carry_out({ids[i], assignments}, *plan, (*ready)[next++]));
        } else {
            told(update(ids[i], assignments));
        }
    }
}

// What somebody else wrote since the plan was made is not lost: then it is made anew.
base::Result<record::Notes> Store::carry_out(const Update& wanted, const PlannedUpdate& plan,
                                             const ReadyText& ready) {
    ISCSI_TRY(const auto lock, tree_.lock());
    const auto now = read_node(wanted.id, /*locked=*/true);
    if (now && record::print_file(*now) == plan.before) {
        ISCSI_TRY_VOID(write_node(plan.node, &ready));
        return plan.notes;
    }
    tree_.forget(ready);
    return update_uncommitted(wanted.id, wanted.assignments);
}

// --- deleting ------------------------------------------------------------------------------------

base::Status Store::remove_all(std::span<const NodeId> ids, const ToldOfRemoval& told) {
    for (const NodeId& id : ids) told(remove_uncommitted(id));
    return tree_.commit();
}

}  // namespace iscsi::store
