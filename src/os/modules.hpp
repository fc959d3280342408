// SPDX-License-Identifier: LGPL-2.1-or-later
// Kernel modules, through libkmod.
#pragma once

#include <string>

#include "base/error.hpp"

namespace iscsi::os {

// Loads a module (or what an alias of that name stands for) with what it depends on. Success when
// it is there already or built in. Error TransportNotFound says why not: no such module for this
// kernel, no permission, refused by configuration.
base::Status load_module(const std::string& name);

}  // namespace iscsi::os
