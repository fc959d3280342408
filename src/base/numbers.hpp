// SPDX-License-Identifier: LGPL-2.1-or-later
// Strict parsing of numbers and small text helpers. Nothing here throws or allocates for numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace iscsi::base {

// The whole text is a decimal number in range, or nullopt. No sign for the unsigned one, no blanks.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);
std::optional<std::int64_t> parse_signed(std::string_view text);
// Digits in base 16 without prefix.
std::optional<std::uint64_t> parse_hex(std::string_view text);

std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace iscsi::base
