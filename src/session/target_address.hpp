// SPDX-License-Identifier: LGPL-2.1-or-later
// The value of TargetAddress (RFC 7143 section 13.8), in a SendTargets answer or a redirect:
// `domainname|ipv4|[ipv6][:port][,portal-group-tag]`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace iscsi::session {

inline constexpr std::uint16_t kIscsiPort = 3260;

struct TargetAddress {
    std::string address;  // IPv6 without brackets
    std::uint16_t port = kIscsiPort;
    std::optional<std::uint16_t> target_portal_group_tag;
    bool operator==(const TargetAddress&) const = default;
};

// Nullopt for anything that cannot be an address: it comes from a peer and ends in file names and
// on terminals. An IPv6 address without brackets is taken as one without port.
std::optional<TargetAddress> parse_target_address(std::string_view text);

// "10.0.0.1:3260" or "[fe80::1]:3260".
std::string print_address(std::string_view address, std::uint16_t port);

// Whether `name` can be a target's iSCSI name (section 4.2.7.1): 1 to 223 bytes of UTF-8 without
// blanks, control characters and slashes, not starting with a dot.
bool is_iscsi_name(std::string_view name);

}  // namespace iscsi::session
