#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# From an address to a mounted, verified disk, through a crash of the target: scripts/demo.sh BUILD
# Everything happens in namespaces of its own (mounts, network, processes); nothing of the
# machine's configuration is read or written, and nothing is left behind however this ends.
set -euo pipefail

target=iqn.2026-11.example:demo
portal=127.0.0.1:3260
file_mib=${DEMO_MIB:-192}

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '\033[36m$ %s\033[0m\n' "$*"; "$@"; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }
sum_of() { sha256sum "$1" | cut -d' ' -f1; }

# --- outside: namespaces, and the proof that nothing stays ---------------------------------------

# Loop devices of a pid namespace: the file behind each names it (iscsi-SID-lun-N.NAMESPACE.PID.START).
loops_of() { grep -lF ".$1." /sys/block/loop*/loop/backing_file 2>/dev/null || true; }

outside() {
    local build work namespace made=() status=0
    build=$(cd "$1" && pwd)
    [ "$(id -u)" = 0 ] || fail "needs root: it makes block devices and mounts"
    for program in tgtd tgtadm mkfs.ext4 losetup unshare; do
        [ -n "$(type -P $program)" ] || fail "$program is missing: run ./do deps"
    done
    work=$(mktemp -d /tmp/iscsi-demo.XXXXXX)
    # The one inside gets Ctrl-C too and tidies up; this one waits for it.
    trap : INT TERM
    # Places to mount private directories on; those that were not there go again.
    for directory in /etc/iscsi /dev/disk; do
        [ -d "$directory" ] || { mkdir -p "$directory" && made+=("$directory"); }
    done
    unshare --mount --net --pid --fork --kill-child --mount-proc \
        bash "$(readlink -f "$0")" --inside "$build" "$work" || status=$?
    namespace=$(cat "$work/namespace" 2>/dev/null || echo none)
    rm -rf "$work"
    [ ${#made[@]} -eq 0 ] || rmdir "${made[@]}"
    trap - INT TERM
    check_nothing_left "$work" "$(loops_of "$namespace")" || status=1
    [ "$status" = 0 ] || fail "ended with status $status"
    say "The demo went well."
}

check_nothing_left() {
    local work=$1 loops=$2 processes
    processes=$(pgrep -f "$work" || true)
    [ -z "$loops" ] || { echo "demo: loop devices left: $loops" >&2; return 1; }
    [ -z "$processes" ] || { echo "demo: processes left: $processes" >&2; return 1; }
    ! grep -q "$work" /proc/mounts || { echo "demo: mounts left" >&2; return 1; }
    [ ! -e "$work" ] || { echo "demo: $work left" >&2; return 1; }
    echo "Nothing is left behind: no loop device, no process, no mount, no file."
}

# --- inside --------------------------------------------------------------------------------------

inside() {
    build=$1 work=$2 mounted=
    # Process 1 of this namespace: all others end with it.
    trap 'exit 130' INT TERM
    trap tidy_up EXIT
    readlink /proc/self/ns/pid | tr -dc 0-9 >"$work/namespace"
    private_directories
    programs_first_in_path
    say "A target, and our daemon"
    start_target
    start_daemon
    say "From an address to a disk"
    run iscsiadm -m discovery -t sendtargets -p $portal
    run iscsiadm -m node -T $target -p $portal --login
    disk=$(readlink -f /dev/disk/by-path/ip-$portal-iscsi-$target-lun-1)
    run ls -l "/dev/disk/by-path/"
    run iscsiadm -m session -P 3
    say "A file system on it, and a file"
    run mkfs.ext4 -q "$disk"
    run mount "$disk" /run/demo
    mounted=yes
    write_and_verify
    say "The target crashes in the middle of writing, and comes back"
    write_through_a_crash
    say "Away with it"
    run umount /run/demo
    mounted=
    run e2fsck -f -n "$disk"
    run iscsiadm -m node -T $target -p $portal --logout
    run iscsiadm -m session || true
}

private_directories() {
    for directory in /etc/iscsi /run /dev/disk; do
        mount -t tmpfs -o mode=755 tmpfs $directory
    done
    mkdir -p /run/lock/iscsi /run/demo
    ip link set lo up
    echo "InitiatorName=iqn.2026-11.example:initiator" > /etc/iscsi/initiatorname.iscsi
    printf '%s\n' "node.conn[0].timeo.noop_out_interval = 2" \
        "node.conn[0].timeo.noop_out_timeout = 2" > /etc/iscsi/iscsid.conf
}

programs_first_in_path() {
    local program path
    for program in iscsid iscsiadm iscsi-userd; do
        path=$(find "$build/src" "$build" -maxdepth 2 -type f -executable -name $program -print -quit)
        [ -n "$path" ] || fail "no $program in $build: run ./do build"
        PATH=$(dirname "$path"):$PATH
    done
    export PATH TGT_IPC_SOCKET=$work/tgtd
}

# The portal opens when all is configured: to the initiator the target comes back complete.
start_target() {
    truncate -s 1G "$work/disk.img"
    setsid tgtd -f -C 1 --iscsi portal=127.0.0.1:1 > "$work/tgtd.log" 2>&1 &
    target_pid=$!
    until_true "tgtd" tgtadm -C 1 --op show --mode sys
    # Job control would report its end later.
    disown $target_pid
    local lun=(--lld iscsi --mode logicalunit --tid 1 --lun 1)
    run tgtadm -C 1 --lld iscsi --mode target --op new --tid 1 --targetname $target
    run tgtadm -C 1 "${lun[@]}" --op new --backing-store "$work/disk.img"
    run tgtadm -C 1 "${lun[@]}" --op update --params thin_provisioning=1
    run tgtadm -C 1 --lld iscsi --mode target --op bind --tid 1 --initiator-address ALL
    run tgtadm -C 1 --lld iscsi --mode portal --op new --param portal=$portal
}

start_daemon() {
    printf '\033[36m$ iscsid\033[0m\n'
    setsid iscsid -f > "$work/iscsid.log" 2>&1 &
    daemon_pid=$!
    disown $daemon_pid
    until_true "iscsid (see its log: $(cat "$work/iscsid.log"))" \
        grep -q "@ISCSIADM_ABSTRACT_NAMESPACE" /proc/net/unix
}

# Asks again every 50 ms, for 10 s.
until_true() {
    local what=$1
    shift
    for _ in $(seq 200); do
        "$@" > /dev/null 2>&1 && return
        sleep 0.05
    done
    fail "waited in vain for $what"
}

write_and_verify() {
    head -c 32M /dev/urandom > "$work/first"
    run cp "$work/first" /run/demo/first
    run sync -f /run/demo
    verify "$work/first" /run/demo/first
}

verify() {
    # The copy is read from the disk, not from memory.
    echo 1 > /proc/sys/vm/drop_caches 2> /dev/null || true
    run sha256sum "$1" "$2"
    [ "$(sum_of "$1")" = "$(sum_of "$2")" ] || fail "the checksums differ"
    echo "The checksums are equal."
}

write_through_a_crash() {
    head -c "${file_mib}M" /dev/urandom > "$work/second"
    printf '\033[36m$ dd if=%s of=/run/demo/second bs=1M oflag=direct &\033[0m\n' "$work/second"
    dd if="$work/second" of=/run/demo/second bs=1M oflag=direct status=none &
    local writer=$!
    until_true "a third of the file" written_at_least $((file_mib / 3))
    run kill -9 $target_pid
    echo "  $(written) of $file_mib MiB are written; the target is gone, the writer waits:"
    until_true "the session to notice" session_state FAILED
    iscsiadm -m session -P 1 | grep "State:"
    kill -0 $writer 2> /dev/null || fail "the writer ended before the crash; set DEMO_MIB higher"
    start_target
    wait $writer || fail "the writer met an error"
    echo "  $(written) of $file_mib MiB are written; the writer saw nothing of it:"
    iscsiadm -m session -P 1 | grep "State:"
    run sync -f /run/demo
    verify "$work/second" /run/demo/second
    verify "$work/first" /run/demo/first
}

written() { echo $(($(stat -c %s /run/demo/second 2> /dev/null || echo 0) >> 20)); }
written_at_least() { [ "$(written)" -ge "$1" ]; }
session_state() { iscsiadm -m session -P 1 | grep -q "iSCSI Session State: $1"; }

# Without a target the file system would wait for replacement_timeout.
revive_target() {
    timeout 5 tgtadm -C 1 --op show --mode sys && return
    kill -9 "$target_pid" || true
    until_true "the end of tgtd" target_is_gone
    start_target
}
target_is_gone() { ! kill -0 "$target_pid"; }

# On every way out. What does not go in peace goes with the namespace.
tidy_up() {
    local status=$?
    trap - EXIT INT TERM
    if [ "$status" != 0 ]; then
        echo "demo: stopped (status $status), tidying up" >&2
        tail -n 20 "$work"/iscsid.log >&2 2> /dev/null || true
    fi
    [ -z "$mounted" ] || (revive_target) > /dev/null 2>&1 || true
    [ -z "$mounted" ] || timeout 10 umount /run/demo || umount -l /run/demo || true
    if [ -n "${daemon_pid:-}" ]; then
        if iscsiadm -m session > /dev/null 2>&1; then
            timeout 20 iscsiadm -m session -u || true
        fi
        kill "$daemon_pid" 2> /dev/null || true
    fi
    [ -z "${target_pid:-}" ] || kill -9 "$target_pid" 2> /dev/null || true
    exit "$status"
}

if [ "${1:-}" = --inside ]; then
    inside "$2" "$3"
else
    outside "${1:-build}"
fi
