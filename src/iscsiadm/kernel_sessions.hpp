// SPDX-License-Identifier: LGPL-2.1-or-later
// The kernel's sessions as sysfs shows them, in the form in which iscsid tells of its own. Listed
// whether or not a daemon runs.
#pragma once

#include <map>
#include <vector>

#include "control/messages.hpp"
#include "datapath/kernel/sysfs.hpp"

namespace iscsi::iscsiadm {

// What a daemon has told, by sid. Open-iscsi's knows connection and internal state, ours all of it.
using Told = std::map<std::uint64_t, control::SessionInfo>;

// Those of `sids` that are wanted and still there, in that order. What the daemon has told saves
// reading most of a session that is logged in; connection and internal state, which only the daemon
// knows, are Unknown without.
std::vector<control::SessionInfo> kernel_sessions(const datapath::kernel::Sysfs& sysfs,
                                                  const std::vector<std::uint32_t>& sids,
                                                  const control::ListSessions& request,
                                                  const Told& told);

}  // namespace iscsi::iscsiadm
