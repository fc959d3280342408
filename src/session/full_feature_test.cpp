// SPDX-License-Identifier: LGPL-2.1-or-later
// Commands, reads, status. Writes and hostile targets are in files of their own.
#include "session/full_feature.hpp"
#include "session/testing/target_pdus.hpp"

namespace iscsi::session {
namespace {

using namespace testing;

TEST(FullFeature, SendsACommandWithoutData) {
    Harness h;
    Io io(true, 0);
    io.task.user = 77;

    const auto command = h.start(io.task).as<proto::ScsiCommand>();
    EXPECT_TRUE(command.final);
    EXPECT_FALSE(command.read);
    EXPECT_FALSE(command.write);
    EXPECT_EQ(command.attribute, proto::TaskAttribute::Simple);
    EXPECT_EQ(command.cmd_sn, proto::CmdSn{100});
    EXPECT_EQ(command.exp_stat_sn, proto::StatSn{500});
    EXPECT_EQ(command.lun, io.task.lun);
    EXPECT_EQ(command.expected_data_transfer_length, 0U);

    proto::ScsiResponse answer;
    answer.initiator_task_tag = command.initiator_task_tag;
    h.deliver(answer);
    const auto done = h.event<TaskDone>();
    EXPECT_EQ(done.user, 77U);
    EXPECT_EQ(done.outcome, TaskOutcome::Completed);
    EXPECT_EQ(done.status, 0);
    EXPECT_EQ(done.residual, Residual::None);
    EXPECT_EQ(h.engine.tasks(), 0U);
}

TEST(FullFeature, AcknowledgesStatusInTheNextCommand) {
    Harness h;
    Io io(true, 0);
    h.deliver(response(h.start(io.task)));
    h.events();

    EXPECT_EQ(h.start(io.task).as<proto::ScsiCommand>().exp_stat_sn, proto::StatSn{501});
}

TEST(FullFeature, ReadsDataWithStatusInTheLastDataIn) {
    Harness h;
    Io io(true, 10000, {100, 3000});
    const auto data = pattern(10000);
    const auto command = h.start(io.task);
    EXPECT_TRUE(command.as<proto::ScsiCommand>().read);
    EXPECT_EQ(command.as<proto::ScsiCommand>().expected_data_transfer_length, 10000U);

    h.deliver(data_in(command, 0, 0), part(data, 0, 4000));
    h.deliver(data_in(command, 1, 4000), part(data, 4000, 4000));
    h.deliver(last_data_in(command, 2, 8000), part(data, 8000, 2000));

    const auto done = h.event<TaskDone>();
    EXPECT_EQ(done.outcome, TaskOutcome::Completed);
    EXPECT_EQ(done.bytes_in, 10000U);
    EXPECT_EQ(io.memory, data);
}

TEST(FullFeature, ReadsDataWithAResponseOfItsOwn) {
    Harness h;
    Io io(true, 5001);
    const auto data = pattern(5001);
    const auto command = h.start(io.task);

    auto pdu = data_in(command, 0, 0);
    pdu.final = true;
    h.deliver(pdu, data);
    auto answer = response(command);
    answer.exp_data_sn = 1;
    h.deliver(answer);

    EXPECT_EQ(h.event<TaskDone>().outcome, TaskOutcome::Completed);
    EXPECT_EQ(io.memory, data);
}

TEST(FullFeature, PutsALargePayloadStraightIntoTheTasksMemory) {
    Harness h;
    Io io(true, 262144, {65536});
    const auto data = pattern(262144);
    const auto command = h.start(io.task);
    const auto bytes = h.written(last_data_in(command, 0, 0), data);

    ASSERT_TRUE(h.deliver_bytes(part(bytes, 0, proto::kBhsBytes)));
    const auto window = h.engine.recv_window();

    ASSERT_EQ(window.size(), 3U);
    EXPECT_EQ(window[0].data(), io.memory.data());
    EXPECT_EQ(window[0].size(), 65536U);
    EXPECT_EQ(window[1].data(), io.memory.data() + 65536);
    EXPECT_EQ(window[1].size(), 262144U - 65536U);
    ASSERT_TRUE(h.deliver_bytes(part(bytes, proto::kBhsBytes, data.size())));
    EXPECT_EQ(h.event<TaskDone>().outcome, TaskOutcome::Completed);
    EXPECT_EQ(io.memory, data);
}

TEST(FullFeature, ReportsADeclaredUnderflowOfARead) {
    Harness h;
    Io io(true, 1000);
    const auto command = h.start(io.task);

    auto pdu = last_data_in(command, 0, 0);
    pdu.underflow = true;
    pdu.residual_count = 900;
    h.deliver(pdu, pattern(100));

    const auto done = h.event<TaskDone>();
    EXPECT_EQ(done.outcome, TaskOutcome::Completed);
    EXPECT_EQ(done.residual, Residual::Underflow);
    EXPECT_EQ(done.residual_count, 900U);
    EXPECT_EQ(done.bytes_in, 100U);
}

TEST(FullFeature, ReportsAnOverflow) {
    Harness h;
    Io io(true, 100);
    const auto command = h.start(io.task);

    auto pdu = last_data_in(command, 0, 0);
    pdu.overflow = true;
    pdu.residual_count = 28;
    h.deliver(pdu, pattern(100));

    const auto done = h.event<TaskDone>();
    EXPECT_EQ(done.residual, Residual::Overflow);
    EXPECT_EQ(done.residual_count, 28U);
}

TEST(FullFeature, ComputesTheResidualOfAFailedReadThatTellsNone) {
    Harness h;
    Io io(true, 1000);
    const auto command = h.start(io.task);

    h.deliver(data_in(command, 0, 0), pattern(400));
    h.deliver(response(command, 0x02), sense_segment(18, 18));

    const auto done = h.event<TaskDone>();
    EXPECT_EQ(done.status, 0x02);
    EXPECT_EQ(done.residual, Residual::Underflow);
    EXPECT_EQ(done.residual_count, 600U);
    EXPECT_EQ(done.sense.size(), 18U);
}

TEST(FullFeature, TakesTheSenseThatIsThereWhenItIsCutShort) {
    Harness h;
    Io io(true, 0);

    h.deliver(response(h.start(io.task), 0x02), sense_segment(96, 18));

    EXPECT_EQ(h.event<TaskDone>().sense.size(), 18U);
}

TEST(FullFeature, LimitsSenseAndSkipsResponseData) {
    Harness h;
    Io io(true, 0);
    h.deliver(response(h.start(io.task), 0x02), sense_segment(60000, 60000));
    EXPECT_EQ(h.event<TaskDone>().sense.size(), kSenseBytesMax);

    h.deliver(response(h.start(io.task), 0x02), sense_segment(18, 100000));
    EXPECT_EQ(h.event<TaskDone>().sense.size(), 18U);
}

TEST(FullFeature, KeepsSenseValidWhileTheSlotIsUsedAgain) {
    FullFeatureConfig config;
    config.queue_depth = 1;
    Harness h(logged_in(), config);
    Io io(true, 0);
    h.deliver(response(h.start(io.task), 0x02), sense_segment(18, 18));

    const auto event = h.engine.next_event();
    h.submit(io.task);

    const auto& done = std::get<TaskDone>(*event);
    EXPECT_TRUE(std::ranges::all_of(done.sense, [](std::byte b) { return b == std::byte{0x5a}; }));
}

TEST(FullFeature, ReportsATargetFailure) {
    Harness h;
    Io io(true, 512);
    auto pdu = response(h.start(io.task));
    pdu.response = 1;
    h.deliver(pdu);

    const auto done = h.event<TaskDone>();
    EXPECT_EQ(done.outcome, TaskOutcome::TargetFailure);
    EXPECT_EQ(done.response, 1);
}

TEST(FullFeature, SendsALongCdbInAnAdditionalHeader) {
    Harness h;
    Io io(true, 0);
    io.cdb = pattern(37);
    io.task.cdb = io.cdb;

    const auto pdu = h.start(io.task);

    ASSERT_EQ(pdu.ahs.size(), 28U);
    EXPECT_EQ(base::load_u16(pdu.ahs, 0), 22U);  // reserved byte + 21 bytes of CDB
    EXPECT_EQ(base::load_u8(pdu.ahs, 2), 1U);
    EXPECT_TRUE(std::equal(io.cdb.begin() + 16, io.cdb.end(), pdu.ahs.begin() + 4));
}

TEST(FullFeature, RefusesTasksItCannotSend) {
    Harness h;
    Io io(true, 512);
    const auto error = [&](Task task) { return h.engine.submit(task, h.now).error(); };

    auto both = io.task;
    both.data_out = io.out;
    EXPECT_EQ(error(both), SubmitError::BadTask);
    auto short_cdb = io.task;
    short_cdb.cdb = short_cdb.cdb.first(5);
    EXPECT_EQ(error(short_cdb), SubmitError::BadTask);
    const Bytes long_cdb(261);
    auto too_long = io.task;
    too_long.cdb = long_cdb;
    EXPECT_EQ(error(too_long), SubmitError::BadTask);
    EXPECT_EQ(h.engine.tasks(), 0U);
}

TEST(FullFeature, SaysQueueFullAtItsDepth) {
    FullFeatureConfig config;
    config.queue_depth = 2;
    Harness h(logged_in(), config);
    Io io(true, 0);
    h.submit(io.task);
    h.submit(io.task);

    EXPECT_EQ(h.engine.submit(io.task, h.now).error(), SubmitError::QueueFull);
    EXPECT_EQ(h.engine.free_slots(), 0U);
}

TEST(FullFeature, WaitsForTheCommandWindow) {
    auto login = logged_in();
    login.max_cmd_sn = {101};
    Harness h(login);
    Io io(true, 0);
    for (int i = 0; i < 4; ++i) h.submit(io.task);

    const auto first = h.sent();
    ASSERT_EQ(first.size(), 2U);
    EXPECT_TRUE(h.sent().empty());

    h.window = 1;
    h.deliver(response(first[0]));
    EXPECT_EQ(h.sent().size(), 1U);
}

TEST(FullFeature, ImmediateCommandsPassAClosedWindow) {
    auto login = logged_in();
    login.max_cmd_sn = {99};
    Harness h(login);
    Io io(true, 0);
    h.submit(io.task);
    io.task.immediate = true;
    h.submit(io.task);

    const auto command = h.sent_one().as<proto::ScsiCommand>();

    EXPECT_TRUE(command.immediate);
    EXPECT_EQ(command.cmd_sn, proto::CmdSn{100});
}

TEST(FullFeature, EveryNumberMayWrapAround) {
    auto login = logged_in();
    login.cmd_sn = login.exp_cmd_sn = {0xffff'fffe};
    login.max_cmd_sn = {1};
    login.exp_stat_sn = {0xffff'ffff};
    Harness h(login);
    Io io(true, 0);
    for (int i = 0; i < 5; ++i) h.submit(io.task);
    const auto first = h.sent();
    ASSERT_EQ(first.size(), 4U);

    for (const auto& command : first) h.deliver(response(command));
    const auto rest = h.sent();

    ASSERT_EQ(rest.size(), 1U);
    EXPECT_EQ(rest[0].as<proto::ScsiCommand>().cmd_sn, proto::CmdSn{2});
    EXPECT_EQ(rest[0].as<proto::ScsiCommand>().exp_stat_sn, proto::StatSn{3});
    EXPECT_EQ(h.events().size(), 4U);
}

TEST(FullFeature, TakesDataInAnyOrderWhenSoNegotiated) {
    auto login = logged_in();
    login.params.data_sequence_in_order = false;
    Harness h(login);
    Io io(true, 3000);
    const auto data = pattern(3000);
    const auto command = h.start(io.task);

    auto third = data_in(command, 0, 2000);
    third.final = true;
    h.deliver(third, part(data, 2000, 1000));
    auto first = data_in(command, 1, 0);
    first.final = true;
    h.deliver(first, part(data, 0, 1000));
    h.deliver(last_data_in(command, 2, 1000), part(data, 1000, 1000));

    EXPECT_EQ(h.event<TaskDone>().outcome, TaskOutcome::Completed);
    EXPECT_EQ(io.memory, data);
}

// Any way of cutting the stream gives the same result -----------------------------------------

Bytes conversation(Harness& h, Io& read, Io& write) {
    const auto read_command = h.start(read.task);
    const auto write_command = h.start(write.task);
    Bytes stream;
    const auto add = [&](const Bytes& bytes) {
        stream.insert(stream.end(), bytes.begin(), bytes.end());
    };
    proto::NopIn info;
    add(h.written(info));
    add(h.written(data_in(read_command, 0, 0), pattern(301)));
    add(h.written(r2t(write_command, 0, 0, 500)));
    auto padded = pattern(700);
    add(h.written(last_data_in(read_command, 1, 301), part(padded, 301, 399)));
    proto::AsyncMessage async;
    async.async_event = 1;
    async.parameter3 = 10;
    add(h.written(async));
    add(h.written(response(write_command, 0x02), sense_segment(18, 18)));
    return stream;
}

void check_split(std::size_t split, bool digests) {
    auto login = logged_in();
    login.params.immediate_data = false;
    login.params.header_digest = login.params.data_digest = digests;
    Harness h(login);
    Io read(true, 700, {5, 300});
    Io write(false, 500);
    const auto stream = conversation(h, read, write);
    ASSERT_TRUE(h.deliver_bytes(part(stream, 0, split)));
    ASSERT_TRUE(h.deliver_bytes(part(stream, split, stream.size() - split)))
        << "split at " << split;

    const auto events = h.events();
    ASSERT_EQ(events.size(), 3U) << "split at " << split;
    EXPECT_EQ(std::get<TaskDone>(events[0]).outcome, TaskOutcome::Completed);
    EXPECT_EQ(std::get<AsyncReceived>(events[1]).parameter3, 10);
    EXPECT_EQ(std::get<TaskDone>(events[2]).status, 0x02);
    EXPECT_TRUE(std::ranges::equal(part(read.memory, 0, 301), pattern(301)));
    EXPECT_TRUE(std::ranges::equal(part(read.memory, 301, 399), part(pattern(700), 301, 399)));
}

TEST(FullFeature, EveryByteSplitGivesTheSameEvents) {
    for (const bool digests : {false, true}) {
        for (std::size_t split = 0; split <= 1012; ++split) check_split(split, digests);
    }
}

TEST(FullFeature, ReceivesByteByByte) {
    auto login = logged_in();
    login.params.immediate_data = false;
    Harness h(login);
    h.chunk = 1;
    Io read(true, 700, {5, 300});
    Io write(false, 500);
    ASSERT_TRUE(h.deliver_bytes(conversation(h, read, write)));

    EXPECT_EQ(h.events().size(), 3U);
    EXPECT_EQ(h.engine.state(), FullFeature::State::Running);
}

constexpr std::size_t kLargestSegment = 16777215;

LoggedIn with_largest_lengths() {
    auto login = logged_in();
    login.params.max_recv_data_segment_length = kLargestSegment;
    login.params.max_xmit_data_segment_length = kLargestSegment;
    login.params.first_burst_length = kLargestSegment;
    login.params.max_burst_length = kLargestSegment;
    login.params.initial_r2t = false;
    return login;
}

TEST(FullFeature, ReadsTheLargestSegmentThereIs) {
    Harness h(with_largest_lengths());
    h.chunk = 100'000;
    Io io(true, kLargestSegment, std::vector<std::size_t>(300, 4096));
    const auto data = pattern(kLargestSegment);

    h.deliver(last_data_in(h.start(io.task), 0, 0), data);

    EXPECT_EQ(h.event<TaskDone>().outcome, TaskOutcome::Completed);
    EXPECT_TRUE(io.memory == data);
}

TEST(FullFeature, WritesTheLargestSegmentThereIs) {
    Harness h(with_largest_lengths());
    Io io(false, kLargestSegment + 1000);
    const auto command = h.start(io.task);
    ASSERT_EQ(command.data.size(), kLargestSegment);
    EXPECT_TRUE(command.as<proto::ScsiCommand>().final);

    h.deliver(r2t(command, 0, kLargestSegment, 1000));
    const auto rest = h.sent_one();

    EXPECT_TRUE(rest.as<proto::DataOut>().final);
    EXPECT_TRUE(std::ranges::equal(rest.data, part(io.memory, kLargestSegment, 1000)));
}

TEST(FullFeature, AQueueOfDepthOneGoesOnAndOn) {
    FullFeatureConfig config;
    config.queue_depth = 1;
    Harness h(logged_in(), config);
    Io io(true, 512);
    for (int i = 0; i < 1000; ++i) {
        const auto command = h.start(io.task);
        ASSERT_EQ(h.engine.free_slots(), 0U);
        h.deliver(last_data_in(command, 0, 0), pattern(512));
        ASSERT_EQ(h.event<TaskDone>().outcome, TaskOutcome::Completed);
    }
    EXPECT_EQ(h.engine.stats().scsicmd_pdus, 1000U);
}

TEST(FullFeature, DeepQueueRunsManyCommandsPerCall) {
    Harness h;
    h.window = 128;
    Io first(true, 0);
    h.deliver(response(h.start(first.task)));
    h.events();
    std::vector<std::unique_ptr<Io>> ios;
    for (int i = 0; i < 128; ++i) {
        ios.push_back(std::make_unique<Io>(true, 512));
        h.submit(ios.back()->task);
    }
    const auto commands = h.sent();
    ASSERT_EQ(commands.size(), 128U);

    Bytes stream;
    for (const auto& command : commands) {
        const auto bytes = h.written(last_data_in(command, 0, 0), pattern(512));
        stream.insert(stream.end(), bytes.begin(), bytes.end());
    }
    ASSERT_TRUE(h.deliver_bytes(stream));

    EXPECT_EQ(h.events().size(), 128U);
    for (const auto& io : ios) EXPECT_EQ(io->memory, pattern(512));
}

TEST(FullFeature, CountsWhatLinuxCounts) {
    auto login = logged_in();
    login.params.immediate_data = false;
    Harness h(login);
    Io read(true, 512);
    Io write(false, 512);
    const auto read_command = h.start(read.task);
    h.deliver(last_data_in(read_command, 0, 0), pattern(512));
    const auto write_command = h.start(write.task);
    h.deliver(r2t(write_command, 0, 0, 512));
    h.sent();
    h.deliver(response(write_command));

    const auto& stats = h.engine.stats();
    EXPECT_EQ(stats.scsicmd_pdus, 2U);
    EXPECT_EQ(stats.datain_pdus, 1U);
    EXPECT_EQ(stats.r2t_pdus, 1U);
    EXPECT_EQ(stats.dataout_pdus, 1U);
    EXPECT_EQ(stats.scsirsp_pdus, 1U);
    EXPECT_EQ(stats.txdata_octets, 3U * 48 + 512);
    EXPECT_EQ(stats.rxdata_octets, 3U * 48 + 512);
}

}  // namespace
}  // namespace iscsi::session
