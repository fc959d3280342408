// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/block_devices.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <vector>

#include "base/numbers.hpp"

namespace iscsi::os {

namespace {

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

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
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

// A device and those that stand on it.
class Family {
public:
    Family(std::string_view name, const std::string& root) : root_(root) {
        for (const std::string& loop : entries_of(fmt::format("{}{}", root_, kBlockClass))) {
            const auto file =
                first_line(fmt::format("{}{}/{}/loop/backing_file", root_, kBlockClass, loop));
            if (file.starts_with(kDevices)) loops_.emplace(loop, file);
        }
        collect(std::string(name));
    }

    bool has_name(const std::string& name) const { return names_.contains(name); }
    bool has_number(const std::string& number) const { return numbers_.contains(number); }
    // A path that the kernel shows, a name that was true when the device was opened: "/dev/sda1",
    // "/dev/disk/by-id/...", "/dev/mapper/...", several of them with ':' between (bcachefs).
    bool has_path(std::string_view path) const {
        if (!path.starts_with(kDevices)) return false;
        if (has_node(std::string(path))) return true;
        // By-path links have colons of their own.
        for (const auto part : base::split(path, ':')) {
            if (part.starts_with(kDevices) && has_node(std::string(part))) return true;
        }
        return false;
    }

private:
    static constexpr std::string_view kDevices = "/dev/";
    static constexpr std::string_view kBlockClass = "/sys/class/block";

    // With its partitions and all that holds one of them.
    void collect(const std::string& name) {
        if (!names_.insert(name).second) return;
        const std::string path = fmt::format("{}{}/{}", root_, kBlockClass, name);
        if (auto number = first_line(path + "/dev"); !number.empty()) {
            numbers_.insert(std::move(number));
        }
        for (const std::string& holder : entries_of(path + "/holders")) collect(holder);
        for (const std::string& part : entries_of(path)) {
            if (part.starts_with(name)) collect(part);  // loop3p1, sda1
        }
        // Loop devices are nobody's holders.
        for (const auto& [loop, file] : loops_) {
            if (!names_.contains(loop) && has_path(file)) collect(loop);
        }
    }

    bool has_node(const std::string& path) const {
        const std::string here = root_ + path;
        struct stat status{};
        if (::stat(here.c_str(), &status) == 0 && S_ISBLK(status.st_mode)) {
            return has_number(
                fmt::format("{}:{}", ::major(status.st_rdev), ::minor(status.st_rdev)));
        }
        // The node has gone: its name is all there is.
        const std::unique_ptr<char, void (*)(void*)> real(::realpath(here.c_str(), nullptr),
                                                          ::free);
        const std::string name = real ? real.get() : path;
        return has_name(name.substr(name.rfind('/') + 1));
    }

    const std::string& root_;
    std::map<std::string, std::string> loops_;  // those on devices: name, path of the device
    std::set<std::string> names_;               // "sda1"
    std::set<std::string> numbers_;             // "8:1"
};

// A line of mountinfo: "36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw,logdev=/dev/sdb".
// The number is the device's, or for btrfs and others that span several devices one that stands for
// none; the last field has more devices of some file systems.
bool names_one_of(const std::string& line, const Family& family) {
    std::istringstream fields(line);
    std::string id, parent, number, word, type, source, options;
    if (!(fields >> id >> parent >> number)) return false;
    if (family.has_number(number)) return true;
    while (fields >> word && word != "-") {
    }
    if (!(fields >> type >> source)) return false;
    if (family.has_path(unescaped(source))) return true;
    fields >> options;
    for (const auto option : base::split(options, ',')) {
        const auto equals = option.find('=');
        if (equals != option.npos && family.has_path(unescaped(option.substr(equals + 1)))) {
            return true;
        }
    }
    return false;
}

bool is_mounted(const Family& family, const std::string& root) {
    std::ifstream file(root + "/proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
        if (names_one_of(line, family)) return true;
    }
    return false;
}

// Of each mounted btrfs one device is mountinfo's source; sysfs has them all.
bool is_in_btrfs(const Family& family, const std::string& root) {
    const std::string file_systems = root + "/sys/fs/btrfs";
    for (const std::string& each : entries_of(file_systems)) {
        for (const auto& device : entries_of(fmt::format("{}/{}/devices", file_systems, each))) {
            if (family.has_name(device)) return true;
        }
    }
    return false;
}

// A swap file is on a mounted file system, which is_mounted() sees.
bool is_swap(const Family& family, const std::string& root) {
    std::ifstream file(root + "/proc/swaps");
    for (std::string line; std::getline(file, line);) {
        if (family.has_path(unescaped(line.substr(0, line.find_first_of(" \t"))))) return true;
    }
    return false;
}

}  // namespace

bool block_device_in_use(std::string_view name, const std::string& root) {
    const Family family(name, root);
    return is_mounted(family, root) || is_in_btrfs(family, root) || is_swap(family, root);
}

}  // namespace iscsi::os
