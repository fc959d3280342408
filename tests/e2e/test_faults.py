# SPDX-License-Identifier: LGPL-2.1-or-later
"""I/O while the target, the network or iscsid fails."""

import concurrent.futures
import errno
import os
import re
import signal
import threading
import time

import pytest

from beds.blockio import Device, exercise, time_to_error
from beds.chaos import Chaos
from beds.fio import Load, fio
from beds.initiator import Initiator
from beds.peers import Peer
from beds.proc import exists, wait_for

REPLACEMENT = "node.session.timeo.replacement_timeout"


@pytest.mark.soak
def test_target_killed_and_restarted_under_load(box, initiator, new_tgtd, soak_seconds):
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal)

    load = Load(seconds=int(max(soak_seconds, 10)))
    with Chaos(peer.restart, every=5 if soak_seconds >= 30 else 3) as chaos:
        report = chaos.during(lambda: fio(box, device, load, timeout=600).ok(), strikes=2)

    print(f"{chaos.count} kills, {report.written >> 20} MiB written, longest write "
          f"{report.longest_write_seconds:.1f} s")
    assert report.written > 64 << 20


@pytest.mark.soak
def test_iscsid_killed_and_restarted_under_load(box, initiator, new_tgtd, soak_seconds):
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal)
    before = initiator.sessions()
    userds = initiator.userds()

    load = Load(seconds=int(max(soak_seconds, 7)))
    with Chaos(initiator.restart, every=3) as chaos:
        chaos.during(lambda: fio(box, device, load, timeout=600).ok(), strikes=2)

    assert initiator.sessions() == before and initiator.userds() == userds
    initiator.logout(peer.name, peer.portal).ok()
    initiator.no_disk(peer.portal, peer.name)


@pytest.mark.soak
def test_both_killed_under_load(box, initiator, new_tgtd, soak_seconds):
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal)

    with Chaos(peer.restart, every=4), Chaos(initiator.restart, every=3):
        fio(box, device, Load(seconds=int(max(soak_seconds, 9))), timeout=600).ok()


def test_outage_longer_than_the_replacement_timeout(new_initiator, new_tgtd):
    initiator = new_initiator({REPLACEMENT: 3})
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal)
    exercise(device)

    began = time.monotonic()
    peer.server.kill()
    error, _ = time_to_error(device, seconds=30)
    took = time.monotonic() - began
    assert error.errno == errno.EIO
    assert 2.5 <= took <= 5, took
    # While it is out, further I/O does not wait any more.
    error, took = time_to_error(device, seconds=10)
    assert took < 1

    peer.server.start()
    sid = next(iter(initiator.sessions()))
    wait_for(lambda: initiator.session_state(sid)["iSCSI Session State"] == "LOGGED_IN",
             15, "recovery")
    exercise(device)


def test_outage_shorter_than_the_replacement_timeout_only_delays(initiator, new_tgtd):
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal)
    failures = []

    def write():
        try:
            exercise(device)
        except OSError as error:
            failures.append(error)

    peer.server.kill()
    writer = threading.Thread(target=write)
    writer.start()
    sid = next(iter(initiator.sessions()))
    wait_for(lambda: initiator.session_state(sid)["iSCSI Session State"] == "FAILED",
             10, "the loss to be noticed")
    assert writer.is_alive()
    peer.server.start()
    writer.join(20)

    assert not writer.is_alive() and failures == []


def test_replacement_timeout_0_fails_at_once(new_initiator, new_tgtd):
    initiator = new_initiator({REPLACEMENT: 0})
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal)

    peer.server.kill()
    error, took = time_to_error(device, seconds=15)

    assert error.errno == errno.EIO and took < 2


def test_replacement_timeout_minus_1_waits_for_ever(new_initiator, new_tgtd):
    initiator = new_initiator({REPLACEMENT: -1})
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal)

    peer.server.kill()
    writer = threading.Thread(target=exercise, args=(device,))
    writer.start()
    writer.join(6)
    assert writer.is_alive()
    peer.server.start()
    writer.join(20)

    assert not writer.is_alive()


def test_target_that_falls_silent_is_noticed_by_pings(initiator, new_tgtd):
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal)
    sid = next(iter(initiator.sessions()))

    peer.server.process.kill(signal.SIGSTOP)
    # noop_out_interval 2 + noop_out_timeout 2.
    began = time.monotonic()
    wait_for(lambda: initiator.session_state(sid)["iSCSI Session State"] == "FAILED", 10,
             "the ping to time out")
    assert time.monotonic() - began < 7
    peer.server.process.kill(signal.SIGCONT)

    wait_for(lambda: initiator.session_state(sid)["iSCSI Session State"] == "LOGGED_IN", 15,
             "recovery")
    exercise(device)


def test_logout_during_an_outage_ends_the_session(initiator, new_tgtd):
    peer = new_tgtd()
    initiator.open(peer.name, peer.portal)
    peer.server.kill()
    sid = next(iter(initiator.sessions()))
    wait_for(lambda: initiator.session_state(sid)["iSCSI Session State"] == "FAILED", 10,
             "the loss to be noticed")

    initiator.logout(peer.name, peer.portal).ok()

    assert initiator.sessions() == {}
    initiator.no_disk(peer.portal, peer.name)
    initiator.no_userds()


@pytest.mark.parametrize("noticed", [False, True])
def test_logout_tells_of_writes_that_did_not_reach_the_target(initiator, new_tgtd, noticed):
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal)
    sid = next(iter(initiator.sessions()))
    with open(device, "r+b", buffering=0) as disk:
        disk.write(os.urandom(4 << 20))  # into the page cache
        peer.server.process.kill(signal.SIGSTOP)
        if noticed:
            wait_for(lambda: initiator.session_state(sid)["iSCSI Session State"] == "FAILED", 10,
                     "the ping to time out")

        result = initiator.logout(peer.name, peer.portal).ok()

    assert f"session {sid}: LUN 1: what was written last did not reach the target" in result.err
    assert "successful." in result.out
    assert initiator.sessions() == {}
    peer.server.process.kill(signal.SIGCONT)


def test_logout_does_not_wait_for_a_data_path_that_is_stuck(initiator, new_tgtd):
    peer = new_tgtd()
    initiator.open(peer.name, peer.portal)
    [userd] = initiator.userds()
    os.kill(userd, signal.SIGSTOP)
    began = time.monotonic()

    result = initiator.logout(peer.name, peer.portal)

    assert result.rc == 10 and time.monotonic() - began < 30
    assert re.search(r"session \d+ does not end: iscsi-userd \(process \d+\) does not answer",
                     result.err)
    assert initiator.sessions() != {}, "it is still there"

    os.kill(userd, signal.SIGCONT)
    wait_for(lambda: initiator.sessions() == {}, 20, "the session to end")
    initiator.no_disk(peer.portal, peer.name)
    exercise(initiator.open(peer.name, peer.portal))


@pytest.fixture
def ask_and_kill(box, initiator):
    """Runs iscsiadm; ends a data path process when it has a request of it, and has not read it."""
    def unread():
        lines = box.run(["ss", "-x", "-H", "state", "connected"]).ok().out.splitlines()
        return any("/userd/" in line and int(line.split()[2]) > 0 for line in lines)

    def run(*args):
        victim = min(initiator.userds())
        os.kill(victim, signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(initiator.adm, *args, timeout=20)
            wait_for(unread, 10, "the question to reach the process")
            os.kill(victim, signal.SIGKILL)
            return asked.result()
    return run


GONE = "iscsiadm: Could not execute operation on all sessions: no objects found\n"


@pytest.mark.parametrize("question", ["-R", "-s"])
def test_a_session_that_ends_while_it_is_asked_about_is_told_as_gone(
        initiator, new_tgtd, ask_and_kill, question):
    peer = new_tgtd()
    initiator.open(peer.name, peer.portal)

    result = ask_and_kill("-m", "session", question)

    assert result.rc == 21 and result.err.endswith(GONE), result
    assert "could not connect" not in result.err


@pytest.mark.parametrize("question", ["-R", "-s"])
def test_a_session_that_ends_is_no_failure_of_the_others(
        initiator, new_tgtd, ask_and_kill, question):
    peer = new_tgtd()
    initiator.open(peer.name, peer.portal, pairs={"node.session.nr_sessions": 2})
    assert len(initiator.sessions()) == 2

    result = ask_and_kill("-m", "session", question)

    assert (result.rc, result.err) == (0, ""), result


def test_sessions_are_listed_while_one_of_them_ends(initiator, new_tgtd, ask_and_kill):
    peer = new_tgtd()
    initiator.open(peer.name, peer.portal)

    result = ask_and_kill("-m", "session", "-P", 3)

    assert result.rc == 0 and peer.name in result.out, result


def test_data_path_killed_is_reported_and_cleaned_up(box, initiator, new_tgtd):
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal)
    [userd] = initiator.userds()

    os.kill(userd, signal.SIGKILL)
    wait_for(lambda: not exists(userd), 5, "its end")
    # An error; or nothing to read, once the device has been detached.
    with pytest.raises((OSError, AssertionError)):
        with Device(device) as disk:
            disk.read(0, 4096)

    # What is left must not stand in the way of a new login.
    wait_for(lambda: initiator.sessions() == {}, 10, "the session to go")
    exercise(initiator.open(peer.name, peer.portal))
    assert len(box.loops()) == 1


def test_disks_of_a_killed_container_are_cleaned_up_by_another(box, initiator, new_box, new_tgtd):
    other = new_box("other")
    peer = Peer("tgtd", other)
    Initiator(other).start().open(peer.name, peer.portal)
    assert len(other.loops()) == 1
    other.kill()
    assert len(other.loops()) == 1  # nobody has done it yet
    peer = new_tgtd()

    exercise(initiator.open(peer.name, peer.portal))

    assert other.loops() == []
    assert len(box.loops()) == 1


def test_disk_of_a_frozen_container_is_left_alone(box, initiator, new_box, new_tgtd):
    other = new_box("other")
    peer = Peer("tgtd", other)
    others = Initiator(other).start()
    device = others.open(peer.name, peer.portal)
    [userd] = others.userds()
    os.kill(userd, signal.SIGSTOP)
    peer = new_tgtd()
    initiator.discover(peer.portal).ok()

    login = initiator.login(peer.name, peer.portal).ok()

    os.kill(userd, signal.SIGCONT)
    assert login.seconds < 20, login
    exercise(initiator.disk(peer.portal, peer.name))
    assert other.loops() == [device]
    exercise(device)


def test_sessions_live_on_when_iscsid_is_stopped(initiator, new_tgtd):
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal)
    before = initiator.sessions()

    initiator.adm("-k", "0").ok()
    initiator.iscsid.wait(10)
    exercise(device)
    initiator.start()

    assert initiator.sessions() == before
    exercise(device)
    initiator.logout(peer.name, peer.portal).ok()


def test_connection_lost_while_iscsid_is_away_recovers_when_it_returns(initiator, new_tgtd):
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal)

    initiator.kill()
    peer.restart()
    writer = threading.Thread(target=exercise, args=(device,))
    writer.start()
    writer.join(1)
    assert writer.is_alive()
    initiator.start()
    writer.join(20)

    assert not writer.is_alive()
