// SPDX-License-Identifier: LGPL-2.1-or-later
// Whether Linux has an iSCSI initiator of its own here.
#pragma once

namespace iscsi::os {

// /sys/class/iscsi_transport/tcp exists, if need be after loading the module iscsi_tcp (tried at
// most once a minute). Takes as long as loading takes.
bool kernel_has_iscsi_tcp();

}  // namespace iscsi::os
