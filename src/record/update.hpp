// SPDX-License-Identifier: LGPL-2.1-or-later
// -o update: changes that a user asks for by -n NAME -v VALUE, with open-iscsi's refusals.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "record/schema.hpp"

namespace iscsi::record {

struct Assignment {
    std::string name;
    std::string value;
    bool operator==(const Assignment&) const = default;
};

// Sets all of the keys, or none: the record is untouched when an assignment is refused. A refusal
// is ErrorCode::Invalid; its message is exactly open-iscsi's, and has two lines (to be printed one
// by one, each with the program's name) where open-iscsi prints two. Notes are to be printed
// likewise. Exists for Node, Iface, SendTargets, Isns, HostChap and Flashnode.
// `node.transport_name` is an alias of iface.transport_name in a Node.
template <class Record>
base::Result<Notes> update(Record& record, std::span<const Assignment> assignments);

// Refuses iface keys that node mode does not change ("Cannot modify iface.mtu. Use iface mode to
// update this value."). iscsiadm checks this before it looks for records.
base::Status check_node_mode(std::span<const Assignment> assignments);

// Whether one of them changes the transport (refused while a session runs; the caller knows that).
bool changes_transport(std::span<const Assignment> assignments);

}  // namespace iscsi::record
