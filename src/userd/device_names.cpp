// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/device_names.hpp"

#include <fmt/format.h>

#include "base/numbers.hpp"

namespace iscsi::userd {

namespace {

constexpr std::string_view kByPath = "/dev/disk/by-path/";
constexpr std::string_view kFilePrefix = "iscsi-";
constexpr std::string_view kFileMiddle = "-lun-";

// Compat: udev's list of characters for names of links.
bool udev_takes(char c) {
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool beyond_ascii = static_cast<unsigned char>(c) >= 0x80;  // UTF-8 is taken
    return alphanumeric || beyond_ascii ||
           std::string_view("#+-.:=@_").find(c) != std::string_view::npos;
}

}  // namespace

std::string by_path_link(const PortalName& portal, scsi::Lun lun) {
    std::string name = fmt::format("ip-{}:{}-iscsi-{}-{}", portal.address, portal.port,
                                   portal.target, scsi::by_path_lun(lun));
    for (char& c : name) {
        if (!udev_takes(c)) c = '_';
    }
    return std::string(kByPath) + name;
}

std::optional<std::string> partition_link(std::string_view disk_link, std::string_view disk,
                                          std::string_view partition) {
    if (!partition.starts_with(disk)) return std::nullopt;
    std::string_view rest = partition.substr(disk.size());
    if (!rest.starts_with('p')) return std::nullopt;
    rest.remove_prefix(1);
    if (!base::parse_unsigned(rest)) return std::nullopt;
    return fmt::format("{}-part{}", disk_link, rest);
}

std::string link_target(std::string_view device) { return fmt::format("../../{}", device); }

std::string export_file_name(const FileOwner& owner, scsi::Lun lun) {
    return fmt::format("{}{}{}{}.{}.{}.{}", kFilePrefix, owner.sid, kFileMiddle, lun.number(),
                       owner.pid_namespace, owner.pid, owner.start_ticks);
}

std::optional<FileOwner> owner_of_backing_file(std::string_view path) {
    // The kernel marks files that it cannot find by name any more.
    constexpr std::string_view kDeleted = " (deleted)";
    if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
    std::string_view name = path.substr(path.rfind('/') + 1);
    if (!name.starts_with(kFilePrefix)) return std::nullopt;
    name.remove_prefix(kFilePrefix.size());
    const auto middle = name.find(kFileMiddle);
    if (middle == std::string_view::npos) return std::nullopt;
    const auto sid = base::parse_unsigned(name.substr(0, middle));
    const auto numbers = base::split(name.substr(middle + kFileMiddle.size()), '.');
    if (!sid || numbers.size() != 4 || !base::parse_unsigned(numbers[0])) return std::nullopt;
    const auto pid_namespace = base::parse_unsigned(numbers[1]);
    const auto pid = base::parse_unsigned(numbers[2]);
    const auto start_ticks = base::parse_unsigned(numbers[3]);
    if (!pid_namespace || !pid || !start_ticks) return std::nullopt;
    return FileOwner{*sid, *pid_namespace, *pid, *start_ticks};
}

}  // namespace iscsi::userd
