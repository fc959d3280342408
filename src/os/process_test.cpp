// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/process.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace iscsi::os {
namespace {

namespace fs = std::filesystem;

class FindHelper : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "helper-XXXXXX";
        root_ = ::mkdtemp(pattern.data());
        fs::create_directories(root_ / "usr/sbin");
    }
    void TearDown() override { fs::remove_all(root_); }

    void program(const std::string& path) {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << "#!/bin/sh\n";
        fs::permissions(root_ / path, fs::perms::owner_all);
    }
    std::string found() const {
        return find_helper_from((root_ / "usr/sbin").string(), "helper", "folder", kInstalled);
    }

    const InstalledDirectories kInstalled{"/usr/sbin", "/usr/libexec/ours"};
    fs::path root_;
};

TEST_F(FindHelper, BesideTheProgramComesFirst) {
    program("usr/sbin/helper");
    program("usr/libexec/ours/helper");
    EXPECT_EQ(found(), (root_ / "usr/sbin/helper").string());
}

TEST_F(FindHelper, AStagedInstallationUsesItsOwn) {
    program("usr/libexec/ours/helper");
    EXPECT_EQ(found(), (root_ / "usr/libexec/ours/helper").string());
}

TEST_F(FindHelper, WithoutAnyTheConfiguredPlaceIsNamed) {
    EXPECT_EQ(found(), "/usr/libexec/ours/helper");
}

}  // namespace
}  // namespace iscsi::os
