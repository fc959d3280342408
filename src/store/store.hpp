// SPDX-License-Identifier: LGPL-2.1-or-later
// The record database. Every method is one transaction: it takes the lock (lock.hpp) when it
// changes something, and a crash at any instruction leaves each record whole, old or new. Records
// are addressed by name, so work on one costs the same whatever the size of the database; `find`
// reads directory names only.
//
// Errors: NoObjectsFound for a record that is not there, Database for files that are missing,
// unreadable, malformed or not writable, Invalid for refused changes. Messages name the file and,
// where there is one, the remedy.
//
// Not thread-safe; processes may share a database.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "os/files.hpp"
#include "record/discovery.hpp"
#include "record/iface.hpp"
#include "record/node.hpp"
#include "record/portal.hpp"
#include "record/update.hpp"
#include "store/lock.hpp"
#include "store/paths.hpp"

namespace iscsi::store {

// What the user asked for with -T, -p and -I; an unset member matches everything.
struct NodePattern {
    std::optional<std::string> target;
    // Address as typed: equal text, or both resolve to the same address. A tag is not compared.
    std::optional<record::Portal> portal;
    // Name, and the transport too when the user's iface has one (record::matches_iface).
    std::optional<record::Iface> iface;

    bool is_everything() const { return !target && !portal && !iface; }
};

// Do two different texts name one address? (os/resolve.hpp has the real one; it may ask DNS.)
using SameAddress = std::function<bool(std::string_view a, std::string_view b)>;
// Is a session using this record? Asked before a record is deleted.
using InUse = std::function<bool(const record::Node& node)>;

// How a discovery run changes the node database (-o new, -o update, -o delete, combined).
struct DiscoveryOps {
    bool add = false;     // new portals get a record
    bool update = false;  // records found again are reset to defaults; new portals get a record
    bool remove = false;  // records of the same source that were not found are deleted
    static DiscoveryOps all() { return {true, true, true}; }  // no -o given
};

// One target portal that a discovery reported. tpgt -1: the target did not say.
struct FoundPortal {
    std::string target;
    record::Portal portal;
};

struct DiscoveryRun {
    record::NodeDiscoveryType type = record::NodeDiscoveryType::SendTargets;
    DiscoveryId source;                 // whom we asked; empty address for firmware and static
    std::vector<FoundPortal> portals;   // everything that was reported
    std::vector<record::Iface> ifaces;  // each portal is bound to each of them
    DiscoveryOps ops;
    record::Node defaults;  // Conf::node
};

struct DiscoveryEffect {
    // The records that now stand for what was found, in the order found (portal by portal, iface by
    // iface): kept ones as stored, the others as written. With no `add` or `update`, what the
    // records would be.
    std::vector<record::Node> nodes;
    std::vector<NodeId> removed;
    // Deletions that were refused or failed; the run goes on, the program prints them.
    std::vector<base::Error> problems;
};

class Store {
public:
    explicit Store(Paths paths, os::Files& files = os::system_files());

    const Paths& paths() const { return paths_; }
    void set_same_address(SameAddress same_address);
    void set_in_use(InUse in_use);

    // Makes the root directory when missing, as every tool does at start.
    base::Status ensure_root();

    // --- node records ---------------------------------------------------------------------------
    // Names of the matching records, sorted by target, portal directory, iface (as bytes). An empty
    // database, or no match, is an empty list. Record files are read only to compare a transport.
    base::Result<std::vector<NodeId>> find(const NodePattern& pattern);
    base::Result<record::Node> load(const NodeId& id);
    // -o new: writes the record, replacing one of the same name, and links it from where its
    // discovery_type says.
    base::Status add(const record::Node& node);
    // -o update: all assignments or none.
    base::Result<record::Notes> update(const NodeId& id,
                                       std::span<const record::Assignment> assignments);
    // -o delete: the record, its link and emptied directories. Refused (SessionExists) while in
    // use. A damaged or empty record file is deleted as well.
    base::Status remove(const NodeId& id);

    // --- iface records --------------------------------------------------------------------------
    // Those with files, by name; without the built-in ones.
    base::Result<std::vector<record::Iface>> ifaces();
    // A file's or a built-in one.
    base::Result<record::Iface> load_iface(std::string_view name);
    base::Status add_iface(const record::Iface& iface);
    // Changes the file and the copies in all node records bound to it.
    base::Result<record::Notes> update_iface(std::string_view name,
                              std::span<const record::Assignment> assignments);
    // Deletes it and all node records bound to it; refused while one is in use.
    base::Status remove_iface(std::string_view name);

    // --- discovery records ----------------------------------------------------------------------
    base::Result<std::vector<DiscoveryId>> send_targets();
    base::Result<record::SendTargets> load_send_targets(const DiscoveryId& id);
    base::Status save_send_targets(const record::SendTargets& discovery);
    base::Result<record::Notes> update_send_targets(const DiscoveryId& id,
                                     std::span<const record::Assignment> assignments);
    // Deletes the record and all node records linked from it, used or not.
    base::Status remove_send_targets(const DiscoveryId& id);

    base::Result<std::vector<DiscoveryId>> isns();
    base::Result<record::Isns> load_isns(const DiscoveryId& id);
    base::Status save_isns(const record::Isns& discovery);
    base::Result<record::Notes> update_isns(const DiscoveryId& id,
                             std::span<const record::Assignment> assignments);
    base::Status remove_isns(const DiscoveryId& id);

    // Node records linked from a discovery source, sorted by link name: what `-m discovery -P 1`
    // prints. For static and firmware records the id is ignored.
    base::Result<std::vector<NodeId>> linked(record::NodeDiscoveryType type, const DiscoveryId& id);

    // What one discovery run does to the node records.
    base::Result<DiscoveryEffect> apply_discovery(const DiscoveryRun& run);

private:
    Paths paths_;
    os::Files& files_;
    SameAddress same_address_;
    InUse in_use_;
};

}  // namespace iscsi::store
