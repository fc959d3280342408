# SPDX-License-Identifier: LGPL-2.1-or-later
"""A login that finds disks which cannot be used says which, and why; of what is no disk it says nothing."""

import pytest

from beds.initiator import by_path
from conformance import disk
from conformance.script import EVERY, On, answer
from conformance.target import Config, Target


def refuse(*sense):
    return answer(disk.check(sense))


def on_command(opcodes, reply, lun=0):
    return On("recv-scsi-command", reply, times=EVERY,
              when=lambda conn, pdu: pdu.cdb[0] in opcodes and pdu.lun >> 48 == lun)


@pytest.fixture
def log_in(box, initiator):
    """Logs in to a scripted target: (its name, portal, iscsiadm's result)."""
    targets = []

    def make(script=(), **config):
        target = Target(Config(**config), script=script, netns=box.init_pid)
        targets.append(target.__enter__())
        name, portal = target.config.names[0], f"127.0.0.1:{target.port}"
        initiator.node(name, f"{portal},1", "-o", "new").ok()
        return name, portal, initiator.login(name, portal).ok()
    yield make
    for target in targets:
        target.__exit__(None, None, None)


@pytest.mark.parametrize("script, config, reason", [
    ((), {"luns": ((4096, 520),)}, "no disk for LUN 0: blocks of 520 bytes cannot be used"),
    ((on_command([0x00], refuse(2, 4, 2)),), {}, "no disk for LUN 0: not ready: "),
    ((on_command([0x9E, 0x25], refuse(5, 0x20, 0)),), {}, "no disk for LUN 0: its capacity is unknown: "),
    ((on_command([0x12], refuse(5, 0x24, 0)),), {}, "no disk for LUN 0: INQUIRY failed: "),
    ((on_command([0xA0], answer(disk.Reply(status=0x18))),), {},
     "no disks: REPORT LUNS: reservation conflict"),
], ids=["520", "not-ready", "capacity", "inquiry", "report-luns"])
def test_a_login_tells_of_a_disk_that_cannot_be_used(initiator, log_in, script, config, reason):
    _, _, login = log_in(script, **config)

    [sid] = initiator.sessions()
    [line] = login.err.splitlines()
    assert line.startswith(f"iscsiadm: session {sid}: {reason}"), line
    rescan = initiator.adm("-m", "session", "-R")
    if "REPORT LUNS" in reason:
        assert "reservation conflict" in rescan.err and "connection failure" not in rescan.err
    else:
        assert rescan.ok().err == login.err


def test_the_disks_that_can_be_used_are_there(initiator, log_in):
    name, portal, login = log_in(luns=((4096, 520), (4096, 512)))
    assert login.err.count("\n") == 1 and "no disk for LUN 0: " in login.err
    initiator.disk(portal, name, 1)


@pytest.mark.parametrize("first_byte", [0x0C, 0x0D, 0x20, 0x3F, 0x60, 0x7F, 0x1F])
def test_what_is_no_disk_is_not_told_of(initiator, log_in, first_byte):
    inquiry = disk.Disk()._standard_inquiry()
    name, portal, login = log_in(
        (on_command([0x12], answer(disk.Reply(bytes([first_byte]) + inquiry[1:]))),),
        luns=((4096, 512), (4096, 512)))
    initiator.disk(portal, name, 1)
    assert login.err == "" and initiator.adm("-m", "session", "-R").ok().err == ""


@pytest.mark.parametrize("length", [200, 223])
def test_a_long_name_has_a_link_where_it_fits(box, initiator, log_in, length):
    target = "iqn.2026-11.test:".ljust(length, "x")
    name, portal, login = log_in(names=(target,))
    link = by_path(portal, target, 0)
    # "127.0.0.1" and a port of five digits take one more than NAME_MAX with the longest name.
    if len(link.rsplit("/", 1)[1]) <= 255:
        assert login.err == ""
        assert initiator.disk(portal, name, 0)
    else:
        assert "has no link" in login.err and "File name too long" in login.err
    leftovers = [entry for entry in box.path("/dev/disk/by-path").iterdir() if ".new." in entry.name]
    assert not leftovers
