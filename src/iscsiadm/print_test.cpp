// SPDX-License-Identifier: LGPL-2.1-or-later
// What is printed, compared with texts that open-iscsi 2.1.8 printed of a Linux session
// (tests/golden/iscsiadm).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "iscsiadm/print_records.hpp"
#include "iscsiadm/print_sessions.hpp"

namespace iscsi::iscsiadm {
namespace {

std::string golden(const std::string& name) {
    std::ifstream file(std::string(ISCSIADM_GOLDEN_DIR) + "/" + name);
    EXPECT_TRUE(file) << name;
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string printed(const std::function<void(Output&)>& print) {
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* stream = ::open_memstream(&text, &size);
    Output output(stream, stderr);
    print(output);
    std::fclose(stream);
    std::string result(text, size);
    std::free(text);
    return result;
}

control::SessionInfo session() {
    control::SessionInfo info;
    info.sid = 1;
    info.host_no = 0;
    info.transport = "tcp";
    info.target = "iqn.2003-01.org.linux-iscsi:t0";
    info.tpgt = 1;
    info.persistent_address = info.current_address = "127.0.0.2";
    info.iface_name = "default";
    info.iface_initiatorname = "iqn.2026-11.test:init";
    info.iface_ipaddress = "127.0.0.1";
    info.connection_state = control::ConnectionState::LoggedIn;
    info.session_state = "LOGGED_IN";
    info.max_recv_data_segment_length = info.max_xmit_data_segment_length = 262144;
    info.first_burst_length = 65536;
    info.max_burst_length = 262144;
    info.luns.push_back({.lun = 0, .block_device = "sdb", .state = "running"});
    return info;
}

std::string tree(const std::vector<control::SessionInfo>& sessions, const TreeStyle& style) {
    return printed([&](Output& out) { print_sessions_tree(out, sessions, style); });
}

TEST(PrintSessions, LevelsAreOpenIscsis) {
    const std::vector sessions{session()};

    EXPECT_EQ(printed([&](Output& out) { print_sessions_flat(out, sessions); }),
              golden("session_level_0.txt"));
    EXPECT_EQ(tree(sessions, {.level = 1}), golden("session_level_1.txt"));
    EXPECT_EQ(tree(sessions, {.level = 2}), golden("session_level_2.txt"));
    EXPECT_EQ(printed(print_versions) + tree(sessions, {.level = 3}),
              golden("session_level_3.txt"));
}

TEST(PrintSessions, DiskLineFollowsItsLun) {
    auto one = session();
    one.luns.push_back({.lun = 1});
    one.luns.push_back({.lun = 2, .block_device = "sdc", .state = "offline"});

    const auto text = tree({one}, {.level = 3});

    EXPECT_TRUE(
        text.ends_with("\t\tscsi0 Channel 00 Id 0 Lun: 1\n"
                       "\t\tscsi0 Channel 00 Id 0 Lun: 2\n"
                       "\t\t\tAttached scsi disk sdc\t\tState: offline\n"))
        << text;
}

TEST(PrintSessions, SecretsAreMaskedEvenWhenThereAreNone) {
    auto one = session();
    one.username = "me";
    one.password = "secret";

    const auto masked = tree({one}, {.level = 2});
    const auto clear = tree({one}, {.level = 2, .show_secrets = true});

    EXPECT_EQ(masked.find("secret"), std::string::npos);
    EXPECT_NE(masked.find("\t\tpassword: ********\n\t\tusername_in: <empty>\n"
                          "\t\tpassword_in: ********\n"),
              std::string::npos);
    EXPECT_NE(clear.find("\t\tpassword: secret\n\t\tusername_in: <empty>\n"
                         "\t\tpassword: <empty>\n"),
              std::string::npos);
}

TEST(PrintSessions, NeighboursOfOneTargetShareItsLine) {
    auto other_portal = session();
    other_portal.sid = 2;
    other_portal.persistent_address = other_portal.current_address = "127.0.0.3";
    auto again = other_portal;
    again.sid = 3;

    const auto text = tree({session(), other_portal, again}, {.level = 1});

    EXPECT_EQ(text.find("Target:"), text.rfind("Target:"));
    // A second session through one portal has an empty line where its portal would be.
    EXPECT_NE(text.find("NO CHANGE\n\n\t\t**********\n"), std::string::npos) << text;
}

TEST(PrintSessions, TellTheirDataPathWhenItIsNotTheKernels) {
    auto one = session();
    one.data_path = "user";

    EXPECT_EQ(tree({one}, {.level = 1}), golden("session_level_1.txt") + "\t\tData Path: user\n");
}

TEST(PrintHost, ShowsWhatIsUnknownAsEmpty) {
    const HostView host{.host_no = 0, .transport = "tcp", .ip_address = "127.0.0.1"};

    EXPECT_EQ(printed([&](Output& out) { print_host_flat(out, host); }),
              "tcp: [0] 127.0.0.1,[<empty>],<empty> <empty>\n");
    EXPECT_EQ(printed([&](Output& out) { print_host_tree(out, host, 1); }),
              "Host Number: 0\n\tState: running\n\tTransport: tcp\n\tInitiatorname: <empty>\n"
              "\tIPaddress: 127.0.0.1\n\tHWaddress: <empty>\n\tNetdev: <empty>\n");
}

const std::vector<store::NodeId> kNodes{
    {"iqn.s:a", "10.0.0.1", 3260, 1, "default"},
    {"iqn.s:a", "10.0.0.1", 3260, 1, "if0"},
    {"iqn.s:b", "10.0.0.1", 3260, -1, "default"},
    {"iqn.s:b", "fe80::1", 3261, 5, "default"},
};

TEST(PrintNodes, FlatListHasUnsignedTags) {
    EXPECT_EQ(printed([](Output& out) { print_nodes_flat(out, kNodes); }),
              "10.0.0.1:3260,1 iqn.s:a\n10.0.0.1:3260,1 iqn.s:a\n"
              "10.0.0.1:3260,4294967295 iqn.s:b\n[fe80::1]:3261,5 iqn.s:b\n");
}

TEST(PrintNodes, TreeRepeatsThePortalForEachIface) {
    EXPECT_EQ(printed([](Output& out) { print_nodes_tree(out, kNodes); }),
              "Target: iqn.s:a\n\tPortal: 10.0.0.1:3260,1\n\t\tIface Name: default\n"
              "\tPortal: 10.0.0.1:3260,1\n\t\tIface Name: if0\n"
              "Target: iqn.s:b\n\tPortal: 10.0.0.1:3260,-1\n\t\tIface Name: default\n"
              "\tPortal: [fe80::1]:3261,5\n\t\tIface Name: default\n");
}

TEST(PrintFound, TreeJoinsIfacesOfAPortal) {
    EXPECT_EQ(printed([](Output& out) { print_found_tree(out, kNodes); }),
              "Target: iqn.s:a\n\tPortal: 10.0.0.1:3260,1\n\t\tIface Name: default\n"
              "\t\tIface Name: if0\n"
              "Target: iqn.s:b\n\tPortal: 10.0.0.1:3260,-1\n\t\tIface Name: default\n"
              "\tPortal: [fe80::1]:3261,5\n\t\tIface Name: default\n");
}

TEST(PrintFound, FlatListHasSignedTags) {
    EXPECT_EQ(printed([](Output& out) { print_found_flat(out, kNodes); }),
              "10.0.0.1:3260,1 iqn.s:a\n10.0.0.1:3260,1 iqn.s:a\n"
              "10.0.0.1:3260,-1 iqn.s:b\n[fe80::1]:3261,5 iqn.s:b\n");
}

TEST(PrintIfaces, FlatLineHasSixFields) {
    record::Iface iface;
    iface.iscsi_ifacename = "if0";
    iface.net_ifacename = "eth0";

    EXPECT_EQ(printed([&](Output& out) { print_iface_flat(out, iface); }),
              "if0 tcp,<empty>,<empty>,eth0,<empty>\n");
}

}  // namespace
}  // namespace iscsi::iscsiadm
