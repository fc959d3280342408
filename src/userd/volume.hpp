// SPDX-License-Identifier: LGPL-2.1-or-later
// A logical unit as a disk: its size, its limits, and how a block request is cut into SCSI commands
// that it accepts. Pure.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "scsi/cdb.hpp"
#include "scsi/lun.hpp"

namespace iscsi::userd {

// How blocks are made to read as zeros without sending zeros for each.
enum class ZeroMethod : std::uint8_t {
    None,         // not at all: the block layer writes zeros itself
    WriteSame16,  // WRITE SAME(16)
    WriteSame10,  // WRITE SAME(10)
    Unmap         // UNMAP of whole granules; only where unmapped blocks read as zeros
};

struct Volume {
    scsi::Lun lun;
    std::uint64_t blocks = 0;
    std::uint32_t block_bytes = 512;
    bool read_only = false;
    bool write_cache = true;                         // SYNCHRONIZE CACHE has something to do
    std::uint32_t max_transfer_blocks = 0;           // 0: no limit but ours
    ZeroMethod discard = ZeroMethod::None;           // zeros that may deallocate
    ZeroMethod discard_fallback = ZeroMethod::None;  // when the target refuses that one
    ZeroMethod write_zeros = ZeroMethod::None;       // zeros that stay allocated
    std::uint32_t max_write_same_blocks = 0xffff;
    std::uint32_t max_unmap_blocks = 0;
    std::uint32_t unmap_granularity = 1;  // blocks
    std::uint32_t unmap_alignment = 0;    // first block that starts a granule
    std::string vendor;
    std::string product;
    std::string revision;
    std::string serial;
    std::string designators;  // of VPD page 83h, as one text to compare
    bool ids_known = false;   // the unit was able to tell its serial and designators, if any
    std::uint8_t peripheral_type = 0;

    std::uint64_t bytes() const { return blocks * block_bytes; }
    bool operator==(const Volume&) const = default;
};

enum class Direction : std::uint8_t { None, Read, Write };

// One SCSI command. The data stay where they are: `read_into` or `write_from`, whichever the
// direction says.
struct Command {
    scsi::Lun lun;
    scsi::Cdb cdb;
    Direction direction = Direction::None;
    base::ByteSpan read_into;
    base::ConstByteSpan write_from;
    std::chrono::seconds timeout{30};
};

enum class RequestKind : std::uint8_t { Read, Write, Flush, Discard, WriteZeros, Raw };

// What the block layer (or the scan) wants. Extents in logical blocks; data as long as the extent.
struct Request {
    RequestKind kind = RequestKind::Read;
    std::uint32_t volume = 0;  // index given to the scheduler; not used by Raw
    std::uint64_t lba = 0;
    std::uint64_t blocks = 0;
    base::ByteSpan data;  // read into, or write from
    Command raw;          // Raw: the command as it is
};

inline constexpr std::size_t kZeroBytes = 64UL * 1024;

struct Step {
    Command command;
    std::uint64_t blocks = 0;  // of the request that the command covers
};

// Bytes that a step's command refers to besides the request's own data. Belongs to the request for
// as long as the command runs.
using StepScratch = std::array<std::byte, scsi::kUnmapListBytes>;

// The next command of a request of which `done` blocks have been served; nullopt when the volume
// has no way to do it (EOPNOTSUPP). Call while done < blocks, or once for a Flush.
std::optional<Step> next_step(const Volume& volume, const Request& request, std::uint64_t done,
                              StepScratch& scratch);

}  // namespace iscsi::userd
