// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/fuse_mount.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "os/misc_device.hpp"

namespace iscsi::os {

base::Result<FuseMount> mount_fuse(std::string_view source, std::uint32_t max_read_bytes) {
    using base::ErrorCode;
    FuseMount mount;
    ISCSI_TRY(mount.device, open_misc_device(kFuseDevice, O_NONBLOCK));
    const Fd context(::fsopen("fuse", FSOPEN_CLOEXEC));
    if (!context) return base::fail_errno(ErrorCode::Internal, errno, "fsopen fuse");
    const std::array<std::pair<const char*, std::string>, 6> options = {{
        {"source", std::string(source)},
        {"fd", fmt::format("{}", mount.device.get())},
        {"rootmode", "40000"},  // octal: a directory
        {"user_id", "0"},
        {"group_id", "0"},
        {"max_read", fmt::format("{}", max_read_bytes)},
    }};
    for (const auto& [key, value] : options) {
        if (::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0) != 0) {
            return base::fail_errno(ErrorCode::Internal, errno, fmt::format("fuse option {}", key));
        }
    }
    if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
        return base::fail_errno(ErrorCode::Internal, errno, "fuse mount");
    }
    mount.root = Fd(::fsmount(context.get(), FSMOUNT_CLOEXEC,
                              MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
    if (!mount.root) return base::fail_errno(ErrorCode::Internal, errno, "fsmount");
    return mount;
}

base::Result<Fd> open_in_mount(const Fd& root, const std::string& name) {
    Fd fd(::openat(root.get(), name.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd && errno == EROFS) fd = Fd(::openat(root.get(), name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return base::fail_errno(base::ErrorCode::Internal, errno, name);
    return fd;
}

}  // namespace iscsi::os
