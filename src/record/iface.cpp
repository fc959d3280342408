// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/iface.hpp"

#include "base/check.hpp"

namespace iscsi::record {

bool is_ipv6(const Iface& iface) {
    const std::string_view address = iface.ipaddress;
    if (!is_bound(address) || address == "<empty>") {
        return iface.iscsi_ifacename.find("ipv6") != std::string::npos;
    }
    return iface.bootproto != "dhcp" && address.find('.') == std::string_view::npos;
}

bool is_bound(std::string_view field) { return !field.empty() && field != "default"; }

bool is_builtin_iface(std::string_view name) {
    return name == kDefaultIface || name == kIserIface || name == kUserIface;
}

Iface builtin_iface(std::string_view name) {
    CHECK(is_builtin_iface(name));
    Iface iface;
    iface.iscsi_ifacename = name;
    if (name != kDefaultIface) iface.transport_name = name;
    return iface;
}

bool matches_iface(const Iface& pattern, const Iface& iface) {
    if (pattern.iscsi_ifacename != iface.iscsi_ifacename) return false;
    return pattern.iscsi_ifacename == kDefaultIface || pattern.transport_name.empty() ||
           pattern.transport_name == iface.transport_name;
}

Iface copy_for_node(const Iface& iface, const Iface& present) {
    Iface copy = iface;
    copy.prefix_len = present.prefix_len;
    copy.unknown = present.unknown;
    return copy;
}

}  // namespace iscsi::record
