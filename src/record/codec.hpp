// SPDX-License-Identifier: LGPL-2.1-or-later
// How each type of member reads and writes its value, and `key`, which ties a member to its
// declaration. Only the tables (schema_*.cpp) include this.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>

#include "record/schema.hpp"

// The member of a record as a function, e.g. ISCSI_AT(session.queue_depth).
#define ISCSI_AT(member) [](auto& record) -> auto& { return record.member; }

namespace iscsi::record {

// strtoul in base 10: blanks, a sign, digits; the rest is ignored and nothing at all is 0. Too
// large a number is the largest one.
std::uint64_t parse_like_strtoul(std::string_view text);

template <class Member>
struct Codec;

template <>
struct Codec<std::string> {
    static constexpr Type kType = Type::Text;
    static std::string text(const std::string& member) { return member; }
    static SetResult set(std::string& member, const KeyInfo&, std::string_view value) {
        member = value.substr(0, kValueBytesMax);
        return {};
    }
    static nlohmann::ordered_json json(const std::string& member) {
        return member.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(member);
    }
};

template <>
struct Codec<base::Secret> {
    static constexpr Type kType = Type::Secret;
    static std::string text(const base::Secret& member) { return std::string(member.reveal()); }
    static SetResult set(base::Secret& member, const KeyInfo&, std::string_view value) {
        member = base::Secret(value.substr(0, kValueBytesMax));
        return {};
    }
    static nlohmann::ordered_json json(const base::Secret& member) {
        return Codec<std::string>::json(text(member));
    }
};

template <std::integral Member>
    requires(!std::same_as<Member, bool>)
struct Codec<Member> {
    static constexpr Type kType = std::is_signed_v<Member> ? Type::Int
                                  : sizeof(Member) == 1    ? Type::Uint8
                                  : sizeof(Member) == 2    ? Type::Uint16
                                                           : Type::Uint32;
    static std::string text(Member member) { return fmt::to_string(member); }
    static SetResult set(Member& member, const KeyInfo&, std::string_view value) {
        member = static_cast<Member>(parse_like_strtoul(value));
        return {};
    }
    static nlohmann::ordered_json json(Member member) { return member; }
};

template <class Member>
    requires(std::is_enum_v<Member> || std::same_as<Member, bool>)
struct Codec<Member> {
    static constexpr Type kType = std::same_as<Member, bool> ? Type::YesNo : Type::Word;
    static std::string text(Member member) { return std::string(word_of(member)); }
    static SetResult set(Member& member, const KeyInfo&, std::string_view value) {
        const auto parsed = enum_from_word<Member>(value);
        if (!parsed) return {.understood = false};
        member = *parsed;
        return {};
    }
    static nlohmann::ordered_json json(Member member) {
        if constexpr (std::same_as<Member, bool>) return member;
        return word_of(member);
    }
};

template <>
struct Codec<ChapAlgorithms> {
    static constexpr Type kType = Type::WordList;
    static std::string text(const ChapAlgorithms& member);
    static SetResult set(ChapAlgorithms& member, const KeyInfo& info, std::string_view value);
    static nlohmann::ordered_json json(const ChapAlgorithms& member);
};

template <class Member>
constexpr std::span<const std::string_view> words_of_member() {
    if constexpr (std::same_as<Member, ChapAlgorithms>) return kWords<ChapAlgorithm>;
    return kWords<Member>;
}

// Declares a key: `At` finds the member (ISCSI_AT), `info` says the rest. Type and words of `info`
// follow from the member's type.
template <class Record, class At>
Key<Record> key(At, KeyInfo info) {
    using Member = std::remove_cvref_t<decltype(At{}(std::declval<Record&>()))>;
    info.type = Codec<Member>::kType;
    info.words = words_of_member<Member>();
    return {
        .info = info,
        .text = [](const Record& record) { return Codec<Member>::text(At{}(record)); },
        .set =
            [](Record& record, const KeyInfo& key_info, std::string_view value) {
                return Codec<Member>::set(At{}(record), key_info, value);
            },
        .json = [](const Record& record) { return Codec<Member>::json(At{}(record)); },
    };
}

// The hidden companion of a secret: its length. Files of old versions have it; it follows from the
// secret, so setting it is understood and does nothing.
template <class Record, class At>
Key<Record> length_key(At, KeyInfo info) {
    info.type = Type::Int;
    info.visibility = Visibility::Hidden;
    return {
        .info = info,
        .text = [](const Record& record) { return fmt::to_string(At{}(record).reveal().size()); },
        .set = [](Record&, const KeyInfo&, std::string_view) { return SetResult{}; },
        .json =
            [](const Record& record) {
                return nlohmann::ordered_json(At{}(record).reveal().size());
            },
    };
}

// The member of a part of a record: composes two ISCSI_AT, so that iface keys, declared once, serve
// iface records and the copies inside node records.
template <class Outer, class Inner>
struct Within {
    auto& operator()(auto& record) const { return Inner{}(Outer{}(record)); }
};
struct Itself {
    auto& operator()(auto& record) const { return record; }
};

// The iface.* keys, in show order, of the copy inside a node record.
std::vector<Key<Node>> iface_keys_of_node();

}  // namespace iscsi::record
