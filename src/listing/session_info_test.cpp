// SPDX-License-Identifier: LGPL-2.1-or-later
#include "listing/session_info.hpp"

#include <gtest/gtest.h>

namespace iscsi::listing {
namespace {

datapath::SessionSpec spec_of_a_disk() {
    datapath::SessionSpec spec;
    spec.transport = "tcp";
    spec.initiator_name = "iqn.2026-11.test:me";
    spec.node.name = "iqn.2026-11.test:disk";
    spec.node.tpgt = 3;
    spec.node.conn[0].address = "stor.test";
    spec.node.conn[0].port = 3261;
    spec.node.session.auth.username = "user";
    spec.node.session.auth.password = base::Secret("secret");
    return spec;
}

TEST(SessionInfo, IsWhatTheRecordSaysAndTheLoginHasSettled) {
    session::LoggedIn login;
    login.params.max_burst_length = 512;
    login.params.header_digest = true;

    const auto info = session_info(7, spec_of_a_disk(), login, /*secrets=*/false);

    EXPECT_EQ(info.sid, 7U);
    EXPECT_EQ(info.host_no, 7U);
    EXPECT_EQ(info.target, "iqn.2026-11.test:disk");
    EXPECT_EQ(info.persistent_address, "stor.test");
    EXPECT_EQ(info.persistent_port, 3261);
    EXPECT_EQ(info.iface_initiatorname, "iqn.2026-11.test:me");
    EXPECT_EQ(info.max_burst_length, 512U);
    EXPECT_TRUE(info.header_digest);
    EXPECT_FALSE(info.data_digest);
}

TEST(SessionInfo, TheTagIsTheTargetsOrElseTheRecords) {
    session::LoggedIn login;
    EXPECT_EQ(session_info(1, spec_of_a_disk(), login, false).tpgt, 3);

    login.params.target_portal_group_tag = 5;
    EXPECT_EQ(session_info(1, spec_of_a_disk(), login, false).tpgt, 5);
}

TEST(SessionInfo, SecretsAreToldOnlyWhenAskedFor) {
    const auto shown = session_info(1, spec_of_a_disk(), {}, /*secrets=*/true);
    const auto hidden = session_info(1, spec_of_a_disk(), {}, /*secrets=*/false);

    EXPECT_EQ(shown.password, "secret");
    EXPECT_EQ(hidden.password, "");
    EXPECT_EQ(hidden.username, "user");
}

TEST(LunInfos, KeepTheirOrderAndSizes) {
    datapath::Lun disk;
    disk.lun = 2;
    disk.block_device = "loop4";
    disk.block_count = 131072;
    disk.block_bytes = 4096;

    const auto infos = lun_infos({disk, datapath::Lun{}});

    ASSERT_EQ(infos.size(), 2U);
    EXPECT_EQ(infos[0].lun, 2U);
    EXPECT_EQ(infos[0].block_device, "loop4");
    EXPECT_EQ(infos[0].block_count, 131072U);
    EXPECT_EQ(infos[0].block_bytes, 4096U);
}

TEST(StatsInfo, NamesTheItemThatItAnswers) {
    datapath::Stats stats;
    stats.counters = {{"txdata_octets", 12}};
    stats.extended = {{"eh_abort_cnt", 1}};

    const auto info = stats_info(4, 7, stats);

    EXPECT_EQ(info.index, 4U);
    EXPECT_EQ(info.sid, 7U);
    ASSERT_EQ(info.counters.size(), 1U);
    EXPECT_EQ(info.counters[0], (control::Counter{"txdata_octets", 12}));
    ASSERT_EQ(info.extended.size(), 1U);
    EXPECT_EQ(info.extended[0], (control::Counter{"eh_abort_cnt", 1}));
}

}  // namespace
}  // namespace iscsi::listing
