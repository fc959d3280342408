// SPDX-License-Identifier: LGPL-2.1-or-later
// A FUSE file system that is mounted nowhere: its files are reached through a descriptor only. No
// path leads to it, no other process sees it, and it ends with the process that serves it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "os/fd.hpp"

namespace iscsi::os {

struct FuseMount {
    Fd device;  // /dev/fuse, nonblocking: requests are read here
    Fd root;    // for openat(); opening blocks until the requests are answered
};

// Needs Linux 5.2 and CAP_SYS_ADMIN. The kernel's first request (INIT) waits on `device`.
base::Result<FuseMount> mount_fuse(std::string_view source, std::uint32_t max_read_bytes);

// A file of the mount, for reading and writing, or for reading only where its owner says EROFS.
base::Result<Fd> open_in_mount(const Fd& root, const std::string& name);

}  // namespace iscsi::os
