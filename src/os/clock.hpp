// SPDX-License-Identifier: LGPL-2.1-or-later
// The monotonic clock, and waiting for it.
#pragma once

#include "base/instant.hpp"

namespace iscsi::os {

base::Instant now();

// Blocks until then. For programs with one thread and nothing else to do, such as iscsiadm.
void wait_until(base::Instant instant);

// For poll(): milliseconds until then, rounded up, 0 when it has passed, -1 for kNever.
int poll_timeout_ms(base::Instant instant);

}  // namespace iscsi::os
