#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do fuzz [target] [seconds]    fuzz one target (default: each, `all`, for 60 s)
set -euo pipefail
. scripts/usage.sh
names=$(git ls-files 'src/*_fuzz.cpp' | sed 's,.*/,,; s,_fuzz.cpp$,,')
takes_only "all ${names//$'\n'/ }" "${@:1:1}"
takes_numbers "${@:2}"
bash scripts/sanitized-build.sh
ninja -C build-sanitize --quiet
target=${1:-all}
seconds=${2:-60}
status=0
for fuzzer in build-sanitize/src/*/*_fuzz; do
    name=$(basename "$fuzzer" _fuzz)
    [ "$target" = all ] || [ "$target" = "$name" ] || continue
    corpus=tests/corpus/$name
    mkdir -p "$corpus" "build-sanitize/found/$name"
    echo "== $name for $seconds s"
    "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build-sanitize/found/$name/" "build-sanitize/found/$name" "$corpus" \
        >"build-sanitize/found/$name.log" 2>&1 || { status=1; echo "FINDING: see build-sanitize/found/$name.log"; }
    grep -E 'stat::number_of_executed_units|stat::average_exec_per_sec|cov:' "build-sanitize/found/$name.log" | tail -n 3
done
exit $status
