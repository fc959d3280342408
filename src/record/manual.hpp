// SPDX-License-Identifier: LGPL-2.1-or-later
// iscsi-records(5), the manual of all keys, made from the schema.
#pragma once

#include <string>

namespace iscsi::record {

// The page as mdoc(7).
std::string manual();

}  // namespace iscsi::record
