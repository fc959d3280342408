// SPDX-License-Identifier: LGPL-2.1-or-later
// A tree like the one Linux 6.1 shows for a session of iscsi_tcp.
#include "datapath/kernel/sysfs.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace iscsi::datapath::kernel {
namespace {

namespace fs = std::filesystem;

class SysfsTest : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "sysfs-XXXXXX";
        root_ = ::mkdtemp(pattern.data());
    }
    void TearDown() override { fs::remove_all(root_); }

    void attribute(const std::string& path, const std::string& value) {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << value << "\n";
    }
    void link(const std::string& path, const std::string& target) {
        fs::create_directories((root_ / path).parent_path());
        fs::create_symlink(target, root_ / path);
    }
    void add_session(const std::string& sid) {
        const std::string own = "devices/platform/host0/session" + sid;
        const std::string session = own + "/iscsi_session/session" + sid + "/";
        attribute(session + "targetname", "iqn.2003-01.org.linux-iscsi:t0");
        attribute(session + "tpgt", "1");
        attribute(session + "state", "LOGGED_IN");
        attribute(session + "creator", "764");
        attribute(session + "username", "(null)");
        attribute(session + "password", "secret");
        attribute(session + "recovery_tmo", "off");
        attribute(session + "abort_tmo", "15");
        attribute(session + "first_burst_len", "65536");
        link(session + "device", "../../");
        link("class/iscsi_session/session" + sid,
             "../../devices/platform/host0/session" + sid + "/iscsi_session/session" + sid);
        const std::string connection = "class/iscsi_connection/connection" + sid + ":0/";
        attribute(connection + "persistent_address", "192.0.2.7");
        attribute(connection + "persistent_port", "3260");
        attribute(connection + "address", "192.0.2.8");
        attribute(connection + "ping_tmo", "5");
        attribute(connection + "exp_statsn", "3873586762");
        attribute(own + "/target0:0:0/0:0:0:1/state", "running");
        attribute(own + "/target0:0:0/0:0:0:0/state", "running");
        fs::create_directories(root_ / (own + "/target0:0:0/0:0:0:1/block/sdb"));
    }

    fs::path root_;
};

TEST_F(SysfsTest, TellsASessionThatIsBeingLoggedOut) {
    const Sysfs sysfs(root_.string());
    const std::string state = "devices/platform/host0/session3/iscsi_session/session3/target_state";
    add_session("3");
    EXPECT_FALSE(sysfs.is_leaving(3));  // older kernels do not tell
    attribute(state, "SCANNED");
    EXPECT_FALSE(sysfs.is_leaving(3));

    attribute(state, "UNBINDING");
    EXPECT_TRUE(sysfs.is_leaving(3));
    EXPECT_FALSE(sysfs.is_unbound(3));

    attribute(state, "UNBOUND");
    EXPECT_TRUE(sysfs.is_leaving(3));
    EXPECT_TRUE(sysfs.is_unbound(3));
}

TEST_F(SysfsTest, SettingsAreThoseOfSessionConnectionAndHost) {
    add_session("7");
    attribute("class/iscsi_session/session7/fast_abort", "0");
    attribute("class/iscsi_connection/connection7:0/recv_tmo", "0");
    attribute("class/scsi_host/host3/cmd_per_lun", "8");

    const auto settings = Sysfs(root_).settings(7, 3);

    EXPECT_EQ(settings.ping_interval, 0);
    EXPECT_EQ(settings.ping_timeout, 5);
    EXPECT_EQ(settings.fast_abort, 0);
    EXPECT_EQ(settings.queue_depth, 8);
    EXPECT_FALSE(Sysfs(root_).settings(8, 4).ping_interval);
}

TEST_F(SysfsTest, ASessionIsReadWithItsConnection) {
    add_session("7");

    const auto view = Sysfs(root_).session(7).value();

    EXPECT_EQ(view.target, "iqn.2003-01.org.linux-iscsi:t0");
    EXPECT_EQ(view.host_no, 0u);
    EXPECT_EQ(view.username, "");
    EXPECT_EQ(view.password, "secret");
    EXPECT_EQ(view.recovery_timeout, -1);
    EXPECT_EQ(view.abort_timeout, 15);
    EXPECT_EQ(view.target_reset_timeout, -1);
    EXPECT_EQ(view.first_burst_len, 65536);
    EXPECT_FALSE(view.max_burst_len);
    EXPECT_EQ(view.persistent_address, "192.0.2.7");
    EXPECT_EQ(view.address, "192.0.2.8");
    EXPECT_EQ(Sysfs(root_).exp_stat_sn(7), 3873586762u);
    EXPECT_TRUE(Sysfs(root_).kernel_pings(7));
}

TEST_F(SysfsTest, SessionsAreListedInTheOrderOfTheirNames) {
    for (const auto* sid : {"2", "10", "1"}) add_session(sid);
    EXPECT_EQ(Sysfs(root_).session_ids(), (std::vector<std::uint32_t>{1, 10, 2}));
    EXPECT_EQ(Sysfs(root_).sessions().size(), 3u);
}

TEST_F(SysfsTest, ASessionThatIsGoneHasOpenIscsisError) {
    const auto missing = Sysfs(root_).session(99);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, base::ErrorCode::SysfsLookup);
    EXPECT_EQ(missing.error().message, "could not read session targetname: 5");

    // The directory is still there, its attributes are not: it is going away right now.
    fs::create_directories(root_ / "class/iscsi_session/session3");
    EXPECT_EQ(Sysfs(root_).session_ids().size(), 1u);
    EXPECT_TRUE(Sysfs(root_).sessions().empty());
}

TEST_F(SysfsTest, LunsComeSortedWithTheirBlockDevices) {
    add_session("7");

    const auto luns = Sysfs(root_).luns(7);

    ASSERT_EQ(luns.size(), 2u);
    EXPECT_EQ(luns[0].lun, 0u);
    EXPECT_EQ(luns[0].block_device, "");
    EXPECT_EQ(luns[1].lun, 1u);
    EXPECT_EQ(luns[1].block_device, "sdb");
    EXPECT_EQ(luns[1].state, "running");
}

TEST_F(SysfsTest, LunsOfManyHostsAreFoundAtOnce) {
    const auto add_device = [this](const std::string& name, const std::string& disk) {
        const std::string own = "devices/platform/host" + name.substr(0, 1) + "/" + name;
        attribute(own + "/state", "running");
        link("class/scsi_device/" + name + "/device", "../../../" + own);
        if (disk.empty()) return;
        fs::create_directories(root_ / (own + "/block/" + disk));
        link("class/block/" + disk, "../../" + own + "/block/" + disk);
        link("class/block/" + disk + "1", "../../" + own + "/block/" + disk + "/" + disk + "1");
    };
    add_device("2:0:0:10", "sdc");
    add_device("2:0:0:9", "sdb");
    add_device("3:0:0:0", "");
    add_device("4:0:0:0", "sdd");
    link("class/block/loop0", "../../devices/virtual/block/loop0");

    const auto luns = Sysfs(root_).luns_of({2, 3, 5});

    ASSERT_EQ(luns.size(), 2u);
    ASSERT_EQ(luns.at(2).size(), 2u);
    EXPECT_EQ(luns.at(2)[0].lun, 9u);
    EXPECT_EQ(luns.at(2)[0].block_device, "sdb");
    EXPECT_EQ(luns.at(2)[1].block_device, "sdc");
    EXPECT_EQ(luns.at(2)[1].state, "running");
    EXPECT_EQ(luns.at(3)[0].block_device, "");
}

TEST_F(SysfsTest, WhatChangesIsReadAlone) {
    add_session("7");

    const auto live = Sysfs(root_).live(7).value();

    EXPECT_EQ(live.host_no, 0u);
    EXPECT_EQ(live.state, "LOGGED_IN");
    EXPECT_EQ(live.recovery_timeout, -1);
    EXPECT_FALSE(Sysfs(root_).live(8));
}

TEST_F(SysfsTest, TransportsTellTheirHandleAndWhatTheyCan) {
    attribute("class/iscsi_transport/tcp/handle", "2242995360");
    attribute("class/iscsi_transport/tcp/caps", "0x39");

    const auto tcp = Sysfs(root_).transport("tcp");

    ASSERT_TRUE(tcp);
    EXPECT_EQ(tcp->handle, 2242995360u);
    EXPECT_TRUE(tcp->can(kCapHeaderDigest));
    EXPECT_FALSE(tcp->can(kCapLoginOffload));
    EXPECT_FALSE(Sysfs(root_).transport("iser"));
}

TEST_F(SysfsTest, HostsKnowTheirTransport) {
    attribute("class/scsi_host/host0/state", "running");
    attribute("class/scsi_host/host0/proc_name", "iscsi_tcp");
    attribute("class/iscsi_host/host0/ipaddress", "127.0.0.1");
    attribute("class/iscsi_host/host0/netdev", "(null)");

    const auto hosts = Sysfs(root_).hosts();

    ASSERT_EQ(hosts.size(), 1u);
    EXPECT_EQ(hosts[0].transport, "tcp");
    EXPECT_EQ(hosts[0].ipaddress, "127.0.0.1");
    EXPECT_EQ(hosts[0].netdev, "");
}

}  // namespace
}  // namespace iscsi::datapath::kernel
