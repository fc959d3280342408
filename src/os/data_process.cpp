// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/data_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

#include "os/fd.hpp"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

namespace iscsi::os {

namespace {

bool write_text(const char* path, std::string_view text) {
    const Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
    return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// A line of /proc/self/maps: "7f1c-7f2d r-xp 00000000 fe:01 1234    /lib/libc.so.6".
struct Mapping {
    std::uintptr_t begin = 0;
    std::size_t bytes = 0;
};
std::optional<Mapping> readable_file_mapping(std::string_view line) {
    const auto dash = line.find('-');
    const auto space = line.find(' ');
    if (dash == line.npos || space == line.npos || dash > space) return std::nullopt;
    if (!line.substr(space + 1).starts_with('r') || !line.contains(" /")) return std::nullopt;
    std::uintptr_t ends[2] = {};
    for (const auto& [text, into] :
         {std::pair{line.substr(0, dash), &ends[0]},
          std::pair{line.substr(dash + 1, space - dash - 1), &ends[1]}}) {
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), *into, 16);
        if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
            return std::nullopt;
        }
    }
    return Mapping{ends[0], ends[1] - ends[0]};
}

// Reads in what the program and its libraries consist of: code that has not run yet, the login
// after a lost connection for one, would else have to come from the disk behind that connection.
bool lock_program() {
    std::ifstream maps("/proc/self/maps");
    bool complete = maps.is_open();
    for (std::string line; std::getline(maps, line);) {
        const auto mapping = readable_file_mapping(line);
        if (!mapping) continue;
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel tells addresses as numbers
        complete &= ::mlock(reinterpret_cast<const void*>(mapping->begin), mapping->bytes) == 0;
    }
    return complete;
}

}  // namespace

std::vector<std::string> protect_from_memory_pressure() {
    std::vector<std::string> refused;
    // ONFAULT: of stacks and big buffers, what was never touched costs nothing until it is.
    if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0 || !lock_program()) {
        refused.push_back(fmt::format("cannot lock memory: {}", std::strerror(errno)));
    }
    if (::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) != 0) {
        refused.push_back(fmt::format("cannot become an I/O flusher: {}", std::strerror(errno)));
    }
    if (!write_text("/proc/self/oom_score_adj", "-1000")) {
        refused.push_back(fmt::format("cannot set oom_score_adj: {}", std::strerror(errno)));
    }
    return refused;
}

void leave_terminal() {
    (void)::setsid();  // refused to a process that leads one already
    (void)!::chdir("/");
    const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) return;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
}

}  // namespace iscsi::os
