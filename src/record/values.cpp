// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/values.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <span>

#include "base/numbers.hpp"

namespace iscsi::record {

namespace {

template <class Number>
constexpr Range kLimits{std::numeric_limits<Number>::min(), std::numeric_limits<Number>::max()};

// A blank ends a number for strtoul too: "12 # a remark" is 12.
bool is_number_within(const Range& range, std::string_view value) {
    value = base::trim(value);
    value = value.substr(0, value.find_first_of(" \t"));
    if (value.starts_with('+')) value.remove_prefix(1);
    const auto number = base::parse_signed(value);
    return number && *number >= range.min && *number <= range.max;
}

bool is_one_of(std::span<const std::string_view> words, std::string_view value) {
    return std::ranges::find(words, value) != words.end();
}

Range type_range(const KeyInfo& info) {
    switch (info.type) {
        case Type::Uint8:
            return kLimits<std::uint8_t>;
        case Type::Uint16:
            return kLimits<std::uint16_t>;
        case Type::Uint32:
            return kLimits<std::uint32_t>;
        case Type::Int:
        case Type::Text:
        case Type::Secret:
        case Type::YesNo:
        case Type::Word:
        case Type::WordList:
            break;
    }
    return kLimits<std::int32_t>;
}

bool is_good(const KeyInfo& info, const Range& range, std::string_view value) {
    // The length of a secret follows from the secret, whatever a file says.
    if (info.visibility == Visibility::Hidden) return true;
    if (is_number(info.type)) return is_number_within(range, value);
    return (info.type != Type::YesNo && info.type != Type::Word) || is_one_of(info.words, value);
}

}  // namespace

bool is_number(Type type) {
    return type == Type::Int || type == Type::Uint8 || type == Type::Uint16 || type == Type::Uint32;
}

Range range_of(const KeyInfo& info) { return info.range.value_or(type_range(info)); }

bool is_of_type(const KeyInfo& info, std::string_view value) {
    return is_good(info, type_range(info), value);
}

bool is_allowed(const KeyInfo& info, std::string_view value) {
    return is_good(info, range_of(info), value);
}

std::string describe_wrong(const KeyInfo& info, const WrongValue& values) {
    return fmt::format("{} = {} is not {}; {} is used", info.name, values.found,
                       allowed_values(info), values.used);
}

std::vector<std::string> enforce_ranges(Node& node) {
    std::vector<std::string> replaced;
    for (const auto* key : schema<Node>().show_order()) {
        const std::string value = key->text(node);
        if (!key->info.range || is_allowed(key->info, value)) continue;
        const std::string standard = default_text(*key);
        replaced.push_back(describe_wrong(key->info, {value, standard}));
        (void)key->set(node, key->info, standard);  // a default is always understood
    }
    return replaced;
}

std::string allowed_values(const KeyInfo& info) {
    if (is_number(info.type)) {
        const Range range = range_of(info);
        return fmt::format("a whole number from {} to {}", range.min, range.max);
    }
    if (info.words.empty()) return {};
    if (info.type == Type::WordList) return fmt::format("any of {}", fmt::join(info.words, ", "));
    return fmt::format("one of {}", fmt::join(info.words, ", "));
}

}  // namespace iscsi::record
