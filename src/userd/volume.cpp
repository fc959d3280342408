// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/volume.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace iscsi::userd {

namespace {

using namespace std::chrono_literals;

constexpr auto kFlushTimeout = 60s;  // twice the usual, as Linux's disk driver has it

constinit std::array<std::byte, kZeroBytes> zeros{};  // never written to

std::uint32_t clamp32(std::uint64_t value, std::uint64_t most) {
    return static_cast<std::uint32_t>(std::min({value, most, std::uint64_t{0xffff'ffff}}));
}

Step transfer_step(const Volume& volume, const Request& request, std::uint64_t done) {
    const std::uint64_t most =
        volume.max_transfer_blocks != 0 ? volume.max_transfer_blocks : request.blocks;
    const scsi::Extent extent{.lba = request.lba + done,
                              .blocks = clamp32(request.blocks - done, most)};
    const auto data = request.data.subspan(done * volume.block_bytes,
                                           std::size_t{extent.blocks} * volume.block_bytes);
    Step step{.command = {.lun = volume.lun}, .blocks = extent.blocks};
    if (request.kind == RequestKind::Read) {
        step.command.cdb = scsi::read(extent);
        step.command.direction = Direction::Read;
        step.command.read_into = data;
    } else {
        step.command.cdb = scsi::write(extent);
        step.command.direction = Direction::Write;
        step.command.write_from = data;
    }
    return step;
}

Step write_zeros_step(const Volume& volume, std::uint64_t lba, std::uint64_t blocks) {
    std::uint64_t most = kZeroBytes / volume.block_bytes;
    if (volume.max_transfer_blocks != 0) {
        most = std::min<std::uint64_t>(most, volume.max_transfer_blocks);
    }
    const scsi::Extent extent{.lba = lba, .blocks = clamp32(blocks, most)};
    Step step{.command = {.lun = volume.lun}, .blocks = extent.blocks};
    step.command.cdb = scsi::write(extent);
    step.command.direction = Direction::Write;
    step.command.write_from =
        base::ConstByteSpan(zeros).first(std::size_t{extent.blocks} * volume.block_bytes);
    return step;
}

Step write_same_step(const Volume& volume, scsi::Extent extent, ZeroMethod method, bool unmap) {
    Step step{.command = {.lun = volume.lun}, .blocks = extent.blocks};
    step.command.cdb = method == ZeroMethod::WriteSame10 ? scsi::write_same10(extent, unmap)
                                                         : scsi::write_same16(extent, unmap);
    step.command.direction = Direction::Write;
    step.command.write_from = base::ConstByteSpan(zeros).first(volume.block_bytes);
    return step;
}

Step unmap_step(const Volume& volume, scsi::Extent extent, StepScratch& scratch) {
    scratch = scsi::unmap_list(extent);
    Step step{.command = {.lun = volume.lun}, .blocks = extent.blocks};
    step.command.cdb = scsi::unmap();
    step.command.direction = Direction::Write;
    step.command.write_from = scratch;
    return step;
}

// Whole granules are unmapped; a target may keep a partly unmapped granule as it was, so the edges
// are written.
Step unmap_or_edge_step(const Volume& volume, std::uint64_t lba, std::uint64_t blocks,
                        StepScratch& scratch) {
    const std::uint64_t granule = std::max<std::uint32_t>(volume.unmap_granularity, 1);
    const std::uint64_t into =
        (lba % granule + granule - volume.unmap_alignment % granule) % granule;
    const std::uint64_t to_boundary = into == 0 ? 0 : granule - into;
    if (to_boundary != 0) return write_zeros_step(volume, lba, std::min(blocks, to_boundary));
    if (blocks < granule) return write_zeros_step(volume, lba, blocks);
    const std::uint64_t most = std::min<std::uint64_t>(blocks, volume.max_unmap_blocks);
    const std::uint64_t whole = most - most % granule;
    // A limit below one granule: nothing can be unmapped whole.
    if (whole == 0) return write_zeros_step(volume, lba, blocks);
    return unmap_step(volume, {.lba = lba, .blocks = clamp32(whole, whole)}, scratch);
}

std::optional<Step> zero_step(const Volume& volume, const Request& request, std::uint64_t done,
                              StepScratch& scratch) {
    const bool unmap = request.kind == RequestKind::Discard;
    const ZeroMethod method = unmap ? volume.discard : volume.write_zeros;
    const std::uint64_t lba = request.lba + done;
    const std::uint64_t left = request.blocks - done;
    switch (method) {
        case ZeroMethod::None:
            return std::nullopt;
        case ZeroMethod::Unmap:
            return unmap_or_edge_step(volume, lba, left, scratch);
        case ZeroMethod::WriteSame16:
        case ZeroMethod::WriteSame10:
            break;
    }
    std::uint64_t most = std::max<std::uint32_t>(volume.max_write_same_blocks, 1);
    if (method == ZeroMethod::WriteSame10) {
        if (lba > scsi::kLbaMax10) return std::nullopt;
        most = std::min<std::uint64_t>(most, scsi::kBlocksMax10);
    }
    return write_same_step(volume, {.lba = lba, .blocks = clamp32(left, most)}, method, unmap);
}

std::optional<Step> flush_step(const Volume& volume) {
    Step step{.command = {.lun = volume.lun}};
    step.command.cdb = scsi::synchronize_cache10({});
    step.command.timeout = kFlushTimeout;
    return step;
}

}  // namespace

std::optional<Step> next_step(const Volume& volume, const Request& request, std::uint64_t done,
                              StepScratch& scratch) {
    switch (request.kind) {
        case RequestKind::Read:
        case RequestKind::Write:
            CHECK(done < request.blocks &&
                  request.data.size() == request.blocks * volume.block_bytes);
            return transfer_step(volume, request, done);
        case RequestKind::Flush:
            return flush_step(volume);
        case RequestKind::Discard:
        case RequestKind::WriteZeros:
            CHECK(done < request.blocks);
            return zero_step(volume, request, done, scratch);
        case RequestKind::Raw:
            return Step{.command = request.raw};
    }
    return std::nullopt;
}

}  // namespace iscsi::userd
