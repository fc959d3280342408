# SPDX-License-Identifier: LGPL-2.1-or-later
"""A case of each kind of outcome with the programs: iscsiadm, iscsid, iscsi-userd, a block device."""

import os

import pytest
from beds.initiator import have_programs

from . import drive
from .cases import ALL
from .programs import Programs, real_time
from .target import Target

NAMES = (
    "login/status 0203 not found",
    "login/status 0202 authorization failure",
    "login/status 0301 service unavailable",
    "login/status 0301 once, then fine",
    "login/redirect temporary",
    "login/redirect to itself for ever",
    "text/MaxBurstLength=-1",
    "text/unknown key",
    "text/answers in pieces of 7 bytes",
    "text/C for ever, empty",
    "chap/mutual SHA256",
    "chap/wrong secret",
    "chap/wrong secret of the target",
    "chap/CHAP_R made with our own secret",
    "discovery/one target",
    "discovery/200 targets in pieces of 512 bytes",
    "discovery/with authentication",
    "discovery/login refused for authentication",
    "discovery/login refused as not found",
    "discovery/closed instead",
    "timing/login response a byte at a time, too slowly",
    "timing/silence after the connection",
    "timing/silence after a command",
    "timing/closed on connection",
    "timing/closed when idle",
    "timing/closed with a write under way",
    "timing/gone for good",
    "digests/both agreed",
    "digests/wrong data digest on data-in",
    "reads/sense of 18 bytes",
    "reads/opcode 0x27",
    "reads/GOOD, a hole in the data",
    "reads/unit attention once",
    "writes/R2T past the end of the data",
    "tags/SCSI response, ITT 0xbadbeef",
    "unsolicited/ping",
    "unsolicited/async 1, logout asked for",
    "unsolicited/async 3, then closed, back after 0 s",
    "unsolicited/logout",
    "unsolicited/logout never answered",
)


@pytest.fixture(autouse=True)
def _programs_exist():
    if not have_programs():
        if "BED_REQUIRE" in os.environ:
            pytest.fail("no iscsid, iscsiadm and iscsi-userd: run ./do build")
        pytest.skip("no iscsid, iscsiadm and iscsi-userd: run ./do build")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", NAMES)
def test_case(name, box):
    case = real_time(ALL[name])
    with Target(case.config, case.script, netns=box.init_pid) as target:
        drive.fill(target)
        outcome = Programs(box, case, target).run()
    problems = drive.problems(case, target, outcome)
    if problems:
        pytest.fail("\n".join(problems) + "\n--\n" + outcome.transcript + "\n--\n" + "\n".join(target.log[-100:]),
                    pytrace=False)
