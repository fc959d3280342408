// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/misc_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "os/files.hpp"

namespace iscsi::os {

namespace {

using base::ErrorCode;

constexpr unsigned kMiscMajor = 10;

std::string describe(const struct stat& info) {
    if (!S_ISCHR(info.st_mode)) return std::string(name_of_kind(info.st_mode));
    return fmt::format("character device {}:{}", major(info.st_rdev), minor(info.st_rdev));
}

}  // namespace

base::Result<Fd> open_misc_device(const MiscDevice& device, int flags) {
    struct stat info{};
    const bool is_there = ::stat(device.path, &info) == 0;
    const bool is_it =
        is_there && S_ISCHR(info.st_mode) && info.st_rdev == makedev(kMiscMajor, device.minor);
    if (is_there && !is_it) {
        return base::fail(ErrorCode::Internal,
                          "{}, which the data path in user space needs, is not that device but a "
                          "{} (rm {}; mknod -m 600 {} c {} {})",
                          device.path, describe(info), device.path, device.path, kMiscMajor,
                          device.minor);
    }
    Fd fd;
    if (is_it) fd = Fd(::open(device.path, O_RDWR | O_CLOEXEC | flags));
    if (fd) return fd;
    return base::fail_errno(ErrorCode::Internal, errno,
                            fmt::format("{}, which the data path in user space needs (modprobe {})",
                                        device.path, device.module));
}

}  // namespace iscsi::os
