// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/portal.hpp"

#include <algorithm>
#include <optional>

#include "base/numbers.hpp"

namespace iscsi::record {

namespace {

constexpr std::uint64_t kPortMax = 65535;
constexpr std::uint64_t kTpgtMax = 65535;

struct HostAndPort {
    std::string_view host;
    std::string_view port;  // empty: none given
};

// Two colons before any dot begin a bare IPv6 address, which leaves no room for a port. One whose
// last part is written as IPv4, or that has a zone, may hold dots: ::ffff:10.0.0.1, fe80::1%eth0.5.
bool is_bare_v6(std::string_view text) {
    return std::ranges::count(text.substr(0, text.find('.')), ':') > 1;
}

// ::ffff:10.0.0.1:3260 says nothing: the colon behind the dots is none of an address.
bool has_port_behind_dots(std::string_view text) {
    const auto address = text.substr(0, text.find('%'));
    const auto dot = address.rfind('.');
    return dot != std::string_view::npos && address.find(':', dot) != std::string_view::npos;
}

// Takes "host[:port]" apart.
std::optional<HostAndPort> split_host_port(std::string_view text) {
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        const auto rest = text.substr(close + 1);
        if (!rest.empty() && !rest.starts_with(':')) return std::nullopt;
        const auto inside = text.substr(1, close - 1);
        // Compat: brackets round IPv4 or a name with dots are a part of it.
        const bool keeps_brackets = inside.find('.') != std::string_view::npos &&
                                    inside.find(':') == std::string_view::npos;
        return HostAndPort{keeps_brackets ? text.substr(0, close + 1) : inside,
                           rest.empty() ? rest : rest.substr(1)};
    }
    if (is_bare_v6(text)) {
        if (has_port_behind_dots(text)) return std::nullopt;
        return HostAndPort{text, {}};
    }
    const auto at = text.find(':');
    if (at == std::string_view::npos) return HostAndPort{text, {}};
    return HostAndPort{text.substr(0, at), text.substr(at + 1)};
}

// Compat: blanks around a number and a sign before it, as strtol passes over them.
std::optional<std::uint64_t> lenient_number(std::string_view text) {
    text = base::trim(text);
    if (text.starts_with('+')) text.remove_prefix(1);
    return base::parse_unsigned(text);
}

// An unknown tag as iscsiadm prints it, in trees and in flat lists: users paste it back.
bool is_unknown_tag(std::string_view text) { return text == "-1" || text == "4294967295"; }

}  // namespace

base::Result<Portal> parse_portal(std::string_view text, std::int32_t default_port) {
    const auto refuse = [&](std::string_view why) {
        return base::fail(base::ErrorCode::Invalid, "portal '{}': {} (want ADDRESS[:PORT][,TAG])",
                          text, why);
    };
    Portal portal{.address = {}, .port = default_port, .tpgt = -1};
    const auto comma = text.find(',');
    // Compat: what follows a second comma counts for nothing.
    const auto tag_text = comma == std::string_view::npos
                              ? std::string_view{}
                              : text.substr(comma + 1, text.find(',', comma + 1) - comma - 1);
    if (comma != std::string_view::npos && !is_unknown_tag(tag_text)) {
        const auto tag = lenient_number(tag_text);
        if (!tag || *tag > kTpgtMax) return refuse("bad portal group tag");
        portal.tpgt = static_cast<std::int32_t>(*tag);
    }
    if (comma == 0 || text.empty()) return portal;
    const auto parts = split_host_port(text.substr(0, comma));
    if (!parts || parts->host.empty()) return refuse("bad address");
    if (text.substr(0, comma).ends_with(':') && !text.substr(0, comma).ends_with("::")) {
        return refuse("no port after the colon");
    }
    portal.address = parts->host;
    if (!parts->port.empty()) {
        const auto port = lenient_number(parts->port);
        if (!port || *port == 0 || *port > kPortMax) return refuse("bad port");
        portal.port = static_cast<std::int32_t>(*port);
    }
    return portal;
}

}  // namespace iscsi::record
