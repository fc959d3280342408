// SPDX-License-Identifier: LGPL-2.1-or-later
// Scans for LUNs through sysfs. The writes block until the target has answered every INQUIRY, so
// they run on threads of their own; a silent target holds up nobody else's scan.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "datapath/kernel/sysfs.hpp"

namespace iscsi::datapath::kernel {

struct ScanRequest {
    std::uint32_t sid = 0;
    std::uint32_t host_no = 0;
    std::int32_t queue_depth = 32;  // for each LUN, as far as it allows; 0: as it is
    bool rescan_known = false;      // ask the known LUNs for their size again
    bool wake_only = false;         // no scan: only set LUNs running that the kernel gave up
};

struct ScanOutcome {
    std::uint32_t luns = 0;
    std::uint32_t devices = 0;
};

// Blocks. Thread-safe: touches nothing but sysfs, and uses no descriptor but its own.
ScanOutcome scan(const Sysfs& sysfs, const ScanRequest& request);

}  // namespace iscsi::datapath::kernel
