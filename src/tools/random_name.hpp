// SPDX-License-Identifier: LGPL-2.1-or-later
// A fresh initiator name: what iscsi-iname prints and iscsi-gen-initiatorname writes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace iscsi::tools {

inline constexpr std::size_t kPrefixBytesMax = 210;  // leaves room within the 223 bytes of a name

// PREFIX:RANDOM, with 12 hexadecimal digits.
std::string random_name(std::string_view prefix);

}  // namespace iscsi::tools
