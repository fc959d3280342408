// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/block_devices.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>
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

// A device and those that stand on it.
struct Family {
    std::set<std::string> names;    // "sda1"
    std::set<std::string> numbers;  // "8:1"
};

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

// Mountinfo writes blanks and such in names as three octal digits.
std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        const char* const digits = text.data() + i + 1;
        if (text[i] == '\\' && i + 3 < text.size() &&
            std::from_chars(digits, digits + 3, value, 8).ptr == digits + 3) {
            out += static_cast<char>(value);
            i += 3;
        } else {
            out += text[i];
        }
    }
    return out;
}

std::string number_of_node(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0 || !S_ISBLK(status.st_mode)) return {};
    return fmt::format("{}:{}", ::major(status.st_rdev), ::minor(status.st_rdev));
}

// A line of mountinfo: "36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw". The number is
// the device's, or for btrfs and others that span several devices one that stands for no device;
// the source is a name that was true when it was mounted.
bool names_one_of(const std::string& line, const Family& family) {
    std::istringstream fields(line);
    std::string id, parent, number, word, type, source;
    if (!(fields >> id >> parent >> number)) return false;
    if (family.numbers.contains(number)) return true;
    while (fields >> word && word != "-") {
    }
    if (!(fields >> type >> source) || !source.starts_with("/dev/")) return false;
    source = unescaped(source);
    return family.names.contains(source.substr(source.rfind('/') + 1)) ||
           family.numbers.contains(number_of_node(source));
}

bool is_mounted(const Family& family) {
    std::ifstream file("/proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
        if (names_one_of(line, family)) return true;
    }
    return false;
}

// Of each mounted btrfs one device is mountinfo's source; sysfs has them all.
bool is_in_btrfs(const Family& family) {
    constexpr const char* kFileSystems = "/sys/fs/btrfs";
    for (const std::string& each : entries_of(kFileSystems)) {
        for (const std::string& device :
             entries_of(fmt::format("{}/{}/devices", kFileSystems, each))) {
            if (family.names.contains(device)) return true;
        }
    }
    return false;
}

bool is_swap(const Family& family) {
    std::ifstream file("/proc/swaps");
    for (std::string line; std::getline(file, line);) {
        const std::string device = line.substr(0, line.find_first_of(" \t"));
        if (family.names.contains(device.substr(device.rfind('/') + 1))) return true;
    }
    return false;
}

}  // namespace

bool block_device_in_use(std::string_view name) {
    Family family;
    collect(std::string(name), family.names);
    for (const std::string& member : family.names) {
        const std::string number = number_of(member);
        if (!number.empty()) family.numbers.insert(number);
    }
    return is_mounted(family) || is_in_btrfs(family) || is_swap(family);
}

}  // namespace iscsi::os
