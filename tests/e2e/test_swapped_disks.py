# SPDX-License-Identifier: LGPL-2.1-or-later
"""Another disk takes the place of one in use: whoever uses the old one must never reach the new one."""

import errno
import os

import pytest

from beds.blockio import Device, exercise
from beds.proc import wait_for
from beds.tgtd import Lun, size_in_bytes

MIB = 1 << 20


def swap(peer, old, new):
    """The old LUN's number now leads to the new one's file, a disk with an identity of its own."""
    peer.server.remove_lun(peer.target, old)
    new.number = old.number
    peer.server.add_lun(peer.target, new)
    peer.server.tgtadm("--lld", "iscsi", "--op", "update", "--mode", "logicalunit", "--tid", "1",
                       "--lun", new.number, "--params",
                       f"scsi_sn={new.path.name},scsi_id={new.path.name}")


def is_untouched(lun):
    with open(lun.path, "rb") as file:
        return not any(file.read(size_in_bytes(lun.size)))


def loops_gone(box, count):
    wait_for(lambda: len(box.loops()) == count, 10, lambda: f"{count} loop devices, not {box.loops()}")


def descriptors(initiator):
    [userd] = initiator.userds()
    return len(os.listdir(f"/proc/{userd}/fd"))


def test_a_swapped_disk_gets_a_device_of_its_own(box, initiator, new_tgtd):
    old, new, third = (Lun(box.dir / name, "16M") for name in ("old", "new", "third"))
    peer = new_tgtd(luns=[old])
    device = initiator.open(peer.name, peer.portal)
    [sid] = initiator.sessions()
    before = descriptors(initiator)
    with Device(device) as held:
        held.write(0, b"old " * 1024)
        held.flush()

        swap(peer, old, new)
        result = initiator.adm("-m", "session", "-R").ok()

        name = os.path.basename(device)
        fresh = initiator.disk(peer.portal, peer.name)
        assert fresh != device
        assert result.err == (
            f"iscsiadm: session {sid}: LUN 1: the target has another disk there now; {name}, which is in "
            f"use, was the one before and fails from now on: unmount or close it; the new one is "
            f"{os.path.basename(fresh)}\n")
        assert f"LUN 1: the target has another disk there now; {name}" in box.logs()
        for access in (lambda: held.write(MIB, b"lost" * 1024), lambda: held.read(2 * MIB, 4096)):
            with pytest.raises(OSError) as raised:
                access()
            assert raised.value.errno == errno.EIO
        assert is_untouched(new)
        exercise(fresh)

        # The same once more, with users of both: and nobody is told twice of the first one.
        with Device(fresh) as held_too:
            swap(peer, new, third)
            result = initiator.adm("-m", "session", "-R").ok()
            assert result.err.count("\n") == 1 and os.path.basename(fresh) in result.err
            assert initiator.adm("-m", "session", "-R").ok().err == ""
            for one in (held, held_too):
                with pytest.raises(OSError):
                    one.write(0, b"lost" * 1024)
            assert is_untouched(third)
            assert len(box.loops()) == 3
    loops_gone(box, 1)
    assert descriptors(initiator) == before
    initiator.logout(peer.name, peer.portal).ok()
    initiator.no_userds()
    loops_gone(box, 0)
    assert os.listdir(box.path("/dev/disk/by-path")) == []


def test_a_mounted_file_system_does_not_reach_the_new_disk(box, initiator, new_tgtd):
    old, new = Lun(box.dir / "old", "64M"), Lun(box.dir / "new", "64M")
    peer = new_tgtd(luns=[old])
    device = initiator.open(peer.name, peer.portal)
    box.run(["mkfs.ext4", "-q", device]).ok()
    box.path("/run/mnt").mkdir()
    box.run(["mount", device, "/run/mnt"]).ok()
    swap(peer, old, new)
    initiator.adm("-m", "session", "-R").ok()

    written = box.run(["dd", "if=/dev/urandom", "of=/run/mnt/file", "bs=1M", "count=8", "conv=fsync"])

    assert written.rc != 0
    assert is_untouched(new)
    initiator.logout(peer.name, peer.portal).ok()
    box.run(["umount", "/run/mnt"]).ok()
    loops_gone(box, 0)


def test_swaps_of_an_unused_disk_leave_nothing_behind(box, initiator, new_tgtd):
    luns = [Lun(box.dir / name, "16M") for name in ("one", "two")]
    peer = new_tgtd(luns=luns[:1])
    initiator.open(peer.name, peer.portal)
    before = descriptors(initiator)

    for _ in range(3):
        for old, new in (luns, luns[::-1]):
            swap(peer, old, new)
            assert initiator.adm("-m", "session", "-R").ok().err == ""
            assert len(box.loops()) == 1
            with Device(initiator.disk(peer.portal, peer.name)) as held:
                held.write(0, new.path.name.encode().ljust(4096))
                held.flush()

    assert descriptors(initiator) == before
    for lun in luns:
        with open(lun.path, "rb") as file:
            assert file.read(16).rstrip() == lun.path.name.encode()


def test_a_disk_that_comes_back_larger_is_not_taken_for_the_one_that_went(box, initiator, new_tgtd):
    lun = Lun(box.dir / "b", "16M")
    peer = new_tgtd(luns=[Lun(box.dir / "a"), lun])
    initiator.open(peer.name, peer.portal)
    peer.server.remove_lun(peer.target, lun)
    initiator.adm("-m", "session", "-R").ok()
    initiator.no_disk(peer.portal, peer.name, 2)

    lun.size = "32M"
    peer.server.add_lun(peer.target, lun)
    initiator.adm("-m", "session", "-R").ok()

    with Device(initiator.disk(peer.portal, peer.name, 2)) as held:
        assert held.size() == 32 * MIB
        held.write(24 * MIB, b"new " * 1024)
