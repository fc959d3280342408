# SPDX-License-Identifier: LGPL-2.1-or-later
"""The database's lock: who died with it, who lives with it. And files that a killed writer emptied."""

import threading

import pytest

from beds.proc import wait_for
from beds.tgtd import Lun, Target, Tgtd
from records.crash import Crash
from records.lab import is_whole, keys_of, program

TARGET, PORTAL = "iqn.2026-11.test:disk0", "127.0.0.1:3260"
NODE = f"-m node -T {TARGET} -p {PORTAL}"
UPDATE = f"{NODE} -o update -n node.startup -v automatic".split()
STARTUP = "node.startup"


@pytest.fixture
def node(lab):
    lab.ours(f"-m node -T {TARGET} -p {PORTAL},1 -o new").ok()
    return lab.record(TARGET, "127.0.0.1,3260,1")


def lock_file(lab):
    return lab.box.path("/run/lock/iscsi/lock.write")


def leave_locked(lab, who):
    """Kills an update as it is about to give up the lock."""
    killer = Crash(lab, who)
    step = [s for s in killer.steps(UPDATE) if "lock.write" in s.text and "unlink" in s.name][-1]
    assert killer.run(UPDATE, step)
    assert lock_file(lab).exists()


def test_a_lock_that_ours_died_with_costs_nothing(lab, node):
    leave_locked(lab, "ours")

    result = lab.ours(f"{NODE} -o update -n {STARTUP} -v onboot").ok()

    assert result.seconds < 0.5
    assert keys_of(node)[STARTUP] == "onboot"
    assert not lock_file(lab).exists()


def test_a_lock_that_debian_died_with_is_overcome(lab, node):
    """In a container 0.8 s, since its owner may be out of sight; 0.1 s else (a unit test)."""
    leave_locked(lab, "debian")

    result = lab.ours(f"{NODE} -o update -n {STARTUP} -v onboot").ok()

    assert result.seconds < 1.5
    assert keys_of(node)[STARTUP] == "onboot"
    assert not lock_file(lab).exists()


@pytest.mark.parametrize("who", ["ours", "debian"])
def test_a_living_owner_is_waited_for(lab, node, who):
    """The update that the owner has half done is not lost, nor is ours."""
    slow = ["strace", "-o", "/dev/null", "-e", "trace=unlink,unlinkat",
            "-e", "inject=unlink,unlinkat:delay_enter=700000", program(who), *UPDATE]
    results = []
    owner = threading.Thread(target=lambda: results.append(lab.box.run(slow)))

    owner.start()
    wait_for(lock_file(lab).exists, 10, "the owner to have the lock", step=0.002)
    mine = lab.ours(f"{NODE} -o update -n node.conn[0].timeo.login_timeout -v 7").ok()
    owner.join()

    results[0].ok()
    assert mine.seconds > 0.3
    keys = keys_of(node)
    assert (keys[STARTUP], keys["node.conn[0].timeo.login_timeout"]) == ("automatic", "7")


def test_many_overcome_one_dead_lock_together(lab, node):
    leave_locked(lab, "ours")
    numbers = range(8)
    threads = [threading.Thread(target=lambda i=i: lab.ours(
        f"-m node -T iqn.2026-11.test:own{i} -p {PORTAL},1 -o new").ok()) for i in numbers]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for i in numbers:
        assert is_whole(lab.record(f"iqn.2026-11.test:own{i}", "127.0.0.1,3260,1").read_text())
    assert not lock_file(lab).exists()


# Emptied files --------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "# BEGIN RECORD 2.1.8\n"], ids=["empty", "begun"])
def test_an_emptied_record_is_named_and_can_be_deleted(lab, node, content):
    node.write_text(content)

    shown = lab.ours(NODE)
    listed = lab.ours("-m node").ok()
    updated = lab.ours(UPDATE)
    deleted = lab.ours(f"{NODE} -o delete").ok()

    for result in (shown, updated):
        assert result.rc == 6
        assert f"/etc/iscsi/nodes/{TARGET}/127.0.0.1,3260,1/default is empty" in result.err
        assert "Delete the record or discover it anew." in result.err
    assert listed.out == f"{PORTAL},1 {TARGET}\n"
    assert deleted.err == ""
    assert list((lab.etc / "nodes").iterdir()) == []
    assert list((lab.etc / "static").iterdir()) == []


@pytest.fixture
def tgtd(lab):
    return Tgtd(lab.box, [Target(TARGET, [Lun(lab.box.dir / "disk", "1M")])]).start()


@pytest.mark.usefixtures("tgtd")
@pytest.mark.parametrize("how", ["-m discovery -t st -p {}", "-m discoverydb -t st -p {} -D",
                                 "-m discovery -t st -p {} -o new"])
def test_an_emptied_record_is_mended_by_a_discovery(lab, how):
    lab.ours(f"-m discovery -t st -p {PORTAL}").ok()
    record = lab.record(TARGET, "127.0.0.1,3260,1")
    wanted = record.read_text()
    record.write_text("")

    found = lab.ours(how.format(PORTAL)).ok()

    assert found.out == f"{PORTAL},1 {TARGET}\n"
    assert record.read_text() == wanted


def test_an_emptied_record_is_mended_by_new(lab, node):
    wanted = node.read_text()
    node.write_text("")

    lab.ours(f"-m node -T {TARGET} -p {PORTAL},1 -o new").ok()

    assert node.read_text() == wanted


@pytest.mark.usefixtures("tgtd")
def test_an_emptied_discovery_record_is_named_and_can_be_deleted(lab):
    lab.ours(f"-m discovery -t st -p {PORTAL}").ok()
    (lab.etc / "send_targets/127.0.0.1,3260/st_config").write_text("")

    shown = lab.ours(f"-m discoverydb -t st -p {PORTAL}")
    deleted = lab.ours(f"-m discoverydb -t st -p {PORTAL} -o delete").ok()

    assert shown.rc == 6 and "st_config is empty" in shown.err
    assert deleted.err == ""
    assert not (lab.etc / "send_targets/127.0.0.1,3260").exists()
    assert lab.ours("-m node").rc == 21


@pytest.mark.usefixtures("tgtd")
def test_an_emptied_discovery_record_is_mended_by_a_discovery(lab):
    lab.ours(f"-m discovery -t st -p {PORTAL}").ok()
    record = lab.etc / "send_targets/127.0.0.1,3260/st_config"
    wanted = record.read_text()
    record.write_text("")

    lab.ours(f"-m discovery -t st -p {PORTAL}").ok()

    assert record.read_text() == wanted


def test_an_emptied_iface_is_named_and_can_be_deleted(lab):
    lab.ours("-m iface -I if0 -o new").ok()
    (lab.etc / "ifaces/if0").write_text("")

    shown = lab.ours("-m iface -I if0")
    deleted = lab.ours("-m iface -I if0 -o delete").ok()

    assert shown.rc == 6 and "/etc/iscsi/ifaces/if0 is empty" in shown.err, shown
    assert deleted.err == "", deleted
    assert not (lab.etc / "ifaces/if0").exists()
