// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/kernel/xmit_priority.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "base/numbers.hpp"
#include "os/files.hpp"

namespace iscsi::datapath::kernel {

namespace {

constexpr std::size_t kCommBytesMax = 64;

}  // namespace

bool set_xmit_priority(std::uint32_t host_no, std::int32_t nice) {
    const auto processes = os::system_files().list("/proc");
    if (!processes) return false;
    const std::string wanted = fmt::format("iscsi_q_{}\n", host_no);
    std::vector<std::uint64_t> pids;
    for (const auto& entry : *processes) {
        if (const auto pid = base::parse_unsigned(entry.name)) pids.push_back(*pid);
    }
    // The thread has just been made: it is among the last.
    std::ranges::sort(pids, std::greater{});
    for (const auto pid : pids) {
        const auto comm = os::system_files().read(fmt::format("/proc/{}/comm", pid), kCommBytesMax);
        if (!comm || *comm != wanted) continue;
        return ::setpriority(PRIO_PROCESS, static_cast<id_t>(pid), nice) == 0;
    }
    return false;
}

}  // namespace iscsi::datapath::kernel
