// SPDX-License-Identifier: LGPL-2.1-or-later
// What targets must not do: each violation ends the connection with its number of README 8.1.3, and
// the tasks come back exactly once.
#include <functional>
#include <set>

#include "session/engine_harness_test.hpp"

namespace iscsi::session {
namespace {

using namespace testing;
using Number = ConnectionErrorNumber;

// A connection with a read of 4096 bytes and a write of 4096 bytes (no immediate data) under way.
struct Scene {
    explicit Scene(const LoggedIn& login = plain()) : h(login) {
        read_tag = h.start(read.task).as<proto::ScsiCommand>().initiator_task_tag;
        write_tag = h.start(write.task).as<proto::ScsiCommand>().initiator_task_tag;
    }
    static LoggedIn plain() {
        auto login = logged_in();
        login.params.immediate_data = false;
        login.params.max_burst_length = 2048;
        login.params.max_recv_data_segment_length = 8192;
        return login;
    }
    proto::DataIn data_in(std::uint32_t sn = 0, std::uint32_t offset = 0) const {
        proto::DataIn pdu;
        pdu.initiator_task_tag = read_tag;
        pdu.data_sn = sn;
        pdu.buffer_offset = offset;
        return pdu;
    }
    proto::ScsiResponse response(std::uint32_t tag) const {
        proto::ScsiResponse pdu;
        pdu.initiator_task_tag = tag;
        return pdu;
    }
    proto::R2t r2t(std::uint32_t sn = 0, std::uint32_t offset = 0, std::uint32_t size = 512) const {
        proto::R2t pdu;
        pdu.initiator_task_tag = write_tag;
        pdu.lun = write.task.lun;
        pdu.target_transfer_tag = 9;
        pdu.r2t_sn = sn;
        pdu.buffer_offset = offset;
        pdu.desired_data_transfer_length = size;
        return pdu;
    }
    void respond_good(std::uint32_t tag) { h.deliver(response(tag)); }

    Harness h;
    Io read{true, 4096};
    Io write{false, 4096};
    std::uint32_t read_tag = 0;
    std::uint32_t write_tag = 0;
};

struct Case {
    const char* name;
    Violation violation;
    Number number;
    std::function<void(Scene&)> play;
};

proto::Bhs with_byte(proto::Bhs bhs, std::size_t at, std::uint8_t value) {
    bhs[at] = std::byte{value};
    return bhs;
}

Bytes rejected(std::uint32_t tag, proto::Opcode opcode = proto::Opcode::ScsiCommand) {
    Bytes header(48);
    header[0] = static_cast<std::byte>(opcode);
    base::store_u32(header, 16, tag);
    return header;
}

proto::Reject reject(proto::RejectReason reason) {
    proto::Reject pdu;
    pdu.reason = static_cast<std::uint8_t>(reason);
    return pdu;
}

proto::Lun lun(std::uint64_t value) { return {value}; }

std::vector<Case> framing_cases() {
    return {
        {"UnknownOpcode", Violation::UnknownOpcode, Number::BadOpcode,
         [](Scene& s) {
             s.h.deliver_bytes(s.h.raw(with_byte(proto::encode(proto::NopIn{}), 0, 0x2f)));
         }},
        {"InitiatorOpcode", Violation::UnknownOpcode, Number::BadOpcode,
         [](Scene& s) { s.h.deliver_bytes(s.h.raw(proto::encode(proto::ScsiCommand{}))); }},
        {"LoginResponse", Violation::OpcodeOutOfPhase, Number::Protocol,
         [](Scene& s) { s.h.deliver_bytes(s.h.raw(proto::encode(proto::LoginResponse{}))); }},
        {"TextResponseForATask", Violation::TagNotActive, Number::NoScsiCommand,
         [](Scene& s) {
             proto::TextResponse pdu;
             pdu.initiator_task_tag = s.read_tag;
             s.h.deliver(pdu);
         }},
        {"TextResponseForNothing", Violation::TagNotOurs, Number::BadItt,
         [](Scene& s) { s.h.deliver(proto::TextResponse{}); }},
        {"SegmentTooLong", Violation::SegmentTooLong, Number::DataLength,
         [](Scene& s) { s.h.deliver(s.data_in(), pattern(8193)); }},
        {"SegmentOf16MiB", Violation::SegmentTooLong, Number::DataLength,
         [](Scene& s) {
             auto pdu = s.data_in();
             pdu.data_segment_length = 0xff'ffff;
             s.h.deliver_bytes(s.h.raw(proto::encode(pdu)));
         }},
        {"DataOnR2t", Violation::SegmentNotAllowed, Number::DataLength,
         [](Scene& s) {
             auto bhs = proto::encode(s.r2t());
             bhs[7] = std::byte{4};
             s.h.deliver_bytes(s.h.raw(bhs, pattern(4)));
         }},
        {"DataOnNopIn", Violation::SegmentNotAllowed, Number::DataLength,
         [](Scene& s) { s.h.deliver(proto::NopIn{}, pattern(4)); }},
        {"AhsPastItsEnd", Violation::BadAhs, Number::AhsLength,
         [](Scene& s) {
             const Bytes ahs{std::byte{0x00}, std::byte{0x40}, std::byte{1}, std::byte{0}};
             s.h.deliver_bytes(s.h.raw(with_byte(proto::encode(proto::NopIn{}), 4, 1), {}, ahs));
         }},
        {"AhsOfMaximumLength", Violation::BadAhs, Number::AhsLength,
         [](Scene& s) {
             const Bytes ahs(1020, std::byte{0xff});
             s.h.deliver_bytes(s.h.raw(with_byte(proto::encode(proto::NopIn{}), 4, 255), {}, ahs));
         }},
    };
}

std::vector<Case> number_cases() {
    return {
        {"StatSnTooHigh", Violation::StatSnMismatch, Number::Protocol,
         [](Scene& s) {
             s.h.stat_sn = s.h.stat_sn.next();
             s.h.deliver(s.response(s.read_tag));
         }},
        {"StatSnRepeated", Violation::StatSnMismatch, Number::Protocol,
         [](Scene& s) {
             auto busy = s.response(s.read_tag);
             busy.status = 8;
             s.h.deliver(busy);
             s.h.stat_sn = {500};
             busy.initiator_task_tag = s.write_tag;
             s.h.deliver(busy);
         }},
        {"ExpCmdSnBeyond", Violation::ExpCmdSnBeyondCmdSn, Number::ExpCmdSn,
         [](Scene& s) {
             s.h.exp_cmd_sn = proto::CmdSn{103};
             s.h.deliver(proto::NopIn{});
         }},
        {"DataSnSkipped", Violation::DataSnMismatch, Number::DataSn,
         [](Scene& s) { s.h.deliver(s.data_in(1), pattern(512)); }},
        {"DataSnRepeated", Violation::DataSnMismatch, Number::DataSn,
         [](Scene& s) {
             s.h.deliver(s.data_in(0), pattern(512));
             s.h.deliver(s.data_in(0, 512), pattern(512));
         }},
        {"R2tSnSkipped", Violation::R2tSnMismatch, Number::R2tSn,
         [](Scene& s) { s.h.deliver(s.r2t(1)); }},
        {"ExpDataSnOfARead", Violation::ExpDataSnMismatch, Number::DataSn,
         [](Scene& s) {
             s.h.deliver(s.data_in(0), pattern(1024));
             auto pdu = s.response(s.read_tag);
             pdu.exp_data_sn = 2;
             s.h.deliver(pdu);
         }},
        {"ExpDataSnOfAWrite", Violation::ExpDataSnMismatch, Number::DataSn,
         [](Scene& s) {
             auto pdu = s.response(s.write_tag);
             pdu.status = 2;
             pdu.exp_data_sn = 1;
             s.h.deliver(pdu);
         }},
    };
}

std::vector<Case> tag_cases() {
    return {
        {"TagOfNobody", Violation::TagNotOurs, Number::BadItt,
         [](Scene& s) { s.h.deliver(s.response(0x0001'7fff)); }},
        {"ReservedTag", Violation::TagNotOurs, Number::BadItt,
         [](Scene& s) { s.h.deliver(s.response(proto::kReservedTag)); }},
        {"TagOfAnotherGeneration", Violation::TagNotActive, Number::NoScsiCommand,
         [](Scene& s) { s.h.deliver(s.response(s.read_tag + 0x10000)); }},
        {"TagOfAnUnusedSlot", Violation::TagNotActive, Number::NoScsiCommand,
         [](Scene& s) { s.h.deliver(s.response((s.read_tag & 0xffff'0000) | 90)); }},
        {"SecondResponse", Violation::TagNotActive, Number::NoScsiCommand,
         [](Scene& s) {
             auto busy = s.response(s.read_tag);
             busy.status = 8;
             s.h.deliver(busy);
             s.h.deliver(busy);
         }},
        {"DataAfterTheResponse", Violation::TagNotActive, Number::NoScsiCommand,
         [](Scene& s) {
             auto busy = s.response(s.read_tag);
             busy.status = 8;
             s.h.deliver(busy);
             s.h.deliver(s.data_in(), pattern(512));
         }},
        {"PingAnswerWithoutPing", Violation::TagNotActive, Number::NoScsiCommand,
         [](Scene& s) {
             proto::NopIn pdu;
             pdu.initiator_task_tag = s.read_tag;
             s.h.deliver(pdu);
         }},
        {"ManagementAnswerWithoutRequest", Violation::TagNotActive, Number::NoScsiCommand,
         [](Scene& s) {
             proto::TaskManagementResponse pdu;
             pdu.initiator_task_tag = s.read_tag;
             s.h.deliver(pdu);
         }},
        {"LogoutAnswerWithoutRequest", Violation::TagNotActive, Number::NoScsiCommand,
         [](Scene& s) {
             proto::LogoutResponse pdu;
             pdu.initiator_task_tag = s.read_tag;
             s.h.deliver(pdu);
         }},
        {"AsyncMessageWithATag", Violation::TagNotReserved, Number::BadItt,
         [](Scene& s) {
             auto bhs = proto::encode(proto::AsyncMessage{});
             bhs[19] = std::byte{0};
             s.h.deliver_bytes(s.h.raw(bhs));
         }},
        {"RejectWithATag", Violation::TagNotReserved, Number::BadItt,
         [](Scene& s) {
             auto pdu = reject(proto::RejectReason::InvalidPduField);
             pdu.data_segment_length = 48;
             auto bhs = proto::encode(pdu);
             bhs[16] = std::byte{0};
             s.h.deliver_bytes(s.h.raw(bhs, rejected(s.read_tag)));
         }},
        {"R2tOfAnotherLun", Violation::LunMismatch, Number::Lun,
         [](Scene& s) {
             auto pdu = s.r2t();
             pdu.lun = lun(0x0002'0000'0000'0000);
             s.h.deliver(pdu);
         }},
        {"R2tWithoutTransferTag", Violation::TransferTagReserved, Number::Protocol,
         [](Scene& s) {
             auto pdu = s.r2t();
             pdu.target_transfer_tag = proto::kReservedTag;
             s.h.deliver(pdu);
         }},
    };
}

std::vector<Case> data_cases() {
    return {
        {"DataForAWrite", Violation::DataForNonRead, Number::Protocol,
         [](Scene& s) {
             auto pdu = s.data_in();
             pdu.initiator_task_tag = s.write_tag;
             s.h.deliver(pdu, pattern(512));
         }},
        {"DataPastTheEnd", Violation::DataPastEnd, Number::DataOffset,
         [](Scene& s) { s.h.deliver(s.data_in(0, 4000), pattern(97)); }},
        {"DataAtTheEndOfNumbers", Violation::DataPastEnd, Number::DataOffset,
         [](Scene& s) { s.h.deliver(s.data_in(0, 0xffff'ffff), pattern(2)); }},
        {"DataWithAGap", Violation::DataOutOfOrder, Number::DataOffset,
         [](Scene& s) { s.h.deliver(s.data_in(0, 512), pattern(512)); }},
        {"DataTwice", Violation::DataOutOfOrder, Number::DataOffset,
         [](Scene& s) {
             s.h.deliver(s.data_in(0, 0), pattern(512));
             s.h.deliver(s.data_in(1, 0), pattern(512));
         }},
        {"StatusWithoutFinal", Violation::StatusWithoutFinal, Number::Protocol,
         [](Scene& s) {
             auto pdu = s.data_in();
             pdu.has_status = true;
             s.h.deliver(pdu, pattern(512));
         }},
        {"CheckConditionInDataIn", Violation::StatusInDataIn, Number::Protocol,
         [](Scene& s) {
             auto pdu = s.data_in();
             pdu.final = pdu.has_status = true;
             pdu.status = 2;
             s.h.deliver(pdu, pattern(512));
         }},
        {"R2tForARead", Violation::R2tForNonWrite, Number::Protocol,
         [](Scene& s) {
             auto pdu = s.r2t();
             pdu.initiator_task_tag = s.read_tag;
             s.h.deliver(pdu);
         }},
        {"R2tPastTheEnd", Violation::R2tPastEnd, Number::DataOffset,
         [](Scene& s) { s.h.deliver(s.r2t(0, 4000, 97)); }},
        {"R2tAtTheEndOfNumbers", Violation::R2tPastEnd, Number::DataOffset,
         [](Scene& s) { s.h.deliver(s.r2t(0, 0xffff'fff0, 512)); }},
        {"R2tOutOfOrder", Violation::R2tOutOfOrder, Number::DataOffset,
         [](Scene& s) { s.h.deliver(s.r2t(0, 512, 512)); }},
        {"R2tForNothing", Violation::R2tEmpty, Number::DataLength,
         [](Scene& s) { s.h.deliver(s.r2t(0, 0, 0)); }},
        {"R2tOverMaxBurst", Violation::R2tTooLong, Number::DataLength,
         [](Scene& s) { s.h.deliver(s.r2t(0, 0, 2049)); }},
        {"SecondR2tAtOnce", Violation::TooManyR2ts, Number::Protocol,
         [](Scene& s) {
             s.h.deliver(s.r2t(0, 0, 512));
             s.h.deliver(s.r2t(1, 512, 512));
         }},
    };
}

std::vector<Case> status_cases() {
    return {
        {"GoodBeforeAnyData", Violation::GoodWithoutData, Number::Protocol,
         [](Scene& s) { s.respond_good(s.read_tag); }},
        {"GoodAfterHalfOfTheData", Violation::GoodWithoutData, Number::Protocol,
         [](Scene& s) {
             auto pdu = s.data_in();
             pdu.final = pdu.has_status = true;
             s.h.deliver(pdu, pattern(2048));
         }},
        {"GoodWithTooSmallAResidual", Violation::GoodWithoutData, Number::Protocol,
         [](Scene& s) {
             s.h.deliver(s.data_in(), pattern(512));
             auto pdu = s.response(s.read_tag);
             pdu.underflow = true;
             pdu.residual_count = 512;
             s.h.deliver(pdu);
         }},
        {"GoodWithTooLargeAResidual", Violation::GoodWithoutData, Number::Protocol,
         [](Scene& s) {
             s.h.deliver(s.data_in(), pattern(512));
             auto pdu = s.response(s.read_tag);
             pdu.underflow = true;
             pdu.residual_count = 4096;
             s.h.deliver(pdu);
         }},
        {"GoodWithOverflowButNoData", Violation::GoodWithoutData, Number::Protocol,
         [](Scene& s) {
             auto pdu = s.response(s.read_tag);
             pdu.overflow = true;
             pdu.residual_count = 1;
             s.h.deliver(pdu);
         }},
        {"GoodForAWriteNotAskedFor", Violation::GoodBeforeData, Number::Protocol,
         [](Scene& s) { s.respond_good(s.write_tag); }},
        {"OverflowAndUnderflow", Violation::ResidualFlags, Number::Protocol,
         [](Scene& s) {
             auto pdu = s.response(s.read_tag);
             pdu.overflow = pdu.underflow = true;
             s.h.deliver(pdu);
         }},
        {"ResidualOverTheLength", Violation::ResidualTooLarge, Number::Protocol,
         [](Scene& s) {
             auto pdu = s.response(s.read_tag);
             pdu.status = 2;
             pdu.underflow = true;
             pdu.residual_count = 4097;
             s.h.deliver(pdu);
         }},
        {"OneByteOfSense", Violation::SegmentTooShort, Number::DataLength,
         [](Scene& s) {
             auto pdu = s.response(s.read_tag);
             pdu.status = 2;
             s.h.deliver(pdu, pattern(1));
         }},
        {"RejectedAsProtocolError", Violation::RejectedAsProtocolError, Number::Protocol,
         [](Scene& s) {
             s.h.deliver(reject(proto::RejectReason::ProtocolError), rejected(s.read_tag));
         }},
        {"RejectedDataDigest", Violation::RejectedDataDigest, Number::DataDigest,
         [](Scene& s) {
             s.h.deliver(reject(proto::RejectReason::DataDigestError), rejected(s.write_tag));
         }},
        {"RejectedTaskInProgress", Violation::RejectedTaskInProgress, Number::Protocol,
         [](Scene& s) {
             s.h.deliver(reject(proto::RejectReason::TaskInProgress), rejected(s.read_tag));
         }},
        {"RejectWithHalfAHeader", Violation::SegmentTooShort, Number::DataLength,
         [](Scene& s) { s.h.deliver(reject(proto::RejectReason::SnackReject), pattern(47)); }},
    };
}

std::vector<Case> all_cases() {
    std::vector<Case> all;
    for (auto& part :
         {framing_cases(), number_cases(), tag_cases(), data_cases(), status_cases()}) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

class Hostile : public ::testing::TestWithParam<Case> {};

TEST_P(Hostile, EndsTheConnectionWithItsNumber) {
    Scene s;

    GetParam().play(s);

    std::optional<Dropped> dropped;
    std::set<std::uint32_t> done;
    for (const auto& event : s.h.events()) {
        if (const auto* d = std::get_if<Dropped>(&event)) dropped = *d;
        if (const auto* d = std::get_if<TaskDone>(&event)) done.insert(d->task.initiator_task_tag);
    }
    ASSERT_TRUE(dropped.has_value());
    ASSERT_TRUE(dropped->protocol_error.has_value());
    EXPECT_EQ(violation_text(dropped->protocol_error->violation),
              violation_text(GetParam().violation))
        << describe(*dropped->protocol_error);
    EXPECT_EQ(dropped->number, GetParam().number);
    EXPECT_EQ(s.h.engine.state(), FullFeature::State::Dropped);
    EXPECT_TRUE(s.h.engine.recv_window().empty());
    EXPECT_TRUE(s.h.engine.send_window().empty());
    EXPECT_EQ(s.h.engine.deadline(), base::kNever);

    s.h.engine.drain(Disposition::Requeue);
    for (const auto& event : s.h.events()) {
        const auto& d = std::get<TaskDone>(event);
        EXPECT_EQ(d.outcome, TaskOutcome::Requeue);
        EXPECT_TRUE(d.sent);
        EXPECT_TRUE(done.insert(d.task.initiator_task_tag).second) << "a task came back twice";
    }
    EXPECT_EQ(done.size(), 2U);
    EXPECT_EQ(s.h.engine.tasks(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Table, Hostile, ::testing::ValuesIn(all_cases()),
                         [](const auto& test) { return std::string(test.param.name); });

LoggedIn with_digests() {
    auto login = logged_in();
    login.params.header_digest = login.params.data_digest = true;
    return login;
}

// Flips each bit of a Data-In in turn: nothing gets past the two digests.
TEST(Digests, NoFlippedBitGetsThrough) {
    for (std::size_t bit = 0; bit < (48 + 4 + 12 + 4) * 8; ++bit) {
        Harness h(with_digests());
        Io io(true, 10);
        proto::DataIn pdu;
        pdu.initiator_task_tag = h.start(io.task).as<proto::ScsiCommand>().initiator_task_tag;
        pdu.final = pdu.has_status = true;
        auto bytes = h.written(pdu, pattern(10));
        ASSERT_EQ(bytes.size(), 68U);
        bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
        // A wrong AHS length makes the header longer: give it something to read.
        bytes.resize(bytes.size() + 2048);

        h.deliver_bytes(bytes);

        const auto expected = bit < 52 * 8 ? Number::HeaderDigest : Number::DataDigest;
        EXPECT_EQ(h.event<Dropped>().number, expected) << "bit " << bit;
        EXPECT_EQ(h.engine.stats().digest_err, 1U);
    }
}

TEST(Digests, GoWithEveryKindOfSegment) {
    Harness h(with_digests());
    Io io(true, 100000, {1, 17, 60000});
    const auto tag = h.start(io.task).as<proto::ScsiCommand>().initiator_task_tag;
    const auto data = pattern(100000);
    std::uint32_t sn = 0;
    std::uint32_t offset = 0;
    for (const std::uint32_t size : {1U, 2U, 3U, 4U, 5U, 8191U, 70000U, 21794U}) {
        proto::DataIn pdu;
        pdu.initiator_task_tag = tag;
        pdu.data_sn = sn++;
        pdu.buffer_offset = offset;
        pdu.final = pdu.has_status = offset + size == data.size();
        h.deliver(pdu, base::ConstByteSpan(data).subspan(offset, size));
        offset += size;
    }

    EXPECT_EQ(h.event<TaskDone>().outcome, TaskOutcome::Completed);
    EXPECT_EQ(io.memory, data);
}

TEST(Tolerated, EmptyDataInAndWellFormedAhs) {
    Harness h;
    Io io(true, 4);
    proto::DataIn pdu;
    pdu.initiator_task_tag = h.start(io.task).as<proto::ScsiCommand>().initiator_task_tag;
    pdu.acknowledge = true;  // to be ignored at error recovery level 0
    h.deliver(pdu);
    pdu.data_sn = 1;
    pdu.final = pdu.has_status = true;
    pdu.data_segment_length = 4;
    pdu.stat_sn = h.stat_sn;
    pdu.exp_cmd_sn = pdu.max_cmd_sn = h.expected_cmd_sn();
    Bytes ahs(1020);
    base::store_u16(ahs, 0, 1017);
    ahs[2] = std::byte{0x3f};  // a type nobody defined
    h.deliver_bytes(h.raw(with_byte(proto::encode(pdu), 4, 255), pattern(4), ahs));

    EXPECT_EQ(h.event<TaskDone>().outcome, TaskOutcome::Completed);
    EXPECT_EQ(io.memory, pattern(4));
}

// tgtd sends one sequence for a whole read, whatever MaxBurstLength says.
TEST(Tolerated, ASequencePastMaxBurstLength) {
    Scene s;
    const auto data = pattern(4096);
    s.h.deliver(s.data_in(0, 0), base::ConstByteSpan(data).first(2000));
    auto pdu = s.data_in(1, 2000);
    pdu.final = pdu.has_status = true;
    s.h.deliver(pdu, base::ConstByteSpan(data).subspan(2000));

    EXPECT_EQ(s.h.event<TaskDone>().outcome, TaskOutcome::Completed);
    EXPECT_EQ(s.read.memory, data);
}

TEST(Tolerated, AContradictoryCommandWindowIsIgnored) {
    Harness h;
    proto::NopIn pdu;
    pdu.exp_cmd_sn = {100};
    pdu.max_cmd_sn = {98};
    h.deliver_bytes(h.raw(proto::encode(pdu)));
    Io io(true, 0);

    EXPECT_EQ(h.start(io.task).as<proto::ScsiCommand>().cmd_sn, proto::CmdSn{100});
}

}  // namespace
}  // namespace iscsi::session
