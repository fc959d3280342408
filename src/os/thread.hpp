// SPDX-License-Identifier: LGPL-2.1-or-later
// A thread that nobody waits for.
#pragma once

#include <functional>

#include "base/error.hpp"

namespace iscsi::os {

// Runs `work` in a thread of its own, which ends with it or with the process. Error (NoMemory):
// there can be no more threads. The thread takes no signals.
base::Status start_detached(std::function<void()> work);

// For a thread that may be stuck in the kernel when the process is killed: gives it a table of
// descriptors of its own, with none but `kept` in it. Else sockets and locks of the dead process
// would stay taken until the thread wakes, and no successor could start.
void keep_only_descriptor(int kept);

}  // namespace iscsi::os
