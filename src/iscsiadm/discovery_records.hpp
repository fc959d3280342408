// SPDX-License-Identifier: LGPL-2.1-or-later
// Records of SendTargets portals and iSNS servers: list, show, new, update, delete.
#pragma once

#include "iscsiadm/app.hpp"
#include "record/discovery.hpp"

namespace iscsi::iscsiadm {

// What -p names, with the port of the kind of discovery when none was typed.
store::DiscoveryId discovery_id(const Command& command);

// All return the exit status.
int list_discovery_records(App& app);
int show_send_targets(App& app, const record::SendTargets& discovery);
// -m discoverydb -t TYPE -p PORTAL without --discover.
int operate_on_discovery_record(App& app);

}  // namespace iscsi::iscsiadm
