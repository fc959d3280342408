# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's own clients attach, use and detach a disk of the kernel's, with our programs where
open-iscsi's would be: os-brick, Ansible, Pacemaker's agent, the package's scripts and units,
libvirt.
"""

import json
import os
import pathlib
import signal
import subprocess

import pytest

from beds.blockio import exercise
from beds.proc import exists, wait_for
from guest.inside.kernel import machine as bed
from records.brick import new_connector

DISK = bed.DISKS[0]
PID_FILE = pathlib.Path("/run/iscsid.pid")


def startup(machine, target=DISK):
    return dict(line.split(" = ", 1) for line in machine.adm(bed.node(target)).ok().out.splitlines()
                if " = " in line)["node.startup"]


# os-brick -------------------------------------------------------------------------------------


def test_os_brick_connects_and_disconnects_a_volume(machine):
    connector = new_connector("/run/brick-locks")
    volume = {"target_portal": bed.PORTAL, "target_iqn": DISK, "target_lun": 0,
              "volume_id": "volume"}

    device = connector.connect_volume(volume)
    assert device["type"] == "block" and len(bed.sids()) == 1
    assert startup(machine) == "automatic"
    exercise(device["path"])
    [name] = bed.disks(bed.sids()[0])
    connector.disconnect_volume(volume, device)

    assert bed.sids() == [] and machine.adm("-m node").rc == 21
    assert not pathlib.Path("/sys/block", name).exists()


# Ansible --------------------------------------------------------------------------------------


def ansible(**options):
    """community.general.open_iscsi, as Ansible runs it on the managed machine."""
    module = "ansible_collections.community.general.plugins.modules.open_iscsi"
    done = bed.python(module, json.dumps({"ANSIBLE_MODULE_ARGS": options}))
    return json.loads(done.out)


def test_ansible_discovers_logs_in_and_out(machine):
    opened = ansible(portal="127.0.0.1", discover=True, target=DISK, login=True,
                     auto_node_startup=True)
    automatic = startup(machine)
    wait_for(bed.by_path(DISK).exists, 10, "the link")
    exercise(os.path.realpath(bed.by_path(DISK)))
    closed = ansible(target=DISK, login=False)

    assert opened.get("connection_changed") and not opened.get("failed"), opened
    assert automatic == "automatic"
    assert closed["connection_changed"] and bed.sids() == [], closed


# Pacemaker ------------------------------------------------------------------------------------

OCF_SUCCESS, OCF_NOT_RUNNING = 0, 7


def agent(action, **parameters):
    settings = {"target": DISK, "portal": bed.PORTAL, **parameters}
    return bed.run(["/usr/lib/ocf/resource.d/heartbeat/iscsi", action], env={
        "OCF_ROOT": "/usr/lib/ocf", "OCF_RESOURCE_INSTANCE": "disk",
        **{f"OCF_RESKEY_{key}": value for key, value in settings.items()}})


def test_pacemakers_agent_starts_watches_and_stops(machine):
    started = agent("start")
    assert started.rc == OCF_SUCCESS, started
    assert [target for _, _, target in machine.sessions().values()] == [DISK]
    assert agent("monitor").rc == OCF_SUCCESS
    exercise(os.path.realpath(bed.by_path(DISK)))

    stopped = agent("stop")
    assert stopped.rc == OCF_SUCCESS, stopped
    assert bed.sids() == []
    assert agent("monitor").rc == OCF_NOT_RUNNING


# The package's own scripts and units ----------------------------------------------------------


def commands_of(unit, key):
    """Of a unit of Debian's package, in their order."""
    text = pathlib.Path("/lib/systemd/system", unit).read_text()
    return [line.split("=", 1)[1] for line in text.splitlines() if line.startswith(f"{key}=")]


def prepared(machine):
    """A record that the machine's start opens, and a file system on its disk that it mounts."""
    machine.adm(f"{bed.node(DISK)},1 -o new -n node.startup -v automatic").ok()
    machine.adm(f"{bed.node(DISK)} -o update -n node.startup -v automatic").ok()
    machine.adm(f"-m node -T {bed.DISKS[1]} -p {bed.PORTAL},1 -o new").ok()


def mounted():
    """A file system on the session's disk, as the machine's owner has it."""
    device = os.path.realpath(wait_for(lambda: bed.by_path(DISK).exists() and bed.by_path(DISK), 10,
                                       "the link"))
    bed.run(["mkfs.ext4", "-qF", device]).ok()
    where = pathlib.Path("/run/iscsi-disk")
    where.mkdir(exist_ok=True)
    bed.run(["mount", device, where]).ok()
    (where / "file").write_text("kept")
    return where


def iscsid_pid():
    return int(PID_FILE.read_text().split()[0])



def test_debians_init_scripts(bare):
    (bed.ETC / "initiatorname.iscsi").write_text("GenerateName=yes\n")
    pathlib.Path("/run/sendsigs.omit.d").mkdir(exist_ok=True)
    prepared(bare)

    started = bed.run("/etc/init.d/iscsid start")
    assert started.rc == 0, started
    wait_for(PID_FILE.exists, 10, "the pid file")
    pid = iscsid_pid()
    assert open(f"/proc/{pid}/comm").read() == "iscsid\n"
    name = (bed.ETC / "initiatorname.iscsi").read_text()
    assert "InitiatorName=iqn.1993-08.org.debian:01:" in name
    opened = bed.run("/etc/init.d/open-iscsi start")
    assert opened.rc == 0, opened
    assert [target for _, _, target in bare.sessions().values()] == [DISK]
    status = bed.run("/etc/init.d/open-iscsi status")
    assert DISK in status.out, status
    where = mounted()

    closed = bed.run("/etc/init.d/open-iscsi stop")
    assert closed.rc == 0 and bed.sids() == [], closed
    assert not os.path.ismount(where)
    bed.run("/etc/init.d/iscsid stop").ok()
    assert not exists(pid)


@pytest.fixture
def like_systemd():
    """Debian's scripts leave to systemd what it does itself."""
    mark = pathlib.Path("/run/systemd/system")
    mark.mkdir(parents=True)
    yield
    mark.rmdir()


@pytest.mark.usefixtures("like_systemd")
def test_the_command_lines_of_debians_units(bare):
    prepared(bare)

    [check] = commands_of("iscsid.service", "ExecStartPre")
    [daemon] = commands_of("iscsid.service", "ExecStart")
    bed.run(check).ok()
    bed.run(daemon).ok()  # Type=forking: the parent ends when the daemon is ready
    pid = iscsid_pid()
    for line in commands_of("open-iscsi.service", "ExecStart"):
        result = bed.run(line)
        assert result.rc in (0, 15, 21), result
    assert [target for _, _, target in bare.sessions().values()] == [DISK]
    where = mounted()

    for line in commands_of("open-iscsi.service", "ExecStop"):
        bed.run(line).ok()
    assert bed.sids() == [] and not os.path.ismount(where)
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not exists(pid), 10, "iscsid to end")


# libvirt --------------------------------------------------------------------------------------

POOL = f"""
<pool type='iscsi'>
  <name>disks</name>
  <source><host name='127.0.0.1' port='3260'/><device path='{DISK}'/></source>
  <target><path>/dev/disk/by-path</path></target>
</pool>
"""
POOL_OF_ITS_OWN_NAME = POOL.replace("<name>disks", "<name>named").replace(
    "</source>", "<initiator><iqn name='iqn.2026-11.test:vm'/></initiator></source>")


@pytest.fixture(scope="module")
def virsh():
    # Of a package that needs systemd; the driver for virtual machines asks for them.
    for file, line in (("passwd", "libvirt-qemu:x:64055:64055::/:/usr/sbin/nologin\n"),
                       ("group", "libvirt-qemu:x:64055:\nkvm:x:64056:\nlibvirt:x:64057:\n")):
        with open(f"/etc/{file}", "a", encoding="ascii") as accounts:
            accounts.write(line)
    log = open("/out/libvirtd.log", "wb")
    libvirtd = subprocess.Popen(["/usr/sbin/libvirtd"], stdout=log, stderr=log,
                                start_new_session=True)
    wait_for(lambda: os.path.exists("/run/libvirt/libvirt-sock"), 40,
             lambda: pathlib.Path("/out/libvirtd.log").read_text()[-2000:])
    yield lambda lines: bed.run(["virsh", "-c", "storage:///system", lines])
    libvirtd.terminate()
    libvirtd.wait(20)


@pytest.mark.parametrize("pool", [POOL, POOL_OF_ITS_OWN_NAME], ids=["plain", "named"])
def test_libvirts_pool(machine, virsh, pool):
    name = "named" if pool is POOL_OF_ITS_OWN_NAME else "disks"
    pathlib.Path("/run/pool.xml").write_text(pool)
    volumes = virsh(f"pool-create /run/pool.xml; vol-list {name}").ok().out
    [(_, _, target)] = machine.sessions().values()
    assert target == DISK and str(bed.by_path(DISK)) in volumes, volumes
    exercise(os.path.realpath(bed.by_path(DISK)))
    virsh(f"pool-refresh {name}; pool-destroy {name}").ok()

    assert bed.sids() == []
