# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many iscsiadm at once, and iscsiadm killed at any moment: nothing breaks, nothing is left."""

import os
import re
import signal
import subprocess
import time

import pytest

from beds.proc import processes
from guest.inside.kernel import machine as bed

DISK = bed.DISKS[0]
CALL_SECONDS = 3
DISCOVERY = f"-m discovery -t sendtargets -p {bed.PORTAL}"
# How many moments of a command's life it is killed at.
MOMENTS = int(os.environ.get("KILL_MOMENTS", "3"))


def codes(results):
    return sorted(each.rc for worker in results for each in worker)


def at_rest(machine):
    """Each of the daemon's answers is quick, and no half of anything is there."""
    sessions, records = machine.adm("-m session -P 3"), machine.adm("-m node -o show")
    for result in (sessions, records):
        assert result.rc in (0, 21) and result.seconds < CALL_SECONDS, result
    assert bed.empty_files() == []
    shown = records.out
    assert shown.count("# BEGIN RECORD") == shown.count("# END RECORD")
    children = [fields[0] for _, _, fields in processes() if fields[1] == str(machine.iscsid.pid)]
    assert "Z" not in children


def test_logins_and_logouts_of_different_targets_all_succeed(found):
    logins = bed.crowd([[f"{bed.node(target)} --login"] for target in bed.DISKS])
    listed = {target for _, _, target in found.sessions().values()}
    complete = [bed.attribute(sid, "state") for sid in bed.sids()]
    logouts = bed.crowd([[f"{bed.node(target)} --logout"] for target in bed.DISKS])

    assert codes(logins) == [0] * len(bed.DISKS), logins
    assert listed == set(bed.DISKS)
    assert complete == ["LOGGED_IN"] * len(bed.DISKS)
    assert codes(logouts) == [0] * len(bed.DISKS), logouts
    assert bed.sids() == []


def test_logins_and_logouts_of_one_target_are_one(found):
    logins = bed.crowd([[f"{bed.node(DISK)} --login"]] * 8)
    sessions = found.sessions()
    logouts = bed.crowd([[f"{bed.node(DISK)} --logout"]] * 8)

    # One that comes while another one logs in waits for its outcome; a later one finds it there.
    assert set(codes(logins)) <= {0, 15} and 0 in codes(logins), logins
    assert [target for _, _, target in sessions.values()] == [DISK]
    assert set(codes(logouts)) <= {0, 21} and 0 in codes(logouts), logouts
    assert bed.sids() == []
    at_rest(found)


def test_a_storm_of_all_on_two_targets(found):
    def worker(target):
        return [DISCOVERY, f"{bed.node(target)} --login", "-m session -P 1",
                f"{bed.node(target)} --op update -n node.startup -v automatic",
                f"{bed.node(target)} --logout", f"{bed.node(target)} -o delete"]
    results = bed.crowd([worker(target) for target in (bed.DISKS[:2] * 3)])

    for each in (each for worker in results for each in worker):
        # Who comes too late finds the session there, or session or record gone.
        assert each.rc in (0, 15, 21), each
        assert each.seconds < 2 * CALL_SECONDS, each
    found.adm("-m session -u")
    assert bed.sids() == []
    at_rest(found)
    found.discover()
    found.login().ok()
    found.logout().ok()


def killed(line, seconds):
    """Runs iscsiadm and kills it after so long; True when it had not ended."""
    child = subprocess.Popen(["/usr/sbin/iscsiadm", *line.split()], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    time.sleep(seconds)  # it is the moment of the kill that the test goes through
    child.kill()
    return child.wait() == -signal.SIGKILL


@pytest.mark.parametrize("victim", ["--login", "--logout"])
def test_iscsiadm_killed_at_any_moment_blocks_nothing(found, victim):
    """Where it asks the daemon; commands on records alone are killed in tests/records."""
    login, logout = (f"{bed.node(DISK)} {option}" for option in ("--login", "--logout"))
    found.adm(login).ok()
    whole = found.adm(logout).ok().seconds
    died = 0
    for moment in range(MOMENTS):
        if victim == "--logout":
            assert found.adm(login).rc == 0

        died += killed(f"{bed.node(DISK)} {victim}", whole * (moment + 1) / (MOMENTS + 1))

        at_rest(found)
        # Whatever became of it: the next ones get where they want to, at once.
        for line, codes_of in ((login, (0, 15)), (logout, (0,))):
            result = found.adm(line)
            assert result.rc in codes_of and result.seconds < CALL_SECONDS, result
        assert bed.sids() == []
    assert died >= 1, "none was killed: nothing was shown"
