// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/process_identity.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/numbers.hpp"
#include "os/fd.hpp"

namespace iscsi::os {

namespace {

constexpr std::uint64_t kInitialPidNamespace = 0xeffffffc;  // fixed: the kernel's PROC_PID_INIT_INO

struct StatLine {
    char state = '?';
    std::uint64_t start_ticks = 0;
};

// Empty when it cannot be read; files of /proc about processes are small.
std::string read_file(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return {};
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    return count > 0 ? std::string(buffer.data(), static_cast<std::size_t>(count)) : std::string();
}

// /proc/PID/stat: "pid (name) state ppid ... starttime(22nd) ...". The name may hold anything.
std::optional<StatLine> read_stat(std::uint64_t pid) {
    const std::string text = read_file(fmt::format("/proc/{}/stat", pid));
    const auto name_end = text.rfind(") ");
    if (name_end == std::string_view::npos) return std::nullopt;
    const auto fields = base::split(std::string_view(text).substr(name_end + 2), ' ');
    constexpr std::size_t kStartTime = 22 - 3;  // counted from the state, the third field
    if (fields.size() <= kStartTime || fields[0].empty()) return std::nullopt;
    const auto start = base::parse_unsigned(fields[kStartTime]);
    if (!start) return std::nullopt;
    return StatLine{.state = fields[0][0], .start_ticks = *start};
}

std::uint64_t pid_namespace_of(std::string_view process) {
    struct stat info{};
    return ::stat(fmt::format("/proc/{}/ns/pid", process).c_str(), &info) == 0 ? info.st_ino : 0;
}

// The last number of "NSpid:" in /proc/PID/status: the pid in the innermost namespace.
std::optional<std::uint64_t> innermost_pid(std::string_view process) {
    const auto text = read_file(fmt::format("/proc/{}/status", process));
    const auto at = text.find("NSpid:");
    if (at == std::string::npos) return std::nullopt;
    const std::string_view line = std::string_view(text).substr(at, text.find('\n', at) - at);
    return base::parse_unsigned(line.substr(line.find_last_of("\t ") + 1));
}

// Whether a process of another namespace lives, seen from the initial namespace, which sees all.
bool lives_elsewhere(const ProcessIdentity& process) {
    const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
    if (!proc) return true;
    while (const dirent* entry = ::readdir(proc.get())) {
        const std::string_view name = entry->d_name;
        if (!base::parse_unsigned(name)) continue;
        if (pid_namespace_of(name) != process.pid_namespace) continue;
        if (innermost_pid(name) == process.pid) return true;
    }
    return false;
}

}  // namespace

ProcessIdentity this_process() {
    const auto pid = static_cast<std::uint64_t>(::getpid());
    const auto line = read_stat(pid);
    return {.pid_namespace = pid_namespace_of("self"),
            .pid = pid,
            .start_ticks = line ? line->start_ticks : 0};
}

bool is_within_sight(const ProcessIdentity& process) {
    const std::uint64_t here = pid_namespace_of("self");
    if (process.pid_namespace == 0 || here == 0) return false;
    return here == process.pid_namespace || here == kInitialPidNamespace;
}

bool has_ended(const ProcessIdentity& process) {
    if (!is_within_sight(process)) return false;
    if (process.pid_namespace != pid_namespace_of("self")) return !lives_elsewhere(process);
    const auto line = read_stat(process.pid);
    if (!line) return true;
    const bool zombie = line->state == 'Z' || line->state == 'X';
    return zombie || line->start_ticks != process.start_ticks;
}

}  // namespace iscsi::os
