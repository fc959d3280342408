// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/json.hpp"

#include <gtest/gtest.h>

namespace iscsi::record {
namespace {

TEST(RecordJson, NestsAfterTheDotsAndKeepsTypes) {
    Node node;
    node.name = "iqn.x:y";
    node.conn[0].address = "10.0.0.1";

    const auto json = to_json(node, false);

    EXPECT_EQ(json["node"]["name"], "iqn.x:y");
    EXPECT_EQ(json["node"]["leading_login"], false);
    EXPECT_EQ(json["node"]["session"]["queue_depth"], 32);
    EXPECT_EQ(json["node"]["conn"][0]["address"], "10.0.0.1");
    EXPECT_EQ(json["node"]["conn"][0]["timeo"]["login_timeout"], 30);
    EXPECT_EQ(json["node"]["session"]["auth"]["chap_algs"], nlohmann::json::array({"MD5"}));
    EXPECT_EQ(json["iface"]["transport_name"], "tcp");
    EXPECT_TRUE(json["iface"]["hwaddress"].is_null());
    EXPECT_FALSE(json["iface"].contains("mld"));
}

TEST(RecordJson, MasksSecretsUnlessAskedFor) {
    Node node;
    node.session.auth.password = base::Secret("geheim");

    EXPECT_EQ(to_json(node, false)["node"]["session"]["auth"]["password"], "********");
    EXPECT_EQ(to_json(node, true)["node"]["session"]["auth"]["password"], "geheim");
    EXPECT_TRUE(to_json(node, false)["node"]["session"]["auth"]["password_in"].is_null());
    EXPECT_FALSE(to_json(node, true)["node"]["session"]["auth"].contains("password_length"));
}

}  // namespace
}  // namespace iscsi::record
