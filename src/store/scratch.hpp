// SPDX-License-Identifier: LGPL-2.1-or-later
// New content on its way to its place in the record tree, by a rename or a link, so that everyone
// sees the old record or the new one.
//
// It waits as a file of the root directory, which nobody lists. Where the record's directory is not
// of the root's mount, or nothing can be written to the root (an image of the system is read-only,
// and nodes/, ifaces/ ... are mounts of their own), it waits without a name on the record's file
// system. There a new record gets its name at once. One that replaces another must have a second
// name for a moment: KIND/.new-record/record/default, KIND being nodes/, ifaces/, ... That is
// under the lock, and open-iscsi, should it be left there by a kill, lists that node twice, or
// warns of it among the ifaces, and works on; a plain file in nodes/ would keep it from listing
// any.
#pragma once

#include <array>
#include <set>
#include <string>
#include <string_view>

#include "os/files.hpp"
#include "store/paths.hpp"

namespace iscsi::store {

// In a directory of records, and none itself.
inline constexpr std::string_view kScratchDirectory = ".new-record";

// Written, and perhaps not synced yet. Where its file system has no nameless files it is but the
// text, which is written when its turn comes.
struct ReadyText {
    std::string text;
    os::Fd file = {};
    std::string path = {};  // empty: it has no name
};

class Scratch {
public:
    // Both are kept by the owner.
    Scratch(const Paths& paths, os::Files& files) : paths_(paths), files_(files) {}

    // For a place below `kind`, a directory of the root.
    os::Expected<ReadyText> write(std::string_view text, const std::string& kind);
    os::Expected<void> sync(const ReadyText& ready);
    // The directory whose file system holds what write() makes.
    const std::string& home(const std::string& kind);
    // A text that was not placed.
    void forget(const ReadyText& ready);

    // These, under the lock. The text has been synced.
    os::Expected<void> place(const ReadyText& ready, const std::string& path);
    // A directory with this one file in it, at a place where nothing is, or an empty directory, or
    // a plain file, which is replaced.
    struct FileIn {
        std::string directory;
        std::string name;
        std::string_view text;
    };
    os::Expected<void> place_directory(const FileIn& wanted);
    // Is something of a writer, perhaps a dead one, among the records?
    bool is_listed() const;
    // Removes what writers left when they died.
    void tidy();

private:
    os::Expected<void> place_by_name(const ReadyText& ready, const std::string& path);
    bool in_root(const std::string& kind);
    std::array<std::string, 4> kinds() const;  // that writers may leave something in
    std::string kind_of(const std::string& path) const;
    os::Expected<os::Fd> write_nameless(std::string_view text, const std::string& directory);
    os::Expected<void> place_beside(const ReadyText& ready, const std::string& path);
    os::Expected<void> replace(const os::Fd& file, std::string_view text, const std::string& path);
    os::Expected<void> fill(const std::string& path, std::string_view text);
    os::Expected<void> make_scratch_directory(const std::string& kind);
    void remove_scratch_directory(const std::string& kind);

    const Paths& paths_;
    os::Files& files_;
    std::set<std::string> known_in_root_;
    std::set<std::string> known_elsewhere_;
};

}  // namespace iscsi::store
