// SPDX-License-Identifier: LGPL-2.1-or-later
// Everything a logical unit may answer, as any bytes: the parsers stay within what arrived, and
// what they say stays within its own limits.
#include <cstddef>
#include <cstdint>

#include "base/check.hpp"
#include "scsi/data.hpp"
#include "scsi/verdict.hpp"

namespace {

using namespace iscsi;

void check_text(const std::string& text) {
    for (const char c : text) CHECK(c >= 0x20 && c < 0x7f);
}

void parse_pages(base::ConstByteSpan data) {
    if (const auto inquiry = scsi::parse_inquiry(data)) {
        check_text(inquiry->vendor + inquiry->product + inquiry->revision);
        CHECK(inquiry->vendor.size() <= 8 && inquiry->product.size() <= 16);
        CHECK(!inquiry->is_disk() || inquiry->present());
    }
    if (const auto pages = scsi::parse_supported_pages(data)) CHECK(pages->size() <= data.size());
    if (const auto serial = scsi::parse_unit_serial(data)) check_text(*serial);
    if (const auto ids = scsi::parse_device_identification(data)) {
        check_text(ids->naa + ids->eui64 + ids->t10 + ids->scsi_name);
    }
    if (const auto limits = scsi::parse_block_limits(data)) {
        CHECK(limits->unmap_granularity == 0 ||
              limits->unmap_alignment < limits->unmap_granularity);
    }
    (void)scsi::parse_block_characteristics(data);
    (void)scsi::parse_provisioning(data);
}

void parse_answers(base::ConstByteSpan data) {
    if (const auto capacity = scsi::parse_capacity16(data)) CHECK(capacity->blocks != 0);
    if (const auto capacity = scsi::parse_capacity10(data)) {
        CHECK(capacity->blocks != 0 && capacity->blocks <= scsi::kAskCapacity16);
    }
    (void)scsi::parse_mode_sense6(data);
    (void)scsi::parse_mode_sense10(data);
    if (const auto list = scsi::parse_report_luns(data)) {
        CHECK(list->luns.size() * 8 + scsi::kReportLunsHeaderBytes <= data.size());
        for (const scsi::Lun lun : list->luns) {
            CHECK(scsi::Lun::from_number(lun.number()) == lun);
            // A single-level LUN has one number, though several wire forms may lead to it.
            if (const auto plain = lun.plain()) {
                CHECK(scsi::Lun::from_plain(*plain)->plain() == plain);
            }
            CHECK(scsi::by_path_lun(lun).starts_with("lun-"));
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const auto data = std::as_bytes(std::span(bytes, size));
    parse_pages(data);
    parse_answers(data);
    if (data.empty()) return 0;
    const auto judgement =
        scsi::judge(std::to_integer<std::uint8_t>(data.front()), data.subspan(1));
    CHECK((judgement.verdict == scsi::Verdict::Success) == (judgement.error_number == 0));
    if (judgement.sense) CHECK(!scsi::describe(*judgement.sense).empty());
    return 0;
}
