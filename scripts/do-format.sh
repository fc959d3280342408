#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do format [--check]           lay the C++ sources out with clang-format-19
set -euo pipefail
. scripts/usage.sh
takes_only --check "$@"
if [ "${1:-}" = --check ]; then
    git ls-files '*.cpp' '*.hpp' | xargs clang-format-19 --dry-run -Werror
else
    git ls-files '*.cpp' '*.hpp' | xargs clang-format-19 -i
fi
