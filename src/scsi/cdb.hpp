// SPDX-License-Identifier: LGPL-2.1-or-later
// Command descriptor blocks (SPC-4, SBC-3). Each builder takes exactly what the command carries;
// the caller has checked ranges (a block address that does not fit is our bug).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace iscsi::scsi {

inline constexpr std::size_t kCdbBytesMax = 16;

enum class Opcode : std::uint8_t {
    TestUnitReady = 0x00,
    RequestSense = 0x03,
    Read6 = 0x08,
    Write6 = 0x0a,
    Inquiry = 0x12,
    ModeSense6 = 0x1a,
    ReadCapacity10 = 0x25,
    Read10 = 0x28,
    Write10 = 0x2a,
    SynchronizeCache10 = 0x35,
    WriteSame10 = 0x41,
    Unmap = 0x42,
    ModeSense10 = 0x5a,
    Read16 = 0x88,
    Write16 = 0x8a,
    SynchronizeCache16 = 0x91,
    WriteSame16 = 0x93,
    ServiceActionIn16 = 0x9e,
    ReportLuns = 0xa0,
};

struct Cdb {
    std::array<std::byte, kCdbBytesMax> bytes{};  // unused tail is zero
    std::uint8_t length = 6;

    Opcode opcode() const { return static_cast<Opcode>(bytes[0]); }
    bool operator==(const Cdb&) const = default;
};

enum class VpdPage : std::uint8_t {
    SupportedPages = 0x00,
    UnitSerialNumber = 0x80,
    DeviceIdentification = 0x83,
    BlockLimits = 0xb0,
    BlockCharacteristics = 0xb1,
    LogicalBlockProvisioning = 0xb2,
};

Cdb test_unit_ready();
Cdb inquiry(std::uint16_t allocation_length);
Cdb inquiry_vpd(VpdPage page, std::uint16_t allocation_length);
Cdb read_capacity10();
Cdb read_capacity16(std::uint32_t allocation_length);
// SELECT REPORT 0: all logical units but the well-known ones.
Cdb report_luns(std::uint32_t allocation_length);

inline constexpr std::uint8_t kCachingModePage = 0x08;
inline constexpr std::uint8_t kAllModePages = 0x3f;
Cdb mode_sense6(std::uint8_t page, std::uint8_t allocation_length);
Cdb mode_sense10(std::uint8_t page, std::uint16_t allocation_length);

struct Extent {  // of logical blocks
    std::uint64_t lba = 0;
    std::uint32_t blocks = 0;
    bool operator==(const Extent&) const = default;
};

inline constexpr std::uint32_t kBlocksMax6 = 256;  // encoded as 0
inline constexpr std::uint64_t kLbaMax6 = 0x1f'ffff;
inline constexpr std::uint32_t kBlocksMax10 = 0xffff;
inline constexpr std::uint64_t kLbaMax10 = 0xffff'ffff;

Cdb read6(Extent extent);
Cdb write6(Extent extent);
Cdb read10(Extent extent, bool fua = false);
Cdb write10(Extent extent, bool fua = false);
Cdb read16(Extent extent, bool fua = false);
Cdb write16(Extent extent, bool fua = false);
// The shortest of the 10 and 16 byte forms that holds the extent.
Cdb read(Extent extent);
Cdb write(Extent extent);

// blocks = 0: from the address to the end of the medium.
Cdb synchronize_cache10(Extent extent);
Cdb synchronize_cache16(Extent extent);
// The block that follows as data is written to each block of the extent; with `unmap` the target
// may deallocate instead, if the blocks read back the same.
Cdb write_same10(Extent extent, bool unmap);
Cdb write_same16(Extent extent, bool unmap);

// UNMAP: a parameter list with one descriptor.
inline constexpr std::size_t kUnmapListBytes = 24;
Cdb unmap(std::uint16_t parameter_list_length = kUnmapListBytes);
std::array<std::byte, kUnmapListBytes> unmap_list(Extent extent);

}  // namespace iscsi::scsi
