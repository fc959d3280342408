// SPDX-License-Identifier: LGPL-2.1-or-later
// Prints iscsi-records(5); the build runs it.
#include <fmt/core.h>

#include <cstdlib>

#include "record/manual.hpp"

int main() {
    fmt::print("{}", iscsi::record::manual());
    return EXIT_SUCCESS;
}
