# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a session is recovered by, with and without a restart of iscsid in between: its record, and
the address that its portal's name once stood for."""

import pathlib

import pytest

from beds.proc import wait_for
from guest.inside.kernel import machine as bed

DISK = bed.DISKS[0]
NAME = "stor.test"
HOSTS = pathlib.Path("/etc/hosts")
ENABLE = pathlib.Path(f"/sys/kernel/config/target/iscsi/{DISK}/tpgt_1/enable")
# Recovery takes Time2Wait and a login.
PATIENCE = 30
# {key of the record: value}, and what of it sysfs shows.
SETTINGS = {"node.session.queue_depth": "8", "node.conn[0].timeo.noop_out_interval": "33",
            "node.conn[0].timeo.noop_out_timeout": "44", "node.session.iscsi.FastAbort": "No",
            "node.conn[0].iscsi.MaxXmitDataSegmentLength": "4096"}


@pytest.fixture
def name_service(tmp_path):
    """A file to be taken away."""
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {NAME}\n")
    bed.run(["mount", "--bind", hosts, HOSTS]).ok()
    yield hosts
    bed.run(["umount", HOSTS]).ok()


def set_record(machine, pairs):
    words = [word for key, value in pairs.items() for word in ("-n", key, "-v", value)]
    machine.adm(["-m", "node", "-T", DISK, "-o", "update", *words]).ok()


def kill(machine):
    machine.iscsid.kill()
    machine.iscsid.wait()


def start(machine):
    machine.start()
    machine.adm("-m session -P 1").ok()  # answered once the session has been taken over


def connected(sid):
    return (bed.attribute(sid, "state"), bed.attribute(sid, "address", "connection")) == \
        ("LOGGED_IN", "127.0.0.1")


def reconnect(sid):
    """The target throws everybody out and is back at once."""
    ENABLE.write_text("0")
    wait_for(lambda: bed.attribute(sid, "state") != "LOGGED_IN", PATIENCE, "a lost connection")
    ENABLE.write_text("1")
    wait_for(lambda: connected(sid), PATIENCE, "recovery")


def shown(sid):
    [depth] = bed.SESSIONS.glob(f"session{sid}/device/target*/*:*/queue_depth")
    return {"queue_depth": depth.read_text().strip(),
            "fast_abort": bed.attribute(sid, "fast_abort"),
            **{name: bed.attribute(sid, name, "connection")
               for name in ("recv_tmo", "ping_tmo", "max_xmit_dlength")}}


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_recovery_does_without_the_name_service(machine, name_service, restart):
    machine.adm(f"{bed.node(DISK, NAME + ':3260')},1 -o new").ok()
    machine.login(DISK, NAME + ":3260").ok()
    [sid] = bed.sids()
    name_service.write_text("127.0.0.1 localhost\n")

    if restart:
        kill(machine)
        start(machine)
    reconnect(sid)

    assert bed.attribute(sid, "persistent_address", "connection") == NAME
    name_service.write_text(f"127.0.0.1 localhost {NAME}\n")


def test_a_target_that_moves_to_another_address_is_found(machine, name_service):
    machine.adm(f"{bed.node(DISK, NAME + ':3260')},1 -o new").ok()
    machine.login(DISK, NAME + ":3260").ok()
    [sid] = bed.sids()
    portal = ENABLE.parent / "np"
    (portal / "127.0.0.7:3260").mkdir()
    name_service.write_text(f"127.0.0.1 localhost\n127.0.0.7 {NAME}\n")

    try:
        (portal / "127.0.0.1:3260").rmdir()
        ENABLE.write_text("0")
        ENABLE.write_text("1")
        wait_for(lambda: bed.attribute(sid, "address", "connection") == "127.0.0.7", 2 * PATIENCE,
                 "recovery at the new address")
    finally:
        machine.adm("-m session -u")
        (portal / "127.0.0.7:3260").rmdir()
        (portal / "127.0.0.1:3260").mkdir()


def test_a_restarted_daemon_goes_by_the_record(found):
    set_record(found, SETTINGS)
    found.login().ok()
    [sid] = bed.sids()
    before = shown(sid)
    assert before == {"queue_depth": "8", "fast_abort": "0", "recv_tmo": "33", "ping_tmo": "44",
                      "max_xmit_dlength": "4096"}

    kill(found)
    start(found)
    reconnect(sid)
    found.adm("-m session -R").ok()

    assert shown(sid) == before
