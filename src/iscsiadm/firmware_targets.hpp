// SPDX-License-Identifier: LGPL-2.1-or-later
// Boot targets from firmware tables, for the modes fw and discovery.
#pragma once

#include "iscsiadm/app.hpp"

namespace iscsi::iscsiadm {

// Says that there are none; returns the exit status.
int no_firmware_targets(App& app);

}  // namespace iscsi::iscsiadm
