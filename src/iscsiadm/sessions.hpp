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

struct SessionList {
    Sessions sessions;
    // What to say about an iscsid that does not run: the states that only it knows are Unknown.
    // Empty: it runs, or nothing is missed.
    std::string daemon_down;
};

// Asks the daemon. When it does not run (and `when_down` does not change that) sysfs and the
// processes of the sessions tell what they know. Sorted as the kernel's directory of sessions is:
// session1, session10, session2.
base::Result<SessionList> list_sessions(Daemon& daemon, const control::ListSessions& request,
                                        WhenDown when_down = WhenDown::LeaveIt);

// The session was made from this record: target, portal as written in the record, iface.
bool uses(const control::SessionInfo& session, const record::Node& node,
          const store::SameAddress& same_address);
bool matches(const control::SessionInfo& session, const store::NodePattern& pattern,
             const store::SameAddress& same_address);

// The record's name in the database, when its tag is the target's.
store::NodeId record_of(const control::SessionInfo& session);
// The same where the record has no tag or another one (a static record often has none): whatever
// record of that target, portal and iface there is. Without any: record_of().
store::NodeId find_record_of(store::Store& records, const control::SessionInfo& session);

// "[sid: 1, target: iqn.x:y, portal: 10.0.0.1,3260]"
std::string describe(const control::SessionInfo& session);

}  // namespace iscsi::iscsiadm
