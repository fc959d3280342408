// SPDX-License-Identifier: LGPL-2.1-or-later
// The directory of iface records, which exists as soon as ifaces are of concern: clients read it.
#pragma once

#include "iscsiadm/app.hpp"

namespace iscsi::iscsiadm {

// Makes it when it is missing. Failing is no fault here: whoever needs to write there will say so.
void make_iface_directory(App& app);

}  // namespace iscsi::iscsiadm
