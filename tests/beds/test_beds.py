# SPDX-License-Identifier: LGPL-2.1-or-later
"""The beds hold what they promise, seen through initiators that are not ours."""

import os
import subprocess
import time

import pytest

from beds import filesystems, uml
from beds.chaos import Chaos
from beds.fio import Load, fio
from beds.istgt import Istgt, IstgtTarget
from beds.proc import BedError, Footprint, exists, processes, wait_for
from beds.reference import Reference
from beds.tgtd import Lun, Target, Tgtd

DISK = "iqn.2026-11.test:disk"
CHAP = "iqn.2026-11.test:chap"
IN = ("inuser", "insecret123456")
OUT = ("outuser", "outsecret12345")


def capacity(box, target, lun, credentials="", options=""):
    """(bytes, block size) by libiscsi's READ CAPACITY(16), or its error text."""
    result = box.run(["iscsi-readcapacity16",
                      f"iscsi://{credentials}127.0.0.1/{target}/{lun}{options}"])
    if result.rc != 0:
        return result.err
    fields = dict(line.split(":", 1) for line in result.out.splitlines() if ":" in line)
    return int(fields["Total size"]), int(fields["LOGICAL BLOCK LENGTH IN BYTES"])


def test_sandbox_has_its_own_network_processes_and_directories(box):
    links = box.run(["ip", "-br", "link"]).ok().out.splitlines()
    assert [line.split()[0] for line in links] == ["lo"]
    assert len(box.run(["ps", "-e"]).ok().out.splitlines()) < 6
    assert list(box.path("/etc/iscsi").iterdir()) == []
    assert list(box.path("/run/lock/iscsi").iterdir()) == []


def test_closing_a_sandbox_ends_everything_in_it(new_box):
    box = new_box()
    sleeper = box.start(["sh", "-c", "setsid sleep 1000 & exec sleep 1000"])
    inside = wait_for(lambda: len(box.pids()) == 2 and box.pids(), 5, "two processes")
    assert sleeper.pid in inside

    box.close()

    assert not any(exists(pid) for pid in inside)


def test_run_kills_what_takes_too_long(box):
    result = box.run(["sleep", "100"], timeout=0.2)
    assert result.rc == 124 and result.seconds < 5
    assert box.pids("sleep") == []


def test_tgtd_serves_sizes_and_block_sizes(box):
    luns = [Lun(box.dir / "a", "64M"), Lun(box.dir / "b", "4T"), Lun(box.dir / "c", "64M", 4096)]
    tgtd = Tgtd(box, [Target(DISK, luns)]).start()

    assert capacity(box, DISK, 1) == (64 << 20, 512)
    assert capacity(box, DISK, 2) == (4 << 40, 512)
    assert capacity(box, DISK, 3) == (64 << 20, 4096)
    assert luns[1].allocated_bytes() < 1 << 20
    assert tgtd.portal in box.run(["iscsi-ls", "iscsi://127.0.0.1"]).ok().out


def test_tgtd_comes_back_after_a_kill_with_the_same_configuration(box):
    lun = Lun(box.dir / "a")
    tgtd = Tgtd(box, [Target(DISK, [lun], incoming=IN,
                             params={"MaxBurstLength": 8192, "HeaderDigest": "CRC32C"})]).start()
    before = tgtd.tgtadm("--op", "show", "--mode", "target", "--tid", 1).out, tgtd.show()

    tgtd.restart()

    assert (tgtd.tgtadm("--op", "show", "--mode", "target", "--tid", 1).out, tgtd.show()) == before
    assert "MaxBurstLength=8192" in before[0] and "HeaderDigest=CRC32C" in before[0]


def test_tgtd_changes_luns_while_it_runs(box):
    lun = Lun(box.dir / "a", "32M")
    target = Target(DISK, [lun])
    tgtd = Tgtd(box, [target]).start()

    tgtd.add_lun(target, Lun(box.dir / "b", "16M"))
    tgtd.grow_lun(target, lun, "48M")

    assert capacity(box, DISK, 1) == (48 << 20, 512)
    assert capacity(box, DISK, 2) == (16 << 20, 512)
    tgtd.remove_lun(target, target.luns[1])
    assert "readcapacity16 failed" in capacity(box, DISK, 2).lower() or \
        "failed" in capacity(box, DISK, 2).lower()


def test_tgtd_portal_closes_and_opens(box):
    tgtd = Tgtd(box, [Target(DISK, [Lun(box.dir / "a")])]).start()

    tgtd.close_portal(tgtd.portal)
    assert "refused" in box.run(["iscsi-ls", "iscsi://127.0.0.1"], timeout=5).err

    tgtd.open_portal(tgtd.portal)
    box.run(["iscsi-ls", "iscsi://127.0.0.1"]).ok()


@pytest.mark.parametrize("kind", ["tgtd", "istgt"])
def test_chap_lets_in_who_knows_the_secret(box, kind):
    lun = Lun(box.dir / "a")
    if kind == "tgtd":
        Tgtd(box, [Target(CHAP, [lun], IN, OUT)]).start()
        number = 1
    else:
        Istgt(box, [IstgtTarget(CHAP, [lun], IN, OUT)]).start()
        number = 0

    good = f"{IN[0]}%{IN[1]}@"
    mutual = f"?target_user={OUT[0]}&target_password={OUT[1]}"
    assert capacity(box, CHAP, number, good, mutual) == (64 << 20, 512)
    assert "Authentication failure" in capacity(box, CHAP, number, f"{IN[0]}%wrongsecret12@")
    assert isinstance(capacity(box, CHAP, number, good, mutual + "x"), str)


def test_tgtd_asks_for_chap_in_discovery(box):
    tgtd = Tgtd(box, [Target(DISK, [Lun(box.dir / "a")])])
    tgtd.discovery_incoming = IN
    tgtd.start()

    assert box.run(["iscsi-ls", "iscsi://127.0.0.1"]).rc != 0
    assert DISK in box.run(["iscsi-ls", f"iscsi://{IN[0]}%{IN[1]}@127.0.0.1"]).ok().out


def test_istgt_serves_its_luns(box):
    Istgt(box, [IstgtTarget(DISK, [Lun(box.dir / "a"), Lun(box.dir / "b", "4T")])]).start()

    assert capacity(box, DISK, 0) == (64 << 20, 512)
    assert capacity(box, DISK, 1) == (4 << 40, 512)


def test_istgt_comes_back_after_a_kill(box):
    istgt = Istgt(box, [IstgtTarget(DISK, [Lun(box.dir / "a", "8M", 4096)])]).start()
    istgt.restart()

    assert capacity(box, DISK, 0) == (8 << 20, 4096)


def test_reference_iscsiadm_discovers(box):
    tgtd = Tgtd(box, [Target(DISK, [Lun(box.dir / "a")])]).start()
    reference = Reference(box)

    assert reference.adm("-m", "discovery", "-t", "st", "-p", "127.0.0.1").ok().out == \
        f"{tgtd.portal},1 {DISK}\n"
    assert box.path(f"/etc/iscsi/nodes/{DISK}/127.0.0.1,3260,1/default").exists()


def test_chaos_repeats_and_reports_errors(box):
    seen = []
    with Chaos(lambda: seen.append(1), every=0.02) as chaos:
        wait_for(lambda: len(seen) >= 3, 5, "three rounds")
    assert chaos.count == len(seen)

    with Chaos(lambda: None, every=0.02) as chaos:
        loads = []
        chaos.during(lambda: loads.append(time.sleep(0.001)), strikes=3)
        assert chaos.count >= 3 and len(loads) > 3

    def fail():
        raise BedError("broken")
    with pytest.raises(BedError, match="broken"):
        with Chaos(fail, every=0.01) as chaos:
            wait_for(lambda: not chaos._thread.is_alive(), 5, "the end of the thread")
            chaos.during(lambda: None, strikes=1)


def test_fio_verifies_what_it_wrote_and_sees_corruption(box):
    path = box.dir / "image"
    with open(path, "wb") as f:
        f.truncate(8 << 20)

    report = fio(box, path, Load(bs_range="4k-64k", depth=8)).ok()
    assert report.written == 8 << 20

    with open(path, "r+b") as f:
        f.seek(4 << 20)
        f.write(os.urandom(4096))
    again = fio(box, path, Load(bs_range="4k-64k", depth=8, extra=("--verify_only",)))
    assert again.rc != 0


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_file_systems_are_made_used_and_checked(box, kind):
    image = box.dir / "image"
    with open(image, "wb") as f:
        f.truncate(320 << 20)
    device = box.run(["losetup", "--find", "--show", image]).ok().out.strip()
    box.at_close(lambda: box.run(["losetup", "--detach", device]))

    filesystems.make(box, kind, device)
    with filesystems.mounted(box, device) as directory:
        sums = filesystems.write_files(directory, count=3)
    with filesystems.mounted(box, device, "ro") as directory:
        filesystems.verify_files(directory, sums)
    filesystems.check(box, kind, device)


def test_processes_that_end_while_they_are_listed_are_left_out():
    """A status that is open already answers ESRCH once its process is gone."""
    with subprocess.Popen(["/bin/sh", "-c", "while :; do /bin/true; done"]) as busy:
        for _ in range(50):
            found = {pid: (name, fields[1]) for pid, name, fields in processes()}
            assert found[busy.pid] == ("sh", str(os.getpid()))
        busy.kill()


def test_footprint_counts_descriptors():
    before = Footprint.of(os.getpid())
    with open(os.devnull, "rb"):
        assert Footprint.of(os.getpid()).fds == before.fds + 1


@pytest.mark.skipif(not uml.available(), reason="no user-mode-linux")
def test_guest_runs_commands_and_passes_results(tmp_path):
    result = uml.run_in_guest(["sh", "-c", 'uname -r; echo "$X" > /out/answer; exit 7'],
                              share=tmp_path, env={"X": "4 2"})
    assert result.rc == 7, result
    assert (tmp_path / "answer").read_text() == "4 2\n"
    assert [p.name for p in tmp_path.iterdir()] == ["answer"]


@pytest.mark.skipif(not uml.available(), reason="no user-mode-linux")
def test_guest_that_hangs_is_ended():
    result = uml.run_in_guest(["sleep", "1000"], timeout=4)
    assert result.rc == 124 and result.seconds < 8
