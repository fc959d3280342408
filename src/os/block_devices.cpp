// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/block_devices.hpp"

#include <dirent.h>
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace iscsi::os {

namespace {

constexpr const char* kBlockClass = "/sys/class/block";

std::vector<std::string> entries_of(const std::string& path) {
    std::vector<std::string> out;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
    while (directory) {
        const dirent* entry = ::readdir(directory.get());
        if (entry == nullptr) break;
        if (entry->d_name[0] != '.') out.emplace_back(entry->d_name);
    }
    return out;
}

// The device, its partitions and everything that holds one of them.
void collect(const std::string& name, std::set<std::string>& family) {
    if (!family.insert(name).second) return;
    const std::string path = fmt::format("{}/{}", kBlockClass, name);
    for (const std::string& holder : entries_of(path + "/holders")) collect(holder, family);
    for (const std::string& part : entries_of(path)) {
        if (part.starts_with(name)) collect(part, family);  // loop3p1, sda1
    }
}

std::string number_of(const std::string& name) {
    std::ifstream file(fmt::format("{}/{}/dev", kBlockClass, name));
    std::string number;
    std::getline(file, number);
    return number;
}

// Third field of each line of mountinfo: major:minor.
bool is_mounted(const std::set<std::string>& numbers) {
    std::ifstream file("/proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
        std::istringstream fields(line);
        std::string id, parent, number;
        if (fields >> id >> parent >> number && numbers.contains(number)) return true;
    }
    return false;
}

bool is_swap(const std::set<std::string>& family) {
    std::ifstream file("/proc/swaps");
    for (std::string line; std::getline(file, line);) {
        const std::string device = line.substr(0, line.find_first_of(" \t"));
        if (family.contains(device.substr(device.rfind('/') + 1))) return true;
    }
    return false;
}

}  // namespace

bool block_device_in_use(std::string_view name) {
    std::set<std::string> family;
    collect(std::string(name), family);
    std::set<std::string> numbers;
    for (const std::string& member : family) {
        const std::string number = number_of(member);
        if (!number.empty()) numbers.insert(number);
    }
    return is_mounted(numbers) || is_swap(family);
}

}  // namespace iscsi::os
