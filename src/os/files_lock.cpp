// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/files_lock.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/numbers.hpp"

namespace iscsi::os {

namespace {

constexpr mode_t kLockFileMode = 0666;  // as open-iscsi makes it; the umask takes its share
constexpr std::size_t kTextMax = 128;
constexpr std::size_t kProcFileMax = 4 << 20;

std::unexpected<Errno> last_error() { return std::unexpected(Errno{errno}); }

FileTime time_of(const timespec& time) {
    return FileTime(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

// System calls in which a process sleeps without holding anything up.
constexpr long kWaitingCalls[] = {
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_select
    SYS_select,
#endif
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
#ifdef SYS_pause
    SYS_pause,
#endif
    SYS_ppoll,         SYS_pselect6,        SYS_epoll_pwait, SYS_nanosleep, SYS_clock_nanosleep,
    SYS_recvfrom,      SYS_recvmsg,         SYS_accept,      SYS_accept4,   SYS_wait4,
    SYS_waitid,        SYS_futex,           SYS_connect,     SYS_flock,     SYS_rt_sigtimedwait,
    SYS_rt_sigsuspend, SYS_restart_syscall,
};

// "PID (NAME) STATE ..."; the name may hold anything, so the last ')' counts.
struct Stat {
    std::string name;
    char state;
};
std::optional<Stat> read_stat(const std::string& directory) {
    const auto text = system_files().read(directory + "/stat", kProcFileMax);
    if (!text) return std::nullopt;
    const auto open = text->find('(');
    const auto close = text->rfind(')');
    if (open == std::string::npos || close == std::string::npos || close + 2 >= text->size()) {
        return std::nullopt;
    }
    return Stat{text->substr(open + 1, close - open - 1), (*text)[close + 2]};
}

bool is_dead(const Stat& stat) { return stat.state == 'Z' || stat.state == 'X'; }

// An interruptible sleep is waiting only in a system call known for it.
bool is_waiting(const std::string& thread_directory) {
    const auto stat = read_stat(thread_directory);
    if (!stat || is_dead(*stat)) return true;
    if (stat->state != 'S') return false;
    const auto text = system_files().read(thread_directory + "/syscall", kProcFileMax);
    if (!text) return false;
    const auto number = base::parse_signed(std::string_view(*text).substr(0, text->find(' ')));
    return number && std::ranges::find(kWaitingCalls, *number) != std::end(kWaitingCalls);
}

Activity activity_of(const std::string& process_directory) {
    const auto threads = system_files().list(process_directory + "/task");
    if (!threads) return Activity::Waiting;  // ended meanwhile
    for (const auto& thread : *threads) {
        if (!is_waiting(process_directory + "/task/" + thread.name)) return Activity::Busy;
    }
    return Activity::Waiting;
}

bool maps(const std::string& process_directory, std::string_view library) {
    const auto text = system_files().read(process_directory + "/maps", kProcFileMax);
    return text && text->find(library) != std::string::npos;
}

}  // namespace

Expected<LockFile> LockFile::open(const std::string& path) {
    Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kLockFileMode));
    if (!file) return last_error();
    return LockFile(std::move(file));
}

Expected<bool> LockFile::try_lock() {
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) == 0) return true;
    if (errno == EWOULDBLOCK) return false;
    return last_error();
}

Expected<InodeTimes> LockFile::times() const {
    struct stat status{};
    if (::fstat(file_.get(), &status) != 0) return last_error();
    return InodeTimes{time_of(status.st_mtim), time_of(status.st_ctim)};
}

Expected<bool> LockFile::is_at(const std::string& path) const {
    struct stat own{};
    struct stat other{};
    if (::fstat(file_.get(), &own) != 0 || ::lstat(path.c_str(), &other) != 0) return last_error();
    return own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

Expected<std::string> LockFile::text() const {
    std::array<char, kTextMax> buffer{};
    const ssize_t count = ::pread(file_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0) return last_error();
    return std::string(buffer.data(), static_cast<std::size_t>(count));
}

Expected<void> LockFile::set_text(std::string_view text) {
    if (::ftruncate(file_.get(), 0) != 0) return last_error();
    const ssize_t count = ::pwrite(file_.get(), text.data(), text.size(), 0);
    if (count < 0) return last_error();
    if (static_cast<std::size_t>(count) != text.size()) return std::unexpected(Errno{ENOSPC});
    return {};
}

Expected<void> hard_link(const std::string& from, const std::string& to) {
    if (::link(from.c_str(), to.c_str()) != 0) return last_error();
    return {};
}

Expected<void> make_lock_directory(const std::string& path) {
    constexpr mode_t kOurs = 0700;
    constexpr mode_t kAbove = 0755;
    constexpr mode_t kEveryones = 01777;
    const std::string shared = path.substr(0, path.rfind('/'));
    for (auto at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
        const std::string above = path.substr(0, at);
        const mode_t mode = above == shared ? kEveryones : kAbove;
        if (::mkdir(above.c_str(), mode) != 0) continue;  // what is wrong, the last one tells
        if (::chmod(above.c_str(), mode) != 0) return last_error();  // whatever the umask is
    }
    if (::mkdir(path.c_str(), kOurs) != 0 && errno != EEXIST) return last_error();
    return {};
}

EndDelayed::EndDelayed() {
    sigset_t ending;
    ::sigemptyset(&ending);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&ending, signal);
    ::pthread_sigmask(SIG_BLOCK, &ending, &before_);
}

EndDelayed::~EndDelayed() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

Expected<void> make_new_file(const std::string& path) {
    // Not for writing: closing it would wake those who watch the directory.
    const Fd file(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, kLockFileMode));
    if (!file) return last_error();
    return {};
}

Expected<DirectoryWatch> DirectoryWatch::open(const std::string& directory) {
    Fd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify) return last_error();
    constexpr std::uint32_t kEvents = IN_DELETE | IN_MOVED_FROM | IN_CLOSE_WRITE;
    if (::inotify_add_watch(inotify.get(), directory.c_str(), kEvents) < 0) return last_error();
    return DirectoryWatch(std::move(inotify));
}

void DirectoryWatch::wait(std::chrono::milliseconds limit) {
    pollfd entry{.fd = inotify_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&entry, 1, static_cast<int>(limit.count())) <= 0) return;
    alignas(inotify_event) std::array<char, 4096> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) continue;
}

FileTime wall_time() { return std::chrono::system_clock::now(); }

std::chrono::steady_clock::time_point steady_time() { return std::chrono::steady_clock::now(); }

void pause_for(std::chrono::milliseconds time) {
    ::poll(nullptr, 0, static_cast<int>(time.count()));
}

std::vector<Process> find_processes(std::span<const std::string_view> names,
                                    std::string_view library) {
    std::vector<Process> found;
    const auto entries = system_files().list("/proc");
    if (!entries) return found;
    for (const auto& entry : *entries) {
        const auto pid = base::parse_unsigned(entry.name);
        if (!pid || static_cast<pid_t>(*pid) == ::getpid()) continue;
        const std::string directory = "/proc/" + entry.name;
        auto stat = read_stat(directory);
        if (!stat || is_dead(*stat)) continue;
        const bool named = std::ranges::find(names, stat->name) != names.end();
        if (!named && !maps(directory, library)) continue;
        found.push_back({static_cast<pid_t>(*pid), std::move(stat->name), activity_of(directory)});
    }
    return found;
}

bool sees_all_processes() {
    // The number of the machine's first pid namespace is part of the kernel's interface.
    return system_files().read_link("/proc/self/ns/pid").value_or("") == "pid:[4026531836]";
}

}  // namespace iscsi::os
