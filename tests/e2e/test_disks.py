# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a disk must do: file systems, sizes, discard, growth, read-only."""

import errno
import os

import pytest

from beds import filesystems
from beds.blockio import Device, exercise
from beds.initiator import by_path
from beds.proc import wait_for
from beds.tgtd import Lun


@pytest.fixture(params=[512, 4096])
def block_size(request):
    return request.param


@pytest.mark.parametrize("fs", ["ext4", "xfs"])
def test_file_system(box, initiator, new_tgtd, fs, block_size):
    peer = new_tgtd(luns=[Lun(box.dir / "a", "400M", block_size)])
    device = initiator.open(peer.name, peer.portal)

    filesystems.make(box, fs, device)
    with filesystems.mounted(box, device) as directory:
        sums = filesystems.write_files(directory)
    with filesystems.mounted(box, device) as directory:
        filesystems.verify_files(directory, sums)
        (directory / "file0").unlink()
        box.run(["fstrim", "-v", f"/run/mnt-{os.path.basename(device)}"]).ok()
    filesystems.check(box, fs, device)


@pytest.mark.parametrize("which", ["older", "newer"])
def test_by_path_link_survives_the_logout_of_another_session(initiator, new_tgtd, which):
    peer = new_tgtd()
    initiator.open(peer.name, peer.portal)
    [first] = initiator.sessions()
    initiator.adm("-m", "session", "-r", first, "-o", "new").ok()
    [second] = set(initiator.sessions()) - {first}

    initiator.adm("-m", "session", "-r", first if which == "older" else second, "-u").ok()

    exercise(initiator.disk(peer.portal, peer.name))


def test_what_is_no_link_under_a_by_path_name_stays(box, initiator, new_tgtd):
    peer = new_tgtd()
    initiator.discover(peer.portal).ok()
    name = by_path(peer.portal, peer.name, peer.first_lun)
    box.path("/dev/disk/by-path").mkdir()
    box.path(name).write_text("somebody's")

    login = initiator.login(peer.name, peer.portal).ok()

    [sid] = initiator.sessions()
    initiator.adm("-m", "session", "-r", sid, "-R").ok()
    [loop] = box.loops()
    assert login.err == (f"iscsiadm: session {sid}: LUN 1: {os.path.basename(loop)} has no link: "
                         f"{name} is a regular file, which stays: there is no link to "
                         f"../../{os.path.basename(loop)} of that name\n")
    exercise(loop)
    warnings = [line for line in initiator.iscsid.log().splitlines() if name in line]
    assert len(warnings) == 1 and f"{name} is a regular file, which stays" in warnings[0], warnings
    initiator.logout(peer.name, peer.portal).ok()
    assert box.path(name).read_text() == "somebody's"


@pytest.mark.parametrize("fs", ["ext4", "xfs"])
def test_logout_of_a_mounted_disk_writes_its_dirty_pages(box, initiator, new_tgtd, fs):
    peer = new_tgtd(luns=[Lun(box.dir / "a", "400M")])
    device = initiator.open(peer.name, peer.portal)
    filesystems.make(box, fs, device)
    content = os.urandom(30 << 20)
    box.path("/run/mnt").mkdir()
    box.run(["mount", device, "/run/mnt"]).ok()
    box.path("/run/mnt/dirty").write_bytes(content)  # and no sync

    initiator.logout(peer.name, peer.portal).ok()

    box.run(["umount", "--lazy", "/run/mnt"])
    device = initiator.open(peer.name, peer.portal)
    with filesystems.mounted(box, device) as directory:
        assert (directory / "dirty").read_bytes() == content


@pytest.mark.parametrize("fs", ["ext4", "xfs"])
def test_file_system_survives_a_target_restart_while_mounted(box, initiator, new_tgtd, fs):
    peer = new_tgtd(luns=[Lun(box.dir / "a", "400M")])
    device = initiator.open(peer.name, peer.portal)

    filesystems.make(box, fs, device)
    with filesystems.mounted(box, device) as directory:
        sums = filesystems.write_files(directory, count=8)
        peer.restart()
        sums.update(filesystems.write_files(directory, count=8, seed=b"second"))
    with filesystems.mounted(box, device) as directory:
        filesystems.verify_files(directory, sums)
    filesystems.check(box, fs, device)


@pytest.mark.parametrize("fs", ["ext4", "xfs"])
def test_sparse_4_tib_disk(box, initiator, new_tgtd, fs, block_size):
    lun = Lun(box.dir / "a", "4T", block_size)
    peer = new_tgtd(luns=[lun])
    device = initiator.open(peer.name, peer.portal)

    with Device(device) as disk:
        assert disk.size() == 4 << 40 and disk.block_size() == block_size
        # On both sides of 2 TiB, where 32 bits of 512-byte blocks end.
        for offset in (0, (2 << 40) - 4096, 2 << 40, (4 << 40) - 4096):
            disk.write(offset, offset.to_bytes(8, "big") * 512)
        for offset in (0, (2 << 40) - 4096, 2 << 40, (4 << 40) - 4096):
            assert disk.read(offset, 4096) == offset.to_bytes(8, "big") * 512
    options = ["-E", "lazy_itable_init=1,lazy_journal_init=1"] if fs == "ext4" else []
    filesystems.make(box, fs, device, *options)
    with filesystems.mounted(box, device) as directory:
        sums = filesystems.write_files(directory, count=2)
        filesystems.verify_files(directory, sums)
    assert lun.allocated_bytes() < 3 << 30


def test_discard_frees_blocks_of_the_backing_file(box, initiator, new_tgtd, block_size):
    lun = Lun(box.dir / "a", "64M", block_size)
    peer = new_tgtd(luns=[lun])
    device = initiator.open(peer.name, peer.portal)
    with Device(device) as disk:
        disk.write(0, os.urandom(32 << 20))
        disk.flush()
        assert lun.allocated_bytes() >= 32 << 20

        box.run(["blkdiscard", "--offset", 0, "--length", 16 << 20, device]).ok()

        assert lun.allocated_bytes() <= 17 << 20
        assert disk.read(8 << 20, 4096) == bytes(4096)
        assert disk.read(20 << 20, 4096) != bytes(4096)


def test_write_zeroes(box, initiator, new_tgtd):
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal)
    with Device(device) as disk:
        before = os.urandom(8 << 20)
        disk.write(0, before)

        box.run(["blkdiscard", "--zeroout", "--offset", 1 << 20, "--length", 2 << 20,
                 device]).ok()

        expected = before[:1 << 20] + bytes(2 << 20) + before[3 << 20:]
        assert disk.read(0, 8 << 20) == expected


def test_discard_on_a_lun_without_thin_provisioning_changes_nothing(box, initiator, new_tgtd):
    lun = Lun(box.dir / "a", thin=False)
    peer = new_tgtd(luns=[lun])
    device = initiator.open(peer.name, peer.portal)
    with Device(device) as disk:
        data = os.urandom(1 << 20)
        disk.write(0, data)

        box.run(["blkdiscard", "--length", 1 << 20, device])  # it may say so or not

        assert disk.read(0, 1 << 20) == data
    exercise(device)


def test_readonly_lun(box, initiator, new_tgtd):
    peer = new_tgtd(luns=[Lun(box.dir / "a", readonly=True), Lun(box.dir / "b")])
    device = initiator.open(peer.name, peer.portal)

    with Device(device, write=False) as disk:
        assert disk.readonly()
        assert disk.read(0, 4096) == bytes(4096)
    with pytest.raises(OSError) as raised:
        with Device(device) as disk:
            disk.write(0, bytes(4096))
    assert raised.value.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    exercise(initiator.disk(peer.portal, peer.name, 2))


def test_readonly_lun_that_may_be_written_later(box, initiator, new_tgtd):
    lun = Lun(box.dir / "a", readonly=True)
    peer = new_tgtd(luns=[lun])
    device = initiator.open(peer.name, peer.portal)

    with Device(device, write=False):
        peer.server.set_readonly(peer.target, lun, False)
        in_use = initiator.adm("-m", "session", "-R").ok()
        with pytest.raises(OSError), Device(device) as disk:
            disk.write(0, bytes(4096))
    initiator.adm("-m", "session", "-R").ok()

    assert "the target allows writing now" in in_use.err and "is in use" in in_use.err
    exercise(initiator.disk(peer.portal, peer.name))


def test_added_lun_appears_after_rescan(box, initiator, new_tgtd):
    peer = new_tgtd()
    initiator.open(peer.name, peer.portal)
    sid = next(iter(initiator.sessions()))

    peer.server.add_lun(peer.target, Lun(box.dir / "b", "16M"))
    result = initiator.adm("-m", "session", "-r", sid, "--rescan").ok()

    assert result.out == (f"Rescanning session [sid: {sid}, target: {peer.name}, "
                          "portal: 127.0.0.1,3260]\n")
    device = initiator.disk_now(peer.portal, peer.name, 2)
    assert device, box.logs()
    with Device(device) as disk:
        assert disk.size() == 16 << 20
    exercise(device)


def test_grown_lun_shows_its_size_after_rescan(box, initiator, new_tgtd):
    lun = Lun(box.dir / "a", "64M")
    peer = new_tgtd(luns=[lun])
    device = initiator.open(peer.name, peer.portal)
    with Device(device) as disk:
        disk.write(0, b"kept" * 1024)

        peer.server.grow_lun(peer.target, lun, "96M")
        initiator.node(peer.name, peer.portal, "--rescan").ok()

        wait_for(lambda: disk.size() == 96 << 20, 5, lambda: f"96 MiB, not {disk.size()}")
        assert disk.read(0, 4096) == b"kept" * 1024
        disk.write((96 << 20) - 4096, b"new " * 1024)


def test_removed_lun_goes_after_rescan(box, initiator, new_tgtd):
    peer = new_tgtd(luns=[Lun(box.dir / "a"), Lun(box.dir / "b")])
    initiator.open(peer.name, peer.portal)
    initiator.disk(peer.portal, peer.name, 2)

    peer.server.remove_lun(peer.target, peer.target.luns[1])
    initiator.node(peer.name, peer.portal, "--rescan").ok()

    initiator.disk(peer.portal, peer.name, 1)
    # A disk that failed once is gone; Linux itself keeps it, so either is right, but never data.
    device = initiator.disk_now(peer.portal, peer.name, 2)
    if device:
        with pytest.raises(OSError):
            with Device(device) as disk:
                disk.read(0, 4096)


def test_removed_lun_stays_while_it_is_in_use(box, initiator, new_tgtd):
    lun = Lun(box.dir / "b")
    peer = new_tgtd(luns=[Lun(box.dir / "a"), lun])
    initiator.open(peer.name, peer.portal)
    device = initiator.disk(peer.portal, peer.name, 2)
    with Device(device) as disk:
        disk.write(0, b"kept" * 1024)
        disk.flush()

        peer.server.remove_lun(peer.target, lun)
        initiator.node(peer.name, peer.portal, "--rescan").ok()

        assert initiator.disk_now(peer.portal, peer.name, 2) == device
        with pytest.raises(OSError):
            disk.read(0, 4096)
        assert f"{device.removeprefix('/dev/')} stays, since it is in use" in box.logs()

        peer.server.add_lun(peer.target, lun)
        assert disk.read(0, 4096) == b"kept" * 1024

        peer.server.remove_lun(peer.target, lun)
    initiator.node(peer.name, peer.portal, "--rescan").ok()
    assert initiator.disk_now(peer.portal, peer.name, 2) is None


def test_several_luns_do_not_mix(box, initiator, new_tgtd):
    luns = [Lun(box.dir / f"lun{n}", "8M") for n in range(8)]
    peer = new_tgtd(luns=luns)
    initiator.open(peer.name, peer.portal)
    devices = [initiator.disk(peer.portal, peer.name, lun.number) for lun in luns]
    assert len(set(devices)) == 8

    for number, device in enumerate(devices):
        with Device(device) as disk:
            disk.write(0, bytes([number + 1]) * 4096)
            disk.flush()

    for number, lun in enumerate(luns):
        with open(lun.path, "rb") as f:
            assert f.read(4096) == bytes([number + 1]) * 4096


def test_partly_failing_disk_reports_the_error(box, initiator, new_tgtd):
    """The backing file is cut short under the target: reads past its end fail, others do not."""
    lun = Lun(box.dir / "a", "64M")
    peer = new_tgtd(luns=[lun])
    device = initiator.open(peer.name, peer.portal)

    os.truncate(lun.path, 32 << 20)

    with Device(device) as disk:
        assert disk.read(0, 4096) == bytes(4096)
        with pytest.raises(OSError) as raised:
            disk.read(48 << 20, 4096)
        assert raised.value.errno in (errno.EIO, errno.ENODATA)
        assert disk.read(0, 4096) == bytes(4096)
