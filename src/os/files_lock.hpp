// SPDX-License-Identifier: LGPL-2.1-or-later
// What a lock file needs: advisory locks that die with their process, hard links, the two times of
// an inode, waiting for a directory to change, and a look at what other processes are doing. The
// protocol built of them is in store/lock.hpp.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "os/fd.hpp"
#include "os/files.hpp"

namespace iscsi::os {

using FileTime = std::chrono::sys_time<std::chrono::nanoseconds>;

struct InodeTimes {
    FileTime modified;  // content
    FileTime changed;   // content, mode, or number of links
    bool operator==(const InodeTimes&) const = default;
};

// A small file that stays for ever, opened for reading, writing and locking.
class LockFile {
public:
    // Makes it when missing.
    static Expected<LockFile> open(const std::string& path);

    // flock(LOCK_EX), gone when this object or the process is. False: another has it.
    Expected<bool> try_lock();
    Expected<InodeTimes> times() const;
    // Whether `path` is a name of this file.
    Expected<bool> is_at(const std::string& path) const;
    Expected<std::string> text() const;
    Expected<void> set_text(std::string_view text);

private:
    explicit LockFile(Fd file) : file_(std::move(file)) {}
    Fd file_;
};

// Makes the directory of a program's lock files (mode 0700). Where the one above it is missing, it
// is made for everyone, as /run/lock is (mode 01777).
Expected<void> make_lock_directory(const std::string& path);

// While it lives, what would end the process (SIGINT, SIGTERM, SIGHUP) waits. Belongs to a thread.
class EndDelayed {
public:
    EndDelayed();
    ~EndDelayed();
    EndDelayed(const EndDelayed&) = delete;
    EndDelayed& operator=(const EndDelayed&) = delete;

private:
    sigset_t before_{};
};

Expected<void> hard_link(const std::string& from, const std::string& to);
// Makes an empty file; EEXIST when anything has that name.
Expected<void> make_new_file(const std::string& path);

// Tells that something in a directory was removed, or was closed by a writer, as every process does
// that dies.
class DirectoryWatch {
public:
    static Expected<DirectoryWatch> open(const std::string& directory);
    // Until something happened, or the time is over. Events since `open` or the last call count.
    void wait(std::chrono::milliseconds limit);

private:
    explicit DirectoryWatch(Fd inotify) : inotify_(std::move(inotify)) {}
    Fd inotify_;
};

FileTime wall_time();
std::chrono::steady_clock::time_point steady_time();
// For giving others a turn where nothing tells that they want one.
void pause_for(std::chrono::milliseconds time);

// --- other processes -----------------------------------------------------------------------------

enum class Activity : std::uint8_t {
    Busy,     // runs, waits for a disk, is stopped, or is in a system call that could be file work
    Waiting,  // sleeps in poll, select, a pause, a receive, ...: not in the middle of file work
};

struct Process {
    pid_t pid;
    std::string name;
    Activity activity;
};

// Processes other than this one that have one of the names, or a mapped file whose name contains
// `library`. Those that end meanwhile are left out.
std::vector<Process> find_processes(std::span<const std::string_view> names,
                                    std::string_view library);

// Whether find_processes sees every process of the machine: false in a container.
bool sees_all_processes();

}  // namespace iscsi::os
