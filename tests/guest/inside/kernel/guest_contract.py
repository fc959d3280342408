# SPDX-License-Identifier: LGPL-2.1-or-later
"""What programs that drive iscsiadm rely on where it needs sessions, point by point."""

import pathlib
import subprocess

from beds.proc import wait_for
from guest.inside.kernel import machine as bed

DISK = bed.DISKS[0]
CALL_SECONDS = 3


def test_a_session_is_complete_when_login_returns_and_gone_when_logout_returns(machine):
    machine.add_mutual()
    for _ in range(3):
        machine.login(bed.MUTUAL, bed.MUTUAL_PORTAL).ok()

        [sid] = bed.sids()
        session = {key: bed.attribute(sid, key) for key in (
            "targetname", "tpgt", "ifacename", "state", "username", "password", "username_in",
            "password_in")}
        connection = {key: bed.attribute(sid, key, "connection") for key in (
            "persistent_address", "persistent_port", "address", "port")}
        assert session == {
            "targetname": bed.MUTUAL, "tpgt": "1", "ifacename": "default", "state": "LOGGED_IN",
            "username": bed.IN[0], "password": bed.IN[1], "username_in": bed.OUT[0],
            "password_in": bed.OUT[1]}
        assert connection == {"persistent_address": "127.0.0.5", "persistent_port": "3260",
                              "address": "127.0.0.5", "port": "3260"}
        assert machine.sessions() == {sid: (bed.MUTUAL_PORTAL, "1", bed.MUTUAL)}

        machine.logout(bed.MUTUAL, bed.MUTUAL_PORTAL).ok()

        assert bed.sids() == [] and not bed.CONNECTIONS.joinpath(f"connection{sid}:0").exists()
        assert machine.adm("-m session").rc == 21


def test_the_disk_comes_and_goes_with_the_session(found):
    found.login().ok()
    link = wait_for(lambda: bed.by_path(DISK).exists() and bed.by_path(DISK), 10, "the link")
    [name] = bed.disks(bed.sids()[0])
    assert link.resolve().name == name
    found.logout().ok()

    wait_for(lambda: not bed.by_path(DISK).is_symlink(), 10, "the link to go")
    assert not bed.pathlib.Path("/dev", name).exists()


def test_a_portal_by_name_stays_a_name_in_sysfs(machine):
    """Kubernetes waits for a link with what it asked for."""
    machine.adm(f"-m node -T {DISK} -p localhost:3260,1 -o new").ok()
    machine.adm(f"-m node -T {DISK} -p localhost:3260 --login").ok()

    [sid] = bed.sids()
    assert bed.attribute(sid, "persistent_address", "connection") == "localhost"
    assert bed.attribute(sid, "address", "connection") == "127.0.0.1"
    wait_for(bed.by_path(DISK, "localhost:3260").exists, 10, "the link")


# Times ----------------------------------------------------------------------------------------

CALLS = ["-m session", *(f"-m session -P {level}" for level in range(4)), "-m session -R",
         "-m session -s", "-m node", "-m node -P 1", f"{bed.node(DISK)}", "-m host -P 4",
         f"{bed.node(DISK)} -R", f"{bed.node(DISK)} -s", "-m iface", "-m iface -I default -o show",
         "-m iface -I another -o new", f"-m discovery -t st -p {bed.PORTAL}",
         f"-m discoverydb -t st -p {bed.PORTAL} -o new", f"-m discoverydb -t st -p {bed.PORTAL} -D",
         "-m discoverydb -o show -P 1", f"{bed.node(DISK)} --op update -n node.startup -v automatic",
         f"{bed.node(bed.DISKS[7])} -o new", f"{bed.node(bed.DISKS[7])} -o delete",
         f"{bed.node(DISK)} -o delete", f"{bed.node(DISK)} -u", f"{bed.node(DISK)} -u", "-V"]


def test_no_call_takes_three_seconds_while_a_login_waits(found):
    """The login waits for a portal that never answers; two sessions run."""
    found.set_conf({"node.conn[0].timeo.login_timeout": 15})
    for target in bed.DISKS[:2]:
        found.login(target).ok()
    found.adm(f"-m node -T iqn.2026-11.test:none -p {bed.SILENT},1 -o new").ok()
    login = subprocess.Popen(["iscsiadm", "-m", "node", "-T", "iqn.2026-11.test:none", "--login"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(bed.sids()) >= 2 and login.poll() is None, 5, "the login")

    times = {}
    for line in CALLS:
        result = found.adm(line)
        assert result.rc in (0, 15, 21), result
        times[line] = result.seconds
    assert login.poll() is None, "the login did not wait: nothing was shown"
    times["-m session -u"] = found.adm("-m session -u").seconds
    login.kill()
    login.wait()

    assert max(times.values()) < CALL_SECONDS, times


def test_a_login_honours_its_times(machine):
    silent = f"-m node -T iqn.2026-11.test:none -p {bed.SILENT}"
    machine.adm(f"{silent},1 -o new").ok()
    machine.adm(f"{silent} -o update -n node.conn[0].timeo.login_timeout -v 2 "
                "-n node.session.initial_login_retry_max -v 1").ok()

    result = machine.adm(f"{silent} --login")

    assert result.rc == 11 and 1.5 < result.seconds < 8, result


def test_a_target_that_cannot_be_reached_is_no_session(machine):
    """No listing shows one, the reference's neither; the login can be ended all the same."""
    name, portal = "iqn.2026-11.test:none", "127.0.0.9:3260"
    machine.adm(f"-m node -T {name} -p {portal},1 -o new").ok()
    log = pathlib.Path("/out/iscsid.log")
    before = log.stat().st_size
    login = subprocess.Popen(["iscsiadm", "-m", "node", "-T", name, "--login"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    refused = f"connect to {portal} failed"
    wait_for(lambda: refused in log.read_text()[before:], 10, "the first attempt")

    assert bed.sids() == []
    assert machine.adm("-m session").rc == 21
    assert machine.adm(f"-m node -T {name} -o delete").rc == 15
    assert machine.adm(f"-m node -T {name} -u").rc == 0
    assert login.wait(10) == 9
    machine.adm(f"-m node -T {name} -o delete").ok()
