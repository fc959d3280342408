// SPDX-License-Identifier: LGPL-2.1-or-later
// Names in the record tree (paths.hpp shows it) and their parts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "record/node.hpp"
#include "store/paths.hpp"

namespace iscsi::store {

// "10.0.0.1,3260,1", or "10.0.0.1,3260" when there is no tag.
std::string portal_name(const NodeId& id);
std::string discovery_name(const DiscoveryId& id);

std::string target_directory(const Paths& paths, std::string_view target);
std::string portal_path(const Paths& paths, const NodeId& id);
// Where the record is: <portal>/<iface>, or the portal's path itself when there is no tag.
std::string record_path(const Paths& paths, const NodeId& id);
// Where the record of the same portal would be that has no tag.
std::string untagged_path(const Paths& paths, NodeId id);

std::string send_targets_directory(const Paths& paths, const DiscoveryId& id);
std::string send_targets_file(const Paths& paths, const DiscoveryId& id);
std::string isns_directory(const Paths& paths, const DiscoveryId& id);
std::string isns_file(const Paths& paths, const DiscoveryId& id);
std::string iface_file(const Paths& paths, std::string_view name);

// "<target>,<address>,<port>,<tpgt>,<iface>"
std::string link_name(const NodeId& id);

// A portal's name taken apart; tpgt -1 when it has none. nullopt: not such a name.
struct PortalName {
    std::string address;
    std::int32_t port = 0;
    std::int32_t tpgt = record::kUnknownTpgt;
};
std::optional<PortalName> parse_portal_name(std::string_view name);

// "<address>,<port>" of a discovery record.
std::optional<DiscoveryId> parse_discovery_name(std::string_view name);

// Refuses (Invalid) a name that would leave its directory, or that no directory entry can have:
// empty, "." and "..", with a slash or a control character, or too long. A target that we asked for
// its name may be hostile.
base::Status check_name(std::string_view what, std::string_view name);
base::Status check_node_id(const NodeId& id);

}  // namespace iscsi::store
