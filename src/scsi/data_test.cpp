// SPDX-License-Identifier: LGPL-2.1-or-later
#include "scsi/data.hpp"

#include <gtest/gtest.h>

#include "scsi/bytes_of.hpp"

namespace iscsi::scsi {
namespace {

std::vector<std::byte> inquiry_bytes() {
    auto data = bytes_of("00 80 06 02 1f 00 00 02");
    for (const char c : std::string_view("IET     VIRTUAL-DISK\0\0\0\0"
                                         "0001",
                                         28)) {
        data.push_back(static_cast<std::byte>(c));
    }
    return data;
}

TEST(Inquiry, FieldsOfADisk) {
    const auto inquiry = parse_inquiry(inquiry_bytes());

    ASSERT_TRUE(inquiry.has_value());
    EXPECT_TRUE(inquiry->is_disk());
    EXPECT_TRUE(inquiry->removable);
    EXPECT_EQ(inquiry->version, 6);
    EXPECT_EQ(inquiry->vendor, "IET");
    EXPECT_EQ(inquiry->product, "VIRTUAL-DISK");
    EXPECT_EQ(inquiry->revision, "0001");
}

TEST(Inquiry, EveryPrefixIsRefusedOrReadWithinItsBytes) {
    const auto data = inquiry_bytes();
    for (std::size_t n = 0; n <= data.size(); ++n) {
        const auto inquiry = parse_inquiry(base::ConstByteSpan(data).first(n));
        EXPECT_EQ(inquiry.has_value(), n >= 5) << n;
    }
}

TEST(Inquiry, BytesPastTheAdditionalLengthAreNotBelieved) {
    auto data = inquiry_bytes();
    data[4] = std::byte{11};  // ends after the vendor

    const auto inquiry = parse_inquiry(data);

    EXPECT_EQ(inquiry->vendor, "IET");
    EXPECT_EQ(inquiry->product, "");
}

TEST(Inquiry, AnAbsentUnitIsNoDisk) {
    EXPECT_FALSE(parse_inquiry(bytes_of("7f 00 06 02 00"))->present());
    EXPECT_FALSE(parse_inquiry(bytes_of("20 00 06 02 00"))->is_disk());
    EXPECT_FALSE(parse_inquiry(bytes_of("05 00 06 02 00"))->is_disk());
    EXPECT_TRUE(parse_inquiry(bytes_of("05 00 06 02 00"))->present());
}

TEST(Inquiry, ControlCharactersDoNotReachATerminal) {
    auto data = inquiry_bytes();
    data[9] = std::byte{0x1b};
    EXPECT_EQ(parse_inquiry(data)->vendor, "I?T");
}

TEST(Vpd, AnotherPageThanAskedForIsRefused) {
    const auto serial = bytes_of("00 80 00 04 41 42 43 44");
    EXPECT_EQ(parse_unit_serial(serial), "ABCD");
    EXPECT_EQ(parse_supported_pages(serial), std::nullopt);
    EXPECT_EQ(parse_block_limits(serial).has_value(), false);
}

TEST(Vpd, SupportedPagesStopAtThePageLength) {
    const auto pages = parse_supported_pages(bytes_of("00 00 00 03 00 80 b0 ff ff"));
    EXPECT_EQ(pages, (std::vector<std::uint8_t>{0x00, 0x80, 0xb0}));
    EXPECT_EQ(parse_supported_pages(bytes_of("00 00 ff ff 00 80"))->size(), 2u);
}

TEST(Vpd, IdentifiersOfTheUnitOnly) {
    const auto ids = parse_device_identification(
        bytes_of("00 83 00 2c"
                 "01 93 00 08 5000000000000001"     // association 1: the port
                 "01 03 00 08 6001405abcdef012"     // NAA
                 "02 01 00 04 41424344"             // T10 vendor text
                 "01 02 00 08 0011223344556677"));  // EUI-64

    ASSERT_TRUE(ids.has_value());
    EXPECT_EQ(ids->naa, "6001405abcdef012");
    EXPECT_EQ(ids->t10, "ABCD");
    EXPECT_EQ(ids->eui64, "0011223344556677");
}

TEST(Vpd, ADesignatorPastTheEndEndsTheList) {
    const auto ids = parse_device_identification(bytes_of("00 83 00 08 01 03 00 ff 6001 4059"));
    ASSERT_TRUE(ids.has_value());
    EXPECT_EQ(ids->naa, "");
}

TEST(Vpd, BlockLimits) {
    const auto limits =
        parse_block_limits(bytes_of("00 b0 00 3c 01 00 0008 00001000 00000800 00000000"
                                    "00010000 00000010 00000008 80000003 0000000000ffffff"
                                    "0000000000000000 000000000000000000000000"));
    ASSERT_TRUE(limits.has_value());
    EXPECT_TRUE(limits->write_same_nonzero);
    EXPECT_EQ(limits->optimal_granularity, 8);
    EXPECT_EQ(limits->max_transfer, 0x1000u);
    EXPECT_EQ(limits->optimal_transfer, 0x800u);
    EXPECT_EQ(limits->max_unmap_blocks, 0x10000u);
    EXPECT_EQ(limits->max_unmap_descriptors, 16u);
    EXPECT_EQ(limits->unmap_granularity, 8u);
    EXPECT_EQ(limits->unmap_alignment, 3u);
    EXPECT_EQ(limits->max_write_same, 0xff'ffffu);
}

TEST(Vpd, AShortBlockLimitsPageReportsNoUnmap) {
    const auto limits =
        parse_block_limits(bytes_of("00 b0 00 0c 00 00 0008 00001000 00000800 00000000"));
    ASSERT_TRUE(limits.has_value());
    EXPECT_EQ(limits->max_transfer, 0x1000u);
    EXPECT_EQ(limits->max_unmap_blocks, 0u);
    EXPECT_EQ(parse_block_limits(bytes_of("00 b0 00 04 00 00 0008")).has_value(), false);
}

TEST(Vpd, Provisioning) {
    const auto thin = parse_provisioning(bytes_of("00 b2 00 04 05 e4 02 00"));
    ASSERT_TRUE(thin.has_value());
    EXPECT_TRUE(thin->unmap && thin->write_same16_unmap && thin->write_same10_unmap);
    EXPECT_TRUE(thin->reads_zeros);
    EXPECT_EQ(thin->threshold_exponent, 5);
    EXPECT_FALSE(parse_provisioning(bytes_of("00 b2 00 04 00 80 02 00"))->reads_zeros);
}

TEST(Vpd, BlockCharacteristics) {
    EXPECT_EQ(parse_block_characteristics(bytes_of("00 b1 00 3c 0001 00"))->rotation_rate, 1);
}

TEST(Capacity, LastAddressBecomesCount) {
    const auto small = parse_capacity10(bytes_of("0001ffff 00000200"));
    EXPECT_EQ(small->blocks, 0x20000u);
    EXPECT_EQ(small->block_bytes, 512u);
    EXPECT_EQ(parse_capacity10(bytes_of("ffffffff 00000200"))->blocks, kAskCapacity16);

    const auto large = parse_capacity16(bytes_of("00000001ffffffff 00001000 01 03 c000"));
    EXPECT_EQ(large->blocks, 0x2'0000'0000u);
    EXPECT_EQ(large->block_bytes, 4096u);
    EXPECT_TRUE(large->protection && large->provisioned_thin && large->reads_zeros);
    EXPECT_EQ(large->physical_exponent, 3);
}

TEST(Capacity, ImpossibleOnesAreRefused) {
    EXPECT_FALSE(parse_capacity16(bytes_of("ffffffffffffffff 00000200")).has_value());
    EXPECT_FALSE(parse_capacity16(bytes_of("00000001ffffffff 0000")).has_value());
    EXPECT_FALSE(parse_capacity10(bytes_of("0001ffff 000002")).has_value());
    EXPECT_TRUE(block_size_is_usable(512) && block_size_is_usable(4096));
    EXPECT_FALSE(block_size_is_usable(0) || block_size_is_usable(520));
    EXPECT_FALSE(block_size_is_usable(256) || block_size_is_usable(1u << 17));
}

TEST(ModeSense, WriteProtectionAndCache) {
    const auto mode = parse_mode_sense6(bytes_of("17 00 90 00 08 12 04 00 0000 0000 0000 0000"));
    ASSERT_TRUE(mode.has_value());
    EXPECT_TRUE(mode->write_protected && mode->dpo_fua);
    EXPECT_EQ(mode->write_cache, true);

    const auto ten = parse_mode_sense10(bytes_of("001a 00 00 00 00 0000 08 12 00 00"));
    ASSERT_TRUE(ten.has_value());
    EXPECT_FALSE(ten->write_protected);
    EXPECT_EQ(ten->write_cache, false);
}

TEST(ModeSense, BlockDescriptorsAndOtherPagesAreSkipped) {
    const auto mode = parse_mode_sense6(
        bytes_of("ff 00 00 08 0000000000000200"  // a block descriptor though none was wanted
                 "01 02 00 00"                   // read-write error recovery
                 "4a 01 00 02 0000"              // a sub-page
                 "88 12 04"));
    ASSERT_TRUE(mode.has_value());
    EXPECT_EQ(mode->write_cache, true);
}

TEST(ModeSense, LengthsPastTheEndFindNothing) {
    EXPECT_EQ(parse_mode_sense6(bytes_of("ff 00 00 ff 08 12 04"))->write_cache, std::nullopt);
    EXPECT_EQ(parse_mode_sense6(bytes_of("ff 00 00 00 01 ff 04"))->write_cache, std::nullopt);
    EXPECT_EQ(parse_mode_sense6(bytes_of("ff 00 00 00 4a 01"))->write_cache, std::nullopt);
    EXPECT_FALSE(parse_mode_sense6(bytes_of("ff 00 00")).has_value());
    EXPECT_FALSE(parse_mode_sense10(bytes_of("00ff 00 00 00 00 00")).has_value());
}

TEST(ReportLuns, WholeEntriesThatArrived) {
    const auto data = bytes_of("00000018 00000000 0000000000000000 0001000000000000 41000000");

    const auto list = parse_report_luns(data);

    ASSERT_TRUE(list.has_value());
    ASSERT_EQ(list->luns.size(), 2u);
    EXPECT_EQ(list->luns[1].number(), 1u);
    EXPECT_EQ(list->bytes_available, 32u);
}

TEST(ReportLuns, AHugeLengthDoesNotWrap) {
    const auto list = parse_report_luns(bytes_of("ffffffff 00000000"));
    ASSERT_TRUE(list.has_value());
    EXPECT_TRUE(list->luns.empty());
    EXPECT_EQ(list->bytes_available, 0xffff'ffffu);
    EXPECT_FALSE(parse_report_luns(bytes_of("00000008 000000")).has_value());
}

}  // namespace
}  // namespace iscsi::scsi
