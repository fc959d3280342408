// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/kernel/uevent.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace iscsi::datapath::kernel {
namespace {

template <class Number>
Number at(base::ConstByteSpan bytes, std::size_t offset) {
    Number value{};
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

template <class Number>
void put(Bytes& bytes, std::size_t offset, Number value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}

Bytes event(UeventType type, std::uint32_t a, std::uint32_t b, std::uint32_t c = 0) {
    Bytes bytes(kUeventBytes);
    put(bytes, 0, std::to_underlying(type));
    put(bytes, 40, a);
    put(bytes, 44, b);
    put(bytes, 48, c);
    return bytes;
}

constexpr ConnectionId kId{.transport_handle = 0xffff'8880'1234'5678, .sid = 3, .cid = 0};

TEST(Uevent, CreateSessionCarriesItsLimits) {
    const auto bytes = create_session(kId.transport_handle,
                                      {.initial_cmdsn = 1, .cmds_max = 128, .queue_depth = 32});
    ASSERT_EQ(bytes.size(), kUeventBytes);
    EXPECT_EQ(at<std::uint32_t>(bytes, 0), 11u);
    EXPECT_EQ(at<std::uint64_t>(bytes, 8), kId.transport_handle);
    EXPECT_EQ(at<std::uint32_t>(bytes, 16), 1u);
    EXPECT_EQ(at<std::uint16_t>(bytes, 20), 128);
    EXPECT_EQ(at<std::uint16_t>(bytes, 22), 32);
}

TEST(Uevent, BindAndStopLieBehindTheirHandle) {
    const auto bind = bind_conn(kId, 9, true);
    EXPECT_EQ(at<std::uint32_t>(bind, 16), 3u);
    EXPECT_EQ(at<std::uint64_t>(bind, 24), 9u);
    EXPECT_EQ(at<std::uint32_t>(bind, 32), 1u);

    const auto stop = stop_conn(kId, StopFlag::Recover);
    EXPECT_EQ(at<std::uint32_t>(stop, 32), 3u);
}

TEST(Uevent, ParametersTravelAsTextWithItsZero) {
    const auto bytes = set_param(kId, Param::TargetName, "iqn.x");
    ASSERT_EQ(bytes.size(), kUeventBytes + 6);
    EXPECT_EQ(at<std::uint32_t>(bytes, 24), 15u);
    EXPECT_EQ(at<std::uint32_t>(bytes, 28), 6u);
    EXPECT_EQ(base::as_text(base::ConstByteSpan(bytes).subspan(kUeventBytes, 5)), "iqn.x");
    EXPECT_EQ(bytes.back(), std::byte{0});
}

TEST(Uevent, PduDataIsPadded) {
    const std::array<std::byte, 48> bhs{};
    const std::array<std::byte, 5> data{};
    const auto bytes = send_pdu(kId, bhs, data);
    EXPECT_EQ(bytes.size(), kUeventBytes + 48 + 8);
    EXPECT_EQ(at<std::uint32_t>(bytes, 24), 48u);
    EXPECT_EQ(at<std::uint32_t>(bytes, 28), 8u);
}

TEST(Uevent, AnswersAndEventsAreToldApart) {
    const auto answer = event(UeventType::CreateSession, 7, 2);
    const auto error = event(UeventType::ConnError, 7, 0, 1020);
    const auto gone = event(UeventType::DestroyedSession, 2, 7);
    // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): a later kernel may send it
    const auto unknown = event(static_cast<UeventType>(150), 0, 0);

    EXPECT_EQ(std::get<Answer>(*decode(answer)).sid, 7u);
    EXPECT_EQ(std::get<Answer>(*decode(answer)).host_no, 2u);
    EXPECT_EQ(std::get<ConnError>(*decode(error)).error, 1020u);
    EXPECT_EQ(std::get<SessionDestroyed>(*decode(gone)).sid, 7u);
    EXPECT_EQ(std::get<SessionDestroyed>(*decode(gone)).host_no, 2u);
    EXPECT_EQ(std::get<OtherEvent>(*decode(unknown)).type, 150u);
}

TEST(Uevent, InterfaceErrorsAreNegativeErrnos) {
    auto bytes = event(UeventType::IfError, 0, 0);
    put(bytes, 4, std::int32_t{-22});
    EXPECT_EQ(std::get<IfError>(*decode(bytes)).error_number, -22);
}

TEST(Uevent, EveryTruncationIsRefused) {
    auto pdu = event(UeventType::RecvPdu, 7, 0);
    pdu.resize(kUeventBytes + 48 + 4);
    EXPECT_EQ(std::get<RecvPdu>(*decode(pdu)).data.size(), 4u);
    for (std::size_t cut = 0; cut < kUeventBytes + 48; ++cut) {
        EXPECT_FALSE(decode(base::ConstByteSpan(pdu).first(cut))) << cut;
    }
}

TEST(UeventStats, CountersHaveTheNamesThatIscsiadmPrints) {
    Bytes stats(96 + 2 * 72);
    put(stats, 0, std::uint64_t{0x1'0000'0000});
    put(stats, 20, std::uint32_t{19});
    put(stats, 92, std::uint32_t{2});
    std::memcpy(stats.data() + 96, "eh_abort_cnt", 12);
    put(stats, 96 + 64, std::uint64_t{4});

    const auto counters = decode_stats(stats).value();

    EXPECT_EQ(counters.fixed.at(0).value, 0x1'0000'0000u);
    EXPECT_EQ(counters.fixed.at(3).name, "scsicmd_pdus");
    EXPECT_EQ(counters.fixed.at(3).value, 19u);
    ASSERT_EQ(counters.custom.size(), 2u);
    EXPECT_EQ(counters.custom.at(0).name, "eh_abort_cnt");
    EXPECT_EQ(counters.custom.at(0).value, 4u);
}

TEST(UeventStats, ACountBeyondWhatArrivedIsCut) {
    Bytes stats(96 + 72);
    put(stats, 92, std::uint32_t{1000});
    EXPECT_EQ(decode_stats(stats)->custom.size(), 1u);
    EXPECT_FALSE(decode_stats(base::ConstByteSpan(stats).first(95)));
}

}  // namespace
}  // namespace iscsi::datapath::kernel
