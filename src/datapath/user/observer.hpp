// SPDX-License-Identifier: LGPL-2.1-or-later
// Sessions in user space as anybody may see them, whether or not an iscsid runs: asks their
// processes directly, as an observer, which takes nothing away from the iscsid that controls them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datapath/data_path.hpp"

namespace iscsi::datapath {

struct ObservedSession {
    Adoptable session;  // with the secrets, where the caller may read them
    SessionStatus status;
};

// `rundir`: as UserDataPath has it. All of these block, for seconds at most, but for the scan.
// In order of sids; a process that has died or does not answer is left out.
std::vector<ObservedSession> observe_user_sessions(const std::string& rundir);
// Error: DaemonNotConnected when the process does not run.
base::Result<Stats> observe_stats(const std::string& rundir, std::uint64_t sid);
// Only while no iscsid controls the session: Access otherwise.
base::Result<RescanDone> rescan_as_observer(const std::string& rundir, std::uint64_t sid);

}  // namespace iscsi::datapath
