// SPDX-License-Identifier: LGPL-2.1-or-later
// Lists and trees of records as text. Scripts take these apart by blanks, tabs and line order: a
// change of a single character is a change of an interface.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "iscsiadm/output.hpp"
#include "iscsiadm/report.hpp"
#include "record/iface.hpp"
#include "store/paths.hpp"

namespace iscsi::iscsiadm {

// "10.0.0.1:3260" or "[fe80::1]:3260".
// Compat: whatever has no dot is taken for an IPv6 address, host names too.
std::string portal_text(std::string_view address, std::int64_t port);

// -m node: "10.0.0.1:3260,1 iqn.x:y".
// Compat: an unknown tag is 4294967295 here, but -1 in trees and in what a discovery prints.
void print_nodes_flat(Output& out, std::span<const store::NodeId> nodes);
// -m node -P 1: target, then portal and iface of each record.
void print_nodes_tree(Output& out, std::span<const store::NodeId> nodes);
// What a discovery found: a line for each record.
void print_found_flat(Output& out, std::span<const store::NodeId> nodes);
// Targets, their portals, the ifaces of each; -m discovery -P 1, and -P 1 with a discovery.
// Neighbours of the same target and portal are joined.
void print_found_tree(Output& out, std::span<const store::NodeId> nodes);

// -m discovery: whom to ask.
void print_sources_flat(Output& out, std::span<const DiscoverySource> sources);
// -m discovery -P 1: what each has told, by kind.
void print_sources_tree(Output& out, std::span<const DiscoverySource> sources);

// -m iface: "name transport,hwaddress,ipaddress,net_ifacename,initiatorname".
void print_iface_flat(Output& out, const record::Iface& iface);
// -m iface -P 1: the iface, then targets and portals of the records bound to it.
void print_iface_tree(Output& out, std::string_view iface, std::span<const store::NodeId> nodes);

}  // namespace iscsi::iscsiadm
