// SPDX-License-Identifier: LGPL-2.1-or-later
// Lines that follow an error and show the way out: "iscsiadm: hint: did you mean node?". They are
// additions to what open-iscsi prints, never instead of it, and only where a command has failed.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "record/update.hpp"

namespace iscsi::iscsiadm {

// What a word was meant to be, or which there are.
std::string hint_for_word(std::string_view word, std::span<const std::string_view> known);

// For a refused -o update of records of this kind: misspelt keys, and words that a key does not
// take. Empty when there is nothing to say. Exists for Node, Iface, SendTargets and Isns.
template <class Record>
std::vector<std::string> hints_for_update(std::span<const record::Assignment> assignments);

}  // namespace iscsi::iscsiadm
