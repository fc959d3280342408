// SPDX-License-Identifier: LGPL-2.1-or-later
// iscsid's own settings: where they are, and what they say now.
#pragma once

#include <string>

#include "base/error.hpp"
#include "record/node.hpp"

namespace iscsi::iscsid {

struct SettingsPaths {
    std::string config_file;
    std::string initiatorname_file;
};

struct Settings {
    std::string initiator_name;   // empty: none; logins are refused
    std::string initiator_alias;  // the host's name if the file gives none
    record::Node node_defaults;   // of sessions whose record is gone
    bool safe_logout = false;     // refuse to log out of a session whose disks are in use
    bool user_fallback = true;    // tcp records may use the user data path
};

// What cannot be read, or is wrong, keeps its default and is logged, a line for each fault: a
// daemon without configuration still serves the sessions that run.
Settings load_settings(const SettingsPaths& paths);

}  // namespace iscsi::iscsid
