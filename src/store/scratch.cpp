// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/scratch.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace iscsi::store {

namespace {

std::string scratch_directory(const std::string& kind) {
    return kind + "/" + std::string(kScratchDirectory);
}
// The two levels below are those of a node record's portal and iface.
std::string scratch_record(const std::string& kind) { return scratch_directory(kind) + "/record"; }
std::string scratch_file(const std::string& kind) { return scratch_record(kind) + "/default"; }

// What keeps files from being made in the root directory, and perhaps in no directory below it.
bool is_of_the_root_alone(os::Errno error) {
    switch (error.number) {
        case EROFS:
        case EACCES:
        case EPERM:
        case ENOSPC:
        case EDQUOT:
            return true;
        default:
            return false;
    }
}

}  // namespace

std::string Scratch::kind_of(const std::string& path) const {
    return path.substr(0, path.find('/', paths_.dbroot.size() + 1));
}

bool Scratch::in_root(const std::string& kind) {
    if (known_elsewhere_.contains(kind)) return false;
    if (known_in_root_.contains(kind)) return true;
    // One that is missing will be made in the root.
    const bool in_root = files_.on_one_mount(paths_.dbroot, kind).value_or(true);
    (in_root ? known_in_root_ : known_elsewhere_).insert(kind);
    return in_root;
}

const std::string& Scratch::home(const std::string& kind) {
    return in_root(kind) ? paths_.dbroot : kind;
}

os::Expected<ReadyText> Scratch::write(std::string_view text, const std::string& kind) {
    if (in_root(kind)) {
        auto scratch = os::write_scratch(files_, paths_.dbroot, text);
        if (scratch) {
            return ReadyText{std::move(scratch->text), std::move(scratch->file),
                             std::move(scratch->path)};
        }
        if (!is_of_the_root_alone(scratch.error())) return std::unexpected(scratch.error());
        known_elsewhere_.insert(kind);
    }
    ISCSI_TRY(auto file, write_nameless(text, kind));
    return ReadyText{.text = std::string(text), .file = std::move(file)};
}

// No descriptor where the file system has no such files.
os::Expected<os::Fd> Scratch::write_nameless(std::string_view text, const std::string& directory) {
    auto file = files_.create_nameless(directory);
    if (!file && file.error().number == EOPNOTSUPP) return os::Fd();
    if (file) ISCSI_TRY_VOID(files_.write(*file, text));
    return file;
}

os::Expected<void> Scratch::sync(const ReadyText& ready) {
    if (!ready.file) return {};
    return files_.sync(ready.file);
}

void Scratch::forget(const ReadyText& ready) {
    // What goes wrong here is mended by tidy().
    if (!ready.path.empty()) (void)files_.unlink(ready.path);
}

// A file that is a mount point, as containers have them, stays the file that it is.
os::Expected<void> Scratch::place(const ReadyText& ready, const std::string& path) {
    auto placed = place_by_name(ready, path);
    if (!placed && placed.error().number == EBUSY) placed = files_.rewrite(path, ready.text);
    return placed;
}

os::Expected<void> Scratch::place_by_name(const ReadyText& ready, const std::string& path) {
    if (ready.path.empty()) return place_beside(ready, path);
    const auto placed = files_.rename(ready.path, path);
    if (placed) return files_.sync_directory(parent_of(path));
    forget(ready);
    if (placed.error().number != EXDEV) return placed;
    known_elsewhere_.insert(kind_of(path));
    return place_beside({.text = ready.text}, path);
}

// The text has no name yet, or is on another mount.
os::Expected<void> Scratch::place_beside(const ReadyText& ready, const std::string& path) {
    os::Fd own;
    if (!ready.file) {
        ISCSI_TRY(own, write_nameless(ready.text, parent_of(path)));
        if (own) ISCSI_TRY_VOID(files_.sync(own));
    }
    const os::Fd& file = ready.file ? ready.file : own;
    if (file && files_.give_name(file, path)) return files_.sync_directory(parent_of(path));
    return replace(file, ready.text, path);
}

os::Expected<void> Scratch::replace(const os::Fd& file, std::string_view text,
                                    const std::string& path) {
    const std::string kind = kind_of(path);
    ISCSI_TRY_VOID(make_scratch_directory(kind));
    os::Expected<void> placed;
    // The second is for a target or portal whose directory is a link to yet another file system.
    for (const std::string& scratch :
         {scratch_file(kind), parent_of(path) + "/" + std::string(kScratchDirectory)}) {
        const bool named = file && files_.give_name(file, scratch);
        if (!named) placed = fill(scratch, text);
        if (named || placed) placed = files_.rename(scratch, path);
        if (placed) break;
        (void)files_.unlink(scratch);  // the error is what counts
        if (placed.error().number != EXDEV) break;
    }
    remove_scratch_directory(kind);
    if (!placed) return placed;
    return files_.sync_directory(parent_of(path));
}

os::Expected<void> Scratch::place_directory(const FileIn& wanted) {
    const std::string kind = kind_of(wanted.directory);
    const std::string scratch = scratch_record(kind);
    const std::string file = scratch + "/" + wanted.name;
    ISCSI_TRY_VOID(make_scratch_directory(kind));
    auto placed = fill(file, wanted.text);
    if (placed) placed = files_.rename(scratch, wanted.directory);
    if (!placed && placed.error().number == ENOTDIR) {
        placed = files_.exchange(scratch, wanted.directory);
    }
    // The one that did not get there, or the file that was there; tidy() mends what goes wrong.
    (void)files_.unlink(placed ? scratch : file);
    remove_scratch_directory(kind);
    if (!placed) return placed;
    ISCSI_TRY_VOID(files_.sync_directory(wanted.directory));
    return files_.sync_directory(kind);
}

os::Expected<void> Scratch::fill(const std::string& path, std::string_view text) {
    ISCSI_TRY(const auto file, files_.create(path));
    ISCSI_TRY_VOID(files_.write(file, text));
    return files_.sync(file);
}

os::Expected<void> Scratch::make_scratch_directory(const std::string& kind) {
    for (const std::string& directory : {scratch_directory(kind), scratch_record(kind)}) {
        const auto made = files_.make_directory(directory);
        if (!made && made.error().number != EEXIST) return made;
    }
    return {};
}

// What is still in use, or can't be removed, is left for tidy().
void Scratch::remove_scratch_directory(const std::string& kind) {
    (void)files_.remove_directory(scratch_record(kind));
    (void)files_.remove_directory(scratch_directory(kind));
}

std::array<std::string, 4> Scratch::kinds() const {
    return {paths_.nodes(), paths_.send_targets(), paths_.isns(), paths_.ifaces()};
}

bool Scratch::is_listed() const {
    return std::ranges::any_of(kinds(), [this](const std::string& kind) {
        return files_.link_info(scratch_directory(kind)).has_value();
    });
}

// A writer that died can only have left what is known here, so nothing else is touched.
void Scratch::tidy() {
    os::remove_stale_scratch(files_, paths_.dbroot);
    for (const std::string& kind : kinds()) {
        if (!files_.list(scratch_directory(kind))) continue;
        const std::string record = scratch_record(kind);
        if (const auto files = files_.list(record)) {
            for (const auto& file : *files) (void)files_.unlink(record + "/" + file.name);
        } else {
            (void)files_.unlink(record);
        }
        remove_scratch_directory(kind);
    }
}

}  // namespace iscsi::store
