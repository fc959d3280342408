// SPDX-License-Identifier: LGPL-2.1-or-later
#include "scsi/verdict.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <utility>

#include "scsi/bytes_of.hpp"

namespace iscsi::scsi {
namespace {

std::vector<std::byte> fixed_sense(unsigned key, unsigned asc, unsigned ascq) {
    return bytes_of(
        fmt::format("70 00 {:02x} 00000000 0a 00000000 {:02x} {:02x} 00 000000", key, asc, ascq));
}

Judgement judge_check(unsigned key, unsigned asc, unsigned ascq) {
    return judge(std::to_underlying(Status::CheckCondition), fixed_sense(key, asc, ascq));
}

TEST(Sense, FixedFormat) {
    const auto sense = parse_sense(bytes_of("f0 00 03 00000800 0a 00000000 11 04 00 000000"));
    ASSERT_TRUE(sense.has_value());
    EXPECT_EQ(sense->key, SenseKey::MediumError);
    EXPECT_TRUE(sense->is(0x11, 0x04));
    EXPECT_EQ(sense->information, 0x800u);
    EXPECT_FALSE(sense->deferred);
    EXPECT_EQ(describe(*sense), "Medium Error 11/04 at block 2048");
}

TEST(Sense, DescriptorFormat) {
    const auto sense =
        parse_sense(bytes_of("73 03 11 00 000000 10 02 02 0000 00 0a 80 00 0000000100000000"));
    ASSERT_TRUE(sense.has_value());
    EXPECT_EQ(sense->key, SenseKey::MediumError);
    EXPECT_TRUE(sense->deferred);
    EXPECT_EQ(sense->information, 0x1'0000'0000u);
}

TEST(Sense, EveryPrefixIsRefusedOrReadWithinItsBytes) {
    for (const char* hex : {"f0 00 06 00000800 0a 00000000 29 00 00 000000",
                            "72 06 29 00 000000 0c 00 0a 80 00 0000000100000000"}) {
        const auto whole = bytes_of(hex);
        const std::size_t least = whole[0] == std::byte{0xf0} ? 3 : 2;
        for (std::size_t n = 0; n <= whole.size(); ++n) {
            const auto sense = parse_sense(base::ConstByteSpan(whole).first(n));
            ASSERT_EQ(sense.has_value(), n >= least) << hex << " cut at " << n;
            if (sense) {
                EXPECT_EQ(sense->key, SenseKey::UnitAttention);
            }
        }
    }
}

TEST(Sense, CodesPastTheAdditionalLengthAreNotBelieved) {
    const auto sense = parse_sense(bytes_of("70 00 05 00000000 04 00000000 20 01"));
    EXPECT_TRUE(sense->is(0, 0));
}

TEST(Sense, OtherResponseCodesAreNoSense) {
    EXPECT_FALSE(parse_sense(bytes_of("7f 00 05 0000")).has_value());
    EXPECT_FALSE(parse_sense(bytes_of("00 00 05 0000")).has_value());
    EXPECT_FALSE(parse_sense({}).has_value());
}

TEST(Verdict, StatusesWithoutSense) {
    const struct {
        std::uint8_t status;
        Verdict verdict;
        int error_number;
    } cases[] = {
        {0x00, Verdict::Success, 0},      {0x04, Verdict::Success, 0},
        {0x08, Verdict::RetryLater, EIO}, {0x28, Verdict::RetryLater, EIO},
        {0x40, Verdict::Retry, EIO},      {0x30, Verdict::Retry, EIO},
        {0x18, Verdict::Fail, EBADE},     {0x22, Verdict::Fail, EIO},
        {0x02, Verdict::Retry, EIO},      {0xff, Verdict::Fail, EIO},
    };
    for (const auto& c : cases) {
        const auto got = judge(c.status, {});
        EXPECT_EQ(got.verdict, c.verdict) << "status " << int{c.status};
        EXPECT_EQ(got.error_number, c.error_number) << "status " << int{c.status};
    }
    EXPECT_EQ(judge(0x28, {}).notice, Notice::QueueFull);
}

TEST(Verdict, SenseBecomesTheErrnoLinuxGives) {
    const struct {
        unsigned key, asc, ascq;
        Verdict verdict;
        int error_number;
    } cases[] = {
        {0x0, 0x00, 0x00, Verdict::Success, 0},      {0x1, 0x17, 0x01, Verdict::Success, 0},
        {0x2, 0x04, 0x01, Verdict::RetryLater, EIO}, {0x2, 0x04, 0x0a, Verdict::RetryLater, EIO},
        {0x2, 0x04, 0x03, Verdict::Fail, EIO},      // manual intervention required
        {0x2, 0x3a, 0x00, Verdict::Fail, EIO},      // medium not present
        {0x3, 0x11, 0x00, Verdict::Fail, ENODATA},  // unrecovered read error
        {0x3, 0x0c, 0x00, Verdict::Retry, EIO},     // write error
        {0x4, 0x44, 0x00, Verdict::Fail, EREMOTEIO}, {0x5, 0x21, 0x00, Verdict::Fail, EREMOTEIO},
        {0x6, 0x29, 0x00, Verdict::Retry, EIO},      {0x7, 0x27, 0x00, Verdict::Fail, EROFS},
        {0x7, 0x27, 0x07, Verdict::Fail, ENOSPC},    {0x7, 0x20, 0x02, Verdict::Fail, EREMOTEIO},
        {0xb, 0x47, 0x03, Verdict::Retry, EIO},      {0xb, 0x10, 0x01, Verdict::Fail, EILSEQ},
        {0xd, 0x00, 0x00, Verdict::Fail, EREMOTEIO}, {0xe, 0x1d, 0x00, Verdict::Fail, EREMOTEIO},
    };
    for (const auto& c : cases) {
        const auto got = judge_check(c.key, c.asc, c.ascq);
        const auto name = fmt::format("{:x} {:02x}/{:02x}", c.key, c.asc, c.ascq);
        EXPECT_EQ(got.verdict, c.verdict) << name;
        EXPECT_EQ(got.error_number, c.error_number) << name;
    }
}

TEST(Verdict, UnitAttentionsCarryNews) {
    EXPECT_EQ(judge_check(6, 0x3f, 0x0e).notice, Notice::LunsChanged);
    EXPECT_EQ(judge_check(6, 0x2a, 0x09).notice, Notice::CapacityChanged);
    EXPECT_EQ(judge_check(6, 0x2a, 0x01).notice, Notice::ParametersChanged);
    EXPECT_EQ(judge_check(6, 0x29, 0x00).notice, Notice::None);
}

TEST(Verdict, AnUnknownCommandIsToldFromABadAddress) {
    EXPECT_TRUE(judge_check(5, 0x20, 0x00).unsupported);
    EXPECT_TRUE(judge_check(5, 0x24, 0x00).unsupported);
    EXPECT_FALSE(judge_check(5, 0x21, 0x00).unsupported);
}

TEST(Verdict, ADeferredErrorIsRetriedWhateverItSays) {
    const auto sense = bytes_of("71 00 03 00000000 0a 00000000 11 00 00 000000");
    EXPECT_EQ(judge(0x02, sense).verdict, Verdict::Retry);
}

}  // namespace
}  // namespace iscsi::scsi
