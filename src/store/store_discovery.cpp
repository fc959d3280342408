// SPDX-License-Identifier: LGPL-2.1-or-later
// Discovery records, and the node records linked from them.
#include <algorithm>
#include <optional>

#include "store/names.hpp"
#include "store/store.hpp"

namespace iscsi::store {

namespace {

using base::ErrorCode;
using record::NodeDiscoveryType;

std::unexpected<base::Error> fail_no_record(const DiscoveryId& id) {
    return base::fail(ErrorCode::NoObjectsFound, "Discovery record [{},{}] not found.", id.address,
                      id.port);
}

base::Status check_id(const DiscoveryId& id) {
    return check_name("discovery address", discovery_name(id));
}

template <class Record>
DiscoveryId id_of(const Record& record) {
    return {record.address, record.port};
}

// Reads the record's file, or the plain file that old versions had in place of its directory.
template <class Record>
base::Result<Record> read_record(const Tree& tree, const std::string& directory,
                                 const std::string& file, bool locked) {
    Record record;
    ISCSI_TRY(bool present, tree.read(file, record, locked));
    if (!present && tree.is_regular(directory)) {
        ISCSI_TRY(present, tree.read(directory, record, locked));
    }
    if (!present)
        return fail_no_record(*parse_discovery_name(directory.substr(directory.rfind('/') + 1)));
    return record;
}

// A link leads to the portal's directory; what its name has beyond that is the iface.
std::optional<NodeId> id_from_link(const std::string& nodes, std::string_view name,
                                   std::string_view target) {
    if (!target.starts_with(nodes + "/")) return std::nullopt;
    target.remove_prefix(nodes.size() + 1);
    const auto slash = target.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto portal = parse_portal_name(target.substr(slash + 1));
    if (!portal) return std::nullopt;
    NodeId id{std::string(target.substr(0, slash)), portal->address, portal->port, portal->tpgt,
              ""};
    const std::string prefix = link_name(id);
    if (!name.starts_with(prefix)) return std::nullopt;
    id.iface = name.substr(prefix.size());
    return id;
}

}  // namespace

// --- lists ---------------------------------------------------------------------------------------

base::Result<DiscoveryList> Store::list_discovery(const std::string& parent,
                                                  DiscoveryFile file) const {
    DiscoveryList found;
    ISCSI_TRY(const auto entries, tree_.list(parent));
    for (const auto& entry : entries) {
        auto id = parse_discovery_name(entry.name);
        if (!id || entry.kind == os::FileKind::Link) continue;
        if (entry.kind == os::FileKind::Directory && !tree_.exists(file(paths(), *id))) {
            if (tree_.is_empty_directory(parent + "/" + entry.name)) continue;
            found.problems.push_back(
                {ErrorCode::NoObjectsFound,
                 fmt::format("Could not read discovery record for {}:{}.", id->address, id->port)});
            continue;
        }
        found.ids.push_back(std::move(*id));
    }
    return found;
}

base::Result<DiscoveryList> Store::send_targets() {
    return list_discovery(paths().send_targets(), send_targets_file);
}

base::Result<DiscoveryList> Store::isns() { return list_discovery(paths().isns(), isns_file); }

base::Result<std::vector<NodeId>> Store::linked_from(const std::string& directory) const {
    std::vector<NodeId> found;
    if (tree_.is_regular(directory)) return found;  // a record of the old layout has no links
    ISCSI_TRY(const auto entries, tree_.list(directory));
    for (const auto& entry : entries) {
        if (entry.kind != os::FileKind::Link) continue;
        const auto target = tree_.link_target(directory + "/" + entry.name);
        if (!target) continue;  // removed meanwhile
        const auto id = id_from_link(paths().nodes(), entry.name, *target);
        if (id && tree_.is_file(record_path(paths(), *id))) found.push_back(*id);
    }
    return found;
}

// Compat: a record without a tag has no link, and is listed all the same, by its own word.
base::Result<std::vector<NodeId>> Store::found_by(NodeDiscoveryType type, const DiscoveryId& source,
                                                  const std::string& links) const {
    ISCSI_TRY(auto found, linked_from(links));
    ISCSI_TRY(const auto all, find_nodes({}, /*locked=*/false));
    for (const NodeId& id : all) {
        if (id.tpgt != record::kUnknownTpgt) continue;
        const auto node = read_node(id, /*locked=*/false);
        if (node && node->discovery_type == type && node->discovery_address == source.address &&
            node->discovery_port == source.port) {
            found.push_back(id);
        }
    }
    std::ranges::sort(found);
    return found;
}

// The same for records that no discovery record stands for.
base::Result<std::vector<NodeId>> Store::without_source(NodeDiscoveryType type,
                                                        const std::string& links) const {
    ISCSI_TRY(const auto linked, linked_from(links));
    ISCSI_TRY(const auto all, find_nodes({}, /*locked=*/false));
    std::vector<NodeId> found;
    for (const NodeId& id : all) {
        const auto node = read_node(id, /*locked=*/false);
        if (!node && node.error().code == ErrorCode::NoObjectsFound) continue;  // removed meanwhile
        const bool belongs =
            node ? node->discovery_type == type : std::ranges::find(linked, id) != linked.end();
        if (belongs) found.push_back(id);
    }
    return found;
}

base::Result<std::vector<NodeId>> Store::linked(NodeDiscoveryType type, const DiscoveryId& id) {
    switch (type) {
        case NodeDiscoveryType::SendTargets:
        case NodeDiscoveryType::OffloadSendTargets:
            ISCSI_TRY_VOID(check_id(id));
            return found_by(type, id, send_targets_directory(paths(), id));
        case NodeDiscoveryType::Isns:
            if (id.address.empty()) return linked_from(paths().isns());  // the old layout
            ISCSI_TRY_VOID(check_id(id));
            return found_by(type, id, isns_directory(paths(), id));
        case NodeDiscoveryType::Firmware:
            return without_source(type, paths().firmware_links());
        case NodeDiscoveryType::Slp:
        case NodeDiscoveryType::Static:
            break;
    }
    return without_source(NodeDiscoveryType::Static, paths().static_links());
}

// --- records -------------------------------------------------------------------------------------

base::Result<record::SendTargets> Store::load_send_targets(const DiscoveryId& id) {
    ISCSI_TRY_VOID(check_id(id));
    ISCSI_TRY(auto record,
              read_record<record::SendTargets>(tree_, send_targets_directory(paths(), id),
                                               send_targets_file(paths(), id), /*locked=*/false));
    record.address = id.address;
    record.port = id.port;
    return record;
}

base::Result<record::Isns> Store::load_isns(const DiscoveryId& id) {
    ISCSI_TRY_VOID(check_id(id));
    ISCSI_TRY(auto record,
              read_record<record::Isns>(tree_, isns_directory(paths(), id), isns_file(paths(), id),
                                        /*locked=*/false));
    record.address = id.address;
    record.port = id.port;
    return record;
}

// What is left of records like `file` whose deletion was killed. Nothing lists it, but it is of no
// use.
void Store::remove_empty_sources(const std::string& file) {
    const std::string parent = parent_of(parent_of(file));
    const std::string name = file.substr(file.rfind('/'));
    const auto entries = tree_.list(parent);
    if (!entries) return;  // told by what follows
    for (const auto& entry : *entries) {
        if (entry.kind != os::FileKind::Directory || !parse_discovery_name(entry.name)) continue;
        const std::string directory = parent + "/" + entry.name;
        if (tree_.exists(directory + name)) continue;  // there may be thousands of links in it
        if (tree_.is_empty_directory(directory)) tree_.remove_empty_directory(directory);
    }
}

// A new one comes to be with its directory, as a whole. So does one that old versions had as a
// plain file in the directory's place.
base::Status Store::write_discovery(const std::string& directory, const std::string& file,
                                    std::string_view text) {
    remove_empty_sources(file);
    if (tree_.is_directory(directory)) return tree_.write(file, text);
    ISCSI_TRY_VOID(tree_.make_directory(parent_of(directory)));
    return tree_.place_directory(
        {.directory = directory, .name = file.substr(directory.size() + 1), .text = text});
}

base::Status Store::save_send_targets(const record::SendTargets& discovery) {
    const DiscoveryId id = id_of(discovery);
    ISCSI_TRY_VOID(check_id(id));
    ISCSI_TRY(const auto lock, tree_.lock());
    ISCSI_TRY_VOID(write_discovery(send_targets_directory(paths(), id),
                                   send_targets_file(paths(), id), record::print_file(discovery)));
    return tree_.commit();
}

base::Status Store::save_isns(const record::Isns& discovery) {
    const DiscoveryId id = id_of(discovery);
    ISCSI_TRY_VOID(check_id(id));
    ISCSI_TRY(const auto lock, tree_.lock());
    ISCSI_TRY_VOID(write_discovery(isns_directory(paths(), id), isns_file(paths(), id),
                                   record::print_file(discovery)));
    return tree_.commit();
}

base::Result<record::Notes> Store::update_send_targets(
    const DiscoveryId& id, std::span<const record::Assignment> assignments) {
    ISCSI_TRY_VOID(check_id(id));
    ISCSI_TRY(const auto lock, tree_.lock());
    const std::string directory = send_targets_directory(paths(), id);
    const std::string file = send_targets_file(paths(), id);
    ISCSI_TRY(auto record,
              read_record<record::SendTargets>(tree_, directory, file, /*locked=*/true));
    ISCSI_TRY(auto notes, record::update(record, assignments));
    ISCSI_TRY_VOID(write_discovery(directory, file, record::print_file(record)));
    ISCSI_TRY_VOID(tree_.commit());
    return notes;
}

base::Result<record::Notes> Store::update_isns(const DiscoveryId& id,
                                               std::span<const record::Assignment> assignments) {
    ISCSI_TRY_VOID(check_id(id));
    ISCSI_TRY(const auto lock, tree_.lock());
    const std::string directory = isns_directory(paths(), id);
    const std::string file = isns_file(paths(), id);
    ISCSI_TRY(auto record, read_record<record::Isns>(tree_, directory, file, /*locked=*/true));
    ISCSI_TRY(auto notes, record::update(record, assignments));
    ISCSI_TRY_VOID(write_discovery(directory, file, record::print_file(record)));
    ISCSI_TRY_VOID(tree_.commit());
    return notes;
}

// Node records first, the discovery record last: after a crash it can be deleted again.
base::Status Store::remove_discovery(const std::string& directory, const std::string& file) {
    ISCSI_TRY(const auto lock, tree_.lock());
    if (tree_.is_regular(directory)) {
        ISCSI_TRY_VOID(tree_.remove_file(directory));
        return tree_.commit();
    }
    remove_empty_sources(file);
    ISCSI_TRY(const auto nodes, linked_from(directory));
    for (const NodeId& id : nodes) ISCSI_TRY_VOID(erase_node(id));
    ISCSI_TRY(const auto rest, tree_.list(directory));
    for (const auto& entry : rest) {
        if (entry.kind == os::FileKind::Link) {
            ISCSI_TRY_VOID(tree_.remove_link(directory + "/" + entry.name));
        }
    }
    ISCSI_TRY_VOID(tree_.remove_file(file));
    tree_.remove_empty_directory(directory);
    return tree_.commit();
}

base::Status Store::remove_send_targets(const DiscoveryId& id) {
    ISCSI_TRY_VOID(check_id(id));
    const std::string directory = send_targets_directory(paths(), id);
    if (!tree_.is_directory(directory) && !tree_.is_regular(directory)) return fail_no_record(id);
    return remove_discovery(directory, send_targets_file(paths(), id));
}

base::Status Store::remove_isns(const DiscoveryId& id) {
    ISCSI_TRY_VOID(check_id(id));
    const std::string directory = isns_directory(paths(), id);
    if (!tree_.is_directory(directory) && !tree_.is_regular(directory)) return fail_no_record(id);
    return remove_discovery(directory, isns_file(paths(), id));
}

}  // namespace iscsi::store
