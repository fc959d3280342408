// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/paths.hpp"

#include <fmt/format.h>

#include "config.h"

namespace iscsi::store {

Paths default_paths() {
    return {.homedir = ISCSI_HOMEDIR, .dbroot = ISCSI_DBROOT, .lockdir = ISCSI_LOCKDIR};
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

NodeId node_id(const record::Node& node) {
    return {.target = node.name,
            .address = node.conn[0].address,
            .port = node.conn[0].port,
            .tpgt = node.tpgt,
            .iface = node.iface.iscsi_ifacename};
}

std::string describe(const NodeId& id) {
    return fmt::format("[iface: {}, target: {}, portal: {},{}]", id.iface, id.target, id.address,
                       id.port);
}

}  // namespace iscsi::store
