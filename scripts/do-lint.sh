#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do lint [files]               clang-tidy-19 over the sources (.clang-tidy says which checks)
set -euo pipefail
bash scripts/sanitized-build.sh
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files 'src/*.cpp')
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-19 -p build-sanitize --quiet
