// SPDX-License-Identifier: LGPL-2.1-or-later
// Network interfaces, by the bindings of an iface record.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace iscsi::os {

// Name of the interface with this hardware address ("52:54:00:12:34:56", any case).
std::optional<std::string> netdev_with_hwaddress(std::string_view hwaddress);
std::string hwaddress_of_netdev(std::string_view name);  // empty: no such interface
// SO_BINDTODEVICE. Error: Transport, naming the interface.
base::Status bind_to_netdev(int socket, const std::string& name);

}  // namespace iscsi::os
