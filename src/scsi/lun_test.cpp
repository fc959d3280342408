// SPDX-License-Identifier: LGPL-2.1-or-later
#include "scsi/lun.hpp"

#include <gtest/gtest.h>

namespace iscsi::scsi {
namespace {

TEST(Lun, LinuxNumbersReverseTheLevels) {
    EXPECT_EQ(Lun::from_wire(0).number(), 0u);
    EXPECT_EQ(Lun::from_wire(0x0005'0000'0000'0000).number(), 5u);
    EXPECT_EQ(Lun::from_wire(0x4105'0000'0000'0000).number(), 0x4105u);
    EXPECT_EQ(Lun::from_wire(0x0001'0002'0003'0004).number(), 0x0004'0003'0002'0001u);
    EXPECT_EQ(Lun::from_number(0x0004'0003'0002'0001).wire(), 0x0001'0002'0003'0004u);
}

TEST(Lun, PlainNumbersTakeTheShortestMethod) {
    EXPECT_EQ(Lun::from_plain(255)->wire(), 0x00ff'0000'0000'0000u);
    EXPECT_EQ(Lun::from_plain(256)->wire(), 0x4100'0000'0000'0000u);
    EXPECT_EQ(Lun::from_plain(16383)->wire(), 0x7fff'0000'0000'0000u);
    EXPECT_EQ(Lun::from_plain(16384)->wire(), 0xd200'4000'0000'0000u);
    EXPECT_EQ(Lun::from_plain(1 << 24), std::nullopt);
}

TEST(Lun, PlainNumbersComeBack) {
    for (const std::uint64_t plain : {0ULL, 255ULL, 256ULL, 16383ULL, 16384ULL, 0xff'ffffULL}) {
        EXPECT_EQ(Lun::from_plain(plain)->plain(), plain);
    }
}

TEST(Lun, DeeperLevelsHaveNoPlainNumber) {
    EXPECT_EQ(Lun::from_wire(0x0105'0000'0000'0000).plain(), std::nullopt);
    EXPECT_EQ(Lun::from_wire(0x0005'0001'0000'0000).plain(), std::nullopt);
    EXPECT_EQ(Lun::from_wire(0x8005'0000'0000'0000).plain(), std::nullopt);
    EXPECT_EQ(Lun::from_wire(0xc101'0000'0000'0000).plain(), std::nullopt);
}

TEST(Lun, WellKnownUnitsAreTold) {
    EXPECT_TRUE(Lun::from_wire(0xc101'0000'0000'0000).is_well_known());
    EXPECT_FALSE(Lun::from_plain(16384)->is_well_known());
    EXPECT_FALSE(Lun::from_plain(1)->is_well_known());
}

TEST(Lun, ByPathNamesAreUdevs) {
    EXPECT_EQ(by_path_lun(Lun::from_number(0)), "lun-0");
    EXPECT_EQ(by_path_lun(Lun::from_number(255)), "lun-255");
    EXPECT_EQ(by_path_lun(Lun::from_number(0x4105)), "lun-0x4105000000000000");
    EXPECT_EQ(by_path_lun(Lun::from_number(0x0002'4001)), "lun-0x4001000200000000");
}

}  // namespace
}  // namespace iscsi::scsi
