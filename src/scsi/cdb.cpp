// SPDX-License-Identifier: LGPL-2.1-or-later
#include "scsi/cdb.hpp"

#include "base/check.hpp"

namespace iscsi::scsi {

namespace {

constexpr std::uint8_t kReadCapacity16Action = 0x10;
constexpr std::uint8_t kFua = 0x08;
constexpr std::uint8_t kUnmapBit = 0x08;
constexpr std::uint8_t kDisableBlockDescriptors = 0x08;
constexpr std::uint8_t kEnableVitalProductData = 0x01;

Cdb make(Opcode opcode, std::uint8_t length) {
    Cdb cdb;
    cdb.bytes[0] = static_cast<std::byte>(opcode);
    cdb.length = length;
    return cdb;
}

Cdb transfer6(Opcode opcode, Extent extent) {
    CHECK(extent.blocks >= 1 && extent.blocks <= kBlocksMax6 && extent.lba <= kLbaMax6);
    Cdb cdb = make(opcode, 6);
    base::store_u24(cdb.bytes, 1, static_cast<std::uint32_t>(extent.lba));
    base::store_u8(cdb.bytes, 4, static_cast<std::uint8_t>(extent.blocks & 0xff));
    return cdb;
}

Cdb transfer10(Opcode opcode, Extent extent, std::uint8_t flags) {
    CHECK(extent.blocks <= kBlocksMax10 && extent.lba <= kLbaMax10);
    Cdb cdb = make(opcode, 10);
    base::store_u8(cdb.bytes, 1, flags);
    base::store_u32(cdb.bytes, 2, static_cast<std::uint32_t>(extent.lba));
    base::store_u16(cdb.bytes, 7, static_cast<std::uint16_t>(extent.blocks));
    return cdb;
}

Cdb transfer16(Opcode opcode, Extent extent, std::uint8_t flags) {
    Cdb cdb = make(opcode, 16);
    base::store_u8(cdb.bytes, 1, flags);
    base::store_u64(cdb.bytes, 2, extent.lba);
    base::store_u32(cdb.bytes, 10, extent.blocks);
    return cdb;
}

bool fits10(Extent extent) { return extent.blocks <= kBlocksMax10 && extent.lba <= kLbaMax10; }

}  // namespace

Cdb test_unit_ready() { return make(Opcode::TestUnitReady, 6); }

Cdb inquiry(std::uint16_t allocation_length) {
    Cdb cdb = make(Opcode::Inquiry, 6);
    base::store_u16(cdb.bytes, 3, allocation_length);
    return cdb;
}

Cdb inquiry_vpd(VpdPage page, std::uint16_t allocation_length) {
    Cdb cdb = inquiry(allocation_length);
    base::store_u8(cdb.bytes, 1, kEnableVitalProductData);
    cdb.bytes[2] = static_cast<std::byte>(page);
    return cdb;
}

Cdb read_capacity10() { return make(Opcode::ReadCapacity10, 10); }

Cdb read_capacity16(std::uint32_t allocation_length) {
    Cdb cdb = make(Opcode::ServiceActionIn16, 16);
    base::store_u8(cdb.bytes, 1, kReadCapacity16Action);
    base::store_u32(cdb.bytes, 10, allocation_length);
    return cdb;
}

Cdb report_luns(std::uint32_t allocation_length) {
    Cdb cdb = make(Opcode::ReportLuns, 12);
    base::store_u32(cdb.bytes, 6, allocation_length);
    return cdb;
}

Cdb mode_sense6(std::uint8_t page, std::uint8_t allocation_length) {
    Cdb cdb = make(Opcode::ModeSense6, 6);
    base::store_u8(cdb.bytes, 1, kDisableBlockDescriptors);
    base::store_u8(cdb.bytes, 2, page);
    base::store_u8(cdb.bytes, 4, allocation_length);
    return cdb;
}

Cdb mode_sense10(std::uint8_t page, std::uint16_t allocation_length) {
    Cdb cdb = make(Opcode::ModeSense10, 10);
    base::store_u8(cdb.bytes, 1, kDisableBlockDescriptors);
    base::store_u8(cdb.bytes, 2, page);
    base::store_u16(cdb.bytes, 7, allocation_length);
    return cdb;
}

Cdb read6(Extent extent) { return transfer6(Opcode::Read6, extent); }
Cdb write6(Extent extent) { return transfer6(Opcode::Write6, extent); }
Cdb read10(Extent extent, bool fua) {
    return transfer10(Opcode::Read10, extent, fua ? kFua : std::uint8_t{0});
}
Cdb write10(Extent extent, bool fua) {
    return transfer10(Opcode::Write10, extent, fua ? kFua : std::uint8_t{0});
}
Cdb read16(Extent extent, bool fua) {
    return transfer16(Opcode::Read16, extent, fua ? kFua : std::uint8_t{0});
}
Cdb write16(Extent extent, bool fua) {
    return transfer16(Opcode::Write16, extent, fua ? kFua : std::uint8_t{0});
}
Cdb read(Extent extent) { return fits10(extent) ? read10(extent) : read16(extent); }
Cdb write(Extent extent) { return fits10(extent) ? write10(extent) : write16(extent); }

Cdb synchronize_cache10(Extent extent) { return transfer10(Opcode::SynchronizeCache10, extent, 0); }
Cdb synchronize_cache16(Extent extent) { return transfer16(Opcode::SynchronizeCache16, extent, 0); }
Cdb write_same10(Extent extent, bool unmap) {
    return transfer10(Opcode::WriteSame10, extent, unmap ? kUnmapBit : std::uint8_t{0});
}
Cdb write_same16(Extent extent, bool unmap) {
    return transfer16(Opcode::WriteSame16, extent, unmap ? kUnmapBit : std::uint8_t{0});
}

Cdb unmap(std::uint16_t parameter_list_length) {
    Cdb cdb = make(Opcode::Unmap, 10);
    base::store_u16(cdb.bytes, 7, parameter_list_length);
    return cdb;
}

std::array<std::byte, kUnmapListBytes> unmap_list(Extent extent) {
    std::array<std::byte, kUnmapListBytes> list{};
    base::store_u16(list, 0, kUnmapListBytes - 2);  // unmap data length: what follows this field
    base::store_u16(list, 2, kUnmapListBytes - 8);  // block descriptor data length
    base::store_u64(list, 8, extent.lba);
    base::store_u32(list, 16, extent.blocks);
    return list;
}

}  // namespace iscsi::scsi
