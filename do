#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The one entry to everything a developer does here: ./do help
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
command=${1:-help}
[ $# -gt 0 ] && shift
case $command in
    help | -h | --help)
        sed -n 's/^# Usage: //p' scripts/do-*.sh | sort
        ;;
    *)
        script=scripts/do-$command.sh
        [ -f "$script" ] || { echo "do: no such command: $command (see ./do help)" >&2; exit 2; }
        if [[ ${1:-} == -h || ${1:-} == --help ]]; then
            exec sed -n 's/^# Usage: //p' "$script"
        fi
        exec bash "$script" "$@"
        ;;
esac
