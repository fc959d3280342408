// SPDX-License-Identifier: LGPL-2.1-or-later
// -m node -L and -U: logging in to, and out of, all records with a startup value. Boot scripts live
// on these.
#pragma once

#include <string>

#include "iscsiadm/app.hpp"

namespace iscsi::iscsiadm {

// Both return the exit status. `word`: all, manual, automatic; for login also onboot.
int login_group(App& app, const std::string& word);
int logout_group(App& app, const std::string& word);

}  // namespace iscsi::iscsiadm
