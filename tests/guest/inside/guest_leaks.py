# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many logins and logouts of the kernel's sessions, and many restarts of iscsid: nothing stays.

With SOAK_SECONDS from 30 on it is 300 rounds and 100 restarts.
"""

import os
import pathlib

import pytest

from beds.kernel_initiator import Guest, KernelInitiator, kernel_sids
from beds.lio import Lio
from beds.proc import Footprint, processes, wait_for
from beds.tgtd import Lun, Target

TARGET = "iqn.2026-11.test:leaks"
PORTAL = "127.0.0.1:3260"
LONG = float(os.environ.get("SOAK_SECONDS", 0)) >= 30
ROUNDS = 300 if LONG else 30
RESTARTS = 100 if LONG else 10
# Memory that the allocator may still be spreading over; a session's state is some 10 KiB.
_SLACK_KIB = 512


@pytest.fixture
def guest():
    with Guest("leaks") as guest:
        yield guest


@pytest.fixture
def initiator(guest):
    lun = Lun(pathlib.Path("/dev/shm/leaks"), "1M")
    guest.at_close(Lio(guest, [Target(TARGET, [lun])], PORTAL).start().stop)
    initiator = KernelInitiator(guest).start()
    initiator.node(TARGET, PORTAL, "-o", "new").ok()
    return initiator


def netlink_sockets():
    """Of all processes, to the kernel's iSCSI (protocol 8)."""
    lines = pathlib.Path("/proc/net/netlink").read_text().splitlines()[1:]
    return sum(line.split()[1] == "8" for line in lines)


def zombies():
    return [pid for pid, _, fields in processes() if fields[0] == "Z"]


def held():
    """What of the kernel's a session or an iscsid could leave behind."""
    return {"sessions": len(kernel_sids()),
            "connections": len(os.listdir("/sys/class/iscsi_connection")),
            "hosts": len(os.listdir("/sys/class/iscsi_host")),
            "netlink sockets": netlink_sockets(), "zombies": zombies()}


def log_in_and_out(initiator):
    initiator.login(TARGET, PORTAL).ok()
    assert len(kernel_sids()) == 1
    initiator.logout(TARGET, PORTAL).ok()
    assert not kernel_sids()


def settled(initiator):
    """Its scanning threads end a moment after their work."""
    pid = initiator.iscsid.pid
    wait_for(lambda: Footprint.of(pid).threads == 1, 20, "iscsid's threads to end")
    return Footprint.of(pid)


def test_logins_and_logouts_leave_nothing(initiator):
    for _ in range(5):  # until everything was used once
        log_in_and_out(initiator)
    kernel, process = held(), settled(initiator)

    for _ in range(ROUNDS):
        log_in_and_out(initiator)

    assert held() == kernel
    now = settled(initiator)
    print(f"{ROUNDS} rounds: {process} -> {now}, {kernel}")
    assert now.fds == process.fds
    assert now.anon_kib <= process.anon_kib + _SLACK_KIB


def test_restarts_leave_nothing(initiator):
    initiator.login(TARGET, PORTAL).ok()
    initiator.restart()
    up = initiator.states()
    kernel, process = held(), settled(initiator)

    for _ in range(RESTARTS):
        initiator.restart()
        assert initiator.states() == up

    assert held() == kernel
    now = settled(initiator)
    print(f"{RESTARTS} restarts: {process} -> {now}, {kernel}")
    assert (now.fds, now.threads) == (process.fds, process.threads)
    assert now.anon_kib <= process.anon_kib + _SLACK_KIB
    assert up[1] == "LOGGED_IN" and len(kernel_sids()) == 1
    initiator.logout(TARGET, PORTAL).ok()
    assert not kernel_sids()
