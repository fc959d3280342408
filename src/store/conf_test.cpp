// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/conf.hpp"

#include <gmock/gmock.h>

#include "store/testing/test_tree.hpp"

namespace iscsi::store {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class ConfTest : public StoreTest {
protected:
    base::Result<Conf> conf(std::string_view text) {
        put("iscsid.conf", text);
        return load_conf(os::system_files(), paths_.dbroot + "/iscsid.conf");
    }
    base::Result<Identity> identity(std::string_view text) {
        put("initiatorname.iscsi", text);
        return load_identity(os::system_files(), paths_.dbroot + "/initiatorname.iscsi");
    }
};

TEST_F(ConfTest, OneFileGivesTheDefaultsOfEveryKindOfRecord) {
    const auto loaded =
        value_of(conf("# comment\n"
                      "iscsid.startup = /bin/systemctl start iscsid.socket\n"
                      "iscsid.safe_logout = Yes\n"
                      "node.startup = automatic\n"
                      "node.conn[0].timeo.login_timeout = 15\n"
                      "node.session.auth.chap_algs = SHA256\n"
                      "iface.mtu = 9000\n"
                      "discovery.sendtargets.iscsi.MaxRecvDataSegmentLength = 65536\n"
                      "discovery.isns.use_discoveryd = Yes\n"));

    EXPECT_EQ(loaded.daemon.startup, "/bin/systemctl start iscsid.socket");
    EXPECT_TRUE(loaded.daemon.safe_logout);
    EXPECT_FALSE(loaded.daemon.ipc_auth_uid);
    EXPECT_EQ(loaded.node.startup, record::Startup::Automatic);
    EXPECT_EQ(loaded.node.conn[0].timeo.login_timeout, 15);
    EXPECT_EQ(loaded.node.iface.mtu, 9000);
    EXPECT_THAT(loaded.node.unknown, IsEmpty());
    EXPECT_EQ(loaded.send_targets.iscsi.max_recv_data_segment_length, 65536);
    EXPECT_EQ(loaded.send_targets.auth.chap_algs,
              record::ChapAlgorithms{record::ChapAlgorithm::Sha256});
    EXPECT_TRUE(loaded.isns.use_discoveryd);
    EXPECT_THAT(loaded.warnings, IsEmpty());
}

TEST_F(ConfTest, FaultyLinesAreWarnedOfOnce) {
    const auto loaded = value_of(conf("node.startup=automatic\nnode.leading_login = maybe\n"));

    ASSERT_EQ(loaded.warnings.size(), 2U);
    EXPECT_EQ(loaded.warnings[0].line, 1U);
    EXPECT_EQ(loaded.warnings[1].line, 2U);
}

TEST_F(ConfTest, AValueThatAKeyDoesNotTakeIsNamedAndTheDefaultIsUsed) {
    const auto loaded =
        value_of(conf("node.session.nr_sessions = banana\n"
                      "discovery.sendtargets.reopen_max = many\n"
                      "iscsid.safe_logout = yes\n"
                      "node.session.queue_depth = 4096\n"
                      "node.session.cmds_max = 64\n"));

    EXPECT_EQ(loaded.node.session.nr_sessions, 1);
    EXPECT_EQ(loaded.node.session.queue_depth, 32);
    EXPECT_EQ(loaded.node.session.cmds_max, 64);
    EXPECT_EQ(loaded.send_targets.reopen_max, 5);
    EXPECT_FALSE(loaded.daemon.safe_logout);
    EXPECT_THAT(
        loaded.warnings,
        UnorderedElementsAre(
            record::Warning{1,
                            "line 1: node.session.nr_sessions = banana is not a whole number "
                            "from 0 to 1024; 1 is used"},
            record::Warning{2,
                            "line 2: discovery.sendtargets.reopen_max = many is not a whole "
                            "number from -2147483648 to 2147483647; 5 is used"},
            record::Warning{3,
                            "line 3: iscsid.safe_logout = yes is not one of No, Yes; No is used"},
            record::Warning{4,
                            "line 4: node.session.queue_depth = 4096 is not a whole number from "
                            "1 to 1024; 32 is used"}));
}

TEST_F(ConfTest, AnUnknownKeyIsNamedWithTheOneThatItIsNearTo) {
    const auto loaded =
        value_of(conf("iscsid.safe_logut = Yes\n"
                      "node.bogus.key = 1\n"
                      "node.conn[0].timeo.login_timout = 3\n"
                      "node.conn[0].timeo.login_timeout = 4\n"
                      "discovery.sendtargets.auth.pasword = pw\n"
                      "my.secret = pw\n"
                      "node.transport_name = tcp\n"));

    EXPECT_THAT(loaded.warnings, IsEmpty());
    EXPECT_THAT(
        loaded.unknown_keys,
        UnorderedElementsAre(
            record::Warning{1,
                            "line 1: iscsid.safe_logut = Yes: unknown key, did you mean "
                            "iscsid.safe_logout? No is used"},
            record::Warning{2, "line 2: node.bogus.key = 1: unknown key, the line is passed over"},
            record::Warning{3,
                            "line 3: node.conn[0].timeo.login_timout = 3: unknown key, did "
                            "you mean node.conn[0].timeo.login_timeout? 4 is used"},
            record::Warning{5,
                            "line 5: discovery.sendtargets.auth.pasword = ********: "
                            "unknown key, did you mean "
                            "discovery.sendtargets.auth.password?"},
            record::Warning{6,
                            "line 6: my.secret = ********: unknown key, the line is "
                            "passed over"}));
}

TEST_F(ConfTest, UserFallbackIsTakenFromTheFile) {
    EXPECT_TRUE(value_of(conf("")).daemon.user_fallback);
    EXPECT_FALSE(value_of(conf("iscsid.user_fallback = No\n")).daemon.user_fallback);
    EXPECT_TRUE(value_of(conf("iscsid.user_fallback = maybe\n")).daemon.user_fallback);
}

TEST_F(ConfTest, SecretsThatOthersMayReadAreWarnedOf) {
    const auto loaded = value_of(conf("node.session.auth.password = pw\n"));

    ASSERT_EQ(loaded.warnings.size(), 1U);
    EXPECT_THAT(loaded.warnings[0].text, HasSubstr("others may read the secrets in it"));
}

TEST_F(ConfTest, AMissingFileIsNamedWithTheRemedy) {
    const auto loaded = load_conf(os::system_files(), root_ + "/no/iscsid.conf");

    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().message, root_ +
                                          "/no/iscsid.conf: No such file or directory (install "
                                          "the default iscsid.conf there)");
}

TEST_F(ConfTest, TheIdentityIsTheFirstLineThatIsNoComment) {
    const auto loaded =
        value_of(identity("# InitiatorName=iqn.old\n InitiatorName = iqn.2016-04.com.x:host \n"
                          "InitiatorName=iqn.second\nInitiatorAlias=here\n"));

    EXPECT_EQ(loaded.initiator_name, "iqn.2016-04.com.x:host");
    EXPECT_EQ(loaded.initiator_alias, "here");
}

TEST_F(ConfTest, AFileWithoutANameSaysWhatToDo) {
    for (const std::string_view text : {"", "InitiatorAlias=x\n", "InitiatorName=\n"}) {
        const auto loaded = identity(text);
        ASSERT_FALSE(loaded) << text;
        EXPECT_THAT(loaded.error().message, HasSubstr("initiatorname.iscsi: no InitiatorName"));
        EXPECT_THAT(loaded.error().message, HasSubstr("iscsi-iname"));
    }
}

TEST_F(ConfTest, WhatIsNoIscsiNameIsRefused) {
    for (const std::string& bad :
         {std::string("host"), std::string("iqn.a b"), "iqn." + std::string(220, 'x')}) {
        const auto loaded = identity("InitiatorName=" + bad + "\n");
        ASSERT_FALSE(loaded) << bad;
        EXPECT_THAT(loaded.error().message, HasSubstr("is no iSCSI name"));
    }
}

}  // namespace
}  // namespace iscsi::store
