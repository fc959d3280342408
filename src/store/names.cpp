// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <limits>

#include "base/numbers.hpp"

namespace iscsi::store {

namespace {

// A number as open-iscsi prints it into a name: decimal, tags may be -1.
std::optional<std::int32_t> parse_part(std::string_view text) {
    const auto number = base::parse_signed(text);
    constexpr auto kMax = std::numeric_limits<std::int32_t>::max();
    if (!number || *number < -1 || *number > kMax) return std::nullopt;
    return static_cast<std::int32_t>(*number);
}

}  // namespace

std::string portal_name(const NodeId& id) {
    if (id.tpgt == record::kUnknownTpgt) return fmt::format("{},{}", id.address, id.port);
    return fmt::format("{},{},{}", id.address, id.port, id.tpgt);
}

std::string discovery_name(const DiscoveryId& id) {
    return fmt::format("{},{}", id.address, id.port);
}

std::string target_directory(const Paths& paths, std::string_view target) {
    return fmt::format("{}/{}", paths.nodes(), target);
}

std::string portal_path(const Paths& paths, const NodeId& id) {
    return fmt::format("{}/{}/{}", paths.nodes(), id.target, portal_name(id));
}

std::string record_path(const Paths& paths, const NodeId& id) {
    if (id.tpgt == record::kUnknownTpgt) return portal_path(paths, id);
    return fmt::format("{}/{}", portal_path(paths, id), id.iface);
}

std::string untagged_path(const Paths& paths, NodeId id) {
    id.tpgt = record::kUnknownTpgt;
    return record_path(paths, id);
}

std::string send_targets_directory(const Paths& paths, const DiscoveryId& id) {
    return fmt::format("{}/{}", paths.send_targets(), discovery_name(id));
}

std::string send_targets_file(const Paths& paths, const DiscoveryId& id) {
    return send_targets_directory(paths, id) + "/st_config";
}

std::string isns_directory(const Paths& paths, const DiscoveryId& id) {
    return fmt::format("{}/{}", paths.isns(), discovery_name(id));
}

std::string isns_file(const Paths& paths, const DiscoveryId& id) {
    return isns_directory(paths, id) + "/isns_config";
}

std::string iface_file(const Paths& paths, std::string_view name) {
    return fmt::format("{}/{}", paths.ifaces(), name);
}

std::string link_name(const NodeId& id) {
    return fmt::format("{},{},{},{},{}", id.target, id.address, id.port, id.tpgt, id.iface);
}

std::optional<PortalName> parse_portal_name(std::string_view name) {
    const auto parts = base::split(name, ',');
    if (parts.size() < 2 || parts.size() > 3 || parts[0].empty()) return std::nullopt;
    const auto port = parse_part(parts[1]);
    const auto tpgt = parts.size() == 3 ? parse_part(parts[2]) : record::kUnknownTpgt;
    if (!port || !tpgt) return std::nullopt;
    return PortalName{std::string(parts[0]), *port, *tpgt};
}

std::optional<DiscoveryId> parse_discovery_name(std::string_view name) {
    const auto portal = parse_portal_name(name);
    if (!portal || portal->tpgt != record::kUnknownTpgt) return std::nullopt;
    return DiscoveryId{portal->address, portal->port};
}

base::Status check_name(std::string_view what, std::string_view name) {
    const auto refuse = [&](std::string_view why) {
        return base::fail(base::ErrorCode::Invalid, "{} '{}' can't be stored: {}", what,
                          name.substr(0, NAME_MAX), why);
    };
    if (name.empty()) return refuse("it is empty");
    if (name == "." || name == "..") return refuse("it names a directory");
    if (name.size() > NAME_MAX) return refuse("it is too long for a file name");
    const bool bad = std::ranges::any_of(name, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return c == '/' || byte < 0x20 || byte == 0x7f;
    });
    if (bad) return refuse("it has a slash or a control character in it");
    return {};
}

base::Status check_node_id(const NodeId& id) {
    ISCSI_TRY_VOID(check_name("target name", id.target));
    ISCSI_TRY_VOID(check_name("interface name", id.iface));
    ISCSI_TRY_VOID(check_name("portal address", id.address));
    // A comma would make the portal's directory unreadable for everyone.
    if (id.address.find(',') != std::string::npos) {
        return base::fail(base::ErrorCode::Invalid,
                          "portal address '{}' can't be stored: it has a comma in it", id.address);
    }
    return check_name("link", link_name(id));
}

}  // namespace iscsi::store
