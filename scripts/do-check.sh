#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do check                      the fast loop: format, layers, unit tests, corpus (a minute when warm)
set -euo pipefail
. scripts/usage.sh
takes_only "" "$@"
bash scripts/do-format.sh --check
python3 scripts/check_tree.py
bash scripts/sanitized-build.sh
ninja -C build-sanitize --quiet
meson test -C build-sanitize --no-rebuild --suite unit --suite sim --print-errorlogs
