// SPDX-License-Identifier: LGPL-2.1-or-later
// Secrets that do not stand on the command line, where every user of the machine could read them:
//
//   -n node.session.auth.password -v @/root/secret     the file's first line
//   -n node.session.auth.password -v -                 the first line of standard input
//
// Only for keys that hold secrets; other values are taken as they are. A secret may itself begin
// with '@': it is taken literally unless it is an absolute path or names a file that exists.
#pragma once

#include <cstdio>
#include <span>

#include "base/error.hpp"
#include "record/update.hpp"

namespace iscsi::iscsiadm {

// Puts the secrets in place. Error (Invalid): a file that cannot be read, or no line in it; the
// message names it.
base::Status fetch_secret_values(std::span<record::Assignment> assignments, std::FILE* input);

}  // namespace iscsi::iscsiadm
