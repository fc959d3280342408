#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do bench [arguments]           micro-benchmarks (Google Benchmark's arguments)
set -euo pipefail
bash scripts/do-deps.sh --test
[ -f build/build.ninja ] || meson setup build >/dev/null
ninja -C build --quiet bench/bench_full_feature
exec build/bench/bench_full_feature "$@"
