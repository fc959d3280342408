// SPDX-License-Identifier: LGPL-2.1-or-later
// Symbolic links in /dev that lead to devices, as udev makes them.
#pragma once

#include <string>

#include "base/error.hpp"

namespace iscsi::os {

// Makes `path` a link to `target`, replacing a link that is there in one step; missing directories
// above it are made (mode 0755). What is there and no link is nobody's to replace: an error.
base::Status set_device_link(const std::string& target, const std::string& path);
// Whether there is anything of that name: a link wherever it leads, or what keeps it from being
// made.
bool device_link_exists(const std::string& path);
// Removes the link if it still leads to `target`: another session may have taken the name over.
void remove_device_link(const std::string& target, const std::string& path);

}  // namespace iscsi::os
