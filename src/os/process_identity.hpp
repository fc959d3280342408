// SPDX-License-Identifier: LGPL-2.1-or-later
// Names one process for all time, so that what it left behind can be told from what a living one
// uses: a number alone is used again.
#pragma once

#include <cstdint>

namespace iscsi::os {

struct ProcessIdentity {
    std::uint64_t pid_namespace = 0;  // inode
    std::uint64_t pid = 0;            // within it
    std::uint64_t start_ticks = 0;    // after boot
    bool operator==(const ProcessIdentity&) const = default;
};

ProcessIdentity this_process();
// Whether we can know of this process if it lives.
bool is_within_sight(const ProcessIdentity& process);
// Whether it has certainly ended. Of processes in other pid namespaces nothing is certain, unless
// we are in the initial one, which sees all.
bool has_ended(const ProcessIdentity& process);

}  // namespace iscsi::os
