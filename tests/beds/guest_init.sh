#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Process 1 of a user-mode-linux guest, started by uml.py with $bed_share in its environment.
# The guest's root is the host's, read-only, under an overlay in memory; $bed_share of the host
# is /out, read-write. Runs /out/command and leaves its exit status in /out/status.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LC_ALL=C
# Temporary files go to memory at once, not through the overlay.
export TMPDIR=/dev/shm

enter_overlay() {
    mount -t proc proc /proc
    mount -t tmpfs tmpfs /mnt
    mkdir -p /mnt/upper /mnt/work /mnt/root /mnt/lib
    ln -s /usr/lib/uml/modules /mnt/lib/modules
    modprobe -d /mnt overlay
    mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
    cd /mnt/root || exit 1
    mkdir -p out hostroot
    mount -t hostfs -o "${bed_share:?}" none out
    mount -t devtmpfs dev dev
    mount -t proc proc proc
    pivot_root . hostroot
    exec chroot . /bin/bash /out/init.sh inside
}

prepare_system() {
    mount -t sysfs sysfs /sys
    mkdir -p /dev/pts /dev/shm /dev/disk /lib/modules
    mount -t devpts devpts /dev/pts
    for directory in /run /var/tmp /dev/shm; do mount -t tmpfs tmpfs "$directory"; done
    mkdir -p /run/lock
    mount --bind /usr/lib/uml/modules /lib/modules
    ln -sfn /proc/self/fd /dev/fd
    ip link set lo up
    # This kernel was built to start /sbin/hotplug at each event; nobody has that program any more.
    echo > /proc/sys/kernel/hotplug
}

if [ "$1" != inside ]; then enter_overlay; fi
prepare_system
bash /out/command
echo $? > /out/status
sync
echo o > /proc/sysrq-trigger
while true; do read -r -t 1 _ < /dev/console; done
