// SPDX-License-Identifier: LGPL-2.1-or-later
// How long discovery waits before it connects again: open-iscsi's schedule, by the number of
// attempts that have failed.
#pragma once

#include <chrono>

namespace iscsi::session {

constexpr std::chrono::seconds discovery_delay(unsigned failures) {
    using std::chrono::seconds;
    if (failures == 0) return seconds(0);
    if (failures < 10) return seconds(1);
    if (failures < 20) return seconds(2);
    if (failures < 26) return seconds(5);
    if (failures < 34) return seconds(15);
    return seconds(60);
}

}  // namespace iscsi::session
