// SPDX-License-Identifier: LGPL-2.1-or-later
// The file system, as the record store needs it. `Files` is a seam: production uses
// `system_files()`, tests wrap it to fail or to die at any single step.
//
// Every operation reports errno's number on failure. Paths are ordinary path names; symbolic links
// are followed where the system call of the same name follows them.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "os/fd.hpp"

namespace iscsi::os {

// errno as a value; never 0.
struct Errno {
    int number;
};
template <class T>
using Expected = std::expected<T, Errno>;

enum class FileKind : std::uint8_t { Regular, Directory, Link, Other };

struct DirectoryEntry {
    std::string name;
    FileKind kind;  // of the entry itself: a link is a Link
    bool operator==(const DirectoryEntry&) const = default;
};

// An entry and, where it was entered, what is below it.
struct TreeEntry {
    DirectoryEntry entry;
    std::vector<TreeEntry> below = {};
    int error_number = 0;  // why it could not be listed; 0: it was, or was not wanted
};

// What a file of this st_mode is: "fifo", "socket", "directory", "regular file", ...
std::string_view name_of_kind(std::uint32_t mode);

struct FileInfo {
    FileKind kind;
    std::string_view kind_name;  // name_of_kind
    std::uint32_t mode;          // permission bits
    std::uint32_t owner;
};

class Files {
public:
    virtual ~Files() = default;

    // Reading. `read` gives at most `max_bytes`: EFBIG for more.
    virtual Expected<std::string> read(const std::string& path, std::size_t max_bytes) = 0;
    // One of sysfs: at most a page, and given in one piece.
    virtual Expected<std::string> read_attribute(const std::string& path);
    // Whether a regular file with this content and these permission bits is there. A file that
    // can't be read is another one.
    virtual bool holds(const std::string& path, std::string_view text, std::uint32_t mode);
    // The entries of a directory one by one, in no order, without "." and "..".
    using Visit = std::function<void(const DirectoryEntry& entry)>;
    virtual Expected<void> visit(const std::string& path, const Visit& take);
    // Entries without "." and "..", sorted by name as bytes.
    virtual Expected<std::vector<DirectoryEntry>> list(const std::string& path) = 0;
    // A directory and what is below those of its entries that `enter` wants (`level` 0: of `path`
    // itself), links to directories included. One that can't be listed keeps the reason and does
    // not keep the others from being listed. Much cheaper than list() of each. Where there are many
    // entries, two threads may ask `enter` at the same time.
    using Enter = std::function<bool(int level, const DirectoryEntry& entry)>;
    virtual Expected<std::vector<TreeEntry>> list_tree(const std::string& path, const Enter& enter);
    virtual Expected<std::string> read_link(const std::string& path) = 0;
    virtual Expected<FileInfo> info(const std::string& path) = 0;       // follows links
    virtual Expected<FileInfo> link_info(const std::string& path) = 0;  // does not

    // Changing. `create` makes a new file (EEXIST if there is one) with mode 0600 and an exclusive
    // flock that lasts as long as the descriptor.
    virtual Expected<Fd> create(const std::string& path) = 0;
    // A new file of mode 0600 on the file system of a directory, without a name: gone with its
    // descriptor unless `give_name` gives it one (EEXIST if something has it already). EOPNOTSUPP
    // where the file system has no such files.
    virtual Expected<Fd> create_nameless(const std::string& directory) = 0;
    virtual Expected<void> give_name(const Fd& file, const std::string& path) = 0;
    virtual Expected<void> write(const Fd& file, std::string_view text) = 0;  // all of it
    virtual Expected<void> sync(const Fd& file) = 0;
    // Gives a file another content, synced, where no other file can take its place: it is a mount
    // point. A kill may leave a mixture.
    virtual Expected<void> rewrite(const std::string& path, std::string_view text) = 0;
    virtual Expected<void> rename(const std::string& from, const std::string& to) = 0;
    // Both exist and change places, as one step (renameat2, RENAME_EXCHANGE).
    virtual Expected<void> exchange(const std::string& a, const std::string& b) = 0;
    virtual Expected<void> unlink(const std::string& path) = 0;
    virtual Expected<void> make_directory(const std::string& path) = 0;  // mode 0700
    virtual Expected<void> remove_directory(const std::string& path) = 0;
    virtual Expected<void> make_link(const std::string& target, const std::string& path) = 0;
    virtual Expected<void> sync_directory(const std::string& path) = 0;
    // Everything on the file system of `path` (syncfs): cheaper than many single syncs.
    virtual Expected<void> sync_file_system(const std::string& path) = 0;

    // Whether `rename` can move files from one directory to the other: both are of one mount.
    virtual Expected<bool> on_one_mount(const std::string& a, const std::string& b) = 0;
    // Whether nobody holds the flock that `create` took: its maker is gone.
    virtual Expected<bool> is_abandoned(const std::string& path) = 0;
};

// The real one. Stateless, usable from any thread.
Files& system_files();

// Where a replacement is written before it takes its place. The store's temporary files never lie
// in a directory that open-iscsi lists.
struct Replacement {
    std::string path;
    std::string_view text;
    // A directory on the same file system (usually); the temporary file is made here. When it turns
    // out to be another file system, the one of `path` is used.
    std::string scratch_directory;
};

// Replaces (or makes) a file so that a crash at any instruction leaves the old content or the new:
// write a new file, fsync, rename over the old, fsync the directory. After an error the old content
// is in place, unless only the last step failed. The temporary's name starts with kScratchPrefix.
Expected<void> replace_file(Files& files, const Replacement& replacement);

inline constexpr std::string_view kScratchPrefix = ".new-";

// The two halves of replace_file, for many files at once: write them all, sync them together (or
// each), then let each take its place. The descriptor's flock tells others that the writer lives.
struct ScratchFile {
    std::string path;
    Fd file;
    std::string text;
};
Expected<ScratchFile> write_scratch(Files& files, const std::string& directory,
                                    std::string_view text);
// The scratch file has been synced. After an error it is gone.
Expected<void> place_scratch(Files& files, const ScratchFile& scratch, const std::string& path);

// Removes temporaries that writers left when they died. Those of living writers are locked by them
// and stay.
void remove_stale_scratch(Files& files, const std::string& directory);

// Makes a directory and the missing ones above it.
Expected<void> make_directories(Files& files, const std::string& path);

// A failed operation as an Error: "PATH: Permission denied".
[[nodiscard]] std::unexpected<base::Error> fail_file(base::ErrorCode code, Errno error,
                                                     std::string_view what);

}  // namespace iscsi::os
