// SPDX-License-Identifier: LGPL-2.1-or-later
// What a logical unit answers to INQUIRY, READ CAPACITY, MODE SENSE and REPORT LUNS. Each parser
// takes the bytes that arrived, however few, and believes no length in them that points past their
// end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "scsi/cdb.hpp"
#include "scsi/lun.hpp"

namespace iscsi::scsi {

inline constexpr std::uint8_t kPeripheralDisk = 0x00;
inline constexpr std::uint8_t kPeripheralRbc = 0x0e;    // simplified disk
inline constexpr std::uint8_t kPeripheralZoned = 0x14;  // host managed zoned disk: not a plain disk
inline constexpr std::uint8_t kPeripheralNone = 0x1f;

struct InquiryData {
    std::uint8_t qualifier = 0;  // 0 connected; 1 could be, is not; 3 not possible
    std::uint8_t peripheral_type = kPeripheralNone;
    bool removable = false;
    std::uint8_t version = 0;  // 5 SPC-3, 6 SPC-4, ...
    std::string vendor;        // blanks trimmed, unprintable bytes as '?'
    std::string product;
    std::string revision;

    bool present() const { return qualifier == 0 && peripheral_type != kPeripheralNone; }
    bool is_disk() const {
        return qualifier == 0 &&
               (peripheral_type == kPeripheralDisk || peripheral_type == kPeripheralRbc);
    }
};
// Below 5 bytes there is nothing to go by.
std::optional<InquiryData> parse_inquiry(base::ConstByteSpan data);

// VPD pages: nullopt when the bytes are not that page.
std::optional<std::vector<std::uint8_t>> parse_supported_pages(base::ConstByteSpan data);
std::optional<std::string> parse_unit_serial(base::ConstByteSpan data);

struct DeviceIds {
    std::string naa;    // hexadecimal, of the logical unit
    std::string eui64;  // hexadecimal
    std::string t10;    // text
    std::string scsi_name;
};
std::optional<DeviceIds> parse_device_identification(base::ConstByteSpan data);

struct BlockLimits {  // blocks; 0: not reported
    std::uint16_t optimal_granularity = 0;
    std::uint32_t max_transfer = 0;
    std::uint32_t optimal_transfer = 0;
    std::uint32_t max_unmap_blocks = 0;
    std::uint32_t max_unmap_descriptors = 0;
    std::uint32_t unmap_granularity = 0;
    std::uint32_t unmap_alignment = 0;  // first block of a granule; 0 also when not valid
    std::uint64_t max_write_same = 0;
    bool write_same_nonzero = false;  // WSNZ: a count of zero is refused
};
std::optional<BlockLimits> parse_block_limits(base::ConstByteSpan data);

struct BlockCharacteristics {
    std::uint16_t rotation_rate = 0;  // 1: not rotating; 0: not reported
};
std::optional<BlockCharacteristics> parse_block_characteristics(base::ConstByteSpan data);

struct Provisioning {
    bool unmap = false;               // LBPU
    bool write_same16_unmap = false;  // LBPWS
    bool write_same10_unmap = false;  // LBPWS10
    bool reads_zeros = false;         // LBPRZ = xx1b: unmapped blocks read as zeros
    std::uint8_t threshold_exponent = 0;
};
std::optional<Provisioning> parse_provisioning(base::ConstByteSpan data);

struct Capacity {
    std::uint64_t blocks = 0;
    std::uint32_t block_bytes = 0;
    std::uint8_t physical_exponent = 0;  // 2^n logical blocks per physical one
    bool provisioned_thin = false;       // LBPME
    bool reads_zeros = false;            // LBPRZ
    bool protection = false;             // PROT_EN
};
// READ CAPACITY(10): blocks = 2^32 means "ask the 16 byte form".
inline constexpr std::uint64_t kAskCapacity16 = 1ULL << 32;
std::optional<Capacity> parse_capacity10(base::ConstByteSpan data);
// nullopt too for a last address of 2^64-1, which no block count can hold.
std::optional<Capacity> parse_capacity16(base::ConstByteSpan data);
// Whether a disk with such blocks can be offered: a power of two from 512 to 65536.
bool block_size_is_usable(std::uint32_t block_bytes);

struct ModeData {
    bool write_protected = false;
    bool dpo_fua = false;
    std::optional<bool> write_cache;  // WCE of the caching page, if that page was there
};
std::optional<ModeData> parse_mode_sense6(base::ConstByteSpan data);
std::optional<ModeData> parse_mode_sense10(base::ConstByteSpan data);

inline constexpr std::size_t kReportLunsHeaderBytes = 8;
struct LunList {
    std::vector<Lun> luns;              // whole entries that arrived, in the target's order
    std::uint32_t bytes_available = 0;  // of the whole list, header included: ask again if more
};
std::optional<LunList> parse_report_luns(base::ConstByteSpan data);

}  // namespace iscsi::scsi
