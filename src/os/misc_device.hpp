// SPDX-License-Identifier: LGPL-2.1-or-later
// Devices by which a driver of the kernel is reached: character devices of major 10 with a minor
// number of their own, the same on every machine.
#pragma once

#include "base/error.hpp"
#include "os/fd.hpp"

namespace iscsi::os {

struct MiscDevice {
    const char* path;
    const char* module;  // the driver's
    unsigned minor;      // include/linux/miscdevice.h of the kernel
};
inline constexpr MiscDevice kFuseDevice{.path = "/dev/fuse", .module = "fuse", .minor = 229};
inline constexpr MiscDevice kLoopControl{
    .path = "/dev/loop-control", .module = "loop", .minor = 237};

// Opens it for reading and writing, with these flags besides. The error names the path, and says
// how to load the driver or, where something else has the device's name, what it is and how to make
// the device. What is not the device is not opened: that may do things, or wait.
base::Result<Fd> open_misc_device(const MiscDevice& device, int flags = 0);

}  // namespace iscsi::os
