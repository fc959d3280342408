// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/tree.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/numbers.hpp"

namespace iscsi::store {

namespace {

using base::ErrorCode;

constexpr std::string_view kEndLine = "# END RECORD";

// Fewer are synced one by one: the rest of the file system may have much to sync.
constexpr std::size_t kManyToSync = 8;

bool is_whole(std::string_view text) { return base::trim(text).ends_with(kEndLine); }

// A file in which a killed writer left nothing, or nothing but comments.
bool is_empty(std::string_view text) {
    return std::ranges::all_of(base::split(text, '\n'), [](std::string_view line) {
        const auto trimmed = base::trim(line);
        return trimmed.empty() || trimmed.starts_with('#');
    });
}

// Does a file belong to someone else than root, or who we are?
bool is_strangers(const os::FileInfo& info) { return info.owner != 0 && info.owner != ::geteuid(); }

std::string_view remedy(int error_number) {
    switch (error_number) {
        case EACCES:
        case EPERM:
            return " (only root may use the record database)";
        case ENOSPC:
            return " (make room on the file system)";
        case EFBIG:
            return " (this is no record; remove it)";
        case ENOTDIR:
            return " (a file is in the place of a directory; remove it)";
        case EBUSY:
            return " (it is a mount point; unmount it)";
        case EISDIR:
            return " (a directory is in the place of a file; remove it)";
        default:
            return "";
    }
}

}  // namespace

std::unexpected<base::Error> fail_on(std::string_view action, const std::string& path,
                                     os::Errno error) {
    auto failed = os::fail_file(ErrorCode::Database, error, fmt::format("{} {}", action, path));
    failed.error().message += remedy(error.number);
    return failed;
}

// Beyond many it does not matter which.
void DirectorySyncsLast::note(const std::string& path) {
    if (changed_.size() < kManyToSync) changed_.insert(path);
}

os::Expected<void> DirectorySyncsLast::unlink(const std::string& path) {
    auto removed = next().unlink(path);
    if (removed) note(parent_of(path));
    return removed;
}

os::Expected<void> DirectorySyncsLast::make_link(const std::string& target,
                                                 const std::string& path) {
    auto made = next().make_link(target, path);
    if (made) note(parent_of(path));
    return made;
}

os::Expected<void> DirectorySyncsLast::commit() {
    const auto changed = std::exchange(changed_, {});
    const bool many = changed.size() >= kManyToSync;
    for (const std::string& path : changed) {
        const auto synced = many ? next().sync_file_system(path) : next().sync_directory(path);
        // Emptied and removed since: then its own entry is what counts, in the directory above.
        if (!synced && synced.error().number == ENOENT) continue;
        if (!synced || many) return synced;
    }
    return {};
}

base::Result<Lock> Tree::lock() {
    ISCSI_TRY(auto lock, Lock::acquire(paths_.lockdir));
    if (!std::exchange(tidied_, true)) scratch_.tidy();
    return lock;
}

void Tree::tidy() {
    if (scratch_.is_listed()) (void)lock();  // what can't be removed is left
}

base::Status Tree::commit() {
    tidied_ = false;  // others may die before the next transaction
    const auto committed = files_.commit();
    if (!committed) return fail_on("Could not sync", paths_.dbroot, committed.error());
    return {};
}

base::Result<std::optional<std::string>> Tree::read_once(const std::string& path) const {
    auto text = files_.read(path, kRecordBytesMax);
    if (text) return std::optional(std::move(*text));
    // ENOTDIR: a portal's plain file is where this record's directory would be.
    const int number = text.error().number;
    if ((number == ENOENT || number == ENOTDIR) && link_target(path)) {
        return base::fail(ErrorCode::Database,
                          "{} is a link to a file that is not there. Delete the record or discover "
                          "it anew.",
                          path);
    }
    if (number == ENOENT || number == ENOTDIR) return std::optional<std::string>();
    if (number == ENXIO) return std::optional(std::string());  // a socket: nothing to be read
    return fail_on("Could not open", path, text.error());
}

void Tree::warn(const std::string& path, const record::Warning& warning) const {
    // One transaction may read a record several times.
    if (on_warning_ && warned_of_.emplace(path, warning.line).second) on_warning_(path, warning);
}

std::optional<record::Warning> exposed(os::Files& files, const std::string& path) {
    constexpr std::uint32_t kOthersBits = 0077;
    const auto info = files.info(path);
    if (!info) return std::nullopt;
    if (is_strangers(*info)) {
        return record::Warning{
            0,
            fmt::format("user {} may read the secrets in it and change them; run `chown root {}`",
                        info->owner, path)};
    }
    if ((info->mode & kOthersBits) == 0) return std::nullopt;
    return record::Warning{
        0, fmt::format("others may read the secrets in it (mode {:04o}); run `chmod 600 {}`",
                       info->mode, path)};
}

void Tree::warn_if_exposed(const std::string& path) const {
    if (const auto warning = exposed(files_, path)) warn(path, *warning);
    for (auto directory = parent_of(path); directory.size() >= paths_.dbroot.size();
         directory = parent_of(directory)) {
        if (looked_at_.insert(directory).second) warn_if_loose(directory);
    }
}

// Who may write to a directory on the way to a record may put one of his own in its place.
void Tree::warn_if_loose(const std::string& directory) const {
    constexpr std::uint32_t kOthersWrite = 0022;
    constexpr std::uint32_t kOthersBits = 0077;
    const bool is_root = directory == paths_.dbroot;  // which all may look into
    const auto info = files_.info(directory);
    if (!info) return;
    if (is_strangers(*info)) {
        warn(directory,
             {0, fmt::format("user {} may replace the records in it; run `chown root {}`",
                             info->owner, directory)});
    } else if ((info->mode & (is_root ? kOthersWrite : kOthersBits)) != 0) {
        const bool writable = (info->mode & kOthersWrite) != 0;
        warn(directory,
             {0, fmt::format("others may {} the records in it (mode {:04o}); run `chmod {} {}`",
                             writable ? "replace" : "see", info->mode, is_root ? "755" : "700",
                             directory)});
    }
}

base::Result<std::optional<std::string>> Tree::read_text(const std::string& path,
                                                         bool locked) const {
    ISCSI_TRY(auto text, read_once(path));
    if (text && !locked && !is_whole(*text)) {
        // Where the lock can't be had, the record is what it looks like.
        if (const auto held = Lock::acquire(paths_.lockdir)) {
            ISCSI_TRY(text, read_once(path));
        }
    }
    if (!text || record::is_record(*text)) return text;
    // A fifo reads as an empty file.
    if (const auto info = files_.info(path); info && info->kind == os::FileKind::Other) {
        return base::fail(ErrorCode::Database,
                          "{} is no file but a {}. Delete the record or discover it anew.", path,
                          info->kind_name);
    }
    return base::fail(ErrorCode::Database, "{} {} Delete the record or discover it anew.", path,
                      is_empty(*text) ? "is empty: its writer was interrupted."
                                      : "is damaged: nothing in it is a record.");
}

bool Tree::holds(const std::string& path, std::string_view text) const {
    constexpr std::uint32_t kOwnersBits = 0600;
    return files_.holds(path, text, kOwnersBits);
}

base::Status Tree::write(const std::string& path, std::string_view text) {
    if (holds(path, text)) return {};
    const auto kind = path.substr(0, path.find('/', paths_.dbroot.size() + 1));
    const auto ready = scratch_.write(text, kind);
    if (!ready) return fail_on("Could not write", path, ready.error());
    auto placed = scratch_.sync(*ready);
    if (!placed) scratch_.forget(*ready);
    if (placed) placed = scratch_.place(*ready, path);
    if (!placed) return fail_on("Could not write", path, placed.error());
    return {};
}

base::Result<std::vector<ReadyText>> Tree::prepare(const std::vector<std::string>& texts) {
    const std::string kind = paths_.nodes();
    std::vector<ReadyText> all;
    os::Expected<void> synced;
    for (const std::string& text : texts) {
        auto ready = scratch_.write(text, kind);
        if (!ready) synced = std::unexpected(ready.error());
        if (synced && texts.size() < kManyToSync) synced = scratch_.sync(*ready);
        if (ready) all.push_back(std::move(*ready));
        if (!synced) break;
    }
    const std::string& home = scratch_.home(kind);
    if (synced && texts.size() >= kManyToSync) synced = files_.sync_file_system(home);
    if (synced) return all;
    for (const auto& ready : all) scratch_.forget(ready);
    return fail_on("Could not write to", home, synced.error());
}

base::Status Tree::place(const ReadyText& ready, const std::string& path) {
    const auto placed = scratch_.place(ready, path);
    if (!placed) return fail_on("Could not write", path, placed.error());
    return {};
}

base::Status Tree::place_directory(const Scratch::FileIn& wanted) {
    const auto placed = scratch_.place_directory(wanted);
    if (!placed) {
        return fail_on("Could not write", wanted.directory + "/" + wanted.name, placed.error());
    }
    return {};
}

base::Status Tree::make_directory(const std::string& path) {
    const auto made = os::make_directories(files_, path);
    if (!made) return fail_on("Could not make", path, made.error());
    return {};
}

base::Status Tree::make_directory_of_file(const std::string& path, const std::string& name) {
    const auto text = files_.read(path, kRecordBytesMax);
    if (!text) return fail_on("Could not open", path, text.error());
    return place_directory({.directory = path, .name = name, .text = *text});
}

base::Status Tree::remove_file(const std::string& path) {
    const auto removed = files_.unlink(path);
    if (removed || removed.error().number == ENOENT || removed.error().number == ENOTDIR) return {};
    return fail_on("Could not remove", path, removed.error());
}

void Tree::remove_empty_directory(const std::string& path) {
    auto removed = files_.remove_directory(path);
    if (!removed && removed.error().number == ENOTEMPTY) {
        // What a dead writer may have left here (scratch.hpp) is no record.
        (void)files_.unlink(path + "/" + std::string(kScratchDirectory));
        os::remove_stale_scratch(files_, path);
        removed = files_.remove_directory(path);
    }
    // Not empty, or gone already: both are fine.
    if (removed) (void)files_.sync_directory(parent_of(path));  // only noted for commit()
}

base::Status Tree::link(const std::string& path, const std::string& target) {
    auto made = files_.make_link(target, path);
    if (!made && made.error().number == EEXIST) {
        if (files_.read_link(path).value_or("") == target) return {};
        ISCSI_TRY_VOID(remove_link(path));
        made = files_.make_link(target, path);
    }
    if (!made) return fail_on("Could not make link from disc source", path, made.error());
    return {};
}

base::Status Tree::remove_link(const std::string& path) {
    const auto removed = files_.unlink(path);
    if (removed || removed.error().number == ENOENT || removed.error().number == ENOTDIR) return {};
    return fail_on("Could not remove link", path, removed.error());
}

base::Result<std::vector<os::DirectoryEntry>> Tree::list(const std::string& path) const {
    auto entries = files_.list(path);
    if (entries) return std::move(*entries);
    if (entries.error().number == ENOENT) return std::vector<os::DirectoryEntry>{};
    return fail_on("Could not list", path, entries.error());
}

base::Status Tree::visit(const std::string& path, const os::Files::Visit& take) const {
    const auto visited = files_.visit(path, take);
    if (visited || visited.error().number == ENOENT) return {};
    return fail_on("Could not list", path, visited.error());
}

base::Result<std::vector<os::TreeEntry>> Tree::list_tree(const std::string& path,
                                                         const os::Files::Enter& enter) const {
    auto entries = files_.list_tree(path, enter);
    if (entries) return std::move(*entries);
    if (entries.error().number == ENOENT) return std::vector<os::TreeEntry>{};
    return fail_on("Could not list", path, entries.error());
}

base::Status Tree::check_listed(const std::string& path, const os::TreeEntry& entry) const {
    if (entry.error_number == 0 || entry.error_number == ENOENT) return {};
    return fail_on("Could not list", fmt::format("{}/{}", path, entry.entry.name),
                   os::Errno{entry.error_number});
}

std::optional<std::string> Tree::link_target(const std::string& path) const {
    auto target = files_.read_link(path);
    if (!target) return std::nullopt;
    return std::move(*target);
}

// What can't be looked at is not known to be missing.
bool Tree::exists(const std::string& path) const {
    const auto info = files_.link_info(path);
    return info || (info.error().number != ENOENT && info.error().number != ENOTDIR);
}

bool Tree::is_regular(const std::string& path) const {
    const auto info = files_.info(path);
    return info && info->kind == os::FileKind::Regular;
}

bool Tree::is_file(const std::string& path) const {
    const auto info = files_.link_info(path);
    return info && info->kind != os::FileKind::Directory;
}

bool Tree::is_empty_directory(const std::string& path) const {
    const auto entries = files_.list(path);
    return entries && std::ranges::all_of(*entries, [](const auto& entry) {
               return entry.name.starts_with(os::kScratchPrefix);
           });
}

bool Tree::is_directory(const std::string& path) const {
    const auto info = files_.info(path);
    return info && info->kind == os::FileKind::Directory;
}

}  // namespace iscsi::store
