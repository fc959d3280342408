// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/files.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "os/forwarding_files.hpp"

namespace iscsi::os {
namespace {

class FilesTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = ::testing::TempDir() + "files-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    void put(const std::string& name, std::string_view text) {
        std::ofstream(root_ + "/" + name) << text;
    }
    std::string get(const std::string& name) {
        return system_files().read(root_ + "/" + name, 1 << 20).value_or("(unreadable)");
    }

    std::string root_;
};

TEST_F(FilesTest, ReplaceMakesAPrivateFileAndLeavesNoScratch) {
    ASSERT_TRUE(replace_file(system_files(), {root_ + "/a", "new\n", root_}));

    EXPECT_EQ(get("a"), "new\n");
    EXPECT_EQ(system_files().info(root_ + "/a")->mode, 0600U);
    EXPECT_EQ(system_files().list(root_)->size(), 1U);
}

TEST_F(FilesTest, ReplaceOverwrites) {
    put("a", "a much longer old text\n");

    ASSERT_TRUE(replace_file(system_files(), {root_ + "/a", "new\n", root_}));

    EXPECT_EQ(get("a"), "new\n");
}

TEST_F(FilesTest, ReplaceIntoAMissingDirectoryFailsAndTidiesUp) {
    const auto replaced = replace_file(system_files(), {root_ + "/no/a", "new\n", root_});

    ASSERT_FALSE(replaced);
    EXPECT_EQ(replaced.error().number, ENOENT);
    EXPECT_TRUE(system_files().list(root_)->empty());
}

// Says that the first rename would lead to another file system.
class TwoFileSystems final : public ForwardingFiles {
public:
    TwoFileSystems() : ForwardingFiles(system_files()) {}
    Expected<void> rename(const std::string& from, const std::string& to) override {
        if (++renames_ == 1) return std::unexpected(Errno{EXDEV});
        return next().rename(from, to);
    }

private:
    int renames_ = 0;
};

TEST_F(FilesTest, ReplaceReachesAnotherFileSystem) {
    ASSERT_TRUE(system_files().make_directory(root_ + "/mount"));
    TwoFileSystems files;

    ASSERT_TRUE(replace_file(files, {root_ + "/mount/a", "new\n", root_}));

    EXPECT_EQ(get("mount/a"), "new\n");
    EXPECT_EQ(system_files().list(root_)->size(), 1U);
    EXPECT_EQ(system_files().list(root_ + "/mount")->size(), 1U);
}

TEST_F(FilesTest, ReadRefusesMoreThanTheLimit) {
    put("a", "12345");

    EXPECT_EQ(system_files().read(root_ + "/a", 5).value(), "12345");
    EXPECT_EQ(system_files().read(root_ + "/a", 4).error().number, EFBIG);
}

TEST_F(FilesTest, ListTellsKindsAndSortsByBytes) {
    put("b", "");
    ASSERT_TRUE(system_files().make_directory(root_ + "/a"));
    ASSERT_TRUE(system_files().make_link("nowhere", root_ + "/C"));

    const auto entries = system_files().list(root_).value();

    EXPECT_EQ(entries,
              (std::vector<DirectoryEntry>{
                  {"C", FileKind::Link}, {"a", FileKind::Directory}, {"b", FileKind::Regular}}));
}

// What the real one does at once, by the operations that all have.
class Plain final : public ForwardingFiles {
public:
    Plain() : ForwardingFiles(system_files()) {}
    bool holds(const std::string& path, std::string_view text, std::uint32_t mode) override {
        return Files::holds(path, text, mode);
    }
    Expected<void> visit(const std::string& path, const Visit& take) override {
        return Files::visit(path, take);
    }
};

TEST_F(FilesTest, HoldsComparesContentKindAndMode) {
    Plain plain;
    const std::string path = root_ + "/a";
    const std::string text(10'000, 'x');  // more than one piece
    put("a", text);
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    ASSERT_TRUE(system_files().make_directory(root_ + "/d"));

    for (Files* files : {static_cast<Files*>(&plain), &system_files()}) {
        EXPECT_TRUE(files->holds(path, text, 0600));
        EXPECT_FALSE(files->holds(path, text, 0644));
        EXPECT_FALSE(files->holds(path, text.substr(1), 0600));
        EXPECT_FALSE(files->holds(path, text + "x", 0600));
        EXPECT_FALSE(files->holds(path, text.substr(1) + "y", 0600));
        EXPECT_FALSE(files->holds(root_ + "/d", "", 0700));
        EXPECT_FALSE(files->holds(root_ + "/gone", "", 0600));
    }
}

TEST_F(FilesTest, VisitTellsEachEntryOnce) {
    Plain plain;
    put("b", "");
    ASSERT_TRUE(system_files().make_directory(root_ + "/a"));

    for (Files* files : {static_cast<Files*>(&plain), &system_files()}) {
        std::vector<DirectoryEntry> seen;
        ASSERT_TRUE(files->visit(root_, [&](const auto& entry) { seen.push_back(entry); }));
        std::ranges::sort(seen, {}, &DirectoryEntry::name);
        EXPECT_EQ(seen, system_files().list(root_).value());
        EXPECT_EQ(files->visit(root_ + "/gone", [](const auto&) {}).error().number, ENOENT);
    }
}

TEST_F(FilesTest, MakeDirectoriesMakesParentsPrivate) {
    ASSERT_TRUE(make_directories(system_files(), root_ + "/x/y/z"));
    ASSERT_TRUE(make_directories(system_files(), root_ + "/x/y/z"));

    EXPECT_EQ(system_files().info(root_ + "/x/y")->mode, 0700U);
}

TEST_F(FilesTest, MakeDirectoriesOverAFileFails) {
    put("x", "");

    EXPECT_EQ(make_directories(system_files(), root_ + "/x").error().number, ENOTDIR);
}

TEST_F(FilesTest, StaleScratchGoesLivingScratchStays) {
    put(".new-1.1", "left by a dead writer");
    const auto living = system_files().create(root_ + "/.new-2.1");
    ASSERT_TRUE(living);

    remove_stale_scratch(system_files(), root_);

    EXPECT_EQ(system_files().list(root_).value(),
              (std::vector<DirectoryEntry>{{".new-2.1", FileKind::Regular}}));
}

// One line an entry: its depth, name, kind, and what became of entering it.
void flatten(const std::vector<TreeEntry>& entries, const std::string& indent, std::string& text) {
    for (const auto& each : entries) {
        text += indent + each.entry.name + " " + std::to_string(static_cast<int>(each.entry.kind));
        text += " " + std::to_string(each.error_number) + "\n";
        flatten(each.below, indent + "  ", text);
    }
}

TEST_F(FilesTest, ATreeIsListedAsEachOfItsDirectoriesWouldBe) {
    std::filesystem::create_directories(root_ + "/b/inner/deep");
    std::filesystem::create_directories(root_ + "/a");
    for (int i = 0; i < 2000; ++i) put("a/" + std::to_string(i), "");  // more than one buffer
    put("file", "");
    std::filesystem::create_symlink(root_ + "/b", root_ + "/link");
    std::filesystem::create_symlink(root_ + "/gone", root_ + "/dangling");
    const Files::Enter enter = [](int level, const DirectoryEntry& entry) {
        return level < 2 && entry.name != "7";
    };
    ForwardingFiles one_by_one(system_files());

    const auto at_once = system_files().list_tree(root_, enter);
    const auto listed = one_by_one.list_tree(root_, enter);

    ASSERT_TRUE(at_once && listed);
    std::string text;
    std::string expected;
    flatten(*at_once, "", text);
    flatten(*listed, "", expected);
    EXPECT_EQ(text, expected);
    EXPECT_NE(text.find("dangling 2 " + std::to_string(ENOENT)), std::string::npos);
    EXPECT_NE(text.find("file 0 " + std::to_string(ENOTDIR)), std::string::npos);
    EXPECT_NE(text.find("link 2 0\n  inner 1 0\n    deep 1 0\n"), std::string::npos);
    EXPECT_EQ(text.find("      "), std::string::npos);  // not deeper than wanted
}

TEST_F(FilesTest, ATreeThatIsNotThereIsAnError) {
    const auto listed =
        system_files().list_tree(root_ + "/gone", [](int, const auto&) { return true; });

    ASSERT_FALSE(listed);
    EXPECT_EQ(listed.error().number, ENOENT);
}

}  // namespace
}  // namespace iscsi::os
