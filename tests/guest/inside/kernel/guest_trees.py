# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lists and trees of sessions, taken apart as their readers do it."""

import re

import pytest

from beds.proc import wait_for
from guest.inside.kernel import machine as bed


@pytest.fixture(scope="module")
def machine():
    """Two sessions whose disks are there, and one with CHAP both ways."""
    machine = bed.Machine().start()
    for target in bed.DISKS[:2]:
        machine.adm(f"{bed.node(target)},1 -o new").ok()
        machine.login(target).ok()
    machine.add_mutual()
    machine.login(bed.MUTUAL, bed.MUTUAL_PORTAL).ok()
    wait_for(lambda: all(bed.disks(sid) for sid in bed.sids()), 10, "the disks")
    yield machine
    machine.stop()


@pytest.fixture(scope="module")
def sids(machine):
    """Of the two without CHAP."""
    return bed.sids()[:2]


@pytest.fixture(scope="module")
def trees(machine):
    """{level: text}"""
    return {level: machine.adm(f"-m session -P {level}").ok().out for level in range(4)}


def test_the_flat_list_as_its_readers_match_it(trees, sids):
    lines = trees[0].splitlines()

    for line, sid, target in zip(lines, sids, bed.DISKS):
        assert re.match(r"^tcp:\s+\[(\S+)\]\s+\S+\s+(\S+).*$", line).groups() == (str(sid), target)
        assert re.match(r"^[^\[]*\[(\d+)\] (\S+),\d+ (\S+)", line)[2] == bed.PORTAL
        words = line.split()
        assert len(words) == 5 and words[-1] == "(non-flash)" and ":" in words[3]
        assert f" {bed.PORTAL.split(':')[0]}:" in line and f" {target} " in line
    assert len(lines) == 3


def test_the_tree_with_disks_as_oci_and_longhorn_read_it(trees, sids):
    lines = trees[3].splitlines()
    found, target, lun = {}, None, None
    for number, line in enumerate(lines):
        if match := re.search(r"^Target: (\S+)", line):
            target = match[1]
            found[target] = {}
        elif match := re.search(r"(Current|Persistent) Portal: (\S+:\d+),", line):
            found[target][match[1]] = match[2]
        elif match := re.search(r"iSCSI Session State: (\S+)", line):
            found[target]["state"] = match[1]
        elif "Lun: " in line:
            lun = line.split("Lun: ")[1].strip()
            # The very next line is the disk's.
            disk = re.search(r"Attached scsi disk (\S+)\s+State: (\S+)", lines[number + 1])
            found[target]["disk"] = (lun, disk[1], disk[2])

    for sid, name in zip(sids, bed.DISKS):
        assert found[name] == {"Current": bed.PORTAL, "Persistent": bed.PORTAL,
                               "state": "LOGGED_IN", "disk": ("0", bed.disks(sid)[0], "running")}


def test_the_tree_with_disks_by_its_tabs(trees, sids):
    """democratic-csi splits there."""
    lines = trees[3].splitlines()

    for sid in sids:
        host = bed.SESSIONS.joinpath(f"session{sid}").resolve().parts
        number = next(part for part in host if re.fullmatch(r"host\d+", part))[4:]
        assert f"\t\tHost Number: {number}\tState: running" in lines
        assert f"\t\tscsi{number} Channel 00 Id 0 Lun: 0" in lines
        assert f"\t\t\tAttached scsi disk {bed.disks(sid)[0]}\t\tState: running" in lines
    assert [line for line in lines if line.startswith("Target: ")] == [
        f"Target: {name} (non-flash)" for name in (*bed.DISKS[:2], bed.MUTUAL)]
    assert "\tCurrent Portal: 127.0.0.1:3260,1" in lines


def test_the_tree_of_one_session_as_pacemaker_reads_it(machine, trees, sids):
    for sid in sids:
        text = machine.adm(f"-m session -r {sid} -P 1").ok().out
        states = [line.split(": ", 1)[1] for line in text.splitlines()
                  if "Connection State" in line]
        assert states == ["LOGGED IN"]
        assert "iSCSI Connection State: LOGGED IN" in trees[1]  # finalrd


def test_the_tree_with_secrets_as_dell_reads_it(machine):
    sid = bed.sids()[2]
    text = machine.adm(f"-m session -r {sid} -P 2 -S").ok().out
    hidden = machine.adm(f"-m session -r {sid} -P 2").ok().out

    fields = [tuple(line.strip().split(": ", 1)) for line in text.splitlines() if ": " in line]
    for field in [
            ("Target", f"{bed.MUTUAL} (non-flash)"), ("Current Portal", f"{bed.MUTUAL_PORTAL},1"),
            ("Iface Transport", "tcp"), ("Iface Initiatorname", "iqn.2026-11.test:initiator"),
            ("Iface IPaddress", "127.0.0.1"), ("SID", str(sid)),
            ("iSCSI Connection State", "LOGGED IN"), ("iSCSI Session State", "LOGGED_IN"),
            ("username", bed.IN[0]), ("username_in", bed.OUT[0]),
            # As open-iscsi has it: both secrets under one name.
            ("password", bed.IN[1]), ("password", bed.OUT[1])]:
        assert field in fields
    assert bed.IN[1] not in hidden and bed.OUT[1] not in hidden
