// SPDX-License-Identifier: LGPL-2.1-or-later
// Where everything on disk is, and the names of records in the tree:
//
//   <dbroot>/nodes/<target>/<address>,<port>,<tpgt>/<iface>     node record
//   <dbroot>/nodes/<target>/<address>,<port>                    one without a tag: a plain file
//   <dbroot>/send_targets/<address>,<port>/st_config            SendTargets record
//   <dbroot>/send_targets/<address>,<port>/<link>               one per portal and iface found
//   <dbroot>/isns/<address>,<port>/isns_config, <link>          the same for iSNS
//   <dbroot>/isns/<link>, static/<link>, fw/<link>              found otherwise
//   <dbroot>/ifaces/<iface>                                     iface record
//
// where <link> is <target>,<address>,<port>,<tpgt>,<iface> and leads to the portal's directory.
// Directories have mode 0700, files 0600. IPv6 addresses stand without brackets.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "record/node.hpp"

namespace iscsi::store {

struct Paths {
    std::string homedir;  // iscsid.conf and initiatorname.iscsi
    std::string dbroot;   // the record database
    std::string lockdir;  // the database's lock files

    std::string nodes() const { return dbroot + "/nodes"; }
    std::string ifaces() const { return dbroot + "/ifaces"; }
    std::string send_targets() const { return dbroot + "/send_targets"; }
    std::string isns() const { return dbroot + "/isns"; }
    std::string static_links() const { return dbroot + "/static"; }
    std::string firmware_links() const { return dbroot + "/fw"; }
    std::string config_file() const { return homedir + "/iscsid.conf"; }
    std::string initiatorname_file() const { return homedir + "/initiatorname.iscsi"; }
};

// The directory of an entry of the tree; absolute, like all paths here.
std::string parent_of(const std::string& path);

// The places this build was configured for.
Paths default_paths();

// What names a node record: its path, taken apart.
struct NodeId {
    std::string target;
    std::string address;
    std::int32_t port = 3260;
    std::int32_t tpgt = -1;  // -1: the record is a plain file, without an iface in its path
    std::string iface = "default";

    auto operator<=>(const NodeId&) const = default;
};

NodeId node_id(const record::Node& node);

// For messages, the way open-iscsi names a record:
// "[iface: default, target: iqn.x:y, portal: 10.0.0.1,3260]".
std::string describe(const NodeId& id);

// A discovery record's name.
struct DiscoveryId {
    std::string address;
    std::int32_t port = 3260;
    auto operator<=>(const DiscoveryId&) const = default;
};

}  // namespace iscsi::store
