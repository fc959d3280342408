// SPDX-License-Identifier: LGPL-2.1-or-later
#include "scsi/data.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

namespace iscsi::scsi {

namespace {

using base::ConstByteSpan;

bool bit(ConstByteSpan data, std::size_t offset, unsigned number) {
    return ((base::load_u8(data, offset) >> number) & 1) != 0;
}

// Text of a fixed-width field: only printable ASCII gets through to logs and terminals.
std::string text_field(ConstByteSpan field) {
    std::string out;
    for (const std::byte b : field) {
        const auto c = std::to_integer<unsigned char>(b);
        out += (c >= 0x20 && c < 0x7f) ? static_cast<char>(c) : '?';
    }
    // Some targets pad with NUL instead of blanks.
    const auto last = out.find_last_not_of(" ?");
    out.resize(last == std::string::npos ? 0 : last + 1);
    out.erase(0, out.find_first_not_of(' '));
    return out;
}

std::string hex_field(ConstByteSpan field) {
    std::string out;
    for (const std::byte b : field) out += fmt::format("{:02x}", std::to_integer<unsigned>(b));
    return out;
}

// `width` bytes at `offset`, or what arrived of them.
ConstByteSpan slice(ConstByteSpan data, std::size_t offset, std::size_t width) {
    if (offset >= data.size()) return {};
    return data.subspan(offset, std::min(width, data.size() - offset));
}

// The page's bytes with its header (page length applied), if the header names this page.
std::optional<ConstByteSpan> vpd_page(ConstByteSpan data, VpdPage page) {
    constexpr std::size_t kHeaderBytes = 4;
    if (data.size() < kHeaderBytes || data[1] != static_cast<std::byte>(page)) return std::nullopt;
    return slice(data, 0, kHeaderBytes + base::load_u16(data, 2));
}

// Fields a page is too short for are "not reported".
std::uint32_t u32_or_zero(ConstByteSpan page, std::size_t offset) {
    return offset + 4 <= page.size() ? base::load_u32(page, offset) : 0;
}

void add_designator(DeviceIds& ids, std::uint8_t code_set, std::uint8_t type, ConstByteSpan value) {
    constexpr std::uint8_t kBinary = 1;
    switch (type) {
        case 1:
            ids.t10 = ids.t10.empty() ? text_field(value) : ids.t10;
            break;
        case 2:
            if (code_set == kBinary && ids.eui64.empty()) ids.eui64 = hex_field(value);
            break;
        case 3:
            if (code_set == kBinary && ids.naa.empty()) ids.naa = hex_field(value);
            break;
        case 8:
            ids.scsi_name = ids.scsi_name.empty() ? text_field(value) : ids.scsi_name;
            break;
        default:
            break;
    }
}

// Mode pages after the header and block descriptors: look for the caching page.
std::optional<bool> find_write_cache(ConstByteSpan pages) {
    while (pages.size() >= 2) {
        const auto code = static_cast<std::uint8_t>(base::load_u8(pages, 0) & 0x3f);
        const bool sub_page = bit(pages, 0, 6);
        if (sub_page && pages.size() < 4) return std::nullopt;
        const std::size_t length =
            sub_page ? 4u + base::load_u16(pages, 2) : 2u + base::load_u8(pages, 1);
        if (code == kCachingModePage && !sub_page && pages.size() >= 3) return bit(pages, 2, 2);
        if (length > pages.size()) return std::nullopt;
        pages = pages.subspan(length);
    }
    return std::nullopt;
}

ModeData mode_data(std::uint8_t device_specific, ConstByteSpan pages) {
    return {.write_protected = (device_specific & 0x80) != 0,
            .dpo_fua = (device_specific & 0x10) != 0,
            .write_cache = find_write_cache(pages)};
}

}  // namespace

std::optional<InquiryData> parse_inquiry(ConstByteSpan data) {
    if (data.size() < 5) return std::nullopt;
    data = slice(data, 0, 5u + base::load_u8(data, 4));
    InquiryData out;
    out.qualifier = static_cast<std::uint8_t>(base::load_u8(data, 0) >> 5);
    out.peripheral_type = base::load_u8(data, 0) & 0x1f;
    out.removable = bit(data, 1, 7);
    out.version = base::load_u8(data, 2);
    out.vendor = text_field(slice(data, 8, 8));
    out.product = text_field(slice(data, 16, 16));
    out.revision = text_field(slice(data, 32, 4));
    return out;
}

std::optional<std::vector<std::uint8_t>> parse_supported_pages(ConstByteSpan data) {
    const auto page = vpd_page(data, VpdPage::SupportedPages);
    if (!page) return std::nullopt;
    std::vector<std::uint8_t> out;
    for (const std::byte b : page->subspan(4)) out.push_back(std::to_integer<std::uint8_t>(b));
    return out;
}

std::optional<std::string> parse_unit_serial(ConstByteSpan data) {
    const auto page = vpd_page(data, VpdPage::UnitSerialNumber);
    if (!page) return std::nullopt;
    return text_field(page->subspan(4));
}

std::optional<DeviceIds> parse_device_identification(ConstByteSpan data) {
    const auto page = vpd_page(data, VpdPage::DeviceIdentification);
    if (!page) return std::nullopt;
    DeviceIds ids;
    auto rest = page->subspan(4);
    while (rest.size() >= 4) {
        const std::size_t length = base::load_u8(rest, 3);
        if (4 + length > rest.size()) break;
        const auto association = (base::load_u8(rest, 1) >> 4) & 3;
        if (association == 0) {  // the logical unit, not its port or target device
            add_designator(ids, base::load_u8(rest, 0) & 0x0f, base::load_u8(rest, 1) & 0x0f,
                           rest.subspan(4, length));
        }
        rest = rest.subspan(4 + length);
    }
    return ids;
}

std::optional<BlockLimits> parse_block_limits(ConstByteSpan data) {
    const auto page = vpd_page(data, VpdPage::BlockLimits);
    if (!page || page->size() < 16) return std::nullopt;
    BlockLimits out;
    out.write_same_nonzero = bit(*page, 4, 0);
    out.optimal_granularity = base::load_u16(*page, 6);
    out.max_transfer = base::load_u32(*page, 8);
    out.optimal_transfer = base::load_u32(*page, 12);
    out.max_unmap_blocks = u32_or_zero(*page, 20);
    out.max_unmap_descriptors = u32_or_zero(*page, 24);
    out.unmap_granularity = u32_or_zero(*page, 28);
    const std::uint32_t alignment = u32_or_zero(*page, 32);
    constexpr std::uint32_t kAlignmentValid = 0x8000'0000;
    if ((alignment & kAlignmentValid) != 0 && out.unmap_granularity != 0) {
        out.unmap_alignment = (alignment & ~kAlignmentValid) % out.unmap_granularity;
    }
    if (page->size() >= 44) out.max_write_same = base::load_u64(*page, 36);
    return out;
}

std::optional<BlockCharacteristics> parse_block_characteristics(ConstByteSpan data) {
    const auto page = vpd_page(data, VpdPage::BlockCharacteristics);
    if (!page || page->size() < 6) return std::nullopt;
    return BlockCharacteristics{.rotation_rate = base::load_u16(*page, 4)};
}

std::optional<Provisioning> parse_provisioning(ConstByteSpan data) {
    const auto page = vpd_page(data, VpdPage::LogicalBlockProvisioning);
    if (!page || page->size() < 6) return std::nullopt;
    return Provisioning{.unmap = bit(*page, 5, 7),
                        .write_same16_unmap = bit(*page, 5, 6),
                        .write_same10_unmap = bit(*page, 5, 5),
                        .reads_zeros = bit(*page, 5, 2),
                        .threshold_exponent = base::load_u8(*page, 4)};
}

std::optional<Capacity> parse_capacity10(ConstByteSpan data) {
    if (data.size() < 8) return std::nullopt;
    return Capacity{.blocks = std::uint64_t{base::load_u32(data, 0)} + 1,
                    .block_bytes = base::load_u32(data, 4)};
}

std::optional<Capacity> parse_capacity16(ConstByteSpan data) {
    if (data.size() < 12) return std::nullopt;
    const std::uint64_t last = base::load_u64(data, 0);
    if (last == ~std::uint64_t{0}) return std::nullopt;
    Capacity out{.blocks = last + 1, .block_bytes = base::load_u32(data, 8)};
    if (data.size() >= 15) {
        out.protection = bit(data, 12, 0);
        out.physical_exponent = base::load_u8(data, 13) & 0x0f;
        out.provisioned_thin = bit(data, 14, 7);
        out.reads_zeros = bit(data, 14, 6);
    }
    return out;
}

bool block_size_is_usable(std::uint32_t block_bytes) {
    return std::has_single_bit(block_bytes) && block_bytes >= 512 && block_bytes <= 65536;
}

std::optional<ModeData> parse_mode_sense6(ConstByteSpan data) {
    constexpr std::size_t kHeaderBytes = 4;
    if (data.size() < kHeaderBytes) return std::nullopt;
    data = slice(data, 0, std::max<std::size_t>(kHeaderBytes, 1u + base::load_u8(data, 0)));
    const std::size_t descriptors = base::load_u8(data, 3);
    return mode_data(base::load_u8(data, 2), slice(data, kHeaderBytes + descriptors, data.size()));
}

std::optional<ModeData> parse_mode_sense10(ConstByteSpan data) {
    constexpr std::size_t kHeaderBytes = 8;
    if (data.size() < kHeaderBytes) return std::nullopt;
    data = slice(data, 0, std::max<std::size_t>(kHeaderBytes, 2u + base::load_u16(data, 0)));
    const std::size_t descriptors = base::load_u16(data, 6);
    return mode_data(base::load_u8(data, 3), slice(data, kHeaderBytes + descriptors, data.size()));
}

std::optional<LunList> parse_report_luns(ConstByteSpan data) {
    if (data.size() < kReportLunsHeaderBytes) return std::nullopt;
    const std::uint32_t list_bytes = base::load_u32(data, 0);
    LunList out;
    // A list that claims 4 GiB less a bit must not wrap to a small number.
    constexpr std::uint32_t kMost = ~std::uint32_t{0} - kReportLunsHeaderBytes;
    out.bytes_available =
        std::min(list_bytes, kMost) + static_cast<std::uint32_t>(kReportLunsHeaderBytes);
    auto entries = slice(data, kReportLunsHeaderBytes, list_bytes);
    for (; entries.size() >= 8; entries = entries.subspan(8)) {
        out.luns.push_back(Lun::from_wire(base::load_u64(entries, 0)));
    }
    return out;
}

}  // namespace iscsi::scsi
