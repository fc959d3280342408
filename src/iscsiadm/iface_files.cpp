// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/iface_files.hpp"

#include "os/files.hpp"

namespace iscsi::iscsiadm {

void make_iface_directory(App& app) {
    (void)os::make_directories(os::system_files(), app.store().paths().ifaces());
}

}  // namespace iscsi::iscsiadm
