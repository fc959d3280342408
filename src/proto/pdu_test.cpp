// SPDX-License-Identifier: LGPL-2.1-or-later
#include "proto/pdu.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "base/random.hpp"

namespace iscsi::proto {
namespace {

int byte_at(const Bhs& bhs, std::size_t at) { return std::to_integer<int>(bhs[at]); }

template <class Pdu>
class EveryPdu : public testing::Test {};

using AllPdus =
    testing::Types<NopOut, ScsiCommand, TaskManagementRequest, LoginRequest, TextRequest, DataOut,
                   LogoutRequest, SnackRequest, NopIn, ScsiResponse, TaskManagementResponse,
                   LoginResponse, TextResponse, DataIn, LogoutResponse, R2t, AsyncMessage, Reject>;
TYPED_TEST_SUITE(EveryPdu, AllPdus);

// Random headers of the right opcode: what is decoded, encoded and decoded again stays the same.
TYPED_TEST(EveryPdu, DecodingWhatWasEncodedGivesTheSame) {
    base::SeededRandom random(42);
    for (int round = 0; round < 2000; ++round) {
        Bhs bhs;
        random.fill(bhs);
        bhs[0] = static_cast<std::byte>((byte_at(bhs, 0) & 0xc0) |
                                        std::to_underlying(TypeParam::kOpcode));
        const auto pdu = decode<TypeParam>(bhs);
        if (!pdu) {
            EXPECT_EQ(pdu.error(), DecodeErrc::BadStage);
            continue;
        }
        EXPECT_EQ(decode<TypeParam>(encode(*pdu)).value(), *pdu);
    }
}

TYPED_TEST(EveryPdu, AnotherOpcodeIsRefused) {
    auto bhs = encode(TypeParam{});
    bhs[0] ^= std::byte{0x01};
    EXPECT_EQ(decode<TypeParam>(bhs).error(), DecodeErrc::WrongOpcode);
    EXPECT_EQ(decode_common(encode(TypeParam{})).opcode, std::to_underlying(TypeParam::kOpcode));
}

TEST(Pdu, ScsiCommandLaysItsFieldsOutAsSection11_3Says) {
    ScsiCommand command{.immediate = true,
                        .final = true,
                        .read = true,
                        .attribute = TaskAttribute::Simple,
                        .data_segment_length = 0x010203,
                        .lun = {0x0001'0000'0000'0000},
                        .initiator_task_tag = 0xa1a2a3a4,
                        .expected_data_transfer_length = 0x1000,
                        .cmd_sn = {7},
                        .exp_stat_sn = {9}};
    command.cdb[0] = std::byte{0x28};

    const auto bhs = encode(command);

    EXPECT_EQ(byte_at(bhs, 0), 0x41);
    EXPECT_EQ(byte_at(bhs, 1), 0xc1);
    EXPECT_EQ(base::load_u24(bhs, 5), 0x010203u);
    EXPECT_EQ(base::load_u64(bhs, 8), 0x0001'0000'0000'0000u);
    EXPECT_EQ(base::load_u32(bhs, 16), 0xa1a2a3a4u);
    EXPECT_EQ(base::load_u32(bhs, 20), 0x1000u);
    EXPECT_EQ(base::load_u32(bhs, 24), 7u);
    EXPECT_EQ(base::load_u32(bhs, 28), 9u);
    EXPECT_EQ(byte_at(bhs, 32), 0x28);
}

TEST(Pdu, LoginRequestIsImmediateAndCarriesItsStages) {
    const auto bhs = encode(LoginRequest{.transit = true,
                                         .current_stage = Stage::LoginOperationalNegotiation,
                                         .next_stage = Stage::FullFeaturePhase,
                                         .isid = {{0, 2, 0x3d, 0, 0, 1}}});
    EXPECT_EQ(byte_at(bhs, 0), 0x43);
    EXPECT_EQ(byte_at(bhs, 1), 0x87);
    EXPECT_EQ(byte_at(bhs, 10), 0x3d);
    EXPECT_EQ(byte_at(bhs, 13), 1);
}

TEST(Pdu, ReservedLoginStageIsRefused) {
    auto bhs = encode(LoginResponse{});
    bhs[1] = std::byte{0x08};  // CSG = 2
    EXPECT_EQ(decode<LoginResponse>(bhs).error(), DecodeErrc::BadStage);
    bhs[1] = std::byte{0x86};  // T, NSG = 2
    EXPECT_EQ(decode<LoginResponse>(bhs).error(), DecodeErrc::BadStage);
    bhs[1] = std::byte{0x06};  // NSG means nothing without T
    EXPECT_TRUE(decode<LoginResponse>(bhs));
}

TEST(Pdu, DataInStatusBits) {
    auto bhs = encode(DataIn{.final = true, .underflow = true, .has_status = true, .status = 2});
    EXPECT_EQ(byte_at(bhs, 1), 0x83);
    EXPECT_EQ(byte_at(bhs, 3), 2);
}

TEST(Pdu, TargetOpcodesAreThoseTheRfcDefines) {
    EXPECT_TRUE(is_target_opcode(0x20));
    EXPECT_TRUE(is_target_opcode(0x3f));
    EXPECT_FALSE(is_target_opcode(0x27));
    EXPECT_FALSE(is_target_opcode(0x01));
    EXPECT_EQ(opcode_name(0x31), "R2T");
    EXPECT_EQ(opcode_name(0x3e), "unknown");
}

TEST(Pdu, BelongsToNoTaskWhereTheRfcSaysSo) {
    EXPECT_EQ(decode_common(encode(AsyncMessage{})).initiator_task_tag, kReservedTag);
    EXPECT_EQ(decode_common(encode(Reject{})).initiator_task_tag, kReservedTag);
}

}  // namespace
}  // namespace iscsi::proto
