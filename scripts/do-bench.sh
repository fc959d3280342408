#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do bench [arguments]           micro-benchmarks (Google Benchmark's arguments)
# Usage: ./do bench records [arguments]   the record database beside Debian's, up to 10,000 records
set -euo pipefail
bash scripts/do-deps.sh --test
if [ "${1:-}" = records ]; then
    shift
    bash scripts/do-build.sh --quiet
    exec /usr/bin/python3 bench/records.py "$@"
fi
[ -f build/build.ninja ] || meson setup build >/dev/null
ninja -C build --quiet bench/bench_full_feature
exec build/bench/bench_full_feature "$@"
