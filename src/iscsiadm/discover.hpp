// SPDX-License-Identifier: LGPL-2.1-or-later
// Running a discovery: ask, change the database as -o says, print, and with -l log in.
#pragma once

#include "iscsiadm/app.hpp"
#include "record/discovery.hpp"

namespace iscsi::iscsiadm {

// All return the exit status.
// -m discovery -t st -p P: by iscsid.conf; the record is written anew first.
int discover_afresh(App& app);
// -m discoverydb -t st -p P --discover: by the stored record, which is made when missing.
int discover_stored(App& app);
// By this record.
int discover_send_targets(App& app, const record::SendTargets& discovery);
int discover_isns(App& app);
// -t fw: what the firmware booted from.
int discover_firmware(App& app);

}  // namespace iscsi::iscsiadm
