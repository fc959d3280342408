// SPDX-License-Identifier: LGPL-2.1-or-later
// The kernel's sessions as sysfs shows them, in the form in which iscsid tells of its own. Listed
// whether or not a daemon runs.
#pragma once

#include <vector>

#include "control/messages.hpp"
#include "datapath/kernel/sysfs.hpp"

namespace iscsi::iscsiadm {

// `request` tells what is wanted, as of iscsid. In sysfs' order. Connection and internal state,
// which only the daemon knows, are Unknown.
std::vector<control::SessionInfo> kernel_sessions(const datapath::kernel::Sysfs& sysfs,
                                                  const control::ListSessions& request);

}  // namespace iscsi::iscsiadm
