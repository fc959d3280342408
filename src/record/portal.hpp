// SPDX-License-Identifier: LGPL-2.1-or-later
// A target portal as users and records write it: address (host name, IPv4, or IPv6 without
// brackets), TCP port and portal group tag.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace iscsi::record {

inline constexpr std::int32_t kIscsiPort = 3260;
inline constexpr std::int32_t kIsnsPort = 3205;

struct Portal {
    std::string address;
    std::int32_t port = kIscsiPort;
    std::int32_t tpgt = -1;
    bool operator==(const Portal&) const = default;
};

// Reads the argument of --portal: `ip[:port][,tpgt]`, `[v6]:port,tpgt`, a bare IPv6 address, or a
// host name. Missing parts get `default_port` and tag -1. The address is empty for "" and ",tpgt",
// and only for them: scripts pass empty variables. Error: Invalid, naming the text.
base::Result<Portal> parse_portal(std::string_view text, std::int32_t default_port = kIscsiPort);

}  // namespace iscsi::record
