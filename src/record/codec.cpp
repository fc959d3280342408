// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/codec.hpp"

#include <algorithm>
#include <limits>

namespace iscsi::record {

std::uint64_t parse_like_strtoul(std::string_view text) {
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    const auto first = text.find_first_not_of(" \t\n\v\f\r");
    if (first == std::string_view::npos) return 0;
    text.remove_prefix(first);
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') break;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (value > (kMax - digit) / 10) return kMax;
        value = value * 10 + digit;
    }
    return negative ? 0 - value : value;
}

std::string Codec<ChapAlgorithms>::text(const ChapAlgorithms& member) {
    std::string text;
    for (const ChapAlgorithm algorithm : member) {
        if (!text.empty()) text += ',';
        text += word_of(algorithm);
    }
    return text;
}

SetResult Codec<ChapAlgorithms>::set(ChapAlgorithms& member, const KeyInfo& info,
                                     std::string_view value) {
    constexpr std::string_view kSeparators = ", \n";
    SetResult result;
    ChapAlgorithms parsed;
    value = value.substr(0, kValueBytesMax);
    while (true) {
        const auto start = value.find_first_not_of(kSeparators);
        if (start == std::string_view::npos) break;
        value.remove_prefix(start);
        const std::string_view word = value.substr(0, value.find_first_of(kSeparators));
        value.remove_prefix(word.size());
        const auto algorithm = enum_from_word<ChapAlgorithm>(word);
        if (!algorithm) {
            result.notes.push_back(
                fmt::format("Ignoring unknown value '{}' for '{}'", word, info.name));
        } else if (std::ranges::find(parsed, *algorithm) != parsed.end()) {
            result.notes.push_back(
                fmt::format("Ignoring repeated value '{}' for '{}'", word, info.name));
        } else {
            parsed.push_back(*algorithm);
        }
    }
    member = std::move(parsed);
    return result;
}

nlohmann::ordered_json Codec<ChapAlgorithms>::json(const ChapAlgorithms& member) {
    auto list = nlohmann::ordered_json::array();
    for (const ChapAlgorithm algorithm : member) list.push_back(word_of(algorithm));
    return list;
}

}  // namespace iscsi::record
