#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do test [suite...]            all tests, or some of: house unit conformance differential records beds e2e guest
set -uo pipefail
. scripts/usage.sh
suites=(house unit conformance differential records beds e2e guest)
takes_only "${suites[*]}" "$@"
bash scripts/do-deps.sh --test || exit 1
[ $# -gt 0 ] && suites=("$@")
results=$PWD/build/results
mkdir -p "$results"
rm -f "$results"/*.xml
export BUILD=$PWD/build SANITIZED_BUILD=$PWD/build-sanitize PYTHONDONTWRITEBYTECODE=1

run_pytest() { # suite, pytest arguments
    local suite=$1
    shift
    [ -d "tests/$suite" ] || return 0
    echo "== $suite"
    # The distribution's interpreter, whatever else is first in PATH: its pytest is the packaged one.
    /usr/bin/python3 -m pytest -q -p no:cacheprovider --junitxml="$results/$suite.xml" "tests/$suite" "$@"
}

status=0
bash scripts/do-build.sh --quiet || exit 1
for suite in "${suites[@]}"; do
    case $suite in
        house)
            bash scripts/do-format.sh --check || status=1
            run_pytest house || status=1
            ;;
        unit)
            echo "== unit (address and undefined behaviour sanitizers)"
            bash scripts/sanitized-build.sh && ninja -C build-sanitize --quiet || { status=1; continue; }
            GTEST_OUTPUT=xml:$results/ meson test -C build-sanitize --no-rebuild --suite unit --suite sim \
                --print-errorlogs || status=1
            ;;
        # Many cases, each with a target and an initiator of its own, that often wait.
        conformance)
            bash scripts/sanitized-build.sh && ninja -C build-sanitize --quiet || { status=1; continue; }
            run_pytest conformance -n 3 || status=1
            ;;
        e2e) run_pytest e2e -n 3 || status=1 ;;
        # A guest has one processor, and waits half of its time. Tests that share a guest form a group.
        guest) run_pytest guest -n 3 --dist loadgroup || status=1 ;;
        # Measures how long commands wait for each other: not beside too much else.
        records) run_pytest records -n 2 || status=1 ;;
        *) run_pytest "$suite" || status=1 ;;
    esac
done
/usr/bin/python3 scripts/tally.py "$results" || status=1
exit $status
