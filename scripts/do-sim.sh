#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do sim [seed [count]]         simulate the session engine (default: seeds 1 to 200)
set -euo pipefail
. scripts/usage.sh
takes_numbers "$@"
[ -f build/build.ninja ] || meson setup build >/dev/null
ninja -C build --quiet tests/sim/sim_full_feature
exec build/tests/sim/sim_full_feature "$@"
