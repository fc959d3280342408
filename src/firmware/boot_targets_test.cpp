// SPDX-License-Identifier: LGPL-2.1-or-later
#include "firmware/boot_targets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string_view>

namespace iscsi::firmware {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Attributes = std::map<std::string, std::string>;

// A tree as the kernel makes it from the table that iPXE leaves.
class BootTargetsTest : public ::testing::Test {
protected:
    BootTargetsTest() {
        std::string name = "/tmp/firmware-XXXXXX";
        root_ = ::mkdtemp(name.data());
        put("ibft/initiator", {{"initiator-name", "iqn.x:me"}, {"flags", "3"}});
        put("ibft/ethernet0", {{"flags", "3"},
                               {"index", "0"},
                               {"mac", "52:54:00:12:34:56"},
                               {"ip-addr", "10.0.2.15"},
                               {"prefix-len", "24"},
                               {"origin", "3"}});
        put("ibft/target0", {{"flags", "3"},
                             {"target-name", "iqn.x:boot"},
                             {"ip-addr", "10.0.2.2"},
                             {"port", "13260"},
                             {"nic-assoc", "0"},
                             {"chap-name", "me"},
                             {"chap-secret", "secret"}});
    }
    ~BootTargetsTest() override { std::filesystem::remove_all(root_); }
    BootTargetsTest(const BootTargetsTest&) = delete;
    BootTargetsTest& operator=(const BootTargetsTest&) = delete;

    void put(const std::string& folder, const Attributes& attributes) {
        const auto path = std::filesystem::path(root_) / "firmware" / folder;
        std::filesystem::create_directories(path);
        for (const auto& [name, value] : attributes) std::ofstream(path / name) << value << "\n";
    }
    BootTargets read() { return read_boot_targets(os::system_files(), root_); }
    std::vector<std::string> names() {
        std::vector<std::string> all;
        for (const auto& target : read().targets) all.push_back(target.name);
        return all;
    }

    std::string root_;
};

TEST_F(BootTargetsTest, ATargetComesWithItsNetworkInterface) {
    const auto found = read();

    ASSERT_EQ(found.targets.size(), 1U);
    const auto& target = found.targets[0];
    EXPECT_EQ(target.name, "iqn.x:boot");
    EXPECT_EQ(target.port, 13260);
    EXPECT_EQ(target.password.reveal(), "secret");
    EXPECT_EQ(target.initiator_name, "iqn.x:me");
    EXPECT_TRUE(target.of_this_boot);
    EXPECT_EQ(target.nic.mac, "52:54:00:12:34:56");
    EXPECT_TRUE(target.nic.uses_dhcp);
    EXPECT_THAT(found.problems, IsEmpty());
}

TEST_F(BootTargetsTest, WhatIsNotValidIsLeftOut) {
    put("ibft/target1",
        {{"flags", "0"}, {"target-name", "iqn.x:old"}, {"ip-addr", "1"}, {"nic-assoc", "0"}});
    put("ibft/target2", {{"flags", "1"}, {"ip-addr", "1"}, {"nic-assoc", "0"}});
    put("ibft/target3", {{"flags", "1"}, {"target-name", "iqn.x:b"}, {"nic-assoc", "0"}});

    EXPECT_THAT(names(), ElementsAre("iqn.x:boot"));
}

TEST_F(BootTargetsTest, ATargetWithoutItsNetworkInterfaceIsNamed) {
    put("ibft/target0", {{"nic-assoc", "5"}});

    const auto found = read();

    EXPECT_THAT(found.targets, IsEmpty());
    EXPECT_THAT(found.problems, ElementsAre("Invalid nic-assoc of 5. Max id 1."));
}

TEST_F(BootTargetsTest, AdaptersHaveTablesOfTheirOwn) {
    std::filesystem::copy(root_ + "/firmware/ibft", root_ + "/firmware/iscsi_boot3",
                          std::filesystem::copy_options::recursive);
    put("iscsi_boot3/target0", {{"target-name", "iqn.x:adapter"}});

    EXPECT_THAT(names(), ElementsAre("iqn.x:boot", "iqn.x:adapter"));
}

TEST_F(BootTargetsTest, TheInterfaceIsFoundByItsDeviceOrItsAddress) {
    const auto netdev = [this] { return read().targets.at(0).nic.netdev; };
    EXPECT_EQ(netdev(), "");
    std::filesystem::create_directories(root_ + "/class/net/eth1");
    std::ofstream(root_ + "/class/net/eth1/address") << "52:54:00:12:34:56\n";
    EXPECT_EQ(netdev(), "eth1");
    std::filesystem::create_directories(root_ + "/firmware/ibft/ethernet0/device/net/eth7");
    EXPECT_EQ(netdev(), "eth7");
}

TEST_F(BootTargetsTest, NumbersThatAreNoneCountAsMissing) {
    put("ibft/target0", {{"port", "70000"}});
    EXPECT_EQ(read().targets.at(0).port, 3260);
    put("ibft/target0", {{"flags", "what"}});
    EXPECT_THAT(names(), IsEmpty());
}

TEST_F(BootTargetsTest, WithoutTablesThereIsNothing) {
    std::filesystem::remove_all(root_ + "/firmware");

    EXPECT_THAT(names(), IsEmpty());
}

TEST_F(BootTargetsTest, ABlockLeavesOutWhatIsEmpty) {
    const auto block = print(read().targets.at(0));

    EXPECT_THAT(block, HasSubstr("\niface.bootproto = DHCP\niface.ipaddress = 10.0.2.15\n"));
    EXPECT_THAT(block, Not(HasSubstr("gateway")));
    EXPECT_THAT(block, HasSubstr("\nnode.session.auth.password = secret\n"));
}

}  // namespace
}  // namespace iscsi::firmware
