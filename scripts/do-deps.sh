#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do deps [--test]              install what building (and with --test: testing) needs
set -euo pipefail
. scripts/usage.sh
takes_only --test "$@"
build=(g++ meson ninja-build pkg-config libfmt-dev libasio-dev libisal-dev nettle-dev libkmod-dev
    libmount-dev libfuse3-dev nlohmann-json3-dev libgtest-dev libgmock-dev
    liburing-dev kmod)
# What the demo needs besides: a real target and a file system to put on its disk.
demo=(tgt e2fsprogs util-linux iproute2 procps)
test=(clang-19 clang-format-19 clang-tidy-19 libclang-rt-19-dev libbenchmark-dev
    python3 python3-pytest python3-pytest-timeout python3-pytest-xdist
    open-iscsi istgt open-isns-server libiscsi-bin user-mode-linux
    fio xfsprogs strace python3-os-brick ansible ccache psmisc systemd
    udev multipath-tools resource-agents libvirt-daemon libvirt-clients)
wanted=("${build[@]}" "${demo[@]}")
[ "${1:-}" = --test ] && wanted+=("${test[@]}")

missing=()
for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
        missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" != 0 ]; then
    echo "do deps: these Debian packages are missing: ${missing[*]}" >&2
    echo "do deps: run ./do deps as root, or install them with apt-get" >&2
    exit 1
fi
echo "do deps: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# Packages of daemons must not start them: the tests and the demo run their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
log=$(mktemp)
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    echo "do deps: apt-get failed; the lines above say why" >&2
    exit 1
fi
rm -f "$log"
