// SPDX-License-Identifier: LGPL-2.1-or-later
// Which values a key takes. iscsid.conf is judged by this: what a key does not take is left out,
// with a warning. Records keep any number, as open-iscsi's -o update stores them; one out of range
// is replaced when the record is used (enforce_ranges).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "record/schema.hpp"

namespace iscsi::record {

bool is_number(Type type);

// The limits of a number: those declared, else those of its type. Only for numeric types.
Range range_of(const KeyInfo& info);

// What the member can hold: numbers that are none, or too large for it, and unknown words are not.
bool is_of_type(const KeyInfo& info, std::string_view value);

// Numbers: the whole value up to the first blank is one, in range. Words: one of them. Texts, and
// lists (which leave out what they do not know): always.
bool is_allowed(const KeyInfo& info, std::string_view value);

// "a whole number from 1 to 1024", "one of manual, automatic, onboot"; empty for texts.
std::string allowed_values(const KeyInfo& info);

// "NAME = VALUE is not a whole number from 1 to 1024; 1 is used".
struct WrongValue {
    std::string_view found;
    std::string_view used;
};
std::string describe_wrong(const KeyInfo& info, const WrongValue& values);

// Replaces each number that is out of its range by its default. One line for each,
// as describe_wrong has it.
std::vector<std::string> enforce_ranges(Node& node);

}  // namespace iscsi::record
