# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every case against our engines (the probe)."""

import os

import pytest

from . import drive
from .case import Case, Works
from .cases import ALL, timing
from .script import On
from .target import Target


@pytest.fixture(scope="module", autouse=True)
def _probe_exists():
    if drive.probe_path() is None:
        if "BED_REQUIRE" in os.environ:
            pytest.fail("no conformance_probe: run ./do build")
        pytest.skip("no conformance_probe: run ./do build")


def check(problems, transcript):
    if problems:
        pytest.fail("\n".join(problems) + "\n--\n" + transcript, pytrace=False)


@pytest.mark.parametrize("name", [name for name, case in ALL.items() if not case.v6])
def test_case(name):
    check(*drive.run_case(ALL[name]))


def test_every_position_of_the_login_response_is_cut():
    lengths = []
    step = On("send-login-response", lambda conn, pdu: lengths.append(len(conn.wire(pdu.copy()))))
    drive.run_case(Case("length", Works(), (step,)))
    assert lengths == [timing.LOGIN_RESPONSE_BYTES]


@pytest.mark.parametrize("name", [name for name, case in ALL.items() if case.v6])
def test_case_with_ipv6(name, box):
    """In a network of its own, where the iSCSI port is free."""
    case = ALL[name]
    prefix = ("nsenter", "--net", f"--target={box.init_pid}", "--")
    with Target(case.config, case.script, netns=box.init_pid) as target:
        drive.fill(target)
        outcome = drive.run_probe(case, target, prefix)
    check(drive.problems(case, target, outcome), outcome.transcript)
