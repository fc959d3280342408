// SPDX-License-Identifier: LGPL-2.1-or-later
// For the store's tests: a database of their own, and what lies in one.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "store/store.hpp"

namespace iscsi::store {

class StoreTest : public ::testing::Test {
protected:
    void SetUp() override {
        // In memory where possible: the store syncs a lot, and disks are slow.
        const bool memory = ::access("/dev/shm", W_OK) == 0;
        std::string pattern = (memory ? "/dev/shm/" : ::testing::TempDir()) + "store-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
        paths_ = {.homedir = root_ + "/etc", .dbroot = root_ + "/db", .lockdir = root_ + "/lock"};
        ASSERT_TRUE(Store(paths_).ensure_root());
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    static std::string slurp(const std::filesystem::path& path) {
        std::ifstream file(path, std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }
    void put(const std::string& path, std::string_view text) const {
        const std::filesystem::path full = paths_.dbroot + "/" + path;
        std::filesystem::create_directories(full.parent_path());
        std::ofstream(full, std::ios::binary) << text;
    }
    std::string get(const std::string& path) const { return slurp(paths_.dbroot + "/" + path); }
    bool exists(const std::string& path) const {
        return std::filesystem::exists(std::filesystem::symlink_status(paths_.dbroot + "/" + path));
    }

    // Every entry below the root: its kind and mode, and a link's target with the root as
    // /etc/iscsi. In the form of tests/golden/records/trees/*/LIST.
    std::string listing() const {
        std::map<std::string, std::string> lines;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(paths_.dbroot)) {
            const auto name = entry.path().lexically_relative(paths_.dbroot).string();
            struct stat status{};
            EXPECT_EQ(::lstat(entry.path().c_str(), &status), 0);
            std::string line = mode_text(status.st_mode) + " " + name;
            if (entry.is_symlink()) {
                auto target = std::filesystem::read_symlink(entry.path()).string();
                EXPECT_TRUE(target.starts_with(paths_.dbroot)) << target;
                line += " -> /etc/iscsi" + target.substr(paths_.dbroot.size());
            }
            lines[name] = line + "\n";
        }
        std::string text;
        for (const auto& [name, line] : lines) text += line;
        return text;
    }

    static std::string mode_text(mode_t mode) {
        std::string text = S_ISDIR(mode) ? "d" : S_ISLNK(mode) ? "l" : "-";
        for (int bit = 8; bit >= 0; --bit) {
            text += (mode >> bit) & 1 ? "xwr"[bit % 3] : '-';
        }
        return text;
    }

    static record::Node node(const std::string& target, const std::string& address,
                             std::int32_t port = 3260, std::int32_t tpgt = 1) {
        record::Node node;
        node.name = target;
        node.conn[0].address = address;
        node.conn[0].port = port;
        node.tpgt = tpgt;
        return node;
    }

    std::string root_;
    Paths paths_;
};

// Fails the test with the error's text when it is one.
template <class T>
T value_of(base::Result<T> result) {
    if (!result) {
        ADD_FAILURE() << result.error().message;
        return T{};
    }
    return std::move(*result);
}
inline void expect_ok(const base::Status& status) {
    EXPECT_TRUE(status) << (status ? "" : status.error().message);
}

// Node records in it.
class Nodes : public StoreTest {
protected:
    std::vector<NodeId> all() {
        Store store(paths_);
        return value_of(store.find({}));
    }
    std::vector<NodeId> found(const NodePattern& pattern) {
        Store store(paths_);
        return value_of(store.find(pattern));
    }
    void add(const record::Node& node) { expect_ok(Store(paths_).add(node)); }
};

}  // namespace iscsi::store
