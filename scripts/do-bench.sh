#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do bench [arguments]           micro-benchmarks (Google Benchmark's arguments)
# Usage: ./do bench records [arguments]   the record database beside Debian's, up to 10,000 records
# Usage: ./do bench sessions [arguments]  100 kernel sessions beside Debian's programs, in a guest
set -euo pipefail
bash scripts/do-deps.sh --test
case ${1:-} in
    records | sessions)
        bash scripts/do-build.sh --quiet
        exec /usr/bin/python3 "bench/$1.py" "${@:2}"
        ;;
esac
[ -f build/build.ninja ] || meson setup build >/dev/null
ninja -C build --quiet bench/bench_full_feature
exec build/bench/bench_full_feature "$@"
