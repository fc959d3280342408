// SPDX-License-Identifier: LGPL-2.1-or-later
// Who uses a block device.
#pragma once

#include <string_view>

namespace iscsi::os {

// Whether the device ("loop3"), one of its partitions, or a device built on them (device mapper,
// md, LVM, multipath; to any depth) is mounted in our mount namespace or is swap space.
bool block_device_in_use(std::string_view name);

}  // namespace iscsi::os
