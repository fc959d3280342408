// SPDX-License-Identifier: LGPL-2.1-or-later
// The version every program prints and every record's first line carries. It is the version of
// open-iscsi whose behaviour we promise, since scripts compare it.
#pragma once

#include <string_view>

#include "config.h"

namespace iscsi::base {

inline constexpr std::string_view kVersion = ISCSI_VERSION;

}  // namespace iscsi::base
