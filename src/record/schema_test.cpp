// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/schema.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

namespace iscsi::record {
namespace {

template <class Record>
class EverySchema : public ::testing::Test {};
using Kinds = ::testing::Types<Node, Iface, SendTargets, Isns, HostChap, Flashnode, Daemon>;
TYPED_TEST_SUITE(EverySchema, Kinds);

TYPED_TEST(EverySchema, DeclaresEachKeyOnceWithADocumentedLine) {
    std::set<std::string_view> names;
    for (const auto* key : schema<TypeParam>().show_order()) {
        EXPECT_TRUE(names.insert(key->info.name).second) << key->info.name;
        EXPECT_FALSE(key->info.doc.empty()) << key->info.name;
        EXPECT_EQ(key->info.doc.back(), '.') << key->info.name;
        EXPECT_EQ(schema<TypeParam>().find(key->info.name), key);
    }
}

TYPED_TEST(EverySchema, BothOrdersHoldTheSameKeys) {
    const auto& shown = schema<TypeParam>().show_order();
    const auto& file = schema<TypeParam>().file_order();
    EXPECT_EQ(std::set(shown.begin(), shown.end()), std::set(file.begin(), file.end()));
    EXPECT_EQ(shown.size(), file.size());
}

TYPED_TEST(EverySchema, WritingAKeysValueBackChangesNothing) {
    for (const auto* key : schema<TypeParam>().show_order()) {
        TypeParam record;
        EXPECT_TRUE(key->set(record, key->info, default_text(*key)).understood) << key->info.name;
        EXPECT_EQ(record, TypeParam{}) << key->info.name;
    }
}

// Sets every key to a value of its own and reads it back: no two keys share a member.
TYPED_TEST(EverySchema, EachKeyHasItsOwnMember) {
    TypeParam record;
    const auto value_for = [](const KeyInfo& info, std::size_t number) -> std::string {
        switch (info.type) {
            case Type::Text:
            case Type::Secret:
                return fmt::format("text{}", number);
            case Type::Word:
            case Type::YesNo:
                return std::string(info.words.back());
            case Type::WordList:
                return "SHA1,SHA256";
            case Type::Int:
            case Type::Uint8:
            case Type::Uint16:
            case Type::Uint32:
                return fmt::to_string(number + 100);
        }
        return {};
    };
    std::size_t number = 0;
    for (const auto* key : schema<TypeParam>().show_order()) {
        if (key->info.visibility == Visibility::Hidden) continue;
        (void)key->set(record, key->info, value_for(key->info, number++));
    }
    number = 0;
    for (const auto* key : schema<TypeParam>().show_order()) {
        if (key->info.visibility == Visibility::Hidden) continue;
        EXPECT_EQ(key->text(record), value_for(key->info, number++)) << key->info.name;
    }
}

TYPED_TEST(EverySchema, DefaultsOfNumbersAreInRange) {
    for (const auto* key : schema<TypeParam>().show_order()) {
        if (!key->info.range || default_text(*key) == "0") continue;  // 0 often means "unset"
        const auto value = std::stoll(default_text(*key));
        EXPECT_GE(value, key->info.range->min) << key->info.name;
        EXPECT_LE(value, key->info.range->max) << key->info.name;
    }
}

TYPED_TEST(EverySchema, SecretsAreNeverPlainlyShownFromFiles) {
    // Flash nodes are shown in clear, as open-iscsi does.
    const bool in_clear = std::same_as<TypeParam, Flashnode>;
    for (const auto* key : schema<TypeParam>().show_order()) {
        const bool secret =
            key->info.name.ends_with("password") || key->info.name.ends_with("password_in");
        EXPECT_EQ(key->info.type == Type::Secret, secret) << key->info.name;
        EXPECT_EQ(key->info.visibility == Visibility::Masked, secret && !in_clear)
            << key->info.name;
    }
}

TEST(Schema, HasAllKeysOfTheFormat) {
    EXPECT_EQ(schema<Node>().show_order().size(), 126U);
    EXPECT_EQ(schema<Iface>().show_order().size(), 70U);
    EXPECT_EQ(schema<SendTargets>().show_order().size(), 19U);
    EXPECT_EQ(schema<Isns>().show_order().size(), 6U);
    EXPECT_EQ(schema<HostChap>().show_order().size(), 7U);
    EXPECT_EQ(schema<Flashnode>().show_order().size(), 59U);
}

TEST(Schema, FindsTheNearestNameOfATypo) {
    EXPECT_EQ(nearest_name<Node>("node.sesion.queue_depth"), "node.session.queue_depth");
    EXPECT_EQ(nearest_name<Node>("node.conn.startup"), "");
    EXPECT_EQ(nearest_name<Iface>("iface.mut"), "iface.mtu");
}

TEST(Schema, PicksTheKeysOfTheAddressFamily) {
    const auto& mld = *schema<Iface>().find("iface.mld");
    const auto& ttl = *schema<Iface>().find("iface.ttl");
    Iface iface;
    EXPECT_TRUE(is_shown(ttl, iface));
    EXPECT_FALSE(is_shown(mld, iface));

    iface.ipaddress = "fe80::1";
    EXPECT_FALSE(is_shown(ttl, iface));
    EXPECT_TRUE(is_shown(mld, iface));

    iface.bootproto = "dhcp";
    EXPECT_TRUE(is_shown(ttl, iface));

    iface = Iface{};
    iface.iscsi_ifacename = "bnx2i.00:11:22:33:44:55.ipv6.0";
    EXPECT_TRUE(is_shown(mld, iface));
}

}  // namespace
}  // namespace iscsi::record
