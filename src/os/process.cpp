// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

namespace iscsi::os {

using base::ErrorCode;

std::string program_directory() {
    std::array<char, PATH_MAX> path;
    const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
    if (length <= 0) return ".";
    const std::string_view whole(path.data(), static_cast<std::size_t>(length));
    return std::string(whole.substr(0, whole.rfind('/')));
}

std::string find_helper(std::string_view name, std::string_view folder,
                        const InstalledDirectories& installed) {
    return find_helper_from(program_directory(), name, folder, installed);
}

std::string find_helper_from(std::string_view here, std::string_view name, std::string_view folder,
                             const InstalledDirectories& installed) {
    std::vector<std::string> candidates = {fmt::format("{}/{}", here, name),
                                           fmt::format("{}/../{}/{}", here, folder, name)};
    if (here.ends_with(installed.sbindir)) {
        const auto stage = here.substr(0, here.size() - installed.sbindir.size());
        candidates.push_back(fmt::format("{}{}/{}", stage, installed.libexecdir, name));
    }
    for (const std::string& candidate : candidates) {
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return fmt::format("{}/{}", installed.libexecdir, name);
}

namespace {

// posix_spawn's two attribute objects, freed in every case.
class SpawnSetup {
public:
    SpawnSetup() {
        ::posix_spawnattr_init(&attributes);
        ::posix_spawn_file_actions_init(&actions);
    }
    SpawnSetup(const SpawnSetup&) = delete;
    SpawnSetup& operator=(const SpawnSetup&) = delete;
    ~SpawnSetup() {
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
    }
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
};

}  // namespace

base::Result<pid_t> spawn_detached(const std::string& path, std::vector<std::string> arguments) {
    SpawnSetup setup;
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&setup.attributes, &none);
    ::posix_spawnattr_setsigdefault(&setup.attributes, &all);
    ::posix_spawnattr_setflags(&setup.attributes,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        ::posix_spawn_file_actions_addopen(&setup.actions, number, "/dev/null", O_RDWR, 0);
    }
    // Libraries make descriptors without close-on-exec; a client's socket must not stay open.
    ::posix_spawn_file_actions_addclosefrom_np(&setup.actions, STDERR_FILENO + 1);

    std::vector<char*> argv = {const_cast<char*>(path.c_str())};
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_t pid = 0;
    const int error =
        ::posix_spawn(&pid, path.c_str(), &setup.actions, &setup.attributes, argv.data(), environ);
    if (error != 0) return base::fail_errno(ErrorCode::Internal, error, "cannot start " + path);
    return pid;
}

base::Result<Fd> watch_process(pid_t pid) {
    Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!fd) return base::fail_errno(ErrorCode::Internal, errno, fmt::format("process {}", pid));
    return fd;
}

void kill_process(pid_t pid) {
    if (pid > 0) ::kill(pid, SIGKILL);
}

std::string collect_child(pid_t pid) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) != pid) return {};
    if (WIFSIGNALED(status)) return fmt::format("killed by signal {}", WTERMSIG(status));
    return fmt::format("exit status {}", WEXITSTATUS(status));
}

}  // namespace iscsi::os
