# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks of LIO: file systems, discard, growth, and recovery under load."""

import os
import threading

import pytest

from beds import filesystems
from beds.blockio import Device, exercise
from beds.chaos import Chaos
from beds.fio import Load, fio
from beds.proc import wait_for
from beds.tgtd import Lun


@pytest.mark.parametrize("block_size", [512, 4096])
def test_file_system_on_lio(box, initiator, new_peer, block_size):
    peer = new_peer(luns=[Lun(box.dir / "a", "96M", block_size)])
    device = initiator.open(peer.name, peer.portal, peer.first_lun)
    with Device(device) as disk:
        assert disk.block_size() == block_size

    filesystems.make(box, "ext4", device)
    with filesystems.mounted(box, device) as directory:
        sums = filesystems.write_files(directory, count=4)
    with filesystems.mounted(box, device) as directory:
        filesystems.verify_files(directory, sums)
    filesystems.check(box, "ext4", device)


def test_discard_frees_blocks(box, initiator, new_peer):
    lun = Lun(box.dir / "a", "64M")
    peer = new_peer(luns=[lun])
    device = initiator.open(peer.name, peer.portal, peer.first_lun)
    with Device(device) as disk:
        disk.write(0, os.urandom(16 << 20))
        disk.flush()
        assert lun.allocated_bytes() >= 16 << 20

        box.run(["blkdiscard", "--offset", 0, "--length", 8 << 20, device]).ok()

        assert lun.allocated_bytes() <= 9 << 20
        assert disk.read(4 << 20, 4096) == bytes(4096)


def test_added_and_grown_luns_after_rescan(box, initiator, new_peer):
    lun = Lun(box.dir / "a", "64M")
    peer = new_peer(luns=[lun])
    device = initiator.open(peer.name, peer.portal, peer.first_lun)

    peer.server.add_lun(peer.target, Lun(box.dir / "b", "16M"))
    peer.server.grow_lun(lun, "96M")
    initiator.node(peer.name, peer.portal, "--rescan").ok()

    exercise(initiator.disk(peer.portal, peer.name, 1))
    with Device(device) as disk:
        wait_for(lambda: disk.size() == 96 << 20, 10, lambda: f"96 MiB, not {disk.size()}")


def test_4_tib_disk_on_lio(box, initiator, new_peer):
    peer = new_peer(luns=[Lun(box.dir / "a", "4T")])
    device = initiator.open(peer.name, peer.portal, peer.first_lun)
    with Device(device) as disk:
        assert disk.size() == 4 << 40
    exercise(device, 64 << 10)


def test_load_while_lio_goes_and_comes(box, initiator, new_peer):
    peer = new_peer()
    device = initiator.open(peer.name, peer.portal, peer.first_lun)

    load = Load(seconds=int(os.environ.get("SOAK_SECONDS", 8)))
    with Chaos(peer.restart, every=3) as chaos:
        chaos.during(lambda: fio(box, device, load).ok(), strikes=1)


def test_iscsid_killed_during_io_on_lio(initiator, new_peer):
    peer = new_peer()
    device = initiator.open(peer.name, peer.portal, peer.first_lun)
    initiator.kill()
    writer = threading.Thread(target=exercise, args=(device,))
    writer.start()
    initiator.start()
    writer.join(30)

    assert not writer.is_alive()
    initiator.logout(peer.name, peer.portal).ok()
