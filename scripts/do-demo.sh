#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do demo                       install, build, and show the main job on a real target
set -euo pipefail
. scripts/usage.sh
takes_only "" "$@"
bash scripts/do-deps.sh
bash scripts/do-build.sh --quiet
exec bash scripts/demo.sh "$@"
