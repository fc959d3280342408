// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userlink/messages.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace iscsi::userlink {
namespace {

SessionConfig some_config() {
    SessionConfig config;
    config.sid = 1'000'001;
    config.target = "iqn.2026-11.org.example:disk1";
    config.persistent_address = "fe80::1%eth0";
    config.persistent_port = 3261;
    config.replacement_timeout_s = -1;
    config.cmds_max = 256;
    config.scan_auto = false;
    config.record = "node.name = \"x\"\n";
    return config;
}

Binding some_binding() {
    Binding binding;
    binding.generation = 3;
    binding.negotiated.header_digest = true;
    binding.negotiated.max_burst_length = 16'776'192;
    binding.isid = {0x00, 0x02, 0x3d, 0x42, 0x41, 0xff};
    binding.tsih = 0xffff;
    binding.cmd_sn = 0xffff'ffff;
    binding.received = std::string("\x00\xff\x20", 3);
    binding.current_address = "192.0.2.7";
    return binding;
}

void expect_round_trip(const Request& request) {
    const auto decoded = decode_request(encode(request));
    ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
    EXPECT_EQ(*decoded, request);
}

void expect_round_trip(const FromUserd& message) {
    const auto text = std::visit([](const auto& m) { return encode(m); }, message);
    const auto decoded = decode_from_userd(text);
    ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
    EXPECT_EQ(*decoded, message) << text;
}

TEST(Messages, EveryRequestComesBackAsItWasSent) {
    expect_round_trip(Request{1, Hello{.version = 7, .role = Role::Controller, .log = true}});
    expect_round_trip(Request{2, Configure{some_config()}});
    expect_round_trip(Request{3, Bind{some_binding()}});
    expect_round_trip(Request{4, Stop{StopMode::Terminate}});
    expect_round_trip(Request{5, Rescan{}});
    expect_round_trip(Request{6, Logout{.timeout_s = 9}});
    expect_round_trip(Request{7, LogoutConnection{.timeout_s = 9}});
    expect_round_trip(Request{8, GetStats{}});
    expect_round_trip(Request{~0ULL, GetStatus{}});
}

TEST(Messages, EveryAnswerComesBackAsItWasSent) {
    Status status{.config = some_config(), .binding = some_binding()};
    status.state = SessionState::Failed;
    status.recovery_expired = true;
    status.luns.resize(2);
    status.luns[1].lun = 1;
    status.luns[1].block_device = "loop3";
    status.luns[1].block_count = 1ULL << 40;

    expect_round_trip(FromUserd{Answer{1, Done{}}});
    expect_round_trip(FromUserd{Answer{2, Failure{base::ErrorCode::Busy, "in use"}}});
    expect_round_trip(FromUserd{
        Answer{3, RescanDone{.luns = 3, .devices = 2, .problems = "x", .failures = "y"}}});
    expect_round_trip(FromUserd{Answer{4, Stats{.txdata_octets = 1ULL << 63, .eh_abort_cnt = 1}}});
    expect_round_trip(FromUserd{Answer{5, status}});
}

TEST(Messages, EveryEventComesBackAsItWasSent) {
    expect_round_trip(FromUserd{Event{ConnectionError{2, 20, "TCP connection closed"}}});
    expect_round_trip(FromUserd{Event{AsyncMessage{2, 255, 9, 1, 2, 3, true}}});
    expect_round_trip(FromUserd{Event{LogoutDone{2, true, 3, 5, 6}}});
    expect_round_trip(FromUserd{Event{RecoveryTimeout{}}});
    expect_round_trip(FromUserd{Event{DevicesChanged{"LUN 3 grew"}}});
    expect_round_trip(FromUserd{Event{Terminated{"logged out"}}});
    expect_round_trip(FromUserd{Event{LogLine{base::LogLevel::Warning, "scan: no answer"}}});
}

TEST(Messages, AFieldThatIsAbsentKeepsItsDefault) {
    const auto decoded = decode_request(R"({"id":1,"request":"configure","config":{"sid":5}})");

    ASSERT_TRUE(decoded.has_value());
    const auto& config = std::get<Configure>(decoded->body).config;
    EXPECT_EQ(config.sid, 5u);
    EXPECT_EQ(config.replacement_timeout_s, 120);
}

TEST(Messages, AFieldFromANewerPeerIsIgnored) {
    EXPECT_TRUE(decode_request(R"({"id":1,"request":"rescan","depth":{"x":[1]}})").has_value());
}

TEST(Messages, RefusalsNameTheField) {
    const struct {
        const char* text;
        const char* named;
    } cases[] = {
        {"", "JSON"},
        {"[1]", "JSON"},
        {"{\"id\":1", "JSON"},
        {R"({"request":"rescan"})", "id"},
        {R"({"id":-1,"request":"rescan"})", "id"},
        {R"({"id":1})", "request"},
        {R"({"id":1,"request":"dance"})", "dance"},
        {R"({"id":1,"request":"hello","role":2})", "role"},
        {R"({"id":1,"request":"hello","role":"boss"})", "role"},
        {R"({"id":1,"request":"configure","config":7})", "config"},
        {R"({"id":1,"request":"configure","config":{"persistent_port":65536}})", "persistent_port"},
        {R"({"id":1,"request":"configure","config":{"replacement_timeout_s":1.5}})",
         "replacement_timeout_s"},
        {R"({"id":1,"request":"configure","config":{"target":null}})", "target"},
        {R"({"id":1,"request":"bind","binding":{"isid":"0002"}})", "isid"},
        {R"({"id":1,"request":"bind","binding":{"received":"0g"}})", "received"},
        {R"({"id":1,"request":"bind","binding":{"received":"0"}})", "received"},
    };
    for (const auto& c : cases) {
        const auto decoded = decode_request(c.text);
        ASSERT_FALSE(decoded.has_value()) << c.text;
        EXPECT_EQ(decoded.error().code, base::ErrorCode::InvalidRequest);
        EXPECT_NE(decoded.error().message.find(c.named), std::string::npos)
            << c.text << " -> " << decoded.error().message;
    }
}

TEST(Messages, BytesThatAreNoUtf8DoNotBreakEncoding) {
    auto config = some_config();
    config.record = "\xff\xfe";
    EXPECT_TRUE(decode_request(encode(Request{1, Configure{config}})).has_value());
}

TEST(Messages, TheIdOfARefusedRequestIsFound) {
    EXPECT_EQ(request_id(R"({"id":9,"request":"dance"})"), 9u);
    EXPECT_EQ(request_id("nonsense"), std::nullopt);
}

TEST(SocketPath, NamesTheSession) {
    EXPECT_EQ(socket_path("/run/iscsi", 1'000'001), "/run/iscsi/userd/1000001.sock");
    EXPECT_EQ(sid_of_socket_name("1000001.sock"), 1'000'001u);
    EXPECT_EQ(sid_of_socket_name("1000001.lock"), std::nullopt);
    EXPECT_EQ(sid_of_socket_name("x.sock"), std::nullopt);
}

}  // namespace
}  // namespace iscsi::userlink
