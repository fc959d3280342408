// SPDX-License-Identifier: LGPL-2.1-or-later
// Guessing what a misspelt word was meant to be.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace iscsi::base {

// How many letters must be put in, left out or replaced to make one word of the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

// A word further off than this is another word.
inline constexpr std::size_t kMisspeltEditsMax = 2;

// The first of the nearest candidates, or empty when none is near enough.
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace iscsi::base
