// SPDX-License-Identifier: LGPL-2.1-or-later
// A point on the monotonic clock. Pure code is handed one and never asks for it.
#pragma once

#include <chrono>

namespace iscsi::base {

using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// "No deadline": later than any real instant.
inline constexpr Instant kNever = Instant::max();

constexpr Instant earlier(Instant a, Instant b) { return a < b ? a : b; }

}  // namespace iscsi::base
