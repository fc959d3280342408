# SPDX-License-Identifier: LGPL-2.1-or-later
"""/etc/iscsi may be read-only, and the directories below it mounts of their own."""

import pytest

from beds.tgtd import Lun, Target, Tgtd
from records.lab import is_whole, keys_of, program

KINDS = ("nodes", "static", "send_targets", "isns", "ifaces")
TARGET, PORTAL = "iqn.2026-11.test:disk", "127.0.0.1:3260"
NODE = f"-m node -T {TARGET} -p {PORTAL}"
ST = f"-m discoverydb -t st -p {PORTAL}"
UPDATE = f"{NODE} -o update -n node.startup -v automatic"


def put_apart(lab, read_only):
    """Mounts a file system on each kind of record."""
    run = lambda *words: lab.box.run(words).ok()
    run("mount", "--bind", "/etc/iscsi", "/etc/iscsi")
    for kind in KINDS:
        run("mkdir", "-p", "-m", "700", f"/etc/iscsi/{kind}")
        run("mount", "-t", "tmpfs", "-o", "mode=700", kind, f"/etc/iscsi/{kind}")
    if read_only:
        run("mount", "-o", "remount,bind,ro", "/etc/iscsi")


@pytest.fixture(params=["read-only", "writable"])
def apart(lab, request):
    put_apart(lab, request.param == "read-only")
    return lab


def names(lab):
    """Everything that is below the kinds."""
    found = lab.box.run(["find", *(f"/etc/iscsi/{kind}" for kind in KINDS), "-mindepth", "1"]).ok()
    return set(found.out.split())


LINES = [f"{NODE},1 -o new", "-m node -T iqn.2026-11.test:b -p 10.0.0.2:3260,1 -o new", UPDATE,
         f"{NODE},1 -o new", f"{ST} -o new",
         f"{ST} -o update -n discovery.sendtargets.reopen_max -v 7", "-m iface -I if0 -o new",
         f"{NODE},1 -I if0 -o new", "-m iface -I if0 -o update -n iface.mtu -v 9000",
         f"-m discovery -t st -p {PORTAL} -I default -I if0", "-m node", f"{NODE} -S",
         "-m node -o update -n node.session.queue_depth -v 9", "-m iface -I if0 -o delete",
         f"-m discovery -t st -p {PORTAL}", f"{ST} -o delete",
         "-m node -T iqn.2026-11.test:b -o delete"]


def test_every_change_is_made_there_too(apart):
    target = Tgtd(apart.box, [Target(TARGET, [Lun(apart.box.dir / "disk", "1M")])])
    target.start()

    for line in LINES:
        result = apart.ours(line).ok()
        assert result.err == "", line
        assert not [name for name in names(apart) if ".new-" in name], line
    assert names(apart) == set()


def test_what_is_written_there_is_whole_and_private(apart):
    apart.ours(f"{NODE},1 -o new").ok()
    apart.ours(UPDATE).ok()
    record = apart.record(TARGET, "127.0.0.1,3260,1")

    assert is_whole(record.read_text())
    assert keys_of(record)["node.startup"] == "automatic"
    assert record.stat().st_mode & 0o777 == 0o600
    assert apart.debian("-m node").ok().out == f"{PORTAL},1 {TARGET}\n"


def kill_before_rename(lab, line):
    words = ["strace", "-o", "/dev/null", "-e", "trace=rename", "-e",
             "inject=rename:signal=SIGKILL:when=1", program("ours"), *line.split()]
    assert lab.box.run(words).rc in (-9, 137)
    lab.box.path("/run/lock/iscsi/lock.write").unlink()  # Debian's would wait for it


def test_what_a_killed_command_leaves_harms_nobody_and_goes(apart):
    apart.ours(f"{NODE},1 -o new").ok()
    apart.ours("-m iface -I if0 -o new").ok()
    before = names(apart)
    record = apart.record(TARGET, "127.0.0.1,3260,1")
    old = record.read_text()
    for line in (UPDATE, "-m iface -I if0 -o update -n iface.mtu -v 9", f"{ST} -o new"):
        kill_before_rename(apart, line)

    assert record.read_text() == old
    assert apart.ours("-m node").ok().out == f"{PORTAL},1 {TARGET}\n"
    assert apart.ours("-m discovery").err == ""
    assert set(apart.debian("-m node").ok().out.splitlines()) == {f"{PORTAL},1 {TARGET}"}
    assert apart.debian("-m discovery").err == ""
    apart.debian("-m iface").ok()
    apart.debian(f"{NODE} -o update -n node.startup -v onboot").ok()
    apart.ours("-m iface -I other -o new").ok()  # any writer tidies up
    apart.ours("-m iface -I other -o delete").ok()
    assert names(apart) == before
    assert keys_of(record)["node.startup"] == "onboot"


def test_a_full_disk_leaves_no_half_discovery(lab):
    lab.box.run(["mkdir", "-p", "/etc/iscsi/send_targets"]).ok()
    lab.box.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=4", "st",
                 "/etc/iscsi/send_targets"]).ok()
    lab.box.run(["sh", "-c", "head -c 4096 /dev/zero >/etc/iscsi/send_targets/fill"]).ok()

    failed = lab.ours(f"{ST} -o new")
    listed = lab.ours("-m discovery")

    assert failed.rc == 6 and "No space left on device" in failed.err
    assert [entry.name for entry in (lab.etc / "send_targets").iterdir()] == ["fill"]
    assert (listed.rc, listed.out) == (21, "")


def test_a_delete_that_finds_nothing_takes_what_a_killed_command_left(lab):
    put_apart(lab, read_only=False)
    lab.ours(f"{NODE},1 -o new").ok()
    kill_before_rename(lab, UPDATE)
    assert (lab.etc / "nodes/.new-record").exists()

    assert lab.ours("-m node -T iqn.2026-11.test:none -o delete").rc == 21
    assert not (lab.etc / "nodes/.new-record").exists()
    assert lab.debian("-m node").ok().out == f"{PORTAL},1 {TARGET}\n"


def test_a_record_file_that_is_a_mount_point_is_changed_in_place(lab):
    """Containers mount single files. 2.1.8 writes into them, too."""
    lab.ours(f"{NODE},1 -o new").ok()
    record = lab.record(TARGET, "127.0.0.1,3260,1")
    inside = f"/etc/iscsi/nodes/{TARGET}/127.0.0.1,3260,1/default"
    lab.box.run(["cp", "-p", inside, "/run/single"]).ok()
    lab.box.run(["mount", "--bind", "/run/single", inside]).ok()
    inode = record.stat().st_ino

    for value in ("automatic", "onboot"):
        changed = lab.ours(f"{NODE} -o update -n node.startup -v {value}").ok()
        assert changed.err == ""
        assert is_whole(record.read_text()) and record.stat().st_ino == inode
        assert keys_of(lab.box.path("/run/single"))["node.startup"] == value
    assert not [path for path in lab.etc.rglob(".new-*")]
    deleted = lab.ours(f"{NODE} -o delete")
    assert deleted.rc == 6 and "mount point; unmount it" in deleted.err
    lab.box.run(["umount", inside]).ok()
    lab.ours(f"{NODE} -o delete").ok()
    assert not record.exists()


def test_a_full_disk_leaves_no_directories_of_a_record_that_is_not_there(lab):
    put_apart(lab, read_only=True)
    lab.box.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=3", "nodes", "/etc/iscsi/nodes"]).ok()

    failed = lab.ours(f"{NODE},1 -o new")

    assert failed.rc == 6 and "No space left on device" in failed.err
    assert not list((lab.etc / "nodes").iterdir())
