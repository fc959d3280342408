// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/block_devices.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace iscsi::os {
namespace {

namespace fs = std::filesystem;

// A machine with sdc (8:32, partition sdc1), as /sys, /proc and /dev show it. Nodes are plain
// files here, which have names and no numbers.
class BlockDevices : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = ::testing::TempDir() + "block-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
        add_device("sdc", "8:32");
        add_device("sdc1", "8:33");
        fs::create_directories(root_ + "/sys/class/block/sdc/sdc1");
        add_device("sdd", "8:48");
    }
    void TearDown() override { fs::remove_all(root_); }

    void put(const std::string& path, const std::string& text) {
        fs::create_directories(fs::path(root_ + path).parent_path());
        std::ofstream(root_ + path) << text;
    }
    void add_device(const std::string& name, const std::string& number) {
        put("/sys/class/block/" + name + "/dev", number + "\n");
        put("/dev/" + name, "");
    }
    void add_holder(const std::string& below, const std::string& holder) {
        fs::create_directories(root_ + "/sys/class/block/" + below + "/holders/" + holder);
    }
    void add_link(const std::string& path, const std::string& target) {
        fs::create_directories(fs::path(root_ + path).parent_path());
        fs::create_symlink(target, root_ + path);
    }
    // A line of mountinfo behind that of the root file system.
    void mount(const std::string& number, const std::string& type_source_options) {
        put("/proc/self/mountinfo",
            "21 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n40 21 " + number +
                " / /run/m rw,relatime shared:7 master:2 - " + type_source_options + "\n");
    }
    bool in_use(const std::string& name = "sdc") const { return block_device_in_use(name, root_); }

    std::string root_;
};

TEST_F(BlockDevices, UnusedWhereNothingNamesIt) {
    mount("8:48", "ext4 /dev/sdd rw");

    EXPECT_FALSE(in_use());
    EXPECT_TRUE(in_use("sdd"));
}

TEST_F(BlockDevices, MountedByItsNumberWhateverTheSourceIsCalled) {
    mount("8:33", "ext4 /dev/root rw");

    EXPECT_TRUE(in_use());
}

TEST_F(BlockDevices, BtrfsHasANumberOfItsOwnAndTheDiskAsSource) {
    mount("0:30", "btrfs /dev/sdc1 rw,ssd,space_cache=v2,subvolid=5,subvol=/");

    EXPECT_TRUE(in_use());
    EXPECT_FALSE(in_use("sdd"));
}

TEST_F(BlockDevices, SourcesBehindLinksAreFound) {
    add_link("/dev/disk/by-path/ip-[fd00::1]:3260-iscsi-iqn.x:y-lun-1", "../../sdc");
    mount("0:30", "btrfs /dev/disk/by-path/ip-[fd00::1]:3260-iscsi-iqn.x:y-lun-1 rw");

    EXPECT_TRUE(in_use());
    EXPECT_FALSE(in_use("sdd"));
}

TEST_F(BlockDevices, AMappingIsFoundByItsName) {
    add_device("dm-0", "253:0");
    add_holder("sdc1", "dm-0");
    add_link("/dev/mapper/vg-data", "../dm-0");
    mount("0:31", "btrfs /dev/mapper/vg-data rw");

    EXPECT_TRUE(in_use());
}

TEST_F(BlockDevices, EachDeviceOfABtrfsCounts) {
    mount("0:30", "btrfs /dev/sdd rw");
    fs::create_directories(root_ + "/sys/fs/btrfs/0a1b/devices/sdd");
    fs::create_directories(root_ + "/sys/fs/btrfs/0a1b/devices/sdc1");
    fs::create_directories(root_ + "/sys/fs/btrfs/features");

    EXPECT_TRUE(in_use());
    EXPECT_TRUE(in_use("sdd"));
}

TEST_F(BlockDevices, SeveralSourcesWithColonsBetween) {
    mount("0:32", "bcachefs /dev/sdd:/dev/sdc rw");

    EXPECT_TRUE(in_use());
    EXPECT_TRUE(in_use("sdd"));
}

TEST_F(BlockDevices, AJournalElsewhereIsInTheOptions) {
    mount("8:48", "xfs /dev/sdd rw,attr2,logdev=/dev/sdc1,noquota");

    EXPECT_TRUE(in_use());
}

TEST_F(BlockDevices, ALoopDeviceOnItsPartitionIsFound) {
    add_device("loop0", "7:0");
    put("/sys/class/block/loop0/loop/backing_file", "/dev/sdc1\n");
    mount("7:0", "ext4 /dev/loop0 rw");

    EXPECT_TRUE(in_use());
    EXPECT_FALSE(in_use("sdd"));
}

TEST_F(BlockDevices, SwapOnAMappingIsFound) {
    add_device("dm-0", "253:0");
    add_holder("sdc", "dm-0");
    put("/proc/swaps",
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
        "/dev/dm-0                               partition\t1048572\t\t0\t\t-2\n");

    EXPECT_TRUE(in_use());
    EXPECT_FALSE(in_use("sdd"));
}

TEST_F(BlockDevices, TextsThatOnlyLookLikeDevicesAreNone) {
    mount("0:33", "nfs4 stor:/dev/sdc rw,addr=10.0.0.1");

    EXPECT_FALSE(in_use());
}

}  // namespace
}  // namespace iscsi::os
