// SPDX-License-Identifier: LGPL-2.1-or-later
#include "firmware/boot_targets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>

#include "base/numbers.hpp"
#include "base/version.hpp"

namespace iscsi::firmware {

namespace {

constexpr std::size_t kAttributeBytesMax = 4096;  // a page, as for every attribute in sysfs
constexpr std::size_t kIsidBytes = 9;             // what open-iscsi keeps of it
constexpr std::string_view kOriginDhcp = "3";     // the table's word for it
constexpr std::string_view kNoAddress = "0.0.0.0";
constexpr std::uint64_t kValid = 1;
constexpr std::uint64_t kOfThisBoot = 2;

class TableReader {
public:
    TableReader(os::Files& files, std::string sysfs, std::string table)
        : files_(files), sysfs_(std::move(sysfs)), table_(std::move(table)) {}

    void read_into(BootTargets& found) {
        if (!exists("initiator")) return;
        const auto nics = read_nics();
        for (const auto& folder : folders("target")) {
            auto target = read_target(folder);
            if (!target) continue;
            const std::string nic_index = attribute(folder, "nic-assoc");
            if (nic_index.empty()) continue;
            const auto nic = std::ranges::find(nics, nic_index, &BootNic::index);
            if (nic == nics.end()) {
                found.problems.push_back(
                    fmt::format("Invalid nic-assoc of {}. Max id {}.", nic_index, nics.size()));
            } else if (nic->is_valid && !nic->mac.empty()) {
                target->nic = *nic;
                found.targets.push_back(std::move(*target));
            }
        }
    }

private:
    std::string path(std::string_view folder, std::string_view name = {}) const {
        return fmt::format("{}/{}{}{}", table_, folder, name.empty() ? "" : "/", name);
    }
    bool exists(std::string_view folder) const { return files_.info(path(folder)).has_value(); }

    std::string attribute(std::string_view folder, std::string_view name) const {
        const auto text = files_.read(path(folder, name), kAttributeBytesMax);
        return text ? std::string(base::trim(*text)) : std::string();
    }
    std::uint64_t flags(std::string_view folder) const {
        return base::parse_unsigned(attribute(folder, "flags")).value_or(0);
    }

    std::vector<std::string> folders(std::string_view kind) const {
        std::vector<std::string> names;
        const auto entries = files_.list(table_);
        if (!entries) return names;
        for (const auto& entry : *entries) {
            if (entry.name.contains(kind)) names.push_back(entry.name);
        }
        return names;
    }

    std::vector<BootNic> read_nics() const {
        std::vector<BootNic> nics;
        for (const auto& folder : folders("ethernet")) nics.push_back(read_nic(folder));
        return nics;
    }

    BootNic read_nic(const std::string& folder) const {
        const auto text = [&](std::string_view name) { return attribute(folder, name); };
        const std::string dhcp = text("dhcp");
        BootNic nic{
            .index = text("index"),
            .mac = text("mac"),
            .ip_address = text("ip-addr"),
            .prefix_length = text("prefix-len"),
            .subnet_mask = text("subnet-mask"),
            .gateway = text("gateway"),
            .primary_dns = text("primary-dns"),
            .secondary_dns = text("secondary-dns"),
            .vlan = text("vlan"),
            .netdev = {},
            .uses_dhcp = text("origin") == kOriginDhcp || (!dhcp.empty() && dhcp != kNoAddress),
            .is_valid = (flags(folder) & kValid) != 0};
        // Compat: "not there" is -1, and printed.
        if (nic.prefix_length.empty()) nic.prefix_length = "-1";
        nic.netdev = netdev_of(folder, nic.mac);
        return nic;
    }

    // The device's own list of interfaces, else whoever has the MAC address.
    std::string netdev_of(const std::string& folder, std::string_view mac) const {
        if (const auto own = files_.list(path(folder, "device/net")); own && !own->empty()) {
            return own->front().name;
        }
        const std::string all = fmt::format("{}/class/net", sysfs_);
        const auto netdevs = files_.list(all);
        if (!netdevs || mac.empty()) return {};
        for (const auto& entry : *netdevs) {
            const auto address =
                files_.read(fmt::format("{}/{}/address", all, entry.name), kAttributeBytesMax);
            if (address && base::trim(*address) == mac) return entry.name;
        }
        return {};
    }

    std::optional<BootTarget> read_target(const std::string& folder) const {
        const auto text = [&](std::string_view name) { return attribute(folder, name); };
        const auto bits = flags(folder);
        if ((bits & kValid) == 0) return std::nullopt;
        BootTarget target{.name = text("target-name"),
                          .address = text("ip-addr"),
                          .lun = text("lun"),
                          .username = text("chap-name"),
                          .password = base::Secret(text("chap-secret")),
                          .username_in = text("rev-chap-name"),
                          .password_in = base::Secret(text("rev-chap-name-secret")),
                          .of_this_boot = (bits & kOfThisBoot) != 0,
                          .nic = {},
                          .initiator_name = attribute("initiator", "initiator-name"),
                          .isid = attribute("initiator", "isid").substr(0, kIsidBytes)};
        if (target.name.empty() || target.address.empty()) return std::nullopt;
        constexpr std::uint64_t kPortMax = 65535;
        const auto port = base::parse_unsigned(text("port"));
        if (port && *port <= kPortMax) target.port = static_cast<std::int32_t>(*port);
        return target;
    }

    os::Files& files_;
    std::string sysfs_;
    std::string table_;
};

void append(std::string& block, std::string_view key, std::string_view value) {
    if (value.empty()) return;
    fmt::format_to(std::back_inserter(block), "{} = {}\n", key, value);
}

}  // namespace

BootTargets read_boot_targets(os::Files& files, const std::string& sysfs) {
    BootTargets found;
    const std::string root = sysfs + "/firmware";
    TableReader(files, sysfs, root + "/ibft").read_into(found);
    const auto tables = files.list(root);
    if (!tables) return found;
    for (const auto& entry : *tables) {
        if (!entry.name.starts_with("iscsi_boot")) continue;
        TableReader(files, sysfs, fmt::format("{}/{}", root, entry.name)).read_into(found);
    }
    return found;
}

std::string print(const BootTarget& target) {
    const BootNic& nic = target.nic;
    auto block = fmt::format("# BEGIN RECORD {}\n", base::kVersion);
    append(block, "iface.initiatorname", target.initiator_name);
    append(block, "iface.isid", target.isid);
    append(block, "iface.transport_name", "tcp");
    append(block, "iface.hwaddress", nic.mac);
    append(block, "iface.bootproto", nic.uses_dhcp ? "DHCP" : "STATIC");
    append(block, "iface.ipaddress", nic.ip_address);
    append(block, "iface.prefix_len", nic.prefix_length == "0" ? "" : nic.prefix_length);
    append(block, "iface.subnet_mask", nic.subnet_mask);
    append(block, "iface.gateway", nic.gateway);
    append(block, "iface.primary_dns", nic.primary_dns);
    append(block, "iface.secondary_dns", nic.secondary_dns);
    append(block, "iface.vlan_id", nic.vlan);
    append(block, "iface.net_ifacename", nic.netdev);
    append(block, "node.name", target.name);
    append(block, "node.conn[0].address", target.address);
    append(block, "node.conn[0].port", fmt::to_string(target.port));
    append(block, "node.session.auth.username", target.username);
    append(block, "node.session.auth.password", target.password.reveal());
    append(block, "node.session.auth.username_in", target.username_in);
    append(block, "node.session.auth.password_in", target.password_in.reveal());
    append(block, "node.boot_lun", target.lun);
    return block += "# END RECORD\n";
}

}  // namespace iscsi::firmware
