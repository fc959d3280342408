// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/device_link.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <functional>
#include <string_view>

#include "os/files.hpp"

namespace iscsi::os {

namespace {

void make_parents(const std::string& path) {
    for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
        (void)::mkdir(path.substr(0, at).c_str(), 0755);  // symlink() tells what went wrong
    }
}

}  // namespace

base::Status set_device_link(const std::string& target, const std::string& path) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) == 0 && !S_ISLNK(info.st_mode)) {
        return base::fail(base::ErrorCode::Internal,
                          "{} is a {}, which stays: there is no link to {} of that name", path,
                          name_of_kind(info.st_mode), target);
    }
    make_parents(path);
    // Of a fixed length: the link's own name may leave no room for more. Process ids alone are no
    // distinction, since containers may share /dev.
    const std::string fresh = fmt::format("{}/ip-.new.{:x}.{}", path.substr(0, path.rfind('/')),
                                          std::hash<std::string>{}(path), ::getpid());
    ::unlink(fresh.c_str());
    if (::symlink(target.c_str(), fresh.c_str()) != 0) {
        return base::fail_errno(base::ErrorCode::Internal, errno, path);
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0) {
        const int error_number = errno;
        ::unlink(fresh.c_str());
        return base::fail_errno(base::ErrorCode::Internal, error_number, path);
    }
    return {};
}

bool device_link_exists(const std::string& path) {
    struct stat info{};
    return ::lstat(path.c_str(), &info) == 0;
}

void remove_device_link(const std::string& target, const std::string& path) {
    std::array<char, PATH_MAX> buffer{};
    const ssize_t count = ::readlink(path.c_str(), buffer.data(), buffer.size());
    if (count < 0) return;
    if (std::string_view(buffer.data(), static_cast<std::size_t>(count)) == target) {
        ::unlink(path.c_str());
    }
}

}  // namespace iscsi::os
