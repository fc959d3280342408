// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/hints.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/spelling.hpp"
#include "record/schema.hpp"

namespace iscsi::iscsiadm {

namespace {

std::string did_you_mean(std::string_view word) { return fmt::format("did you mean {}?", word); }

// "one of manual, automatic, onboot"
std::string one_of(std::span<const std::string_view> words) {
    return fmt::format("one of {}", fmt::join(words, ", "));
}

template <class Record>
std::string hint_for_key(std::string_view name) {
    const auto nearest = record::nearest_name<Record>(name);
    return nearest.empty() ? std::string() : did_you_mean(nearest);
}

std::string hint_for_value(const record::KeyInfo& info, std::string_view value) {
    const bool is_word = info.type == record::Type::Word || info.type == record::Type::YesNo;
    if (!is_word || std::ranges::find(info.words, value) != info.words.end()) return {};
    return fmt::format("the value of {} is {}", info.name, one_of(info.words));
}

}  // namespace

std::string hint_for_word(std::string_view word, std::span<const std::string_view> known) {
    const auto nearest = base::nearest_word(word, known);
    return nearest.empty() ? one_of(known) : did_you_mean(nearest);
}

template <class Record>
std::vector<std::string> hints_for_update(std::span<const record::Assignment> assignments) {
    std::vector<std::string> hints;
    for (const auto& [name, value] : assignments) {
        const auto* key = record::schema<Record>().find(name);
        auto hint = key ? hint_for_value(key->info, value) : hint_for_key<Record>(name);
        if (!hint.empty()) hints.push_back(std::move(hint));
    }
    return hints;
}

template std::vector<std::string> hints_for_update<record::Node>(
    std::span<const record::Assignment>);
template std::vector<std::string> hints_for_update<record::Iface>(
    std::span<const record::Assignment>);
template std::vector<std::string> hints_for_update<record::SendTargets>(
    std::span<const record::Assignment>);
template std::vector<std::string> hints_for_update<record::Isns>(
    std::span<const record::Assignment>);

}  // namespace iscsi::iscsiadm
