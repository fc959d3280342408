# SPDX-License-Identifier: LGPL-2.1-or-later
"""multipath-tools and dm-multipath over two portals of one LUN, each behind a cable of its own that
is pulled and put back while fio writes and verifies. Everything that was written is there.
"""

import os
import pathlib
import re
import subprocess
import threading

import pytest

from beds.fio import Load, fio
from beds.lio import Lio
from beds.proc import wait_for
from beds.tgtd import Lun, Target
from guest.inside.kernel import machine as bed

TARGET = "iqn.2026-11.test:paths"
PORTALS = ["10.78.0.1:3260", "10.78.1.1:3260"]
MULTIPATH_CONF = """
defaults {
    user_friendly_names no
    find_multipaths     no
    polling_interval    1
    max_polling_interval 1
    path_checker        tur
    path_grouping_policy multibus
    failback            immediate
    no_path_retry       queue
    fast_io_fail_tmo    2
}
blacklist { device { vendor ".*" } }
blacklist_exceptions { device { vendor "LIO-ORG" } }
"""
# Ours notices a silent target after so long.
CONF = {"node.conn[0].timeo.noop_out_interval": 1, "node.conn[0].timeo.noop_out_timeout": 1,
        "node.session.timeo.replacement_timeout": 2}


class Local:
    """Where fio keeps its state."""
    dir = pathlib.Path("/dev/shm")
    run = staticmethod(bed.run)


@pytest.fixture(scope="module")
def target():
    """LIO in a network namespace with two cables to the initiator's."""
    bed.run(["modprobe", "-a", "veth", "dm_multipath", "dm_round_robin", "dm_service_time"]).ok()
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])

    class Remote:
        init_pid = holder.pid
    there = f"/proc/{holder.pid}/ns/net"
    wait_for(lambda: os.readlink(there) != os.readlink("/proc/self/ns/net"), 10, "the namespace")
    for number in range(2):
        bed.run(["bash", "-ec", f"""
            ip link add cable{number} type veth peer name far{number} netns {holder.pid}
            ip addr add 10.78.{number}.2/24 dev cable{number}
            ip link set cable{number} up
            nsenter --net={there} ip addr add 10.78.{number}.1/24 dev far{number}
            nsenter --net={there} ip link set far{number} up"""]).ok()
    server = Lio(Remote, [Target(TARGET, [Lun(pathlib.Path("/dev/shm/paths"), "16M")])],
                 PORTALS[0]).start()
    bed.run(["nsenter", f"--net={there}", "mkdir",
             f"/sys/kernel/config/target/iscsi/{TARGET}/tpgt_1/np/{PORTALS[1]}"]).ok()
    yield server
    holder.kill()
    holder.wait()


@pytest.fixture(scope="module")
def multipathd():
    pathlib.Path("/etc/multipath.conf").write_text(MULTIPATH_CONF)
    log = open("/out/multipathd.log", "wb")
    daemon = subprocess.Popen(["/sbin/multipathd", "-d", "-s"], stdout=log, stderr=log,
                              start_new_session=True)
    wait_for(lambda: bed.run("multipathd show daemon").rc == 0, 20, "multipathd")
    yield daemon
    daemon.terminate()
    daemon.wait(20)


def paths():
    """{disk: its state in the map}, as multipathd sees them."""
    shown = bed.run(["multipathd", "show", "paths", "raw", "format", "%d %t %T"]).ok().out
    return {name: (dm, check) for name, dm, check in re.findall(r"(sd\S+) (\S+) (\S+)", shown)}


def maps():
    return bed.run(["multipathd", "show", "maps", "raw", "format", "%w"]).ok().out.split()


def up():
    """How many paths take I/O."""
    return list(paths().values()).count(("active", "ready"))


@pytest.mark.usefixtures("target", "multipathd")
def test_paths_fail_and_return_under_load(bare):
    bare.set_conf(CONF)
    bare.start()
    for portal in PORTALS:
        bare.adm(f"{bed.node(TARGET, portal)},1 -o new").ok()
    bare.adm(f"-m node -T {TARGET} --login").ok()
    wait_for(lambda: up() == 2 and maps(), 20, lambda: f"two paths: {paths()}")
    [wwid] = maps()
    results = []
    load = threading.Thread(target=lambda: results.append(fio(
        Local, f"/dev/mapper/{wwid}", Load(seconds=8, depth=8, bs_range="4k-64k"))))
    load.start()

    seen = []
    for number in range(2):
        bed.run(f"ip link set cable{number} down").ok()
        wait_for(lambda: up() == 1, 20, lambda: f"a path to fail: {paths()}")
        states = bare.adm("-m session -P 1").ok().out
        seen.append(sorted(re.findall("iSCSI Session State: (.*)", states)))
        bed.run(f"ip link set cable{number} up").ok()
        wait_for(lambda: up() == 2, 30, lambda: f"the path to return: {paths()}")
    load.join(60)
    sids = bed.sids()
    bed.run(["multipath", "-f", wwid]).ok()
    bare.adm(f"-m node -T {TARGET} --logout").ok()

    report = results[0].ok()
    assert report.written > 1 << 20
    assert seen == [["FREE", "LOGGED_IN"]] * 2, seen
    assert len(sids) == 2 and bed.sids() == []
