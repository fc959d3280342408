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

// Takes "host[:port]" apart. A text with a dot is a name or IPv4; else two colons without brackets
// are a bare IPv6 address, which leaves no room for a port.
std::optional<HostAndPort> split_host_port(std::string_view text) {
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        const auto rest = text.substr(close + 1);
        if (!rest.empty() && !rest.starts_with(':')) return std::nullopt;
        return HostAndPort{text.substr(1, close - 1), rest.empty() ? rest : rest.substr(1)};
    }
    const auto colons = std::ranges::count(text, ':');
    const bool has_dot = text.find('.') != std::string_view::npos;
    if (colons == 0 || (colons > 1 && !has_dot)) return HostAndPort{text, {}};
    const auto at = text.find(':');
    return HostAndPort{text.substr(0, at), text.substr(at + 1)};
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
    if (comma != std::string_view::npos && !is_unknown_tag(text.substr(comma + 1))) {
        const auto tag = base::parse_unsigned(text.substr(comma + 1));
        if (!tag || *tag > kTpgtMax) return refuse("bad portal group tag");
        portal.tpgt = static_cast<std::int32_t>(*tag);
    }
    const auto parts = split_host_port(text.substr(0, comma));
    if (!parts || parts->host.empty()) return refuse("bad address");
    if (text.substr(0, comma).ends_with(':') && !text.substr(0, comma).ends_with("::")) {
        return refuse("no port after the colon");
    }
    portal.address = parts->host;
    if (!parts->port.empty()) {
        const auto port = base::parse_unsigned(parts->port);
        if (!port || *port == 0 || *port > kPortMax) return refuse("bad port");
        portal.port = static_cast<std::int32_t>(*port);
    }
    return portal;
}

std::string print_portal(std::string_view address, std::int32_t port) {
    const bool v6 =
        address.find('.') == std::string_view::npos && address.find(':') != std::string_view::npos;
    return v6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

}  // namespace iscsi::record
