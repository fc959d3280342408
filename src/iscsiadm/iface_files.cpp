// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/iface_files.hpp"

#include "base/log.hpp"
#include "os/files.hpp"

namespace iscsi::iscsiadm {

void make_iface_directory(App& app) {
    const auto made = os::make_directories(os::system_files(), app.store().paths().ifaces());
    if (!made) base::log(base::LogLevel::Debug, "no directory for iface records");
}

}  // namespace iscsi::iscsiadm
