// SPDX-License-Identifier: LGPL-2.1-or-later
// Who uses a block device.
#pragma once

#include <string>
#include <string_view>

namespace iscsi::os {

// Whether the device ("loop3"), one of its partitions, or a device built on them (device mapper,
// md, LVM, multipath, loop devices; to any depth) is mounted in our mount namespace, is a part of a
// mounted file system of several devices, or is swap space. Nothing is opened and nothing waits for
// a device. `root` stands before /sys, /proc and /dev: empty, or a tree of a test.
bool block_device_in_use(std::string_view name, const std::string& root = {});

}  // namespace iscsi::os
