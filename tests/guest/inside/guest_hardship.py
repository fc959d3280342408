# SPDX-License-Identifier: LGPL-2.1-or-later
"""iscsid in hard times, with kernel sessions: restarted, with targets that fall silent in the middle
of a scan, without a thread to be had.
"""

import os
import pathlib
import shutil
import subprocess
import time

import pytest

from beds.initiator import find_program
from beds.kernel_initiator import Guest, KernelInitiator, attribute, kernel_sids
from beds.lio import Lio
from beds.proc import wait_for
from beds.tgtd import Lun, Target
from beds.wire import Cable

NEAR_TARGET, FAR_TARGET = "iqn.2026-11.test:near", "iqn.2026-11.test:far"
NEAR, FAR = "127.0.0.1:3260", "10.78.0.1:3260"
_PATIENCE = 60
# More than iscsid scans at a time.
SILENT_SESSIONS = 20
# Neither the kernel nor iscsid notices that a target is silent while the test goes on.
UNNOTICED = {"node.conn[0].timeo.noop_out_interval": 0, "node.conn[0].timeo.noop_out_timeout": 0,
             "node.session.timeo.replacement_timeout": 600}
# A login of a target that answers, beside others that do not.
LOGIN_SECONDS = 10


@pytest.fixture
def guest():
    with Guest("hardship") as guest:
        yield guest


@pytest.fixture
def initiator(guest):
    return KernelInitiator(guest).start()


def new_lio(guest, box, name, portal):
    lio = Lio(box, [Target(name, [Lun(pathlib.Path("/dev/shm") / name[-4:], "16M")])], portal)
    guest.at_close(lio.stop)
    return lio.start()


@pytest.fixture
def near(guest):
    return new_lio(guest, guest, NEAR_TARGET, NEAR)


@pytest.fixture
def cable(guest):
    cable = Cable()
    guest.at_close(cable.remove)
    new_lio(guest, cable, FAR_TARGET, FAR)
    return cable


def record(initiator, target, portal, pairs=None):
    initiator.node(target, portal, "-o", "new").ok()
    if pairs:
        initiator.update(target, portal, pairs)


# --- what a restarted iscsid knows ---------------------------------------------------------------

# As an administrator may have set them, each unlike its default.
SETTINGS = {
    "node.session.queue_depth": 8,
    "node.session.scan": "manual",
    "node.session.iscsi.FastAbort": "No",
    "node.session.iscsi.InitialR2T": "Yes",
    "node.session.iscsi.FirstBurstLength": 65536,
    "node.session.timeo.replacement_timeout": 77,
    "node.session.err_timeo.abort_timeout": 9,
    "node.session.err_timeo.lu_reset_timeout": 11,
    "node.session.err_timeo.tgt_reset_timeout": 12,
    "node.conn[0].iscsi.MaxXmitDataSegmentLength": 4096,
    "node.conn[0].iscsi.MaxRecvDataSegmentLength": 131072,
}
PINGS = ("node.conn[0].timeo.noop_out_interval", "node.conn[0].timeo.noop_out_timeout")
SHOWN = [("iscsi_session", name) for name in
         ("recovery_tmo", "abort_tmo", "lu_reset_tmo", "tgt_reset_tmo", "fast_abort",
          "initial_r2t", "immediate_data", "first_burst_len", "max_burst_len", "tpgt")]
SHOWN += [("iscsi_connection", name) for name in
          ("recv_tmo", "ping_tmo", "max_xmit_dlength", "max_recv_dlength", "header_digest",
           "persistent_address", "persistent_port")]


def shown():
    """What the kernel was told about the one session."""
    [sid] = kernel_sids()
    session = pathlib.Path(f"/sys/class/iscsi_session/session{sid}")
    return {name: attribute(sid, kind, name) for kind, name in SHOWN} | {
        "queue_depth": [path.read_text() for path in session.glob("device/target*/*/queue_depth")]}


@pytest.mark.parametrize("kept", [True, False], ids=["record kept", "record lost"])
@pytest.mark.parametrize("pings", [(33, 44), (0, 0)], ids=["rare pings", "no pings"])
def test_settings_survive_a_restart_and_a_reconnection(initiator, near, pings, kept):
    record(initiator, NEAR_TARGET, NEAR, SETTINGS | dict(zip(PINGS, pings)))
    initiator.login(NEAR_TARGET, NEAR).ok()
    initiator.adm("-m", "session", "-R").ok()
    before = shown()
    assert (before["recv_tmo"], before["ping_tmo"]) == tuple(map(str, pings))
    assert before["queue_depth"] == ["8\n"] and before["fast_abort"] == "0"

    initiator.kill()
    if not kept:
        shutil.rmtree("/etc/iscsi/nodes")
    initiator.start()
    near.enable(near.targets[0], False)
    wait_for(lambda: initiator.states()[1] == "FAILED", _PATIENCE, "the loss of the connection")
    near.enable(near.targets[0], True)
    wait_for(lambda: initiator.states()[1] == "LOGGED_IN", _PATIENCE, "the next connection")
    initiator.adm("-m", "session", "-R").ok()

    assert shown() == before


# --- scans that hang -----------------------------------------------------------------------------

def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def asleep_in_the_kernel(pid):
    """How many threads of a process not even SIGKILL wakes."""
    states = []
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            states.append(path.read_text().rpartition(")")[2].split()[0])
        except OSError:
            pass  # it has just ended
    return states.count("D")


@pytest.fixture
def silent_scans(initiator, cable, guest):
    """Scans of many sessions, and their target fell silent."""
    record(initiator, FAR_TARGET, FAR, UNNOTICED | {"node.session.nr_sessions": SILENT_SESSIONS})
    initiator.login(FAR_TARGET, FAR).ok()
    cable.cut()
    guest.at_close(cable.join)
    asked = [subprocess.Popen([find_program("iscsiadm"), "-m", "session", "-r", str(sid), "-R"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
             for sid in kernel_sids()]
    guest.at_close(lambda: [(each.kill(), each.wait()) for each in asked])
    assert len(asked) == SILENT_SESSIONS
    pid = initiator.iscsid.pid
    wait_for(lambda: asleep_in_the_kernel(pid) == SILENT_SESSIONS, _PATIENCE,
             lambda: f"{SILENT_SESSIONS} scans to hang, not {asleep_in_the_kernel(pid)}")
    return asked


def test_silent_scans_delay_no_login(initiator, near, silent_scans):
    record(initiator, NEAR_TARGET, NEAR)

    login = initiator.login(NEAR_TARGET, NEAR).ok()
    asked_again = [initiator.adm("-m", "session", "-r", sid, "-R", timeout=1).rc
                   for sid in kernel_sids()[:2]]

    assert login.seconds < LOGIN_SECONDS
    assert asked_again == [124, 124]
    # One for each session, however often it is asked for.
    assert threads(initiator.iscsid.pid) < SILENT_SESSIONS + 20
    assert initiator.logout(NEAR_TARGET, NEAR).ok().seconds < LOGIN_SECONDS
    assert all(each.poll() is None for each in silent_scans)


def test_iscsid_is_replaced_while_scans_hang(initiator, cable, silent_scans):
    old = initiator.iscsid.pid
    os.kill(old, 9)

    # The old one cannot end before its scans do, and those end when the new one has reconnected.
    initiator.start()
    assert asleep_in_the_kernel(old) == SILENT_SESSIONS
    assert len(initiator.sessions()) == SILENT_SESSIONS
    cable.join()
    wait_for(lambda: asleep_in_the_kernel(old) == 0, _PATIENCE, "the scans to end")


# --- no thread to be had ---------------------------------------------------------------------------

class NoThreads:
    """The machine has as many as it may, and a place for each command of the test."""

    LIMIT = pathlib.Path("/proc/sys/kernel/threads-max")

    def __enter__(self):
        self._before = self.LIMIT.read_text()
        return self

    def __exit__(self, *_):
        self.LIMIT.write_text(self._before)

    def adm(self, *args):
        def lower():
            total = pathlib.Path("/proc/loadavg").read_text().split()[3].partition("/")[2]
            self.LIMIT.write_text(total)
        try:
            return subprocess.run([find_program("iscsiadm"), *args], capture_output=True, text=True,
                                  check=False, preexec_fn=lower, timeout=_PATIENCE)
        finally:
            self.LIMIT.write_text(self._before)


def test_without_threads_a_scan_fails_and_the_daemon_goes_on(initiator, near):
    record(initiator, NEAR_TARGET, NEAR)
    initiator.login(NEAR_TARGET, NEAR).ok()
    wait_for(lambda: threads(initiator.iscsid.pid) == 1, _PATIENCE, "the login's scan to end")

    with NoThreads() as machine:
        began = time.monotonic()
        rescan = machine.adm("-m", "session", "-R")
        seconds = time.monotonic() - began

    assert rescan.returncode != 0 and "thread" in rescan.stderr, rescan
    assert seconds < 3 * LOGIN_SECONDS
    assert "cannot start a thread" in initiator.iscsid.log()
    initiator.adm("-m", "session", "-R").ok()
