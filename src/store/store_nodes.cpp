// SPDX-License-Identifier: LGPL-2.1-or-later
// Node records. Order of steps, so that a crash leaves nothing worse than a missing link or an
// empty directory, both of which everyone passes over: a record is written before it is linked, and
// unlinked before it is deleted.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "store/names.hpp"
#include "store/store.hpp"

namespace iscsi::store {

namespace {

using base::ErrorCode;
using record::Node;
using record::NodeDiscoveryType;

// The parts of a record's identity that its file lacks.
void complete_from_path(Node& node, const NodeId& id) {
    if (node.name.empty()) {
        node.name = id.target;
        node.tpgt = id.tpgt;
        node.conn[0].port = id.port;
    }
    if (node.conn[0].address.empty()) node.conn[0].address = id.address;
}

// May the entry of nodes/ be a target's directory?
bool is_target(const os::DirectoryEntry& entry) {
    return entry.kind != os::FileKind::Regular && entry.name != kScratchDirectory;
}

std::unexpected<base::Error> fail_no_record(const NodeId& id) {
    return base::fail(ErrorCode::NoObjectsFound, "No record {}", describe(id));
}

}  // namespace

Store::Store(Paths paths, os::Files& files) : tree_(std::move(paths), files) {}

base::Status Store::ensure_root() {
    ISCSI_TRY_VOID(tree_.make_directory(paths().dbroot));
    return tree_.commit();
}

// --- finding -------------------------------------------------------------------------------------

// One walk over the tree, or the part of it that the pattern names.
class NodeSearch {
public:
    NodeSearch(const Store& store, const NodePattern& pattern, bool locked)
        : store_(store), tree_(store.tree_), pattern_(pattern), locked_(locked) {}

    // Takes portals' directories for what they are, unseen.
    NodeSearch& only_portals() {
        only_portals_ = true;
        return *this;
    }

    base::Result<std::vector<NodeId>> run() {
        if (pattern_.target) {
            ISCSI_TRY_VOID(check_name("target name", *pattern_.target));
            const std::string directory = target_directory(tree_.paths(), *pattern_.target);
            const auto enter = [this](int level, const os::DirectoryEntry& entry) {
                return level == 0 && enters_portal(entry);
            };
            ISCSI_TRY(const auto portals, tree_.list_tree(directory, enter));
            ISCSI_TRY_VOID(take_portals(*pattern_.target, portals));
            return std::move(found_);
        }
        const auto enter = [this](int level, const os::DirectoryEntry& entry) {
            if (level == 0) return is_target(entry);
            return level == 1 && enters_portal(entry);
        };
        ISCSI_TRY(const auto targets, tree_.list_tree(tree_.paths().nodes(), enter));
        for (const auto& target : targets) {
            ISCSI_TRY_VOID(tree_.check_listed(tree_.paths().nodes(), target));
            ISCSI_TRY_VOID(take_portals(target.entry.name, target.below));
        }
        return std::move(found_);
    }

private:
    // A portal's directory with records of interfaces, and one that is asked for.
    bool enters_portal(const os::DirectoryEntry& entry) const {
        if (only_portals_ || entry.kind == os::FileKind::Regular) return false;
        const auto portal = parse_portal_name(entry.name);
        return portal && portal->tpgt != record::kUnknownTpgt && is_wanted(*portal);
    }

    base::Status take_portals(const std::string& target,
                              const std::vector<os::TreeEntry>& portals) {
        const std::string directory = target_directory(tree_.paths(), target);
        for (const auto& each : portals) {
            const auto portal = parse_portal_name(each.entry.name);
            if (!portal || !is_wanted(*portal)) continue;
            NodeId id{target, portal->address, portal->port, portal->tpgt};
            if (portal->tpgt == record::kUnknownTpgt) {
                if (tree_.is_regular(directory + "/" + each.entry.name)) take_if_wanted(id);
                continue;
            }
            if (only_portals_ || each.entry.kind == os::FileKind::Regular) {
                take_if_wanted(id);
                continue;
            }
            ISCSI_TRY_VOID(tree_.check_listed(directory, each));
            take_ifaces(id, each.below);
        }
        return {};
    }

    void take_ifaces(NodeId& id, const std::vector<os::TreeEntry>& ifaces) {
        for (const auto& each : ifaces) {
            if (each.entry.kind == os::FileKind::Directory) continue;
            if (each.entry.name.starts_with(os::kScratchPrefix)) continue;
            id.iface = each.entry.name;
            take_if_wanted(id);
        }
    }

    bool is_wanted(const PortalName& portal) const {
        if (!pattern_.portal) return true;
        if (portal.port != pattern_.portal->port) return false;
        return pattern_.portal->address.empty() || portal.address == pattern_.portal->address ||
               (store_.same_address_ &&
                store_.same_address_(portal.address, pattern_.portal->address));
    }

    // Compares the interface, as far as possible by the path alone. A damaged record goes by its
    // path: someone must be able to delete it.
    void take_if_wanted(NodeId id) {
        const auto& wanted = pattern_.iface;
        const bool named_by_path = id.tpgt != record::kUnknownTpgt;
        if (named_by_path && wanted && wanted->iscsi_ifacename != id.iface) return;
        const bool wants_transport = wanted && !wanted->transport_name.empty() &&
                                     wanted->iscsi_ifacename != record::kDefaultIface;
        if (!named_by_path || wants_transport) {
            const auto node = store_.read_node(id, locked_);
            if (!node && node.error().code == ErrorCode::NoObjectsFound) return;
            if (node && !named_by_path) take_identity(id, *node);
            if (node && wanted && !record::matches_iface(*wanted, node->iface)) return;
            if (!node && wanted && !named_by_path) return;
        }
        found_.push_back(std::move(id));
    }

    // Compat: before there were records of ifaces, one with a tag was stored like one without.
    static void take_identity(NodeId& id, const Node& node) {
        id.iface = node.iface.iscsi_ifacename;
        id.tpgt = node.tpgt;
    }

    const Store& store_;
    const Tree& tree_;
    const NodePattern& pattern_;
    bool locked_;
    bool only_portals_ = false;
    std::vector<NodeId> found_;
};

base::Result<std::vector<NodeId>> Store::find_nodes(const NodePattern& pattern, bool locked) const {
    return NodeSearch(*this, pattern, locked).run();
}

base::Result<std::vector<NodeId>> Store::find(const NodePattern& pattern) {
    return find_nodes(pattern, /*locked=*/false);
}

base::Result<std::vector<NodeId>> Store::portals(const std::string& target,
                                                 const std::optional<record::Portal>& wanted) {
    const NodePattern pattern{.target = target, .portal = wanted};
    ISCSI_TRY(auto ids, NodeSearch(*this, pattern, /*locked=*/false).only_portals().run());
    const auto portal = [](const NodeId& id) {
        return std::tie(id.target, id.address, id.port, id.tpgt);
    };
    const auto repeated = std::ranges::unique(
        ids, [&](const NodeId& a, const NodeId& b) { return portal(a) == portal(b); });
    ids.erase(repeated.begin(), repeated.end());
    return ids;
}

base::Result<PackedNames> Store::targets() {
    PackedNames names;
    ISCSI_TRY_VOID(tree_.visit(paths().nodes(), [&](const os::DirectoryEntry& entry) {
        if (is_target(entry)) names.add(entry.name);
    }));
    return names;
}

// --- reading -------------------------------------------------------------------------------------

base::Result<Node> Store::read_node(const NodeId& id, bool locked) const {
    ISCSI_TRY_VOID(check_node_id(id));
    Node node;
    ISCSI_TRY(bool present, tree_.read(record_path(paths(), id), node, locked));
    if (!present) {
        if (const auto path = old_path(id)) {
            ISCSI_TRY(present, tree_.read(*path, node, locked));
        }
    }
    if (!present) return fail_no_record(id);
    complete_from_path(node, id);
    return node;
}

// Where a record with a tag is that is not at its place: old versions had a plain file instead of
// the portal's directory, with the tag in its name or in it alone.
std::optional<std::string> Store::old_path(const NodeId& id) const {
    if (id.tpgt == record::kUnknownTpgt) return std::nullopt;
    if (tree_.is_regular(portal_path(paths(), id))) return portal_path(paths(), id);
    std::string path = untagged_path(paths(), id);
    if (!tree_.is_regular(path)) return std::nullopt;
    Node node;
    const auto present = tree_.read(path, node, /*locked=*/true);
    if (!present || !*present || node.tpgt != id.tpgt) return std::nullopt;
    return path;
}

base::Result<Node> Store::load(const NodeId& id) { return read_node(id, /*locked=*/false); }

// --- writing -------------------------------------------------------------------------------------

// The directories a record may be linked from; the first that exists is taken, else the last is
// made.
std::vector<std::string> Store::link_directories(const Node& node) const {
    const DiscoveryId source{node.discovery_address, node.discovery_port};
    switch (node.discovery_type) {
        case NodeDiscoveryType::SendTargets:
        case NodeDiscoveryType::OffloadSendTargets:
            return {send_targets_directory(paths(), source)};
        case NodeDiscoveryType::Isns:
            return {isns_directory(paths(), source), paths().isns()};
        case NodeDiscoveryType::Firmware:
            return {paths().firmware_links()};
        case NodeDiscoveryType::Slp:  // was never written by anyone
        case NodeDiscoveryType::Static:
            break;
    }
    return {paths().static_links()};
}

// The portal's directory. The file that an old version has there becomes the record in it.
base::Status Store::make_portal(const NodeId& id) {
    const std::string portal = portal_path(paths(), id);
    auto made = tree_.make_directory(portal);
    if (made || !tree_.is_regular(portal)) return made;
    return tree_.make_directory_of_file(portal, id.iface);
}

base::Status Store::write_node(const Node& node, const ReadyText* ready) {
    const NodeId id = node_id(node);
    ISCSI_TRY_VOID(check_node_id(id));
    const std::string path = record_path(paths(), id);
    const bool tagged = id.tpgt != record::kUnknownTpgt;
    ISCSI_TRY_VOID(tagged ? make_portal(id)
                          : tree_.make_directory(target_directory(paths(), id.target)));
    ISCSI_TRY_VOID(ready != nullptr ? tree_.place(*ready, path)
                                    : tree_.write(path, record::print_file(node)));
    if (!tagged) return {};
    // Compat: the tag of a portal became known; the record without one is superseded. The directory
    // has another name, so the old record goes only when the new one is on disk.
    const std::string superseded = untagged_path(paths(), id);
    if (tree_.is_regular(superseded)) ISCSI_TRY_VOID(tree_.remove_file(superseded));
    return {};
}

base::Status Store::add(const Node& node) {
    ISCSI_TRY(const auto lock, tree_.lock());
    ISCSI_TRY_VOID(put_node(node, /*ready=*/nullptr));
    return tree_.commit();
}

// Where a record is linked from; nullopt: from nowhere, for without its record (-o nonpersistent) a
// SendTargets discovery has no directory.
std::optional<std::string> Store::link_home(const Node& node) const {
    const auto directories = link_directories(node);
    if (node.discovery_type == NodeDiscoveryType::SendTargets ||
        node.discovery_type == NodeDiscoveryType::OffloadSendTargets) {
        const DiscoveryId source{node.discovery_address, node.discovery_port};
        if (!tree_.exists(send_targets_file(paths(), source))) return std::nullopt;
    }
    const auto existing =
        std::ranges::find_if(directories, [&](const auto& d) { return tree_.is_directory(d); });
    return existing == directories.end() ? directories.back() : *existing;
}

// What fails leaves no directories of a record that is not there.
base::Status Store::put_node(const Node& node, const ReadyText* ready) {
    const NodeId id = node_id(node);
    ISCSI_TRY_VOID(check_node_id(id));
    const bool tagged = id.tpgt != record::kUnknownTpgt;
    // Compat: records without a tag have no links.
    auto put = tagged ? put_linked_node(node, ready) : write_node(node, ready);
    if (put) return put;
    if (tagged) tree_.remove_empty_directory(portal_path(paths(), id));
    tree_.remove_empty_directory(target_directory(paths(), id.target));
    return put;
}

base::Status Store::put_linked_node(const Node& node, const ReadyText* ready) {
    const NodeId id = node_id(node);
    ISCSI_TRY(const auto old_links, links_to(id));
    // What can't be done fails before anything has been changed.
    ISCSI_TRY_VOID(make_portal(id));
    std::string link;
    if (const auto home = link_home(node)) {
        ISCSI_TRY_VOID(tree_.make_directory(*home));
        link = *home + "/" + link_name(id);
        ISCSI_TRY_VOID(tree_.link(link, portal_path(paths(), id)));
    }
    if (auto written = write_node(node, ready); !written) {
        const bool was_there = std::ranges::find(old_links, link) != old_links.end();
        // The record's failure is what matters.
        if (!link.empty() && !was_there) (void)tree_.remove_link(link);
        return written;
    }
    // The record may have been linked from elsewhere.
    for (const std::string& old : old_links) {
        if (old != link) ISCSI_TRY_VOID(tree_.remove_link(old));
    }
    return {};
}

base::Result<Store::PlannedUpdate> Store::plan_update(
    const NodeId& id, std::span<const record::Assignment> assignments, bool locked) const {
    ISCSI_TRY_VOID(check_node_id(id));
    ISCSI_TRY(auto node, read_node(id, locked));
    PlannedUpdate planned{.before = record::print_file(node)};
    ISCSI_TRY(planned.notes, record::update(node, assignments));
    // The path, not the text, says which record this is.
    node.name = id.target;
    node.tpgt = id.tpgt;
    node.conn[0].address = id.address;
    node.conn[0].port = id.port;
    if (id.tpgt != record::kUnknownTpgt) node.iface.iscsi_ifacename = id.iface;
    planned.node = std::move(node);
    return planned;
}

base::Result<record::Notes> Store::update_uncommitted(
    const NodeId& id, std::span<const record::Assignment> assignments) {
    ISCSI_TRY(auto planned, plan_update(id, assignments, /*locked=*/true));
    ISCSI_TRY_VOID(write_node(planned.node, /*ready=*/nullptr));
    return std::move(planned.notes);
}

base::Result<record::Notes> Store::update(const NodeId& id,
                                          std::span<const record::Assignment> assignments) {
    ISCSI_TRY(const auto lock, tree_.lock());
    ISCSI_TRY(auto notes, update_uncommitted(id, assignments));
    ISCSI_TRY_VOID(tree_.commit());
    return notes;
}

// --- deleting ------------------------------------------------------------------------------------

base::Status Store::check_unused(const NodeId& id) const {
    if (!in_use_) return {};
    const auto node = read_node(id, /*locked=*/true);
    if (!node || !in_use_(*node)) return {};
    return base::fail(ErrorCode::SessionExists,
                      "This command will remove the record {}, but a session is using it. Logout "
                      "session then rerun command to remove record.",
                      describe(id));
}

// The links that a record may have: where it says that it comes from, or, if it is damaged,
// anywhere.
base::Result<std::vector<std::string>> Store::links_to(const NodeId& id) const {
    std::vector<std::string> links;
    if (id.tpgt == record::kUnknownTpgt) return links;
    const std::string name = "/" + link_name(id);
    const auto node = read_node(id, /*locked=*/true);
    if (!node && node.error().code == ErrorCode::NoObjectsFound) return links;
    if (node) {
        for (const auto& directory : link_directories(*node)) links.push_back(directory + name);
        return links;
    }
    for (const auto& directory :
         {paths().static_links(), paths().firmware_links(), paths().isns()}) {
        links.push_back(directory + name);
    }
    for (const std::string& parent : {paths().send_targets(), paths().isns()}) {
        ISCSI_TRY(const auto sources, tree_.list(parent));
        for (const auto& source : sources) {
            if (source.kind != os::FileKind::Directory) continue;
            links.push_back(fmt::format("{}/{}{}", parent, source.name, name));
        }
    }
    return links;
}

base::Status Store::erase_node(const NodeId& id) {
    ISCSI_TRY(const auto links, links_to(id));
    std::string path = record_path(paths(), id);
    if (!tree_.exists(path)) path = old_path(id).value_or(path);
    ISCSI_TRY_VOID(tree_.remove_file(path));
    if (id.tpgt != record::kUnknownTpgt) tree_.remove_empty_directory(portal_path(paths(), id));
    tree_.remove_empty_directory(target_directory(paths(), id.target));
    for (const std::string& link : links) ISCSI_TRY_VOID(tree_.remove_link(link));
    return {};
}

base::Status Store::remove_uncommitted(const NodeId& id) {
    ISCSI_TRY_VOID(check_node_id(id));
    ISCSI_TRY(const auto lock, tree_.lock());
    const auto node = read_node(id, /*locked=*/true);
    if (!node && node.error().code == ErrorCode::NoObjectsFound) return fail_no_record(id);
    ISCSI_TRY_VOID(check_unused(id));
    return erase_node(id);
}

base::Status Store::remove(const NodeId& id) {
    ISCSI_TRY_VOID(remove_uncommitted(id));
    return tree_.commit();
}

}  // namespace iscsi::store
