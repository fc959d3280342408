// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/netdev.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <strings.h>
#include <sys/socket.h>

#include <cerrno>
#include <fstream>
#include <memory>

namespace iscsi::os {

namespace {
constexpr const char* kNetClass = "/sys/class/net";
}

std::string hwaddress_of_netdev(std::string_view name) {
    std::ifstream file(fmt::format("{}/{}/address", kNetClass, name));
    std::string address;
    std::getline(file, address);
    return address;
}

std::optional<std::string> netdev_with_hwaddress(std::string_view hwaddress) {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(kNetClass), ::closedir);
    if (!directory) return std::nullopt;
    const std::string wanted(hwaddress);
    while (const dirent* entry = ::readdir(directory.get())) {
        if (entry->d_name[0] == '.') continue;
        if (::strcasecmp(hwaddress_of_netdev(entry->d_name).c_str(), wanted.c_str()) == 0) {
            return std::string(entry->d_name);
        }
    }
    return std::nullopt;
}

base::Status bind_to_netdev(int socket, const std::string& name) {
    if (::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, name.c_str(),
                     static_cast<socklen_t>(name.size())) != 0) {
        return base::fail_errno(base::ErrorCode::Transport, errno,
                                fmt::format("cannot bind to interface {}", name));
    }
    return {};
}

}  // namespace iscsi::os
