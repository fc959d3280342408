// SPDX-License-Identifier: LGPL-2.1-or-later
#include "scsi/cdb.hpp"

#include <gtest/gtest.h>

#include "scsi/bytes_of.hpp"

namespace iscsi::scsi {
namespace {

// The expected bytes are written out from the tables of SPC-4 and SBC-3.
void expect_cdb(const Cdb& cdb, std::string_view hex) {
    const auto expected = bytes_of(hex);
    ASSERT_EQ(cdb.length, expected.size()) << hex;
    for (std::size_t i = 0; i < kCdbBytesMax; ++i) {
        const auto want = i < expected.size() ? expected[i] : std::byte{0};
        EXPECT_EQ(cdb.bytes[i], want) << "byte " << i << " of " << hex;
    }
}

TEST(Cdb, CommandsThatDescribeAUnit) {
    expect_cdb(test_unit_ready(), "00 00 00 00 00 00");
    expect_cdb(inquiry(0x0102), "12 00 00 01 02 00");
    expect_cdb(inquiry_vpd(VpdPage::BlockLimits, 64), "12 01 b0 00 40 00");
    expect_cdb(read_capacity10(), "25 00 00000000 0000 00 00");
    expect_cdb(read_capacity16(32), "9e 10 0000000000000000 00000020 00 00");
    expect_cdb(report_luns(0x1000), "a0 00 00 000000 00001000 00 00");
    expect_cdb(mode_sense6(kCachingModePage, 255), "1a 08 08 00 ff 00");
    expect_cdb(mode_sense10(kAllModePages, 0x0200), "5a 08 3f 00 000000 0200 00");
}

TEST(Cdb, TransfersCarryAddressAndCount) {
    expect_cdb(read6({0x1f'ffff, 256}), "08 1f ff ff 00 00");
    expect_cdb(write6({0x01'0203, 7}), "0a 01 02 03 07 00");
    expect_cdb(read10({0x0102'0304, 0x0506}), "28 00 01020304 00 0506 00");
    expect_cdb(write10({1, 2}, /*fua=*/true), "2a 08 00000001 00 0002 00");
    expect_cdb(read16({0x0102'0304'0506'0708, 0x090a'0b0c}),
               "88 00 0102030405060708 090a0b0c 00 00");
    expect_cdb(write16({1, 2}, /*fua=*/true), "8a 08 0000000000000001 00000002 00 00");
}

TEST(Cdb, TheShortestFormThatHoldsTheExtentIsChosen) {
    EXPECT_EQ(read({kLbaMax10, kBlocksMax10}).opcode(), Opcode::Read10);
    EXPECT_EQ(read({kLbaMax10 + 1, 1}).opcode(), Opcode::Read16);
    EXPECT_EQ(write({0, kBlocksMax10 + 1}).opcode(), Opcode::Write16);
    EXPECT_EQ(write({0, 1}).opcode(), Opcode::Write10);
}

TEST(Cdb, CacheAndProvisioning) {
    expect_cdb(synchronize_cache10({}), "35 00 00000000 00 0000 00");
    expect_cdb(synchronize_cache16({}), "91 00 0000000000000000 00000000 00 00");
    expect_cdb(write_same10({5, 6}, /*unmap=*/false), "41 00 00000005 00 0006 00");
    expect_cdb(write_same16({5, 6}, /*unmap=*/true), "93 08 0000000000000005 00000006 00 00");
    expect_cdb(unmap(), "42 00 00000000 00 0018 00");
    const auto list = unmap_list({0x0102'0304'0506'0708, 0x1122'3344});
    const auto want = bytes_of("0016 0010 00000000 0102030405060708 11223344 00000000");
    EXPECT_TRUE(std::equal(list.begin(), list.end(), want.begin(), want.end()));
}

}  // namespace
}  // namespace iscsi::scsi
