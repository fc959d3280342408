// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control/legacy.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace iscsi::control::legacy {
namespace {

constexpr std::array kVersions{Version::V2_1_8, Version::V2_1_11, Version::Newest};

std::uint32_t word_at(base::ConstByteSpan bytes, std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

std::string_view text_at(base::ConstByteSpan bytes, std::size_t at) {
    const auto rest = base::as_text(bytes.subspan(at));
    return rest.substr(0, rest.find('\0'));
}

Request sample_login() {
    NodeRequest login;
    auto& node = login.node;
    node.name = "iqn.2026-11.org.example:disk1";
    node.tpgt = 7;
    node.startup = record::Startup::Automatic;
    node.session.auth.username = "user1";
    node.session.auth.password = base::Secret("secret-out-1");
    node.session.auth.password_in = base::Secret("secret-in-22");
    node.session.auth.chap_algs = {record::ChapAlgorithm::Sha3_256, record::ChapAlgorithm::Md5};
    node.session.iscsi.fast_abort = false;
    node.conn[0].address = "fe80::1";
    node.conn[0].port = 3261;
    node.conn[0].iscsi.of_marker = true;
    node.iface.iscsi_ifacename = "if0";
    node.iface.vlan_id = 42;
    node.iface.ttl = 64;
    node.iface.initiatorname = "iqn.2026-11.org.example:me";
    node.discovery_type = record::NodeDiscoveryType::Static;
    node.discovery_address = "192.0.2.7";
    node.discovery_port = 3260;
    login.sid = 3;
    login.multiple = true;
    login.boot_target = "target0";
    return {.command = Command::SessionLogin, .sid = 3, .login = login};
}

// The offsets of the structs of 2.1.8 and of the newest release, as a debugger shows them; those of
// the request are 16 more than those of the record.
struct KnownOffsets {
    Version version;
    std::size_t port, of_marker, iface_name, vlan_id, ttl, iname, disc_type, disc_port;
};
constexpr std::array kKnownOffsets{
    KnownOffsets{Version::V2_1_8, 3264, 3320, 3344, 11714, 13165, 14790, 15048, 16080},
    KnownOffsets{Version::Newest, 3272, 3344, 3368, 11738, 13189, 14814, 15072, 16104},
};

TEST(LegacyRequest, FieldsLieWhereTheOtherProgramsLookForThem) {
    for (const auto& known : kKnownOffsets) {
        const auto bytes = encode_request(sample_login(), known.version).value();
        const auto record = base::ConstByteSpan(bytes).subspan(16);

        EXPECT_EQ(word_at(bytes, 0), 1u);
        EXPECT_EQ(text_at(record, 16), "iqn.2026-11.org.example:disk1");
        EXPECT_EQ(word_at(record, 272), 7u);
        EXPECT_EQ(text_at(record, 324), "user1");
        EXPECT_EQ(text_at(record, 580), "secret-out-1");
        EXPECT_EQ(word_at(record, 836), 12u);
        EXPECT_EQ(word_at(record, 1356), 8u);
        EXPECT_EQ(word_at(record, 1360), 5u);
        EXPECT_EQ(word_at(record, 1364), 0xffff'ffffu);
        EXPECT_EQ(word_at(record, 1444), 0u);
        EXPECT_EQ(word_at(record, 1456), 3u);
        EXPECT_EQ(text_at(record, 1973), "target0");
        EXPECT_EQ(word_at(record, known.port), 3261u);
        EXPECT_EQ(word_at(record, known.of_marker), 1u);
        EXPECT_EQ(text_at(record, known.iface_name), "if0");
        EXPECT_EQ(word_at(record, known.vlan_id) & 0xffff, 42u);
        EXPECT_EQ(std::to_integer<int>(record[known.ttl]), 64);
        EXPECT_EQ(text_at(record, known.iname), "iqn.2026-11.org.example:me");
        EXPECT_EQ(word_at(record, known.disc_type), known.version == Version::V2_1_8 ? 4u : 3u);
        EXPECT_EQ(word_at(record, known.disc_port), 3260u);
    }
}

TEST(LegacyRequest, EachVersionReadsBackWhatItWrote) {
    for (const auto version : kVersions) {
        const auto sent = sample_login();
        const auto bytes = encode_request(sent, version).value();
        ASSERT_EQ(version_of_size(bytes.size()), version);

        const auto got = decode_request(bytes, version).value();

        ASSERT_TRUE(got.login);
        EXPECT_EQ(got.login->node, sent.login->node);
        EXPECT_TRUE(got.login->multiple);
        EXPECT_EQ(got.login->boot_target, "target0");
    }
}

TEST(LegacyRequest, SizesTellTheVersions) {
    EXPECT_EQ(request_bytes(Version::V2_1_8), kRequestBytesMin);
    EXPECT_EQ(request_bytes(Version::V2_1_11), 16112u);
    EXPECT_EQ(request_bytes(Version::Newest), kRequestBytesMax);
    EXPECT_FALSE(version_of_size(16100));
}

TEST(LegacyRequest, SidIsReadForTheCommandsThatHaveOne) {
    const auto bytes =
        encode_request({.command = Command::SessionLogout, .sid = 9}, Version::V2_1_8).value();
    EXPECT_EQ(decode_request(bytes, Version::V2_1_8)->sid, 9u);
}

TEST(LegacyRequest, ANumberOutOfAnEnumerationIsRefusedByName) {
    auto bytes = encode_request(sample_login(), Version::V2_1_8).value();
    bytes[16 + 3308] = std::byte{9};  // conn.iscsi.HeaderDigest
    const auto got = decode_request(bytes, Version::V2_1_8);
    ASSERT_FALSE(got);
    EXPECT_TRUE(got.error().message.contains("HeaderDigest")) << got.error().message;
}

TEST(LegacyRequest, ATextThatDoesNotFitIsNotCutSilently) {
    auto request = sample_login();
    request.login->node.iface.transport_name = std::string(16, 'x');
    EXPECT_FALSE(encode_request(request, Version::V2_1_8));
}

TEST(LegacyRequest, UnterminatedTextsEndWithTheirField) {
    std::vector<std::byte> bytes(request_bytes(Version::V2_1_8), std::byte{'a'});
    bytes[0] = std::byte{1};
    bytes[1] = bytes[2] = bytes[3] = std::byte{0};
    // Enumerations are out of range all over; nothing may be read past its field before that.
    EXPECT_FALSE(decode_request(bytes, Version::V2_1_8));
}

TEST(LegacyReply, StatsLieAfterTheEvent) {
    Reply reply{.command = Command::SessionStats};
    reply.stats.values[0] = 0x1'0000'0001;
    reply.stats.values[20] = 5;
    reply.stats.custom = {{"eh_abort_cnt", 2}};

    const auto bytes = encode_reply(reply);

    EXPECT_EQ(word_at(bytes, 8), 20u);
    EXPECT_EQ(word_at(bytes, 64), 1u);
    EXPECT_EQ(word_at(bytes, 64 + 88), 5u);
    EXPECT_EQ(word_at(bytes, 64 + 92), 1u);
    EXPECT_EQ(text_at(bytes, 160), "eh_abort_cnt");
    EXPECT_EQ(decode_reply(bytes, Command::SessionStats).stats, reply.stats);
}

TEST(LegacyReply, TheMarkOfOneWhoSpeaksJsonIsOutOfTheWay) {
    const Reply reply{.command = Command::ConfigFile, .text = "/conf", .speaks_json = true};
    const auto bytes = encode_reply(reply);

    EXPECT_EQ(text_at(bytes, 8), "/conf");
    EXPECT_EQ(word_at(bytes, 8 + 255 + 1), 0u);
    EXPECT_TRUE(decode_reply(bytes, Command::ConfigFile).speaks_json);
    EXPECT_FALSE(decode_reply(encode_reply({.command = Command::ConfigFile}), Command::ConfigFile)
                     .speaks_json);
}

TEST(LegacyReply, TextAndStateRoundTrip) {
    const auto text =
        encode_reply({.command = Command::ConfigFile, .text = "/etc/iscsi/iscsid.conf"});
    EXPECT_EQ(text_at(text, 8), "/etc/iscsi/iscsid.conf");
    EXPECT_EQ(decode_reply(text, Command::ConfigFile).text, "/etc/iscsi/iscsid.conf");

    const auto state = decode_reply(encode_reply({.command = Command::SessionInfo,
                                                  .code = base::ErrorCode::SessionNotFound,
                                                  .session_state = SessionState::Reopen,
                                                  .conn_state = ConnState::TransportWait}),
                                    Command::SessionInfo);
    EXPECT_EQ(state.code, base::ErrorCode::SessionNotFound);
    EXPECT_EQ(state.session_state, SessionState::Reopen);
    EXPECT_EQ(state.conn_state, ConnState::TransportWait);
}

}  // namespace
}  // namespace iscsi::control::legacy
