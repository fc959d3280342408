# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real clients drive our iscsiadm: os-brick's connector, the Ansible module, libvirt's command lines.
"""

import json
import os
import pathlib
import re
import sys

import pytest

from beds.initiator import Initiator
from beds.tgtd import Lun, Target, Tgtd
from records.lab import PYTHON_ENV, keys_of, ours

PORTAL = "127.0.0.1:3260"
USER, SECRET = "brick-user", "brick-secret-1"


@pytest.fixture
def machine(box):
    """iscsid, and a target with four names of which the first asks for CHAP."""
    targets = [Target(f"iqn.2026-11.test:disk{i}", [Lun(box.dir / f"disk{i}", "8M")])
               for i in range(4)]
    targets[0].incoming = (USER, SECRET)
    Tgtd(box, targets).start()
    return Initiator(box).start()


def run_client(box, module, job):
    """Runs a Python module that finds our iscsiadm in PATH and speaks JSON."""
    tools = box.dir / "tools"
    tools.mkdir(exist_ok=True)
    if not (tools / "iscsiadm").is_symlink():
        (tools / "iscsiadm").symlink_to(ours())
    environment = {**PYTHON_ENV, "PATH": f"{tools}:{os.environ['PATH']}"}
    done = box.run([sys.executable, "-m", module], 60, env=environment, stdin=json.dumps(job))
    assert done.out.startswith(("{", "[", "\n{")), done
    return json.loads(done.out)


def brick(box, *actions):
    return run_client(box, "records.brick",
                      {"lock_path": str(box.dir / "locks"), "actions": actions})


def ansible(box, **options):
    """community.general.open_iscsi, as Ansible runs it on the managed machine."""
    return run_client(box, "ansible_collections.community.general.plugins.modules.open_iscsi",
                      {"ANSIBLE_MODULE_ARGS": options})


def volume(number, **more):
    return {"target_portal": PORTAL, "target_iqn": f"iqn.2026-11.test:disk{number}",
            "target_lun": 1, **more}


CHAP = {"auth_method": "CHAP", "auth_username": USER, "auth_password": SECRET}
DISCOVERY_CHAP = {"discovery_auth_method": "CHAP", "discovery_auth_username": USER,
                  "discovery_auth_password": SECRET}


def record(box, number):
    path = pathlib.Path(box.path("/etc/iscsi/nodes"), f"iqn.2026-11.test:disk{number}")
    return next((keys_of(file) for file in path.rglob("*") if file.is_file()), None)


@pytest.mark.parametrize("more", [{}, DISCOVERY_CHAP], ids=["plain", "chap"])
def test_os_brick_discovers(box, machine, more):
    [found, stored, _] = brick(
        box, ["_discover_iscsi_portals", volume(0, **more)],
        ["_get_discoverydb_portals", volume(0)], ["get_initiator"])

    names = sorted(f"iqn.2026-11.test:disk{i}" for i in range(4))
    for answer in (found, stored):
        assert sorted(pair[:2] for pair in answer) == [[PORTAL, name] for name in names]


def test_os_brick_logs_in_with_chap_and_out(box, machine):
    [[session, manual_scan], sessions] = brick(
        box, ["_connect_to_iscsi_portal", volume(0, **CHAP)], ["_get_iscsi_sessions_full"])
    keys = record(box, 0)
    brick(box, ["_disconnect_from_iscsi_portal", volume(0, **CHAP)])

    assert manual_scan
    assert [[s[1], s[2], s[4]] for s in sessions] == [[session, PORTAL, "iqn.2026-11.test:disk0"]]
    assert keys["node.startup"] == "automatic" and keys["node.session.scan"] == "manual"
    assert keys["node.session.auth.password"] == SECRET
    assert machine.sessions() == {}
    assert record(box, 0) is None


def test_os_brick_gives_up_where_the_secret_is_wrong(box, machine):
    [[session, _]] = brick(box, ["_connect_to_iscsi_portal",
                                 volume(0, **{**CHAP, "auth_password": "wrong-secret-1"})])

    assert session is None
    assert machine.sessions() == {}


def test_os_brick_connects_and_disconnects_in_parallel(box, machine):
    numbers = [1, 2, 3]
    [connected, _] = brick(
        box, [["_connect_to_iscsi_portal", volume(i)] for i in numbers],
        [["_disconnect_from_iscsi_portal", volume(i)] for i in numbers])

    assert all(session for session, _ in connected)
    assert len({session for session, _ in connected}) == 3
    assert machine.sessions() == {}
    assert [record(box, i) for i in numbers] == [None] * 3


def test_ansible_discovers_logs_in_and_out(box, machine):
    target = "iqn.2026-11.test:disk1"

    found = ansible(box, portal="127.0.0.1", discover=True, show_nodes=True)
    opened = ansible(box, target=target, login=True, auto_node_startup=True)
    again = ansible(box, target=target, login=True, auto_node_startup=True)
    startup = record(box, 1)["node.startup"]
    closed = ansible(box, target=target, login=False)

    assert found["changed"] and not found.get("failed")
    assert sorted(found["nodes"]) == [f"iqn.2026-11.test:disk{i}" for i in range(4)]
    assert opened["changed"] and opened["connection_changed"], opened
    assert len(opened["devicenodes"]) == 1
    assert not again["changed"], again
    assert startup == "automatic"
    assert closed["connection_changed"], closed
    assert machine.sessions() == {}


def test_ansible_logs_in_with_chap_and_is_told_of_a_wrong_secret(box, machine):
    target = {"target": "iqn.2026-11.test:disk0", "login": True, "node_auth": "CHAP",
              "node_user": USER}
    ansible(box, portal="127.0.0.1", discover=True)

    refused = ansible(box, **target, node_pass="wrong-secret-1")
    opened = ansible(box, **target, node_pass=SECRET)

    assert refused.get("failed"), refused
    assert opened["connection_changed"], opened
    assert len(machine.sessions()) == 1


def test_libvirts_commands(box, machine):
    """Its pool of iSCSI disks, with an iface of its own: viriscsi.c's lines in their order."""
    target, iface, iqn = "iqn.2026-11.test:disk1", "libvirt-iface-0a1b2c3d", "iqn.2026-11.test:vm"
    node = f"--mode node --portal {PORTAL} --targetname {target}"

    assert machine.adm(*"--mode session".split()).rc == 21
    found = machine.adm(*"--mode discovery --type sendtargets --portal".split(), PORTAL,
                        "--op", "nonpersistent").ok()
    assert f"{PORTAL},1 {target}\n" in found.out and record(box, 1) is None
    machine.adm(*f"--mode iface --interface {iface} --op new".split()).ok()
    machine.adm(*f"--mode iface --interface {iface} --op update --name iface.initiatorname "
                f"--value {iqn}".split()).ok()
    listed = machine.adm("--mode", "iface").ok().out.splitlines()
    assert [line.split(" ")[0] for line in listed if line.rsplit(",", 1)[1] == iqn] == [iface]
    machine.adm(*f"{node} --interface {iface} --op new".split()).ok()
    machine.adm(*f"{node} --interface {iface} --op update --name node.startup "
                "--value manual".split()).ok()
    machine.adm(*f"{node} --interface {iface} --login".split()).ok()
    lines = machine.adm("--mode", "session").ok().out.splitlines()
    matches = [re.match(r"^tcp:\s+\[(\S+)\]\s+\S+\s+(\S+).*$", line) for line in lines]
    assert [match and match[2] for match in matches] == [target], lines
    machine.adm("--mode", "session", "-r", matches[0][1], "-R").ok()
    machine.adm(*f"{node} --interface {iface} --logout".split()).ok()
    assert machine.adm(*"--mode session".split()).rc == 21


def test_blivets_commands(box, machine):
    """The installer's, which shares udisks2's library for the rest: ifaces bound to devices, and
    the whole database copied to the system that it installs."""
    for number in (0, 1):
        machine.adm("-m", "iface", "-I", f"iface{number}", "--op=new").ok()
        machine.adm("-m", "iface", "-I", f"iface{number}", "--op=update", "-n",
                    "iface.net_ifacename", "-v", f"eth{number}").ok()
    listed = machine.adm("-m", "iface", "-P", "0").ok().out
    assert "iface1 tcp,<empty>,<empty>,eth1,<empty>\n" in listed
    machine.adm("-m", "node", "-T", "iqn.2026-11.test:disk1", "-p", PORTAL, "-I", "iface1",
                "--op=new").ok()
    box.run(["cp", "-a", "/etc/iscsi", "/run/copy"]).ok()

    done = machine.adm("-m", "iface", "-I", "iface1", "--op=delete")

    assert done.rc == 0 and done.err == ""
    assert machine.adm("-m", "node").rc == 21
    box.run(["sh", "-c", "rm -r /etc/iscsi/* && cp -a /run/copy/. /etc/iscsi"]).ok()
    assert machine.adm("-m", "node").ok().out == f"{PORTAL},4294967295 iqn.2026-11.test:disk1\n"
