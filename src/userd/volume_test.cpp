// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/volume.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace iscsi::userd {
namespace {

Volume disk() {
    Volume volume;
    volume.lun = scsi::Lun::from_number(1);
    volume.blocks = 1 << 20;
    volume.block_bytes = 512;
    return volume;
}

std::vector<Step> all_steps(const Volume& volume, const Request& request) {
    std::vector<Step> steps;
    static StepScratch scratch;
    for (std::uint64_t done = 0; done < request.blocks; done += steps.back().blocks) {
        const auto step = next_step(volume, request, done, scratch);
        if (!step || step->blocks == 0) {
            ADD_FAILURE() << "no step at " << done;
            break;
        }
        steps.push_back(*step);
    }
    return steps;
}

Request transfer(RequestKind kind, std::uint64_t lba, std::vector<std::byte>& buffer) {
    return {.kind = kind, .lba = lba, .blocks = buffer.size() / 512, .data = buffer};
}

TEST(Volume, ATransferWithinTheLimitIsOneCommand) {
    std::vector<std::byte> buffer(1 << 20);
    const auto steps = all_steps(disk(), transfer(RequestKind::Read, 7, buffer));

    ASSERT_EQ(steps.size(), 1u);
    EXPECT_EQ(steps[0].command.cdb, scsi::read10({7, 2048}));
    EXPECT_EQ(steps[0].command.read_into.data(), buffer.data());
    EXPECT_EQ(steps[0].command.read_into.size(), buffer.size());
}

TEST(Volume, ALongTransferIsCutAndEachPieceHasItsData) {
    Volume volume = disk();
    volume.max_transfer_blocks = 1000;
    std::vector<std::byte> buffer(2048UL * 512);

    const auto steps = all_steps(volume, transfer(RequestKind::Write, 10, buffer));

    ASSERT_EQ(steps.size(), 3u);
    EXPECT_EQ(steps[2].command.cdb, scsi::write10({2010, 48}));
    EXPECT_EQ(steps[2].command.write_from.data(), buffer.data() + 2000UL * 512);
    EXPECT_EQ(steps[2].command.write_from.size(), 48u * 512);
}

TEST(Volume, AddressesPastTwoTebibytesUseTheLongForm) {
    std::vector<std::byte> buffer(512);
    const auto steps = all_steps(disk(), transfer(RequestKind::Write, 1ULL << 32, buffer));
    EXPECT_EQ(steps.at(0).command.cdb, scsi::write16({1ULL << 32, 1}));
}

TEST(Volume, DiscardByWriteSameLeavesZerosAndMayDeallocate) {
    Volume volume = disk();
    volume.discard = ZeroMethod::WriteSame16;
    volume.max_write_same_blocks = 100;

    const auto steps = all_steps(volume, {.kind = RequestKind::Discard, .lba = 3, .blocks = 250});

    ASSERT_EQ(steps.size(), 3u);
    EXPECT_EQ(steps[0].command.cdb, scsi::write_same16({3, 100}, /*unmap=*/true));
    EXPECT_EQ(steps[2].command.cdb, scsi::write_same16({203, 50}, /*unmap=*/true));
    EXPECT_EQ(steps[0].command.write_from.size(), 512u);
}

TEST(Volume, ZerosThatStayAllocatedHaveNoUnmapBit) {
    Volume volume = disk();
    volume.write_zeros = ZeroMethod::WriteSame16;

    const auto steps = all_steps(volume, {.kind = RequestKind::WriteZeros, .lba = 3, .blocks = 10});

    EXPECT_EQ(steps.at(0).command.cdb, scsi::write_same16({3, 10}, /*unmap=*/false));
}

TEST(Volume, UnmapTakesWholeGranulesAndWritesTheEdges) {
    Volume volume = disk();
    volume.discard = ZeroMethod::Unmap;
    volume.unmap_granularity = 8;
    volume.unmap_alignment = 3;
    volume.max_unmap_blocks = 20;

    // Granules start at 3, 11, 19, 27, ...
    const auto steps = all_steps(volume, {.kind = RequestKind::Discard, .lba = 5, .blocks = 40});

    ASSERT_EQ(steps.size(), 4u);
    EXPECT_EQ(steps[0].command.cdb, scsi::write10({5, 6}));
    EXPECT_EQ(steps[1].command.cdb.opcode(), scsi::Opcode::Unmap);
    EXPECT_EQ(steps[1].blocks, 16u);
    EXPECT_EQ(steps[2].command.cdb.opcode(), scsi::Opcode::Unmap);
    EXPECT_EQ(steps[2].blocks, 16u);
    EXPECT_EQ(steps[3].command.cdb, scsi::write10({43, 2}));
}

TEST(Volume, UnmapNamesItsExtentInTheParameterList) {
    Volume volume = disk();
    volume.discard = ZeroMethod::Unmap;
    volume.max_unmap_blocks = 1000;
    StepScratch scratch;

    const auto step =
        next_step(volume, {.kind = RequestKind::Discard, .lba = 5, .blocks = 40}, 0, scratch);

    ASSERT_TRUE(step.has_value());
    EXPECT_EQ(step->command.write_from.data(), scratch.data());
    EXPECT_EQ(scratch, scsi::unmap_list({5, 40}));
}

TEST(Volume, ALimitBelowOneGranuleMeansZerosAreWritten) {
    Volume volume = disk();
    volume.discard = ZeroMethod::Unmap;
    volume.unmap_granularity = 64;
    volume.max_unmap_blocks = 32;

    const auto steps = all_steps(volume, {.kind = RequestKind::Discard, .lba = 0, .blocks = 300});

    ASSERT_EQ(steps.size(), 3u);  // of at most 64 KiB
    EXPECT_EQ(steps[0].command.cdb, scsi::write10({0, 128}));
}

TEST(Volume, WithoutAMethodThereIsNoStep) {
    StepScratch scratch;
    const Request discard{.kind = RequestKind::Discard, .lba = 0, .blocks = 8};
    EXPECT_FALSE(next_step(disk(), discard, 0, scratch).has_value());
    Volume volume = disk();
    volume.discard = ZeroMethod::WriteSame10;
    const Request far{.kind = RequestKind::Discard, .lba = 1ULL << 32, .blocks = 8};
    EXPECT_FALSE(next_step(volume, far, 0, scratch).has_value());
}

TEST(Volume, AFlushCoversTheWholeMedium) {
    StepScratch scratch;
    const auto step = next_step(disk(), {.kind = RequestKind::Flush}, 0, scratch);
    EXPECT_EQ(step->command.cdb, scsi::synchronize_cache10({}));
    EXPECT_EQ(step->command.direction, Direction::None);
}

}  // namespace
}  // namespace iscsi::userd
