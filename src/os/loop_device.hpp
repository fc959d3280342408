// SPDX-License-Identifier: LGPL-2.1-or-later
// Linux loop devices: a file as a block device. Every call here may block until the file's owner
// has answered reads: never call one from the thread that answers them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "os/fd.hpp"

namespace iscsi::os {

struct LoopOptions {
    std::uint32_t block_bytes = 512;
    bool read_only = false;
    std::string label;  // at most 63 characters, for `losetup --list`
};

// Whether loop devices can be had at all. The error names the device file and the module.
base::Status check_loop_driver();

// Attaches `file` to a free loop device with direct I/O and partition scan; the node is made when
// no devtmpfs does it. Gives the device's number. Needs Linux 5.8 (LOOP_CONFIGURE).
base::Result<std::uint32_t> attach_loop(int file, const LoopOptions& options);

// Writes dirty pages of the device out: what its users wrote without a file system. May block.
base::Status sync_loop(std::uint32_t number);
// Detaches. A device in use (mounted) detaches by itself when its last user lets go.
base::Status detach_loop(std::uint32_t number);
// Detaches a device that nobody has open; false: somebody has, and nothing changed.
base::Result<bool> detach_loop_if_unused(std::uint32_t number);
// The size of the file behind the device has changed: `file` is another descriptor of it, through
// which the kernel learns the new size first.
base::Status refresh_loop_size(std::uint32_t number, int file);
base::Status set_loop_read_only(std::uint32_t number, bool read_only);

// "loop3" and the partitions it has now: "loop3p1", ..., made in /dev if missing.
std::string loop_name(std::uint32_t number);
std::vector<std::string> loop_partitions(std::uint32_t number);

struct AttachedLoop {
    std::uint32_t number = 0;
    std::string backing_file;  // path as the kernel prints it
};
// All attached loop devices. Reads sysfs only: never blocks on a device.
std::vector<AttachedLoop> attached_loops();

// Detaches a device whose file no process will ever serve again: it is one of a FUSE file system,
// and the kernel answers for it that the file system's process has let go of it (ENOTCONN), which
// is final. A file that its process answers for, or does not answer for within a second (it may be
// frozen), keeps its device. Whether it was detached.
bool detach_loop_if_forsaken(const AttachedLoop& loop);

}  // namespace iscsi::os
