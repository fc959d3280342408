# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many sessions at once, and many one after another."""

import concurrent.futures
import os
import pathlib

import pytest

from beds.blockio import Device, exercise
from beds.initiator import SOCKET_NAME
from beds.proc import Footprint, wait_for
from beds.tgtd import Lun, Target, Tgtd


def test_64_sessions_at_once(box, initiator):
    targets = [Target(f"iqn.2026-11.test:d{n:02}", [Lun(box.dir / f"d{n:02}", "8M")])
               for n in range(64)]
    tgtd = Tgtd(box, targets).start()
    found = initiator.discover(tgtd.portal).ok().out.splitlines()
    assert len(found) == 64

    login = initiator.adm("-m", "node", "--login", timeout=120).ok()

    print(f"64 logins took {login.seconds:.1f} s")
    assert login.out.count("successful.") == 64
    assert len(initiator.sessions()) == 64 and len(initiator.userds()) == 64
    devices = [initiator.disk(tgtd.portal, t.name) for t in targets]
    assert len(set(devices)) == 64
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(exercise, devices))
    # Each disk is its own file.
    for number, device in enumerate(devices):
        with Device(device) as disk:
            disk.write(0, number.to_bytes(8, "big") * 512)
            disk.flush()
    for number, target in enumerate(targets):
        with open(target.luns[0].path, "rb") as f:
            assert f.read(4096) == number.to_bytes(8, "big") * 512

    logout = initiator.adm("-m", "node", "--logout", timeout=120).ok()
    print(f"64 logouts took {logout.seconds:.1f} s")
    assert initiator.sessions() == {} and box.loops() == []
    initiator.no_userds()


@pytest.mark.soak
def test_login_and_logout_leave_nothing_behind(box, initiator, new_tgtd, soak_seconds):
    rounds = 200 if soak_seconds >= 30 else 20
    peer = new_tgtd()
    initiator.discover(peer.portal).ok()

    def unix_sockets():
        return pathlib.Path(f"/proc/{box.init_pid}/net/unix").read_text()

    def state():
        initiator.no_userds()
        # iscsid has the last client's connection for another moment.
        wait_for(lambda: unix_sockets().count(f"@{SOCKET_NAME}") == 1, 10, "the client to go")
        return (Footprint.of(initiator.iscsid.pid), len(box.pids()),
                len(box.mounts()),
                sorted(str(p) for p in box.path("/run").rglob("*")),
                len(box.loops()))

    def one_round():
        initiator.login(peer.name, peer.portal).ok()
        device = initiator.disk_now(peer.portal, peer.name)
        with Device(device) as disk:
            disk.write(0, os.urandom(4096))
        initiator.logout(peer.name, peer.portal).ok()

    for _ in range(5):
        one_round()
    before = state()
    for _ in range(rounds):
        one_round()
    after = state()

    print(f"{rounds} rounds: {before[0]} -> {after[0]}")
    assert after[1:] == before[1:]
    assert (after[0].fds, after[0].threads) == (before[0].fds, before[0].threads)
    assert after[0].anon_kib <= before[0].anon_kib + 512
