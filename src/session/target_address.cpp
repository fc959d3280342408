// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/target_address.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/numbers.hpp"

namespace iscsi::session {

namespace {

constexpr std::size_t kAddressBytesMax = 255;
constexpr std::size_t kNameBytesMax = 223;
constexpr std::uint64_t kPortMax = 65535;

bool is_alphanumeric(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_host(std::string_view host) {
    return !host.empty() && host.front() != '-' && std::ranges::all_of(host, [](char c) {
        return is_alphanumeric(c) || c == '.' || c == '-' || c == '_';
    });
}

// Also with a zone ("fe80::1%eth0"), which some targets print.
bool is_ipv6(std::string_view host) {
    const auto digits = host.substr(0, host.find('%'));
    const auto zone = host.substr(digits.size());
    return std::ranges::count(digits, ':') >= 2 &&
           std::ranges::all_of(digits,
                               [](char c) {
                                   return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
                                          (c >= 'A' && c <= 'F') || c == ':' || c == '.';
                               }) &&
           (zone.empty() || is_host(zone.substr(1)));
}

struct HostAndPort {
    std::string_view host;
    std::optional<std::string_view> port;
};

std::optional<HostAndPort> split_port(std::string_view text) {
    if (!text.starts_with('[')) {
        if (is_ipv6(text)) return HostAndPort{text, {}};
        const auto colon = text.find(':');
        const auto host = text.substr(0, colon);
        if (!is_host(host)) return std::nullopt;
        if (colon == std::string_view::npos) return HostAndPort{host, {}};
        return HostAndPort{host, text.substr(colon + 1)};
    }
    const auto close = text.find(']');
    if (close == std::string_view::npos || !is_ipv6(text.substr(1, close - 1))) {
        return std::nullopt;
    }
    const auto host = text.substr(1, close - 1);
    const auto rest = text.substr(close + 1);
    if (rest.empty()) return HostAndPort{host, {}};
    if (!rest.starts_with(':')) return std::nullopt;
    return HostAndPort{host, rest.substr(1)};
}

}  // namespace

std::optional<TargetAddress> parse_target_address(std::string_view text) {
    TargetAddress result;
    const auto comma = text.find(',');
    if (comma != std::string_view::npos) {
        const auto tag = base::parse_unsigned(text.substr(comma + 1));
        if (!tag || *tag > UINT16_MAX) return std::nullopt;
        result.target_portal_group_tag = static_cast<std::uint16_t>(*tag);
    }
    const auto parts = split_port(text.substr(0, comma));
    if (!parts || parts->host.size() > kAddressBytesMax) return std::nullopt;
    result.address = parts->host;
    if (parts->port) {
        const auto port = base::parse_unsigned(*parts->port);
        if (!port || *port == 0 || *port > kPortMax) return std::nullopt;
        result.port = static_cast<std::uint16_t>(*port);
    }
    return result;
}

std::string print_address(std::string_view address, std::uint16_t port) {
    const bool bracketed = address.find(':') != std::string_view::npos;
    return bracketed ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

bool is_iscsi_name(std::string_view name) {
    return !name.empty() && name.size() <= kNameBytesMax && name.front() != '.' &&
           std::ranges::none_of(name, [](char c) {
               const auto byte = static_cast<unsigned char>(c);
               return byte <= ' ' || byte == 0x7f || c == '/';
           });
}

}  // namespace iscsi::session
