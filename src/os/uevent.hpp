// SPDX-License-Identifier: LGPL-2.1-or-later
// The kernel's news about devices (NETLINK_KOBJECT_UEVENT), as udevd hears them.
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"
#include "os/fd.hpp"

namespace iscsi::os {

// Nonblocking. Fails where there is no such netlink (some containers).
base::Result<Fd> listen_uevents();

struct BlockUevent {
    std::string action;  // add, remove, change
    std::string device;  // "loop3p1"
};
// The next event of subsystem "block"; others are skipped. nullopt: none there now.
std::optional<BlockUevent> next_block_uevent(int socket);

}  // namespace iscsi::os
