// SPDX-License-Identifier: LGPL-2.1-or-later
// Iface records, and what follows from a change of one for the node records bound to it.
#include "store/names.hpp"
#include "store/store.hpp"

namespace iscsi::store {

namespace {

using base::ErrorCode;
using record::Iface;

NodePattern bound_to(const Iface& iface) {
    NodePattern pattern;
    pattern.iface = iface;
    return pattern;
}

}  // namespace

// Compat: open-iscsi has no built-in `user`, so there may be a file of that name, and it counts.
bool Store::is_builtin(std::string_view name) const {
    if (!record::is_builtin_iface(name)) return false;
    return name != record::kUserIface || !tree_.is_regular(iface_file(paths(), name));
}

base::Status Store::refuse_builtin(std::string_view name, std::string_view verb) const {
    if (!is_builtin(name)) return {};
    return base::fail(ErrorCode::Invalid, "iface {} is a special interface and cannot be {}.", name,
                      verb);
}

base::Result<Iface> Store::read_iface(std::string_view name, bool locked) const {
    if (is_builtin(name)) return record::builtin_iface(name);
    ISCSI_TRY_VOID(check_name("interface name", name));
    Iface iface;
    ISCSI_TRY(const bool present, tree_.read(iface_file(paths(), name), iface, locked));
    if (!present) {
        return base::fail(ErrorCode::NoObjectsFound, "Could not read iface info for {}.", name);
    }
    iface.iscsi_ifacename = name;  // the file's name is the record's
    return iface;
}

base::Result<IfaceList> Store::ifaces() {
    IfaceList found;
    ISCSI_TRY(const auto entries, tree_.list(paths().ifaces()));
    for (const auto& entry : entries) {
        if (entry.kind == os::FileKind::Directory || entry.name == kExampleIface) continue;
        if (is_builtin(entry.name)) continue;  // a file can't redefine these
        auto iface = read_iface(entry.name, /*locked=*/false);
        if (iface) {
            found.ifaces.push_back(std::move(*iface));
        } else if (iface.error().code != ErrorCode::NoObjectsFound) {
            found.problems.push_back(std::move(iface).error());
        }
    }
    return found;
}

base::Result<Iface> Store::load_iface(std::string_view name) {
    return read_iface(name, /*locked=*/false);
}

base::Status Store::add_iface(const Iface& iface) {
    const std::string& name = iface.iscsi_ifacename;
    if (is_builtin(name)) {
        return base::fail(ErrorCode::Invalid,
                          "iface {} is a special interface and is not stored in {}.", name,
                          paths().ifaces());
    }
    ISCSI_TRY_VOID(check_name("interface name", name));
    ISCSI_TRY(const auto lock, tree_.lock());
    ISCSI_TRY_VOID(tree_.make_directory(paths().ifaces()));
    ISCSI_TRY_VOID(tree_.write(iface_file(paths(), name), record::print_file(iface)));
    return tree_.commit();
}

base::Result<record::Notes> Store::update_iface(std::string_view name,
                                                std::span<const record::Assignment> assignments) {
    ISCSI_TRY_VOID(refuse_builtin(name, "modified"));
    ISCSI_TRY(const auto lock, tree_.lock());
    ISCSI_TRY(auto iface, read_iface(name, /*locked=*/true));
    ISCSI_TRY(const auto bound, find_nodes(bound_to(iface), /*locked=*/true));
    ISCSI_TRY(auto notes, record::update(iface, assignments));
    ISCSI_TRY_VOID(tree_.write(iface_file(paths(), name), record::print_file(iface)));
    for (const NodeId& id : bound) {
        auto node = read_node(id, /*locked=*/true);
        if (!node && node.error().code == ErrorCode::NoObjectsFound) continue;
        if (!node) return std::unexpected(std::move(node).error());
        node->iface = record::copy_for_node(iface, node->iface);
        ISCSI_TRY_VOID(write_node(*node, /*ready=*/nullptr));
    }
    ISCSI_TRY_VOID(tree_.commit());
    return notes;
}

base::Status Store::remove_iface(std::string_view name) {
    ISCSI_TRY_VOID(refuse_builtin(name, "deleted"));
    ISCSI_TRY(const auto lock, tree_.lock());
    auto iface = read_iface(name, /*locked=*/true);
    if (!iface) {
        if (iface.error().code != ErrorCode::Database) return std::unexpected(iface.error());
        // Damaged: deleting it is the way out. Its records are known by its name alone.
        iface = Iface{.iscsi_ifacename = std::string(name), .transport_name = {}};
    }
    ISCSI_TRY(const auto bound, find_nodes(bound_to(*iface), /*locked=*/true));
    base::Status kept;
    for (const NodeId& id : bound) {
        if (auto unused = check_unused(id); !unused) {
            if (!kept) unused.error().message.insert(0, kept.error().message + "\n");
            kept = std::move(unused);
            continue;
        }
        ISCSI_TRY_VOID(erase_node(id));
    }
    if (kept) ISCSI_TRY_VOID(tree_.remove_file(iface_file(paths(), name)));
    ISCSI_TRY_VOID(tree_.commit());
    return kept;
}

}  // namespace iscsi::store
