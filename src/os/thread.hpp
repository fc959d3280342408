// SPDX-License-Identifier: LGPL-2.1-or-later
// A thread that nobody waits for.
#pragma once

#include <functional>

#include "base/error.hpp"

namespace iscsi::os {

// Runs `work` in a thread of its own, which ends with it or with the process. Error (NoMemory):
// there can be no more threads. The thread takes no signals.
base::Status start_detached(std::function<void()> work);

}  // namespace iscsi::os
