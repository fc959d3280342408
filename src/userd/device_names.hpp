// SPDX-License-Identifier: LGPL-2.1-or-later
// The names by which clients find a LUN's device, and those by which we find our own leftovers.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "scsi/lun.hpp"

namespace iscsi::userd {

struct PortalName {
    std::string address;  // literally as in the record; IPv6 without brackets
    std::uint16_t port = 3260;
    std::string target;
};

// "/dev/disk/by-path/ip-192.0.2.7:3260-iscsi-iqn.2026-11.org.example:disk1-lun-1": what udev's
// path_id gives a kernel session's disk. Characters that udev does not take become '_'.
std::string by_path_link(const PortalName& portal, scsi::Lun lun);
// "...-part2" for "loop3p2"; nullopt when `partition` is none of `disk`.
std::optional<std::string> partition_link(std::string_view disk_link, std::string_view disk,
                                          std::string_view partition);
// "../../loop3": what the link leads to.
std::string link_target(std::string_view device);

// A LUN's file in a session's FUSE file system, and with it the process that serves it:
// "iscsi-1000001-lun-1.4026531836.4015.12345" (pid namespace, pid, start). The kernel shows it as
// the loop device's backing file, so that a device whose process has died can be told from one in
// use, whatever run directory that process has.
struct FileOwner {
    std::uint64_t sid = 0;
    std::uint64_t pid_namespace = 0;
    std::uint64_t pid = 0;
    std::uint64_t start_ticks = 0;
    bool operator==(const FileOwner&) const = default;
};
std::string export_file_name(const FileOwner& owner, scsi::Lun lun);
// Of a backing file, whatever directories come before; nullopt for other people's files.
std::optional<FileOwner> owner_of_backing_file(std::string_view path);

}  // namespace iscsi::userd
