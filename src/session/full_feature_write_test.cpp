// SPDX-License-Identifier: LGPL-2.1-or-later
// Data that goes out: immediate, unsolicited, asked for by R2T.
#include "session/full_feature.hpp"
#include "session/testing/target_pdus.hpp"

namespace iscsi::session {
namespace {

using namespace testing;

struct WriteCase {
    bool initial_r2t;
    bool immediate_data;
    std::uint32_t first_burst;
    std::uint32_t max_burst;
    std::uint32_t segment;
    std::uint32_t size;
};

// Plays the target for one write and returns what arrived.
Bytes play_write(Harness& h, const SentPdu& command, const WriteCase& c) {
    Bytes disk(c.size);
    std::uint32_t have = 0;
    const auto store = [&](std::uint32_t offset, const Bytes& data) {
        EXPECT_EQ(offset, have);
        EXPECT_LE(offset + data.size(), disk.size());
        std::ranges::copy(data, disk.begin() + offset);
        have += static_cast<std::uint32_t>(data.size());
    };
    store(0, command.data);
    for (std::uint32_t sn = 0; have < c.size; ++sn) {
        const std::uint32_t size = std::min(c.max_burst, c.size - have);
        const std::uint32_t offset = have;
        h.deliver(r2t(command, sn, offset, size));
        std::uint32_t data_sn = 0;
        const auto pdus = h.sent();
        for (const auto& pdu : pdus) {
            const auto out = pdu.as<proto::DataOut>();
            EXPECT_EQ(out.data_sn, data_sn++);
            EXPECT_EQ(out.target_transfer_tag, 0x7700 + sn);
            EXPECT_EQ(out.lun, command.as<proto::ScsiCommand>().lun);
            EXPECT_LE(pdu.data.size(), c.segment);
            store(out.buffer_offset, pdu.data);
            EXPECT_EQ(out.final, have == offset + size);
        }
        if (have != offset + size) {
            ADD_FAILURE() << "an R2T was not answered entirely";
            break;
        }
    }
    return disk;
}

class Writes : public ::testing::TestWithParam<WriteCase> {};

TEST_P(Writes, SendsEachByteOnceInTheAllowedWay) {
    const auto c = GetParam();
    auto login = logged_in();
    login.params.initial_r2t = c.initial_r2t;
    login.params.immediate_data = c.immediate_data;
    login.params.first_burst_length = c.first_burst;
    login.params.max_burst_length = c.max_burst;
    login.params.max_xmit_data_segment_length = c.segment;
    login.params.header_digest = login.params.data_digest = c.size % 2 == 1;
    Harness h(login);
    h.send_chunk = 1000;
    Io io(false, c.size, {1, 2, 700});
    h.submit(io.task);

    auto pdus = h.sent();
    ASSERT_FALSE(pdus.empty());
    const auto command = pdus[0].as<proto::ScsiCommand>();
    EXPECT_TRUE(command.write);
    EXPECT_EQ(command.expected_data_transfer_length, c.size);
    const std::uint32_t unasked = std::min(c.first_burst, c.size);
    const std::uint32_t immediate = c.immediate_data ? std::min(unasked, c.segment) : 0;
    EXPECT_LE(pdus[0].data.size(), immediate);
    EXPECT_GE(pdus[0].data.size() + 3, immediate);
    EXPECT_EQ(command.final, c.initial_r2t || immediate == unasked);
    std::uint32_t data_sn = 0;
    for (std::size_t i = 1; i < pdus.size(); ++i) {
        const auto out = pdus[i].as<proto::DataOut>();
        EXPECT_EQ(out.target_transfer_tag, proto::kReservedTag);
        EXPECT_EQ(out.data_sn, data_sn++);
        EXPECT_EQ(out.buffer_offset, pdus[0].data.size());
        EXPECT_LE(pdus[i].data.size(), c.segment);
        EXPECT_EQ(out.final, i + 1 == pdus.size());
        pdus[0].data.insert(pdus[0].data.end(), pdus[i].data.begin(), pdus[i].data.end());
    }
    if (!c.initial_r2t) {
        EXPECT_EQ(pdus[0].data.size(), unasked);
    }

    EXPECT_EQ(play_write(h, pdus[0], c), io.memory);
    h.deliver(response(pdus[0]));
    const auto done = h.event<TaskDone>();
    EXPECT_EQ(done.outcome, TaskOutcome::Completed);
    EXPECT_EQ(done.bytes_out, c.size);
}

std::vector<WriteCase> write_cases() {
    std::vector<WriteCase> cases;
    for (const bool initial_r2t : {false, true}) {
        for (const bool immediate : {false, true}) {
            for (const std::uint32_t size : {1U, 511U, 512U, 4096U, 65537U, 300000U}) {
                cases.push_back({initial_r2t, immediate, 512, 512, 512, size});
                cases.push_back({initial_r2t, immediate, 65536, 262144, 8192, size});
                cases.push_back({initial_r2t, immediate, 4096, 4096, 16777215, size});
                cases.push_back({initial_r2t, immediate, 1021, 2043, 515, size});
            }
        }
    }
    return cases;
}
INSTANTIATE_TEST_SUITE_P(Extremes, Writes, ::testing::ValuesIn(write_cases()));

TEST(FullFeature, AnswersR2tsInTheOrderTheyCame) {
    auto login = logged_in();
    login.params.max_outstanding_r2t = 3;
    login.params.immediate_data = false;
    Harness h(login);
    Io io(false, 30000);
    const auto command = h.start(io.task);

    h.deliver(r2t(command, 0, 0, 10000));
    h.deliver(r2t(command, 1, 10000, 10000));
    h.deliver(r2t(command, 2, 20000, 10000));

    std::vector<std::uint32_t> tags;
    for (const auto& pdu : h.sent()) tags.push_back(pdu.as<proto::DataOut>().target_transfer_tag);
    EXPECT_EQ(tags, (std::vector<std::uint32_t>{0x7700, 0x7700, 0x7701, 0x7701, 0x7702, 0x7702}));
}

TEST(FullFeature, FinishesAnUnsolicitedBurstBeforeTheNextCommand) {
    auto login = logged_in();
    login.params.initial_r2t = false;
    Harness h(login);
    Io one(false, 40000);
    Io two(false, 40000);
    h.submit(one.task);
    h.submit(two.task);

    std::vector<bool> commands;
    for (const auto& pdu : h.sent()) commands.push_back(pdu.opcode() == proto::Opcode::ScsiCommand);

    EXPECT_EQ(commands, (std::vector<bool>{true, false, false, false, false, true, false, false,
                                           false, false}));
}

TEST(FullFeature, CutsASegmentWhoseDataLiesInTooManyPieces) {
    auto login = logged_in();
    login.params.initial_r2t = false;
    login.params.first_burst_length = 262144;
    login.params.max_xmit_data_segment_length = 262144;
    Harness h(login);
    std::vector<std::size_t> pieces(3000, 3);
    Io io(false, 9000, pieces);
    h.submit(io.task);

    Bytes all;
    for (const auto& pdu : h.sent()) all.insert(all.end(), pdu.data.begin(), pdu.data.end());

    EXPECT_EQ(all, io.memory);
}

TEST(FullFeature, KeepsATaskUntilItsDataHasLeftTheSendWindow) {
    Harness h;
    Io io(false, 4096);
    h.submit(io.task);
    const auto window = h.engine.send_window();
    ASSERT_GE(window.size(), 2U);
    proto::ScsiResponse pdu;
    pdu.initiator_task_tag =
        proto::decode_common(window[0].first<proto::kBhsBytes>()).initiator_task_tag;
    pdu.status = 0x08;
    h.exp_cmd_sn = proto::CmdSn{101};

    h.deliver(pdu);
    EXPECT_TRUE(h.events().empty());

    h.engine.on_sent(proto::kBhsBytes + 4095, h.now);
    EXPECT_TRUE(h.events().empty());
    h.engine.on_sent(1, h.now);
    EXPECT_EQ(h.event<TaskDone>().status, 0x08);
}

TEST(FullFeature, StopsSendingDataForATaskThatHasFailed) {
    auto login = logged_in();
    login.params.immediate_data = false;
    Harness h(login);
    Io io(false, 100000);
    const auto command = h.start(io.task);
    h.deliver(r2t(command, 0, 0, 100000));

    h.deliver(response(command, 0x02), sense_segment(18, 18));

    EXPECT_TRUE(h.sent().empty());
    EXPECT_EQ(h.event<TaskDone>().status, 0x02);
}

TEST(FullFeature, ReportsAnUnderflowOfAWrite) {
    Harness h;
    Io io(false, 1000);
    auto pdu = response(h.start(io.task));
    pdu.underflow = true;
    pdu.residual_count = 200;
    h.deliver(pdu);

    const auto done = h.event<TaskDone>();
    EXPECT_EQ(done.outcome, TaskOutcome::Completed);
    EXPECT_EQ(done.residual_count, 200U);
}

}  // namespace
}  // namespace iscsi::session
