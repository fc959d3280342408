#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do build [ninja arguments]     build everything into build/
set -euo pipefail
[ -f build/build.ninja ] || meson setup build
exec ninja -C build "$@" programs
