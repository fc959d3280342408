// SPDX-License-Identifier: LGPL-2.1-or-later
// The record database. Every method is one transaction: it takes the lock (lock.hpp) when it
// changes something, and a crash at any instruction leaves each record whole, old or new. Records
// are addressed by name, so work on one costs the same whatever the size of the database; `find`
// reads directory names only.
//
// Errors: NoObjectsFound for a node or iface record that is not there, Database for discovery
// records that are not there and files that are unreadable, empty or not writable, Invalid for
// refused changes, SessionExists for records in use. Messages name the file and, where there is
// one, the remedy; one may have two lines, as open-iscsi's do.
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
#include "store/packed_names.hpp"
#include "store/paths.hpp"
#include "store/tree.hpp"

namespace iscsi::store {

// A leftover of old packages' documentation among the ifaces, which is no record.
inline constexpr std::string_view kExampleIface = "iface.example";

// What the user asked for with -T, -p and -I; an unset member matches everything.
struct NodePattern {
    std::optional<std::string> target;
    // Address as typed: equal text, or both resolve to the same address; an empty one is any. A tag
    // is not compared.
    std::optional<record::Portal> portal;
    // Name, and the transport too when the user's iface has one (record::matches_iface).
    std::optional<record::Iface> iface;
};

// Do two different texts name one address? os::same_address is the real one; it may ask DNS.
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
    // From firmware alone: who we are to this target, and how to prove it.
    std::string initiator_name = {};
    std::optional<record::Auth> auth = {};
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

struct IfaceList {
    std::vector<record::Iface> ifaces;
    std::vector<base::Error> problems;  // files that can't be read; the program prints them
};

struct DiscoveryList {
    std::vector<DiscoveryId> ids;
    // Directories without a record, but not empty; the program prints them.
    std::vector<base::Error> problems;
};

class NodeSearch;

class Store {
public:
    explicit Store(Paths paths, os::Files& files = os::system_files());

    const Paths& paths() const { return tree_.paths(); }
    // Unset: names are compared as texts.
    void set_same_address(SameAddress same_address) { same_address_ = std::move(same_address); }
    // Unset: nothing is in use.
    void set_in_use(InUse in_use) { in_use_ = std::move(in_use); }
    // Unset: faulty lines in records are passed over in silence.
    void set_on_warning(OnWarning on_warning) { tree_.set_on_warning(std::move(on_warning)); }

    // Makes the root directory when missing, as every tool does at start.
    base::Status ensure_root();
    // Removes what killed writers left and others could list. Every change does so; this is for a
    // change that finds nothing to do.
    void tidy() { tree_.tidy(); }

    // --- node records (store_nodes.cpp) ----------------------------------------------------------
    // Names of the matching records, sorted by target, portal directory, iface (as bytes). An empty
    // database, or no match, is an empty list. Record files are read only to compare a transport,
    // and for the iface's name of a record without a tag.
    base::Result<std::vector<NodeId>> find(const NodePattern& pattern);
    // Names of the targets that may have records, sorted: for a walk through a database of any size
    // that holds one target's records at a time.
    base::Result<PackedNames> targets();
    // A record that lacks its name or portal (someone edited it) gets them from its path.
    base::Result<record::Node> load(const NodeId& id);
    // One for each portal of a target, whether or not its directory holds a record; of which iface
    // it is says nothing.
    base::Result<std::vector<NodeId>> portals(const std::string& target,
                                              const std::optional<record::Portal>& wanted);
    // -o new: writes the record, replacing one of the same name, and links it from where its
    // discovery_type says. A record with a tag also replaces one of the same portal without.
    base::Status add(const record::Node& node);
    // The same for many, at a fraction of the time: they wait for the disk together, and those that
    // are there already, as they would be written, do not. A failure may leave some of them added.
    base::Status add_all(std::span<const record::Node> nodes);
    // -o update: all assignments or none.
    base::Result<record::Notes> update(const NodeId& id,
                                       std::span<const record::Assignment> assignments);
    // The same for many, at a fraction of the time. `told` hears what became of each, in order.
    // Fails if what was told to be done may not be on disk yet.
    using ToldOfUpdate = std::function<void(const base::Result<record::Notes>& outcome)>;
    base::Status update_all(std::span<const NodeId> ids,
                            std::span<const record::Assignment> assignments,
                            const ToldOfUpdate& told);
    // -o delete: the record, its link and emptied directories. Refused (SessionExists) while in
    // use. An empty record file is deleted as well.
    base::Status remove(const NodeId& id);
    // The same for many; as update_all.
    using ToldOfRemoval = std::function<void(const base::Status& outcome)>;
    base::Status remove_all(std::span<const NodeId> ids, const ToldOfRemoval& told);

    // --- iface records (store_ifaces.cpp) --------------------------------------------------------
    // Those with files, by name; without the built-in ones.
    base::Result<IfaceList> ifaces();
    // A file's or a built-in one.
    base::Result<record::Iface> load_iface(std::string_view name);
    // Writes the file, replacing one of the same name. Refused for the built-in names.
    base::Status add_iface(const record::Iface& iface);
    // Changes the file and the copies in all node records bound to it.
    base::Result<record::Notes> update_iface(std::string_view name,
                                             std::span<const record::Assignment> assignments);
    // Deletes it and all node records bound to it. Records in use stay, and the iface with them:
    // SessionExists, with a line for each.
    base::Status remove_iface(std::string_view name);

    // --- discovery records (store_discovery.cpp) -------------------------------------------------
    base::Result<DiscoveryList> send_targets();
    base::Result<record::SendTargets> load_send_targets(const DiscoveryId& id);
    base::Status save_send_targets(const record::SendTargets& discovery);
    base::Result<record::Notes> update_send_targets(
        const DiscoveryId& id, std::span<const record::Assignment> assignments);
    // Deletes the record and all node records linked from it, used or not. Also what is left of
    // one: a directory without the record.
    base::Status remove_send_targets(const DiscoveryId& id);

    base::Result<DiscoveryList> isns();
    base::Result<record::Isns> load_isns(const DiscoveryId& id);
    base::Status save_isns(const record::Isns& discovery);
    base::Result<record::Notes> update_isns(const DiscoveryId& id,
                                            std::span<const record::Assignment> assignments);
    base::Status remove_isns(const DiscoveryId& id);

    // Node records of a discovery source: what `-m discovery -P 1` prints. Those linked from it,
    // sorted by link name; dangling links are passed over. The id of static and firmware records is
    // ignored: they are those that say so themselves, linked or not, and damaged ones with a link.
    base::Result<std::vector<NodeId>> linked(record::NodeDiscoveryType type, const DiscoveryId& id);

    // What one discovery run does to the node records (discovery_effect.cpp).
    base::Result<DiscoveryEffect> apply_discovery(const DiscoveryRun& run);

private:
    friend class NodeSearch;

    // The private half works under the lock that the public half took; where it may do without, it
    // is told whether it has it.
    base::Result<record::Node> read_node(const NodeId& id, bool locked) const;
    // `ready` is the record's text, prepared; nullptr: the text is written here.
    base::Status put_node(const record::Node& node, const ReadyText* ready);
    base::Status put_linked_node(const record::Node& node, const ReadyText* ready);
    std::optional<std::string> link_home(const record::Node& node) const;
    // Whether writing the record, of this text, would change nothing: none without a tag is beside
    // it. And whether adding it would: it is linked, too.
    bool is_written(const record::Node& node, std::string_view text) const;
    bool is_in_place(const record::Node& node) const;
    struct Update {
        const NodeId& id;
        std::span<const record::Assignment> assignments;
    };
    struct PlannedUpdate {
        std::string before;  // the file that it was made from, as we print it
        record::Node node = {};
        record::Notes notes = {};
        bool is_done = false;  // it changes nothing
    };
    base::Result<PlannedUpdate> plan_update(const NodeId& id,
                                            std::span<const record::Assignment> assignments,
                                            bool locked) const;
    base::Result<record::Notes> update_uncommitted(const NodeId& id,
                                                   std::span<const record::Assignment> assignments);
    void update_batch(std::span<const NodeId> ids, std::span<const record::Assignment> assignments,
                      const ToldOfUpdate& told);
    base::Result<record::Notes> carry_out(const Update& wanted, const PlannedUpdate& plan,
                                          const ReadyText& ready);
    std::optional<std::string> old_path(const NodeId& id) const;
    base::Status make_portal(const NodeId& id);
    base::Status write_node(const record::Node& node, const ReadyText* ready);
    base::Status erase_node(const NodeId& id);
    base::Status remove_uncommitted(const NodeId& id);
    base::Result<std::vector<std::string>> links_to(const NodeId& id) const;
    base::Status check_unused(const NodeId& id) const;
    base::Result<std::vector<NodeId>> find_nodes(const NodePattern& pattern, bool locked) const;
    base::Result<std::vector<NodeId>> linked_from(const std::string& directory) const;
    base::Result<std::vector<NodeId>> found_by(record::NodeDiscoveryType type,
                                               const DiscoveryId& source,
                                               const std::string& links) const;
    base::Result<std::vector<NodeId>> without_source(record::NodeDiscoveryType type,
                                                     const std::string& links) const;
    std::vector<std::string> link_directories(const record::Node& node) const;
    using DiscoveryFile = std::string (*)(const Paths& paths, const DiscoveryId& id);
    base::Result<DiscoveryList> list_discovery(const std::string& parent, DiscoveryFile file) const;
    base::Status write_discovery(const std::string& directory, const std::string& file,
                                 std::string_view text);
    void remove_empty_sources(const std::string& file);
    base::Status remove_discovery(const std::string& directory, const std::string& file);
    bool is_builtin(std::string_view iface_name) const;
    base::Status refuse_builtin(std::string_view iface_name, std::string_view verb) const;
    base::Result<record::Iface> read_iface(std::string_view name, bool locked) const;
    base::Status remove_stale(const DiscoveryRun& run, DiscoveryEffect& effect);

    Tree tree_;
    SameAddress same_address_;
    InUse in_use_;
};

}  // namespace iscsi::store
