#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Configures build-sanitize/: clang with ASan and UBSan, the fuzz targets included. The unit tests run from there.
set -euo pipefail
[ -f build-sanitize/build.ninja ] && exit 0
CXX="$(command -v ccache >/dev/null && echo "ccache ")clang++-19" meson setup build-sanitize -Dbuildtype=debug -Doptimization=1 \
    -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true >/dev/null
