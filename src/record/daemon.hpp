// SPDX-License-Identifier: LGPL-2.1-or-later
// The settings of iscsid.conf that concern iscsid itself (iscsid.*), and the initiator's identity
// from initiatorname.iscsi. Both files are read by a simple rule: the first line that contains the
// key with no '#' before it; the value is what follows '=', trimmed (store/conf.hpp).
#pragma once

#include <string>

namespace iscsi::record {

struct Daemon {
    std::string startup;        // shell command that starts iscsid on demand
    bool safe_logout = false;   // refuse to log out of a session whose disks are in use
    bool ipc_auth_uid = false;  // accept uid 0 as a peer, instead of the user named root
    bool user_fallback = true;  // tcp records may use the user data path

    bool operator==(const Daemon&) const = default;
};

}  // namespace iscsi::record
