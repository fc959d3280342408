// SPDX-License-Identifier: LGPL-2.1-or-later
// Sessions in user space while no iscsid runs, in the form in which iscsid tells of them: their
// processes are asked.
#pragma once

#include <vector>

#include "control/messages.hpp"

namespace iscsi::iscsiadm {

// `request` tells what is wanted, as of iscsid. What only iscsid knows is Unknown.
std::vector<control::SessionInfo> user_sessions(const control::ListSessions& request);

// False for a session of the kernel.
bool is_user_session(const control::SessionInfo& session);
base::Result<control::StatsInfo> stats_of_user_session(std::uint64_t sid);
// The disks that could not be made devices, a line each; usually empty.
base::Result<std::string> rescan_user_session(std::uint64_t sid);

}  // namespace iscsi::iscsiadm
