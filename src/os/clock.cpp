// SPDX-License-Identifier: LGPL-2.1-or-later
#include "os/clock.hpp"

#include <poll.h>

#include <algorithm>
#include <limits>

namespace iscsi::os {

base::Instant now() { return std::chrono::steady_clock::now(); }

int poll_timeout_ms(base::Instant instant) {
    if (instant == base::kNever) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(instant - now()).count();
    return static_cast<int>(
        std::clamp<std::chrono::milliseconds::rep>(left, 0, std::numeric_limits<int>::max()));
}

void wait_until(base::Instant instant) {
    while (now() < instant) ::poll(nullptr, 0, poll_timeout_ms(instant));
}

}  // namespace iscsi::os
