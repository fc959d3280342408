// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/lun_scan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace iscsi::userd {

namespace {

constexpr std::uint32_t kLunListFirst = 4096;  // room for 511 LUNs: enough almost always
constexpr std::uint32_t kLunListMost = 8 + kLunsMax * 8;
constexpr std::uint32_t kDefaultWriteSameBlocks = 0xffff;  // when the unit names no limit

// The target has answered the command, and no other answer is to be had.
bool is_refusal(const CommandPort::Reply& reply) {
    return reply.error_number == EREMOTEIO || reply.error_number == EBADE;
}
bool does_not_know(const CommandPort::Reply& reply) {
    return reply.sense && reply.sense->key == scsi::SenseKey::IllegalRequest;
}

std::string reason_of(const CommandPort::Reply& reply) {
    if (reply.sense) return scsi::describe(*reply.sense);
    if (reply.error_number == EBADE) return "reservation conflict";
    return std::strerror(reply.error_number);
}

// Asks one logical unit; answers land in one buffer.
class Questions {
public:
    Questions(CommandPort& port, scsi::Lun lun) : port_(port), lun_(lun) {}

    // The bytes that arrived; empty when the command failed (see error()).
    base::ConstByteSpan ask(const scsi::Cdb& cdb, std::size_t bytes) {
        Command command{.lun = lun_, .cdb = cdb};
        if (bytes != 0) {
            command.direction = Direction::Read;
            command.read_into = base::ByteSpan(buffer_).first(bytes);
        }
        const auto reply = port_.execute(command);
        error_number_ = reply.error_number;
        sense_ = reply.sense;
        if (error_number_ != 0 && !does_not_know(reply)) unclear_ = true;
        if (error_number_ != 0) return {};
        return base::ConstByteSpan(buffer_).first(std::min(reply.bytes, bytes));
    }
    base::ConstByteSpan ask_page(scsi::VpdPage page) {
        return ask(scsi::inquiry_vpd(page, kPageBytes), kPageBytes);
    }
    bool test_ready() {
        ask(scsi::test_unit_ready(), 0);
        return error_number_ == 0;
    }
    std::string error() const {
        return reason_of(
            {.error_number = error_number_ != 0 ? error_number_ : EPROTO, .sense = sense_});
    }
    // A question so far has had no answer, since the connection was lost, for one. "I do not know
    // that" is one.
    bool unclear() const { return unclear_; }

private:
    static constexpr std::uint16_t kPageBytes = 252;
    CommandPort& port_;
    scsi::Lun lun_;
    std::array<std::byte, 256> buffer_{};
    int error_number_ = 0;
    std::optional<scsi::Sense> sense_;
    bool unclear_ = false;
};

bool lists(const std::vector<std::uint8_t>& pages, scsi::VpdPage page) {
    return std::ranges::find(pages, static_cast<std::uint8_t>(page)) != pages.end();
}

std::optional<scsi::Capacity> ask_capacity(Questions& unit) {
    constexpr std::uint8_t kBytes16 = 32;
    if (const auto long_form =
            scsi::parse_capacity16(unit.ask(scsi::read_capacity16(kBytes16), kBytes16))) {
        return long_form;
    }
    const auto short_form = scsi::parse_capacity10(unit.ask(scsi::read_capacity10(), 8));
    // A unit that says "too large for this form" but knows no other cannot be addressed.
    if (short_form && short_form->blocks == scsi::kAskCapacity16) return std::nullopt;
    return short_form;
}

scsi::ModeData ask_mode(Questions& unit) {
    constexpr std::uint8_t kBytes = 192;  // some units mind more
    for (const std::uint8_t page : {scsi::kCachingModePage, scsi::kAllModePages}) {
        if (auto mode =
                scsi::parse_mode_sense6(unit.ask(scsi::mode_sense6(page, kBytes), kBytes))) {
            return *mode;
        }
        if (auto mode =
                scsi::parse_mode_sense10(unit.ask(scsi::mode_sense10(page, kBytes), kBytes))) {
            return *mode;
        }
    }
    return {};
}

void set_discard(Volume& volume, const scsi::Provisioning& thin, bool reads_zeros) {
    const bool unmap = thin.unmap && volume.max_unmap_blocks != 0 && reads_zeros;
    // WRITE SAME first: it must leave zeros, whereas a target may ignore UNMAP and keep the data,
    // and a hole punched in a loop device's file has to read as zeros.
    if (thin.write_same16_unmap) {
        volume.discard = ZeroMethod::WriteSame16;
    } else if (thin.write_same10_unmap) {
        volume.discard = ZeroMethod::WriteSame10;
    } else if (unmap) {
        volume.discard = ZeroMethod::Unmap;
    }
    // A unit that does this has WRITE SAME(16), whether or not it names a limit for it.
    if (thin.write_same16_unmap) volume.write_zeros = ZeroMethod::WriteSame16;
    if (unmap && volume.discard != ZeroMethod::Unmap) volume.discard_fallback = ZeroMethod::Unmap;
}

void set_limits(Questions& unit, const std::vector<std::uint8_t>& pages,
                const scsi::Capacity& capacity, Volume& volume) {
    scsi::BlockLimits limits;
    if (lists(pages, scsi::VpdPage::BlockLimits)) {
        const auto page = scsi::parse_block_limits(unit.ask_page(scsi::VpdPage::BlockLimits));
        limits = page.value_or(limits);
    }
    volume.max_transfer_blocks = limits.max_transfer;
    volume.max_unmap_blocks = limits.max_unmap_blocks;
    volume.unmap_granularity = std::max<std::uint32_t>(limits.unmap_granularity, 1);
    volume.unmap_alignment = limits.unmap_alignment;
    volume.max_write_same_blocks = kDefaultWriteSameBlocks;
    if (limits.max_write_same != 0) {
        volume.max_write_same_blocks =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(limits.max_write_same, 0xffff'ffff));
        volume.write_zeros = ZeroMethod::WriteSame16;
    }
    if (capacity.provisioned_thin && lists(pages, scsi::VpdPage::LogicalBlockProvisioning)) {
        const auto thin =
            scsi::parse_provisioning(unit.ask_page(scsi::VpdPage::LogicalBlockProvisioning));
        if (thin) set_discard(volume, *thin, capacity.reads_zeros || thin->reads_zeros);
    }
}

// Fills in what a disk needs; a non-empty text tells why it can't be one.
std::string probe_disk(Questions& unit, const std::vector<std::uint8_t>& pages, Volume& volume) {
    if (!unit.test_ready()) return fmt::format("not ready: {}", unit.error());
    const auto capacity = ask_capacity(unit);
    if (!capacity) return fmt::format("its capacity is unknown: {}", unit.error());
    if (!scsi::block_size_is_usable(capacity->block_bytes)) {
        return fmt::format("blocks of {} bytes cannot be used", capacity->block_bytes);
    }
    volume.block_bytes = capacity->block_bytes;
    // A file's size is a signed 64 bit number of bytes.
    const std::uint64_t most = (~std::uint64_t{0} >> 1) / capacity->block_bytes;
    volume.blocks = std::min(capacity->blocks, most);
    if (volume.blocks == 0) return "it has no blocks";
    const scsi::ModeData mode = ask_mode(unit);
    volume.read_only = mode.write_protected;
    volume.write_cache = mode.write_cache.value_or(true);
    set_limits(unit, pages, *capacity, volume);
    return {};
}

}  // namespace

base::Result<std::vector<scsi::Lun>> report_luns(CommandPort& port) {
    std::vector<std::byte> buffer(kLunListFirst);
    for (int round = 0; round < 3; ++round) {
        Command command{.cdb = scsi::report_luns(static_cast<std::uint32_t>(buffer.size())),
                        .direction = Direction::Read,
                        .read_into = buffer};
        const auto reply = port.execute(command);
        if (reply.error_number == EREMOTEIO) return std::vector{scsi::Lun{}};
        if (reply.error_number != 0) {
            // The connection is in order where the target has said what it minds.
            const bool answered = reply.sense || is_refusal(reply);
            return base::fail(answered ? base::ErrorCode::Generic : base::ErrorCode::Transport,
                              "REPORT LUNS: {}", reason_of(reply));
        }
        auto list = scsi::parse_report_luns(
            base::ConstByteSpan(buffer).first(std::min(reply.bytes, buffer.size())));
        if (!list) return base::fail(base::ErrorCode::Transport, "REPORT LUNS: a short answer");
        if (list->bytes_available > buffer.size() && buffer.size() < kLunListMost) {
            buffer.resize(std::min(list->bytes_available, kLunListMost));
            continue;
        }
        std::erase_if(list->luns, [](scsi::Lun lun) { return lun.is_well_known(); });
        std::ranges::sort(list->luns, {}, &scsi::Lun::number);
        list->luns.erase(std::unique(list->luns.begin(), list->luns.end()), list->luns.end());
        return std::move(list->luns);
    }
    return base::fail(base::ErrorCode::Transport, "REPORT LUNS: the list keeps growing");
}

LunProbe probe_lun(CommandPort& port, scsi::Lun lun) {
    constexpr std::uint16_t kInquiryBytes = 96;
    LunProbe probe;
    probe.volume.lun = lun;
    Questions unit(port, lun);
    const auto inquiry = scsi::parse_inquiry(unit.ask(scsi::inquiry(kInquiryBytes), kInquiryBytes));
    if (!inquiry) {
        probe.problem = fmt::format("INQUIRY failed: {}", unit.error());
        return probe;
    }
    probe.present = inquiry->present();
    probe.is_disk = inquiry->is_disk();
    probe.volume.peripheral_type = inquiry->peripheral_type;
    probe.volume.vendor = inquiry->vendor;
    probe.volume.product = inquiry->product;
    probe.volume.revision = inquiry->revision;
    if (!probe.present) return probe;
    const auto pages = scsi::parse_supported_pages(unit.ask_page(scsi::VpdPage::SupportedPages))
                           .value_or(std::vector<std::uint8_t>{});
    if (lists(pages, scsi::VpdPage::UnitSerialNumber)) {
        probe.volume.serial =
            scsi::parse_unit_serial(unit.ask_page(scsi::VpdPage::UnitSerialNumber)).value_or("");
    }
    if (lists(pages, scsi::VpdPage::DeviceIdentification)) {
        const auto ids =
            scsi::parse_device_identification(unit.ask_page(scsi::VpdPage::DeviceIdentification));
        if (ids) {
            probe.volume.designators =
                fmt::format("{}/{}/{}/{}", ids->naa, ids->eui64, ids->t10, ids->scsi_name);
        }
    }
    probe.volume.ids_known = !unit.unclear();
    if (probe.is_disk) probe.problem = probe_disk(unit, pages, probe.volume);
    return probe;
}

}  // namespace iscsi::userd
