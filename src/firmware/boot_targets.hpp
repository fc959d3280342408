// SPDX-License-Identifier: LGPL-2.1-or-later
// The iSCSI targets that the firmware (or a boot loader) booted from, as the kernel shows its
// table:
//
//   /sys/firmware/ibft/            iSCSI Boot Firmware Table
//   /sys/firmware/iscsi_boot<N>/   the same from an offload adapter, SCSI host N
//       initiator/                 initiator-name, isid
//       ethernet<I>/               flags, index, mac, ip-addr, ..., device/net/<name>
//       target<I>/                 flags, target-name, ip-addr, port, ..., nic-assoc: the index of
//                                  its network interface
//
// Values are kept as texts, as the firmware wrote them: nobody computes with most of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "os/files.hpp"

namespace iscsi::firmware {

struct BootNic {
    std::string index;
    std::string mac;
    std::string ip_address;
    std::string prefix_length;  // "-1" when the firmware does not say
    std::string subnet_mask;
    std::string gateway;
    std::string primary_dns;
    std::string secondary_dns;
    std::string vlan;
    std::string netdev;  // the kernel's name of it; empty: it has none yet
    bool uses_dhcp = false;
    bool is_valid = false;
};

struct BootTarget {
    std::string name;
    std::string address;
    std::int32_t port = 3260;
    std::string lun;  // as the firmware wrote it, e.g. "01000000"
    std::string username;
    base::Secret password;
    std::string username_in;
    base::Secret password_in;
    bool of_this_boot = false;  // the firmware booted from this one

    BootNic nic;
    std::string initiator_name;
    std::string isid;
};

// The tag of a boot target's portal: tables have none.
inline constexpr std::int32_t kBootTag = 1;

struct BootTargets {
    std::vector<BootTarget> targets;
    // What is wrong with targets that had to be left out, in open-iscsi's words.
    std::vector<std::string> problems;
};

// Empty without such tables. Targets that the firmware marks as not valid, or that lack what makes
// a target, are left out. `sysfs` is where sysfs is mounted.
BootTargets read_boot_targets(os::Files& files, const std::string& sysfs);

// The record block that `iscsiadm -m fw` prints, secrets in clear (Compat: boot scripts read them).
std::string print(const BootTarget& target);

}  // namespace iscsi::firmware
