// SPDX-License-Identifier: LGPL-2.1-or-later
// The files of the record tree: reading a record whole, replacing it, links, and tidying up
// directories. The store's transactions (store*.cpp) are made of these steps. Those that change
// something are called under the lock, and are on disk for good after commit().
#pragma once

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "os/files.hpp"
#include "os/forwarding_files.hpp"
#include "record/text.hpp"
#include "store/lock.hpp"
#include "store/paths.hpp"
#include "store/scratch.hpp"

namespace iscsi::store {

// The warning (of line 0) about a file with secrets that others may read, or that belongs to
// someone else than root; nullopt when there is none.
std::optional<record::Warning> exposed(os::Files& files, const std::string& path);

// Told of faulty lines in record files, and of files with secrets that others may read, of each
// once; the program prints them.
using OnWarning = std::function<void(const std::string& path, const record::Warning& warning)>;

// Longest record file that is read; a real one has 5 KiB.
inline constexpr std::size_t kRecordBytesMax = 256UL * 1024;

// Puts the syncing of directories off to the end of a transaction: the first one then writes the
// file system's journal, and the others find nothing left to do. Files are still synced before they
// take their place.
class DirectorySyncsLast final : public os::ForwardingFiles {
public:
    using os::ForwardingFiles::ForwardingFiles;
    os::Expected<void> sync_directory(const std::string& path) override {
        note(path);
        return {};
    }
    os::Expected<std::vector<os::TreeEntry>> list_tree(const std::string& path,
                                                       const Enter& enter) override {
        return next().list_tree(path, enter);
    }
    os::Expected<void> unlink(const std::string& path) override;
    os::Expected<void> make_link(const std::string& target, const std::string& path) override;
    os::Expected<void> commit();

private:
    void note(const std::string& path);
    std::set<std::string> changed_;
};

class Tree {
public:
    Tree(Paths paths, os::Files& files)
        : paths_(std::move(paths)), files_(files), scratch_(paths_, files_) {}
    Tree(const Tree&) = delete;  // scratch_ refers to what is here
    Tree& operator=(const Tree&) = delete;

    const Paths& paths() const { return paths_; }
    void set_on_warning(OnWarning on_warning) { on_warning_ = std::move(on_warning); }

    // For a transaction. The first time, what dead writers left is removed.
    base::Result<Lock> lock();
    // Removes what dead writers left where others could list it, if there is any.
    void tidy();
    // The end of a transaction.
    base::Status commit();

    // Reads a record into `record`, over what is there. nullopt-like `false`: no such file. Errors
    // (Database) name the file: unreadable, too long, or without any key (a writer was killed, or
    // the file system lost what it held).
    // Under the lock nobody else is writing; without it, a record that lacks its END line may just
    // be being written by open-iscsi, and is read again under the lock.
    template <class Record>
    base::Result<bool> read(const std::string& path, Record& record, bool locked) const {
        ISCSI_TRY(const auto text, read_text(path, locked));
        if (!text) return false;
        for (const auto& warning : record::parse_into(record, *text)) warn(path, warning);
        if (record::has_secrets(record)) warn_if_exposed(path);
        return true;
    }

    // Nothing is done where the file already holds just that.
    base::Status write(const std::string& path, std::string_view text);
    // Whether a file has this content, and the mode that we give our files.
    bool holds(const std::string& path, std::string_view text) const;
    // The same in halves, for many node records at once: texts are made ready (no lock needed),
    // then each takes its place.
    base::Result<std::vector<ReadyText>> prepare(const std::vector<std::string>& texts);
    base::Status place(const ReadyText& ready, const std::string& path);
    void forget(const ReadyText& ready) { scratch_.forget(ready); }  // it is not to be placed
    base::Status make_directory(const std::string& path);
    // Makes a directory with one file in it, or turns an empty directory or a file into it.
    base::Status place_directory(const Scratch::FileIn& wanted);
    // Turns a file into a directory with the file in it, under this name.
    base::Status make_directory_of_file(const std::string& path, const std::string& name);
    // Not being there is no error.
    base::Status remove_file(const std::string& path);
    // Only if it is empty, and never an error: directories are no data.
    void remove_empty_directory(const std::string& path);
    // Makes a link to `target`, or turns an existing one there.
    base::Status link(const std::string& path, const std::string& target);
    base::Status remove_link(const std::string& path);
    // Not being there is an empty list.
    base::Result<std::vector<os::DirectoryEntry>> list(const std::string& path) const;
    base::Status visit(const std::string& path, const os::Files::Visit& take) const;
    // The same with what is below; os::Files::list_tree.
    base::Result<std::vector<os::TreeEntry>> list_tree(const std::string& path,
                                                       const os::Files::Enter& enter) const;
    // The error of an entry of a tree that was to be listed; not being there is none.
    base::Status check_listed(const std::string& path, const os::TreeEntry& entry) const;
    // nullopt: there is no such link.
    std::optional<std::string> link_target(const std::string& path) const;
    bool exists(const std::string& path) const;
    bool is_regular(const std::string& path) const;
    // What is listed as a record: anything but a directory, a dangling link included.
    bool is_file(const std::string& path) const;
    bool is_directory(const std::string& path) const;
    // But for what a dead writer may have left in it.
    bool is_empty_directory(const std::string& path) const;

private:
    void warn(const std::string& path, const record::Warning& warning) const;
    void warn_if_exposed(const std::string& path) const;
    void warn_if_loose(const std::string& directory) const;
    base::Result<std::optional<std::string>> read_text(const std::string& path, bool locked) const;
    base::Result<std::optional<std::string>> read_once(const std::string& path) const;

    Paths paths_;
    mutable DirectorySyncsLast files_;  // reading changes nothing in it
    Scratch scratch_;
    bool tidied_ = false;
    OnWarning on_warning_;
    mutable std::set<std::pair<std::string, std::size_t>> warned_of_;  // file and line
    mutable std::set<std::string> looked_at_;  // directories, for who may write to them
};

// "Could not open PATH: Permission denied (only root may use the record database)".
std::unexpected<base::Error> fail_on(std::string_view action, const std::string& path,
                                     os::Errno error);

}  // namespace iscsi::store
