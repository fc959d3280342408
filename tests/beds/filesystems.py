# SPDX-License-Identifier: LGPL-2.1-or-later
"""Making, using and checking file systems on a device."""

import contextlib
import hashlib
import os

_MAKE = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"]}
_CHECK = {"ext4": ["e2fsck", "-f", "-n"], "xfs": ["xfs_repair", "-n"]}


def make(box, kind, device, *options, timeout=120):
    box.run([*_MAKE[kind], *options, device], timeout).ok()


def check(box, kind, device, timeout=120):
    """Fails when the checker finds anything to complain about."""
    return box.run([*_CHECK[kind], device], timeout).ok()


@contextlib.contextmanager
def mounted(box, device, options="defaults"):
    """Mounts inside the sandbox; gives the path by which the host can reach it."""
    inside = f"/run/mnt-{os.path.basename(device)}"
    box.path(inside).mkdir(exist_ok=True)
    box.run(["mount", "-o", options, device, inside]).ok()
    try:
        yield box.path(inside)
    finally:
        box.run(["umount", inside]).ok()


def write_files(directory, count=20, size=1 << 20, seed=b"bed"):
    """Writes files whose content follows from their names, syncs; gives {name: sha256}."""
    sums = {}
    for number in range(count):
        name = f"file{number}"
        content = hashlib.shake_128(seed + name.encode()).digest(size)
        sums[name] = hashlib.sha256(content).hexdigest()
        with open(directory / name, "wb") as f:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
    return sums


def verify_files(directory, sums):
    for name, expected in sums.items():
        found = hashlib.sha256((directory / name).read_bytes()).hexdigest()
        assert found == expected, f"{name}: content changed"
