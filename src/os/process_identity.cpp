// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/process_identity.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string_view>

#include "base/numbers.hpp"
#include "os/fd.hpp"

namespace iscsi::os {

namespace {

struct StatLine {
    char state = '?';
    std::uint64_t start_ticks = 0;
};

// /proc/PID/stat: "pid (name) state ppid ... starttime(22nd) ...". The name may hold anything.
std::optional<StatLine> read_stat(std::uint64_t pid) {
    const Fd fd(::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    std::array<char, 1024> buffer{};
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count <= 0) return std::nullopt;
    const std::string_view text(buffer.data(), static_cast<std::size_t>(count));
    const auto name_end = text.rfind(") ");
    if (name_end == std::string_view::npos) return std::nullopt;
    const auto fields = base::split(text.substr(name_end + 2), ' ');
    constexpr std::size_t kStartTime = 22 - 3;  // counted from the state, the third field
    if (fields.size() <= kStartTime || fields[0].empty()) return std::nullopt;
    const auto start = base::parse_unsigned(fields[kStartTime]);
    if (!start) return std::nullopt;
    return StatLine{.state = fields[0][0], .start_ticks = *start};
}

std::uint64_t own_pid_namespace() {
    struct stat info{};
    return ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

}  // namespace

ProcessIdentity this_process() {
    const auto pid = static_cast<std::uint64_t>(::getpid());
    const auto line = read_stat(pid);
    return {.pid_namespace = own_pid_namespace(),
            .pid = pid,
            .start_ticks = line ? line->start_ticks : 0};
}

bool has_ended(const ProcessIdentity& process) {
    if (process.pid_namespace == 0 || process.pid_namespace != own_pid_namespace()) return false;
    const auto line = read_stat(process.pid);
    if (!line) return true;
    const bool zombie = line->state == 'Z' || line->state == 'X';
    return zombie || line->start_ticks != process.start_ticks;
}

}  // namespace iscsi::os
