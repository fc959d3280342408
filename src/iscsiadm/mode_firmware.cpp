// SPDX-License-Identifier: LGPL-2.1-or-later
// -m fw: boot targets that the firmware left for us.
#include "iscsiadm/app.hpp"
#include "iscsiadm/firmware_targets.hpp"

namespace iscsi::iscsiadm {

int no_firmware_targets(App& app) {
    const auto code = base::ErrorCode::NoObjectsFound;
    return app.fail(code, fmt::format("Could not get list of targets from firmware. (err {})",
                                      status_of(code)));
}

int run_firmware_mode(App& app) { return no_firmware_targets(app); }

}  // namespace iscsi::iscsiadm
