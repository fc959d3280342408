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

// Reads the argument of --portal and the value of TargetAddress (RFC 7143 section 13.8):
// `ip[:port][,tpgt]`, `[v6]:port,tpgt`, a bare IPv6 address, or a host name. Missing parts get
// `default_port` and tag -1. Error: Invalid, naming the text.
base::Result<Portal> parse_portal(std::string_view text, std::int32_t default_port = kIscsiPort);

// "10.0.0.1:3260" or "[fe80::1]:3260" (for messages and lists; the tag is printed by the caller).
std::string print_portal(std::string_view address, std::int32_t port);

}  // namespace iscsi::record
