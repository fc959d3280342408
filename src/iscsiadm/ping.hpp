// SPDX-License-Identifier: LGPL-2.1-or-later
// -m iface -C ping: an adapter pings a portal. Software transports have no such thing.
#pragma once

#include "iscsiadm/app.hpp"

namespace iscsi::iscsiadm {

int ping(App& app);

}  // namespace iscsi::iscsiadm
