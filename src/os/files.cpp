// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <span>
#include <utility>

#include "base/check.hpp"

namespace iscsi::os {

namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;
constexpr std::size_t kAttributeBytesMax = 4096;  // a page

std::unexpected<Errno> last_error() { return std::unexpected(Errno{errno}); }

Expected<void> done(int result) {
    if (result != 0) return last_error();
    return {};
}

FileKind kind_of_mode(mode_t mode) {
    if (S_ISREG(mode)) return FileKind::Regular;
    if (S_ISDIR(mode)) return FileKind::Directory;
    if (S_ISLNK(mode)) return FileKind::Link;
    return FileKind::Other;
}

Expected<FileInfo> info_from(const struct stat& status) {
    return FileInfo{.kind = kind_of_mode(status.st_mode),
                    .kind_name = name_of_kind(status.st_mode),
                    .mode = status.st_mode & 07777,
                    .owner = status.st_uid};
}

struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
};

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

// Lists by descriptors, so that the kernel walks no path twice and nothing is asked twice.
class TreeLister {
public:
    explicit TreeLister(const Files::Enter& enter) : enter_(enter) {}

    Expected<std::vector<TreeEntry>> list(int above, const char* name, int level) {
        const Fd directory(open_directory(above, name));
        if (!directory) return last_error();
        auto entries = read_entries(directory.get());
        if (!entries) return entries;
        for (auto& each : *entries) list_below(directory.get(), each, level);
        return entries;
    }

    static Fd open_directory(int above, const char* name) {
        return Fd(::openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }

    // What is below an entry of `directory`, if it is wanted.
    void list_below(int directory, TreeEntry& each, int level) {
        if (!enter_(level, each.entry)) return;
        auto below = list(directory, each.entry.name.c_str(), level + 1);
        if (below) {
            each.below = std::move(*below);
        } else {
            each.error_number = below.error().number;
        }
    }

    // Sorted by name.
    Expected<std::vector<TreeEntry>> read_entries(int directory) {
        std::vector<TreeEntry> entries;
        while (true) {
            const ssize_t size = ::getdents64(directory, buffer_.data(), buffer_.size());
            if (size < 0) return last_error();
            if (size == 0) break;
            for (ssize_t at = 0; at < size;) {
                const auto* const entry = reinterpret_cast<const dirent64*>(buffer_.data() + at);
                at += entry->d_reclen;
                const std::string_view name = entry->d_name;
                if (name == "." || name == "..") continue;
                entries.push_back({.entry = {std::string(name), kind_in(directory, *entry)}});
            }
        }
        std::ranges::sort(entries, {}, [](const TreeEntry& each) -> const std::string& {
            return each.entry.name;
        });
        return entries;
    }

private:
    static FileKind kind_in(int directory, const dirent64& entry) {
        if (entry.d_type != DT_UNKNOWN)
            return kind_of_mode(static_cast<mode_t>(DTTOIF(entry.d_type)));
        struct stat status{};
        const int result = ::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW);
        return result == 0 ? kind_of_mode(status.st_mode) : FileKind::Other;
    }

    const Files::Enter& enter_;
    // One for all levels: an entry is copied out of it before the next directory is read.
    alignas(dirent64) std::array<char, 32768> buffer_;
};

// Lists what is below the entries of one directory, by two threads where they are many: nearly all
// of the time is the kernel's, which reads different directories side by side.
class WideLister {
public:
    explicit WideLister(const Files::Enter& enter) : enter_(enter) {}

    Expected<std::vector<TreeEntry>> list(const char* path) {
        TreeLister lister(enter_);
        directory_ = TreeLister::open_directory(AT_FDCWD, path);
        if (!directory_) return last_error();
        auto entries = lister.read_entries(directory_.get());
        if (!entries) return entries;
        entries_ = *entries;
        pthread_t helper{};
        // Where no thread can be had, one does it all.
        const bool helped =
            entries_.size() >= kManyEntries && ::pthread_create(&helper, nullptr, help, this) == 0;
        work(lister);
        if (helped) CHECK(::pthread_join(helper, nullptr) == 0);
        return entries;
    }

private:
    static constexpr std::size_t kManyEntries = 256;
    static constexpr std::size_t kEntriesAtOnce = 32;

    static void* help(void* self) {
        auto& lister = *static_cast<WideLister*>(self);
        TreeLister own(lister.enter_);
        lister.work(own);
        return nullptr;
    }

    void work(TreeLister& lister) {
        while (true) {
            const std::size_t first = next_.fetch_add(kEntriesAtOnce);
            if (first >= entries_.size()) return;
            const auto count = std::min(kEntriesAtOnce, entries_.size() - first);
            for (auto& each : entries_.subspan(first, count)) {
                lister.list_below(directory_.get(), each, /*level=*/0);
            }
        }
    }

    const Files::Enter& enter_;
    Fd directory_;
    std::span<TreeEntry> entries_;
    std::atomic<std::size_t> next_{0};
};

class SystemFiles final : public Files {
public:
    Expected<std::vector<TreeEntry>> list_tree(const std::string& path,
                                               const Enter& enter) override {
        return WideLister(enter).list(path.c_str());
    }

    Expected<std::string> read(const std::string& path, std::size_t max_bytes) override {
        const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (!file) return last_error();
        std::string text;
        std::array<char, 16384> chunk{};
        while (true) {
            const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return last_error();
            if (count == 0) return text;
            text.append(chunk.data(), static_cast<std::size_t>(count));
            if (text.size() > max_bytes) return std::unexpected(Errno{EFBIG});
        }
    }

    Expected<std::string> read_attribute(const std::string& path) override {
        const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (!file) return last_error();
        std::array<char, kAttributeBytesMax> text;  // not cleared: most are a few bytes
        ssize_t count = 0;
        do {
            count = ::read(file.get(), text.data(), text.size());
        } while (count < 0 && errno == EINTR);
        if (count < 0) return last_error();
        return std::string(text.data(), static_cast<std::size_t>(count));
    }

    bool holds(const std::string& path, std::string_view text, std::uint32_t mode) override {
        const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        struct stat status{};
        if (!file || ::fstat(file.get(), &status) != 0) return false;
        if (status.st_mode != (S_IFREG | mode) || std::cmp_not_equal(status.st_size, text.size())) {
            return false;
        }
        std::array<char, 4096> chunk;
        while (!text.empty()) {
            const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return false;
            const std::string_view part(chunk.data(), static_cast<std::size_t>(count));
            if (!text.starts_with(part)) return false;
            text.remove_prefix(part.size());
        }
        return true;
    }

    Expected<void> visit(const std::string& path, const Visit& take) override {
        const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
        if (!directory) return last_error();
        while (true) {
            errno = 0;
            const dirent* const entry = ::readdir(directory.get());
            if (entry == nullptr && errno != 0) return last_error();
            if (entry == nullptr) return {};
            const std::string_view name = entry->d_name;
            if (name == "." || name == "..") continue;
            take({std::string(name), kind_of_entry(path, *entry)});
        }
    }

    Expected<std::vector<DirectoryEntry>> list(const std::string& path) override {
        std::vector<DirectoryEntry> entries;
        const auto visited = visit(path, [&](const auto& entry) { entries.push_back(entry); });
        if (!visited) return std::unexpected(visited.error());
        std::ranges::sort(entries, {}, &DirectoryEntry::name);
        return entries;
    }

    Expected<std::string> read_link(const std::string& path) override {
        std::array<char, PATH_MAX> buffer{};
        const ssize_t size = ::readlink(path.c_str(), buffer.data(), buffer.size());
        if (size < 0) return last_error();
        return std::string(buffer.data(), static_cast<std::size_t>(size));
    }

    Expected<FileInfo> info(const std::string& path) override {
        struct stat status{};
        if (::stat(path.c_str(), &status) != 0) return last_error();
        return info_from(status);
    }

    Expected<FileInfo> link_info(const std::string& path) override {
        struct stat status{};
        if (::lstat(path.c_str(), &status) != 0) return last_error();
        return info_from(status);
    }

    // The file gets its name when it is locked already: one that looks for files whose maker is
    // gone never sees it unlocked.
    Expected<Fd> create(const std::string& path) override {
        auto file = create_nameless(parent_of(path));
        if (!file) {
            if (file.error().number != EOPNOTSUPP) return file;
            return create_named(path);
        }
        if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) return last_error();
        const auto named = give_name(*file, path);
        if (named) return file;
        if (named.error().number == EEXIST) return std::unexpected(named.error());
        return create_named(path);  // without /proc
    }

    Expected<Fd> create_nameless(const std::string& directory) override {
        Fd file(::open(directory.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, kFileMode));
        if (file) return file;
        // Old kernels do not know the flag, and say EISDIR.
        return std::unexpected(Errno{errno == EISDIR ? EOPNOTSUPP : errno});
    }

    Expected<void> give_name(const Fd& file, const std::string& path) override {
        const std::string own = fmt::format("/proc/self/fd/{}", file.get());
        return done(::linkat(AT_FDCWD, own.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW));
    }

    Expected<void> write(const Fd& file, std::string_view text) override {
        while (!text.empty()) {
            const ssize_t count = ::write(file.get(), text.data(), text.size());
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return last_error();
            text.remove_prefix(static_cast<std::size_t>(count));
        }
        return {};
    }

    Expected<void> sync(const Fd& file) override { return done(::fsync(file.get())); }

    Expected<void> rewrite(const std::string& path, std::string_view text) override {
        const Fd file(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
        if (!file) return last_error();
        ISCSI_TRY_VOID(write(file, text));  // before the rest is cut off: nobody finds it empty
        if (::ftruncate(file.get(), static_cast<off_t>(text.size())) != 0) return last_error();
        return sync(file);
    }

    Expected<void> rename(const std::string& from, const std::string& to) override {
        return done(::rename(from.c_str(), to.c_str()));
    }

    Expected<void> exchange(const std::string& a, const std::string& b) override {
        return done(::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE));
    }

    Expected<void> unlink(const std::string& path) override { return done(::unlink(path.c_str())); }

    Expected<void> make_directory(const std::string& path) override {
        return done(::mkdir(path.c_str(), kDirectoryMode));
    }

    Expected<void> remove_directory(const std::string& path) override {
        return done(::rmdir(path.c_str()));
    }

    Expected<void> make_link(const std::string& target, const std::string& path) override {
        return done(::symlink(target.c_str(), path.c_str()));
    }

    Expected<void> sync_directory(const std::string& path) override {
        const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!directory) return last_error();
        return done(::fsync(directory.get()));
    }

    Expected<void> sync_file_system(const std::string& path) override {
        const Fd directory(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!directory) return last_error();
        return done(::syncfs(directory.get()));
    }

    Expected<bool> on_one_mount(const std::string& a, const std::string& b) override {
        constexpr unsigned kAsked = STATX_MNT_ID;
        std::array<struct statx, 2> found{};
        if (::statx(AT_FDCWD, a.c_str(), 0, kAsked, &found[0]) != 0) return last_error();
        if (::statx(AT_FDCWD, b.c_str(), 0, kAsked, &found[1]) != 0) return last_error();
        // Before Linux 5.8 the device alone tells; it is filled in whatever was asked for.
        const bool told = (found[0].stx_mask & found[1].stx_mask & kAsked) != 0;
        if (told && found[0].stx_mnt_id != found[1].stx_mnt_id) return false;
        return found[0].stx_dev_major == found[1].stx_dev_major &&
               found[0].stx_dev_minor == found[1].stx_dev_minor;
    }

    Expected<bool> is_abandoned(const std::string& path) override {
        const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        if (!file) return last_error();
        return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
    }

private:
    static Expected<Fd> create_named(const std::string& path) {
        Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
        if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return last_error();
        return file;
    }

    static FileKind kind_of_entry(const std::string& directory, const dirent& entry) {
        switch (entry.d_type) {
            case DT_REG:
                return FileKind::Regular;
            case DT_DIR:
                return FileKind::Directory;
            case DT_LNK:
                return FileKind::Link;
            case DT_UNKNOWN:
                break;  // this file system does not tell
            default:
                return FileKind::Other;
        }
        struct stat status{};
        const std::string path = directory + "/" + entry.d_name;
        if (::lstat(path.c_str(), &status) != 0) return FileKind::Other;
        return kind_of_mode(status.st_mode);
    }
};

// A name no other process uses, and no other thread of this one.
std::string scratch_path(const std::string& directory) {
    static std::atomic<unsigned> counter{0};
    return fmt::format("{}/{}{}.{}", directory, kScratchPrefix, ::getpid(), ++counter);
}

}  // namespace

namespace {

Expected<std::vector<TreeEntry>> list_level(Files& files, const std::string& path,
                                            const Files::Enter& enter, int level) {
    auto listed = files.list(path);
    if (!listed) return std::unexpected(listed.error());
    std::vector<TreeEntry> entries;
    for (auto& entry : *listed) {
        auto& each = entries.emplace_back(TreeEntry{.entry = std::move(entry)});
        if (!enter(level, each.entry)) continue;
        auto below = list_level(files, path + "/" + each.entry.name, enter, level + 1);
        if (below) {
            each.below = std::move(*below);
        } else {
            each.error_number = below.error().number;
        }
    }
    return entries;
}

}  // namespace

bool Files::holds(const std::string& path, std::string_view text, std::uint32_t mode) {
    const auto file = info(path);
    if (!file || file->kind != FileKind::Regular || file->mode != mode) return false;
    const auto content = read(path, text.size());
    return content && *content == text;
}

Expected<void> Files::visit(const std::string& path, const Visit& take) {
    const auto entries = list(path);
    if (!entries) return std::unexpected(entries.error());
    std::ranges::for_each(*entries, take);
    return {};
}

// Where list() is all there is.
Expected<std::vector<TreeEntry>> Files::list_tree(const std::string& path, const Enter& enter) {
    return list_level(*this, path, enter, /*level=*/0);
}

std::string_view name_of_kind(std::uint32_t mode) {
    if (S_ISREG(mode)) return "regular file";
    if (S_ISDIR(mode)) return "directory";
    if (S_ISLNK(mode)) return "symbolic link";
    if (S_ISFIFO(mode)) return "fifo";
    if (S_ISSOCK(mode)) return "socket";
    return S_ISBLK(mode) ? "block device" : "character device";
}

Expected<std::string> Files::read_attribute(const std::string& path) {
    return read(path, kAttributeBytesMax);
}

Files& system_files() {
    static SystemFiles files;
    return files;
}

Expected<ScratchFile> write_scratch(Files& files, const std::string& directory,
                                    std::string_view text) {
    ScratchFile scratch{scratch_path(directory), {}, std::string(text)};
    ISCSI_TRY(scratch.file, files.create(scratch.path));
    const auto written = files.write(scratch.file, text);
    if (written) return scratch;
    (void)files.unlink(scratch.path);  // the first error is the one to tell
    return std::unexpected(written.error());
}

Expected<void> place_scratch(Files& files, const ScratchFile& scratch, const std::string& path) {
    const std::string directory = parent_of(path);
    auto placed = files.rename(scratch.path, path);
    if (placed) return files.sync_directory(directory);
    (void)files.unlink(scratch.path);  // the first error is the one to tell
    if (placed.error().number != EXDEV) return placed;
    ISCSI_TRY(const auto local, write_scratch(files, directory, scratch.text));
    placed = files.sync(local.file);
    if (placed) placed = files.rename(local.path, path);
    if (placed) return files.sync_directory(directory);
    (void)files.unlink(local.path);  // as above
    return placed;
}

Expected<void> replace_file(Files& files, const Replacement& replacement) {
    ISCSI_TRY(const auto scratch,
              write_scratch(files, replacement.scratch_directory, replacement.text));
    const auto synced = files.sync(scratch.file);
    if (synced) return place_scratch(files, scratch, replacement.path);
    (void)files.unlink(scratch.path);  // the first error is the one to tell
    return synced;
}

void remove_stale_scratch(Files& files, const std::string& directory) {
    const auto entries = files.list(directory);
    if (!entries) return;  // nothing to tidy, or no right to
    for (const auto& entry : *entries) {
        if (!entry.name.starts_with(kScratchPrefix) || entry.kind != FileKind::Regular) continue;
        const std::string path = directory + "/" + entry.name;
        const auto abandoned = files.is_abandoned(path);
        if (abandoned && *abandoned) (void)files.unlink(path);  // tried again by the next writer
    }
}

Expected<void> make_directories(Files& files, const std::string& path) {
    const auto made = files.make_directory(path);
    if (made) return files.sync_directory(parent_of(path));
    if (made.error().number == EEXIST) {
        ISCSI_TRY(const auto info, files.info(path));
        if (info.kind == FileKind::Directory) return {};
        return std::unexpected(Errno{ENOTDIR});
    }
    if (made.error().number != ENOENT || parent_of(path) == path) return made;
    ISCSI_TRY_VOID(make_directories(files, parent_of(path)));
    return make_directories(files, path);
}

std::unexpected<base::Error> fail_file(base::ErrorCode code, Errno error, std::string_view what) {
    return base::fail_errno(code, error.number, what);
}

}  // namespace iscsi::os
