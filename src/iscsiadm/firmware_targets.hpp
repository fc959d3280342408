// SPDX-License-Identifier: LGPL-2.1-or-later
// Boot targets from firmware tables, for the modes fw and discovery.
#pragma once

#include <vector>

#include "firmware/boot_targets.hpp"
#include "iscsiadm/app.hpp"

namespace iscsi::iscsiadm {

// Those of this machine. What is wrong with others is printed.
std::vector<firmware::BootTarget> boot_targets(App& app);

// Says that there are none; returns the exit status.
int no_firmware_targets(App& app);

// What a boot target wants us to prove.
record::Auth auth_of(const firmware::BootTarget& target);

}  // namespace iscsi::iscsiadm
