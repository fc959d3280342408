// SPDX-License-Identifier: LGPL-2.1-or-later
// Sessions: which there are, which of them a record or a user's choice means, and the words by
// which messages name them.
#pragma once

#include <string>
#include <vector>

#include "control/messages.hpp"
#include "iscsiadm/daemon.hpp"
#include "record/node.hpp"
#include "store/store.hpp"

namespace iscsi::iscsiadm {

using Sessions = std::vector<control::SessionInfo>;

// Asks the daemon, which need not run when it has left no session behind. Sorted as the kernel's
// directory of sessions is: session1, session10, session2.
base::Result<Sessions> list_sessions(Daemon& daemon, const control::ListSessions& request);

// The session was made from this record: target, portal as written in the record, iface.
bool uses(const control::SessionInfo& session, const record::Node& node,
          const store::SameAddress& same_address);
bool matches(const control::SessionInfo& session, const store::NodePattern& pattern,
             const store::SameAddress& same_address);

// The record's name in the database.
store::NodeId record_of(const control::SessionInfo& session);

// "[sid: 1, target: iqn.x:y, portal: 10.0.0.1,3260]"
std::string describe(const control::SessionInfo& session);

}  // namespace iscsi::iscsiadm
