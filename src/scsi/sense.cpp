// SPDX-License-Identifier: LGPL-2.1-or-later
#include "scsi/sense.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace iscsi::scsi {

namespace {

using base::ConstByteSpan;

Sense parse_fixed(ConstByteSpan data) {
    Sense out;
    out.key = static_cast<SenseKey>(base::load_u8(data, 2) & 0x0f);
    if ((base::load_u8(data, 0) & 0x80) != 0 && data.size() >= 7) {
        out.information = base::load_u32(data, 3);
    }
    // The additional length (byte 7) may say less than arrived: what lies past it does not count.
    const std::size_t end = data.size() >= 8 ? 8u + base::load_u8(data, 7) : data.size();
    if (data.size() >= 13 && end >= 13) out.asc = base::load_u8(data, 12);
    if (data.size() >= 14 && end >= 14) out.ascq = base::load_u8(data, 13);
    return out;
}

std::optional<std::uint64_t> find_information(ConstByteSpan descriptors) {
    constexpr std::size_t kInformationBytes = 12;
    while (descriptors.size() >= 2) {
        const std::size_t length = 2u + base::load_u8(descriptors, 1);
        if (length > descriptors.size()) break;
        const bool valid =
            length >= kInformationBytes && (base::load_u8(descriptors, 2) & 0x80) != 0;
        if (base::load_u8(descriptors, 0) == 0 && valid) return base::load_u64(descriptors, 4);
        descriptors = descriptors.subspan(length);
    }
    return std::nullopt;
}

Sense parse_descriptor(ConstByteSpan data) {
    constexpr std::size_t kHeaderBytes = 8;
    Sense out;
    out.key = static_cast<SenseKey>(base::load_u8(data, 1) & 0x0f);
    if (data.size() >= 3) out.asc = base::load_u8(data, 2);
    if (data.size() >= 4) out.ascq = base::load_u8(data, 3);
    if (data.size() > kHeaderBytes) {
        const auto rest = data.subspan(kHeaderBytes);
        const std::size_t length = base::load_u8(data, 7);
        out.information = find_information(rest.first(std::min(length, rest.size())));
    }
    return out;
}

constexpr std::array<std::string_view, 16> kKeyNames = {
    "No Sense",       "Recovered Error", "Not Ready",      "Medium Error",
    "Hardware Error", "Illegal Request", "Unit Attention", "Data Protect",
    "Blank Check",    "Vendor Specific", "Copy Aborted",   "Aborted Command",
    "Reserved",       "Volume Overflow", "Miscompare",     "Completed"};

}  // namespace

std::optional<Sense> parse_sense(ConstByteSpan data) {
    if (data.empty()) return std::nullopt;
    const unsigned response = base::load_u8(data, 0) & 0x7f;
    const bool fixed = response == 0x70 || response == 0x71;
    const bool descriptor = response == 0x72 || response == 0x73;
    if (!fixed && !descriptor) return std::nullopt;
    if (data.size() < (fixed ? 3u : 2u)) return std::nullopt;
    Sense out = fixed ? parse_fixed(data) : parse_descriptor(data);
    out.deferred = (response & 1) != 0;
    return out;
}

std::string describe(const Sense& sense) {
    std::string text = fmt::format("{}{} {:02x}/{:02x}", sense.deferred ? "deferred " : "",
                                   kKeyNames[std::to_underlying(sense.key)], sense.asc, sense.ascq);
    if (sense.information) text += fmt::format(" at block {}", *sense.information);
    return text;
}

}  // namespace iscsi::scsi
