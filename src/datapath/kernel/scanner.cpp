// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/kernel/scanner.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "os/fd.hpp"

namespace iscsi::datapath::kernel {

namespace {

// A LUN may vanish while it is written to: that is what a scan finds out, not an error.
void write_attribute(const std::string& path, std::string_view value) {
    const os::Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file) (void)!::write(file.get(), value.data(), value.size());
}

bool given_up(const std::string& state) {
    return state == "offline" || state == "transport-offline";
}

}  // namespace

ScanOutcome scan(const Sysfs& sysfs, const ScanRequest& request) {
    const auto device = [&](const LunView& lun) {
        return sysfs.path(fmt::format("class/scsi_device/{}:{}:{}:{}/device", lun.host, lun.channel,
                                      lun.target, lun.lun));
    };
    for (const auto& lun : sysfs.luns(request.sid)) {
        if (request.wake_only && given_up(lun.state))
            write_attribute(device(lun) + "/state", "running\n");
        if (request.rescan_known) write_attribute(device(lun) + "/rescan", "1");
    }
    if (!request.wake_only) {
        write_attribute(sysfs.path(fmt::format("class/scsi_host/host{}/scan", request.host_no)),
                        "- - -");
    }
    ScanOutcome outcome;
    for (const auto& lun : sysfs.luns(request.sid)) {
        ++outcome.luns;
        if (!lun.block_device.empty()) ++outcome.devices;
        if (!request.wake_only && request.queue_depth > 0) {
            write_attribute(device(lun) + "/queue_depth", fmt::format("{}", request.queue_depth));
        }
    }
    return outcome;
}

}  // namespace iscsi::datapath::kernel
