// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/loop_device.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "base/numbers.hpp"
#include "os/misc_device.hpp"
#include "os/process.hpp"

namespace iscsi::os {

namespace {

using base::ErrorCode;

// Others may take the free device first; each failure means that one of them has got one.
constexpr int kAttempts = 4096;
constexpr std::uint64_t kLoopMajor = 7;

std::string node_path(std::string_view name) { return fmt::format("/dev/{}", name); }

std::optional<std::string> read_small(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0) return std::nullopt;
    return std::string(base::trim({buffer.data(), static_cast<std::size_t>(count)}));
}

std::vector<std::string> names_in(const std::string& directory) {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), &::closedir);
    if (!dir) return names;
    while (const dirent* entry = ::readdir(dir.get())) names.emplace_back(entry->d_name);
    std::ranges::sort(names);
    return names;
}

// devtmpfs makes nodes by itself; without it we do.
void ensure_node(const std::string& name, dev_t device) {
    const std::string path = node_path(name);
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0) {
        if (S_ISBLK(info.st_mode) && info.st_rdev == device) return;
        ::unlink(path.c_str());
    }
    ::mknod(path.c_str(), S_IFBLK | 0600, device);  // the open() that follows tells the error
}

base::Result<Fd> open_loop(std::uint32_t number) {
    const std::string name = loop_name(number);
    Fd fd(::open(node_path(name).c_str(), O_RDWR | O_CLOEXEC));
    if (!fd && errno == EROFS) fd = Fd(::open(node_path(name).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd && (errno == ENOENT || errno == ENXIO)) {
        ensure_node(name, makedev(kLoopMajor, number));
        fd = Fd(::open(node_path(name).c_str(), O_RDWR | O_CLOEXEC));
    }
    if (!fd) return base::fail_errno(ErrorCode::Internal, errno, node_path(name));
    return fd;
}

base::Status loop_ioctl(std::uint32_t number, unsigned long request, const char* what) {
    ISCSI_TRY(const Fd fd, open_loop(number));
    if (::ioctl(fd.get(), request, 0) != 0) {
        return base::fail_errno(ErrorCode::Internal, errno,
                                fmt::format("{}: {}", loop_name(number), what));
    }
    return {};
}

loop_config make_config(int file, const LoopOptions& options) {
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(file);
    config.block_size = options.block_bytes;
    config.info.lo_flags = LO_FLAGS_DIRECT_IO | LO_FLAGS_PARTSCAN;
    if (options.read_only) config.info.lo_flags |= LO_FLAGS_READ_ONLY;
    const std::size_t length = std::min(options.label.size(), sizeof config.info.lo_file_name - 1);
    std::memcpy(config.info.lo_file_name, options.label.data(), length);
    return config;
}

}  // namespace

std::string loop_name(std::uint32_t number) { return fmt::format("loop{}", number); }

base::Status check_loop_driver() {
    ISCSI_TRY_VOID(open_misc_device(kLoopControl));
    return {};
}

base::Result<std::uint32_t> attach_loop(int file, const LoopOptions& options) {
    ISCSI_TRY(const Fd control, open_misc_device(kLoopControl));
    const loop_config config = make_config(file, options);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const int free = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (free < 0) return base::fail_errno(ErrorCode::Internal, errno, "no free loop device");
        const auto number = static_cast<std::uint32_t>(free);
        ISCSI_TRY(const Fd device, open_loop(number));
        if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) return number;
        if (errno != EBUSY) {
            return base::fail_errno(ErrorCode::Internal, errno,
                                    fmt::format("{}: LOOP_CONFIGURE", loop_name(number)));
        }
    }
    return base::fail(ErrorCode::Internal, "no loop device stays free long enough");
}

// fsync alone writes what was written to the device itself; a file system on it keeps the dirty
// pages of its files. BLKFLSBUF makes it write them, as removing a SCSI disk does.
static base::Status sync_device(const std::string& name) {
    const Fd fd(::open(fmt::format("/dev/{}", name).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd || ::ioctl(fd.get(), BLKFLSBUF, 0) != 0 || ::fsync(fd.get()) != 0) {
        return base::fail_errno(ErrorCode::Internal, errno, "/dev/" + name);
    }
    return {};
}

base::Status sync_loop(std::uint32_t number) {
    base::Status outcome;
    for (const std::string& partition : loop_partitions(number)) {
        if (auto synced = sync_device(partition); !synced) outcome = std::move(synced);
    }
    if (auto synced = sync_device(loop_name(number)); !synced) return synced;
    return outcome;
}

base::Status detach_loop(std::uint32_t number) {
    return loop_ioctl(number, LOOP_CLR_FD, "LOOP_CLR_FD");
}

base::Result<bool> detach_loop_if_unused(std::uint32_t number) {
    ISCSI_TRY(const Fd fd, open_loop(number));
    // With other openers the kernel only notes that the last one ends it: a note that can be taken
    // back, since our descriptor keeps that from happening meanwhile.
    loop_info64 info{};
    if (::ioctl(fd.get(), LOOP_CLR_FD, 0) != 0) {
        return base::fail_errno(ErrorCode::Internal, errno,
                                fmt::format("{}: LOOP_CLR_FD", loop_name(number)));
    }
    if (::ioctl(fd.get(), LOOP_GET_STATUS64, &info) != 0) {
        if (errno == ENXIO) return true;
        // Still attached: it was the file that has refused to tell of itself.
        return base::fail_errno(ErrorCode::Internal, errno,
                                fmt::format("{}: LOOP_GET_STATUS64", loop_name(number)));
    }
    info.lo_flags &= ~static_cast<std::uint32_t>(LO_FLAGS_AUTOCLEAR);
    if (::ioctl(fd.get(), LOOP_SET_STATUS64, &info) != 0) {
        return base::fail_errno(ErrorCode::Internal, errno,
                                fmt::format("{}: LOOP_SET_STATUS64", loop_name(number)));
    }
    return false;
}

base::Status refresh_loop_size(std::uint32_t number, int file) {
    struct stat info{};
    if (::fstat(file, &info) != 0) {
        return base::fail_errno(ErrorCode::Internal, errno, loop_name(number));
    }
    return loop_ioctl(number, LOOP_SET_CAPACITY, "LOOP_SET_CAPACITY");
}

base::Status set_loop_read_only(std::uint32_t number, bool read_only) {
    ISCSI_TRY(const Fd fd, open_loop(number));
    int value = read_only ? 1 : 0;
    if (::ioctl(fd.get(), BLKROSET, &value) != 0) {
        return base::fail_errno(ErrorCode::Internal, errno, loop_name(number));
    }
    return {};
}

std::vector<std::string> loop_partitions(std::uint32_t number) {
    const std::string disk = loop_name(number);
    const std::string directory = fmt::format("/sys/block/{}", disk);
    std::vector<std::string> partitions;
    for (const std::string& name : names_in(directory)) {
        if (!name.starts_with(disk + "p")) continue;
        const auto numbers = read_small(fmt::format("{}/{}/dev", directory, name));
        if (!numbers) continue;
        const auto parts = base::split(*numbers, ':');
        if (parts.size() != 2) continue;
        const auto major = base::parse_unsigned(parts[0]);
        const auto minor = base::parse_unsigned(parts[1]);
        if (!major || !minor) continue;
        ensure_node(name, makedev(static_cast<unsigned>(*major), static_cast<unsigned>(*minor)));
        partitions.push_back(name);
    }
    return partitions;
}

std::vector<AttachedLoop> attached_loops() {
    std::vector<AttachedLoop> loops;
    for (const std::string& name : names_in("/sys/block")) {
        if (!name.starts_with("loop")) continue;
        const auto number = base::parse_unsigned(std::string_view(name).substr(4));
        const auto file = read_small(fmt::format("/sys/block/{}/loop/backing_file", name));
        if (!number || !file) continue;
        loops.push_back({.number = static_cast<std::uint32_t>(*number), .backing_file = *file});
    }
    return loops;
}

namespace {

constexpr int kAnswerWaitMs = 1000;

// In a process of its own, which may be killed while it waits for the answer. Asking for the status
// makes the loop driver ask for the file's attributes. While we have the device open its number can
// not go to another file.
[[noreturn]] void detach_forsaken_and_exit(const AttachedLoop& loop) {
    const std::string name = loop_name(loop.number);
    ::close_range(0, ~0U, 0);  // the locks among them are not ours to keep
    const Fd fd(::open(node_path(name).c_str(), O_RDONLY | O_CLOEXEC));
    const auto file = read_small(fmt::format("/sys/block/{}/loop/backing_file", name));
    loop_info64 info{};
    const bool forsaken = fd && file && *file == loop.backing_file &&
                          ::ioctl(fd.get(), LOOP_GET_STATUS64, &info) != 0 && errno == ENOTCONN;
    ::_exit(forsaken && ::ioctl(fd.get(), LOOP_CLR_FD, 0) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

}  // namespace

bool detach_loop_if_forsaken(const AttachedLoop& loop) {
    ensure_node(loop_name(loop.number), makedev(kLoopMajor, loop.number));
    const pid_t child = ::fork();
    if (child == 0) detach_forsaken_and_exit(loop);
    const auto ended = child > 0 ? watch_process(child) : base::Result<Fd>(Fd());
    if (!ended || !*ended) return false;
    pollfd readable{.fd = ended->get(), .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, kAnswerWaitMs) != 1) {
        kill_process(child);
        (void)::poll(&readable, 1, kAnswerWaitMs);  // what can't be killed yet is left behind
    }
    return collect_child(child) == "exit status 0";
}

}  // namespace iscsi::os
