// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/lun_scan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "scsi/bytes_of.hpp"

namespace iscsi::userd {
namespace {

using scsi::bytes_of;
using scsi::Opcode;

// Answers each command by its first bytes; what has no answer is an unknown command.
class Target final : public CommandPort {
public:
    std::map<std::string, std::vector<std::byte>> answers;  // CDB prefix as text -> data
    std::vector<std::string> asked;
    std::optional<Reply> refusal;  // of what has no answer; nullopt: an unknown command
    std::size_t longest_list = 0;  // allocation length of REPORT LUNS

    Reply execute(const Command& command) override {
        std::string cdb;
        for (std::size_t i = 0; i < 3; ++i) {
            cdb += fmt::format("{:02x}", std::to_integer<unsigned>(command.cdb.bytes[i]));
        }
        asked.push_back(cdb);
        if (command.cdb.opcode() == Opcode::ReportLuns) {
            longest_list = std::max(longest_list, command.read_into.size());
        }
        for (const auto& [prefix, data] : answers) {
            if (!cdb.starts_with(prefix)) continue;
            const std::size_t count = std::min(data.size(), command.read_into.size());
            std::copy_n(data.begin(), count, command.read_into.begin());
            return {.bytes = count};
        }
        if (refusal) return *refusal;
        scsi::Sense sense{.key = scsi::SenseKey::IllegalRequest, .asc = 0x20};
        return {.error_number = EREMOTEIO, .sense = sense};
    }
    bool was_asked(std::string_view prefix) const {
        return std::ranges::any_of(asked, [&](const auto& a) { return a.starts_with(prefix); });
    }
};

// What tgtd says about a thin LUN of 256 MiB.
Target thin_disk() {
    Target target;
    auto inquiry = bytes_of("00 00 05 02 43 00 00 02");
    for (const char c : std::string_view("IET     VIRTUAL-DISK    0001")) {
        inquiry.push_back(static_cast<std::byte>(c));
    }
    target.answers["120000"] = inquiry;
    target.answers["120100"] = bytes_of("00 00 0006 00 80 83 b0 b1 b2");
    target.answers["120180"] = bytes_of("00 80 0006 626561663131");
    auto limits = bytes_of("00 b0 003c 00 80 0000 00000000 00000000 00000000 ffffffff ffffffff");
    limits.resize(64);
    target.answers["1201b0"] = limits;
    target.answers["1201b2"] = bytes_of("00 b2 0004 00 e4 02 00");
    target.answers["00"] = {};
    target.answers["9e10"] = bytes_of("000000000007ffff 00000200 00 03 c000");
    target.answers["1a0808"] = bytes_of("17 00 10 00 08 12 14 00 ffff 0000 ffff ffff");
    return target;
}

const scsi::Lun kLun1 = scsi::Lun::from_number(1);

TEST(LunScan, ADiskIsDescribedCompletely) {
    Target target = thin_disk();

    const LunProbe probe = probe_lun(target, kLun1);

    EXPECT_TRUE(probe.present && probe.is_disk);
    EXPECT_EQ(probe.problem, "");
    const Volume& volume = probe.volume;
    EXPECT_EQ(volume.lun, kLun1);
    EXPECT_EQ(volume.blocks, 0x80000u);
    EXPECT_EQ(volume.block_bytes, 512u);
    EXPECT_EQ(volume.vendor, "IET");
    EXPECT_EQ(volume.serial, "beaf11");
    EXPECT_FALSE(volume.read_only);
    EXPECT_TRUE(volume.write_cache);
}

TEST(LunScan, DiscardsPreferTheCommandThatMustLeaveZeros) {
    Target target = thin_disk();
    const Volume volume = probe_lun(target, kLun1).volume;
    EXPECT_EQ(volume.discard, ZeroMethod::WriteSame16);
    EXPECT_EQ(volume.discard_fallback, ZeroMethod::Unmap);
    EXPECT_EQ(volume.write_zeros, ZeroMethod::WriteSame16) << "known, though no limit is named";
}

TEST(LunScan, UnmapAloneServesOnlyWhereUnmappedBlocksReadAsZeros) {
    Target target = thin_disk();
    target.answers["1201b2"] = bytes_of("00 b2 0004 00 84 02 00");
    EXPECT_EQ(probe_lun(target, kLun1).volume.discard, ZeroMethod::Unmap);

    target.answers["1201b2"] = bytes_of("00 b2 0004 00 80 02 00");
    target.answers["9e10"] = bytes_of("000000000007ffff 00000200 00 03 8000");
    EXPECT_EQ(probe_lun(target, kLun1).volume.discard, ZeroMethod::None);
}

TEST(LunScan, AThickDiskHasNoDiscard) {
    Target target = thin_disk();
    target.answers["9e10"] = bytes_of("000000000007ffff 00000200 00 03 0000");
    EXPECT_EQ(probe_lun(target, kLun1).volume.discard, ZeroMethod::None);
}

TEST(LunScan, AnOldDiskIsAskedInTheShortForms) {
    Target target = thin_disk();
    target.answers.erase("9e10");
    target.answers.erase("120100");
    target.answers.erase("1a0808");
    target.answers["25"] = bytes_of("0000ffff 00001000");
    target.answers["5a083f"] = bytes_of("0006 00 80 00 00 0000");

    const LunProbe probe = probe_lun(target, kLun1);

    EXPECT_EQ(probe.problem, "");
    EXPECT_EQ(probe.volume.blocks, 0x10000u);
    EXPECT_EQ(probe.volume.block_bytes, 4096u);
    EXPECT_TRUE(probe.volume.read_only);
    EXPECT_FALSE(target.was_asked("1201b0")) << "no page it does not list";
}

TEST(LunScan, ADiskTooLargeForTheOnlyFormItKnowsIsRefused) {
    Target target = thin_disk();
    target.answers.erase("9e10");
    target.answers["25"] = bytes_of("ffffffff 00000200");
    EXPECT_NE(probe_lun(target, kLun1).problem.find("capacity"), std::string::npos);
}

TEST(LunScan, BlocksThatLinuxCannotUseAreNamed) {
    Target target = thin_disk();
    target.answers["9e10"] = bytes_of("000000000007ffff 00000208 00 00 0000");
    EXPECT_EQ(probe_lun(target, kLun1).problem, "blocks of 520 bytes cannot be used");
}

TEST(LunScan, AnEnormousDiskIsCutToWhatAFileCanBe) {
    Target target = thin_disk();
    target.answers["9e10"] = bytes_of("fffffffffffffffe 00000200 00 00 0000");
    const Volume volume = probe_lun(target, kLun1).volume;
    EXPECT_LE(volume.bytes(), ~std::uint64_t{0} >> 1);
    EXPECT_GT(volume.blocks, 1ULL << 53);
}

TEST(LunScan, WhatIsNoDiskIsOnlyNamed) {
    Target target = thin_disk();
    target.answers["120000"] = bytes_of("0c 00 05 02 00");  // a controller
    const LunProbe probe = probe_lun(target, kLun1);
    EXPECT_TRUE(probe.present);
    EXPECT_FALSE(probe.is_disk);
    EXPECT_EQ(probe.problem, "");
    EXPECT_FALSE(target.was_asked("9e10"));

    target.answers["120000"] = bytes_of("7f 00 05 02 00");
    EXPECT_FALSE(probe_lun(target, kLun1).present);
}

TEST(LunScan, ASilentUnitIsAProblemNotAnAbsence) {
    Target target;
    const LunProbe probe = probe_lun(target, kLun1);
    EXPECT_EQ(probe.problem, "INQUIRY failed: Illegal Request 20/00");
}

TEST(LunScan, LunsAreSortedOnceEachAndWithoutWellKnownOnes) {
    Target target;
    target.answers["a0"] = bytes_of(
        "00000028 00000000 4005000000000000 0001000000000000 c101000000000000 0001000000000000"
        "0000000000000000");

    const auto luns = report_luns(target);

    ASSERT_TRUE(luns.has_value());
    ASSERT_EQ(luns->size(), 3u);
    EXPECT_EQ((*luns)[0].number(), 0u);
    EXPECT_EQ((*luns)[1].number(), 1u);
    EXPECT_EQ((*luns)[2].number(), 0x4005u);
}

TEST(LunScan, ALongListIsAskedForAgainUpToALimit) {
    Target target;
    auto list = bytes_of("00002000 00000000");  // 1024 entries
    list.resize(8 + 1024 * 8);
    for (std::size_t i = 0; i < 1024; ++i) base::store_u64(list, 8 + i * 8, (0x4000 + i) << 48);
    target.answers["a0"] = list;
    EXPECT_EQ(report_luns(target)->size(), 1024u);

    base::store_u32(list, 0, 0xffff'fff0);
    target.answers["a0"] = list;
    EXPECT_TRUE(report_luns(target).has_value());
    EXPECT_LE(target.longest_list, 8 + kLunsMax * 8);
}

TEST(LunScan, ATargetThatDoesNotKnowReportLunsHasLunZero) {
    Target target;
    const auto luns = report_luns(target);
    ASSERT_TRUE(luns.has_value());
    ASSERT_EQ(luns->size(), 1u);
    EXPECT_EQ((*luns)[0], scsi::Lun{});
}

TEST(LunScan, ATruncatedListIsAnError) {
    Target target;
    target.answers["a0"] = bytes_of("00000008 00");
    EXPECT_FALSE(report_luns(target).has_value());
}

TEST(LunScan, AListThatIsRefusedNamesTheReason) {
    Target target;
    target.refusal = CommandPort::Reply{.error_number = EBADE};
    auto luns = report_luns(target);
    ASSERT_FALSE(luns.has_value());
    EXPECT_EQ(luns.error().message, "REPORT LUNS: reservation conflict");
    EXPECT_EQ(luns.error().code, base::ErrorCode::Generic);

    target.refusal = CommandPort::Reply{.error_number = EIO};
    luns = report_luns(target);
    ASSERT_FALSE(luns.has_value());
    EXPECT_EQ(luns.error().code, base::ErrorCode::Transport) << "nobody has answered";
}

TEST(LunScan, TheIdentityIsUnknownWhereAQuestionHadNoAnswer) {
    Target target = thin_disk();
    target.answers["120183"] = bytes_of("00 83 0010 01 03 00 0c 600140500000000000000001");
    const Volume known = probe_lun(target, kLun1).volume;
    EXPECT_TRUE(known.ids_known);
    EXPECT_EQ(known.serial, "beaf11");
    EXPECT_NE(known.designators, "");

    target.answers.erase("120100");
    EXPECT_TRUE(probe_lun(target, kLun1).volume.ids_known) << "it knows no such pages";
    target.refusal = CommandPort::Reply{.error_number = EIO};
    EXPECT_FALSE(probe_lun(target, kLun1).volume.ids_known);
}

}  // namespace
}  // namespace iscsi::userd
