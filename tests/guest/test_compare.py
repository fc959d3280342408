# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each scenario of `compare/`, with our programs and the kernel's initiator, does what the
transcripts say. A few guests share the tables; their logs stay in build/guest-compare/ours."""

import functools

import pytest

from beds import uml
from guest.compare import run

ALL = run.SCENARIOS.all()


def _guest_of(table):
    return run.SCENARIOS.tables().index(table) % run.GUESTS


@functools.cache
def _played_by(guest):
    """One guest plays all its tables, as soon as the first of them is asked for."""
    assert uml.available(), "no user-mode-linux"
    return run.play_in(guest, run.ours(), run.SCENARIOS.tables())


@pytest.mark.parametrize("table,case", [
    pytest.param(t, c, marks=pytest.mark.xdist_group(f"compare{_guest_of(t)}"), id=f"{t}/{c.name}")
    for t, c in ALL])
def test_scenario(table, case):
    played = _played_by(_guest_of(table))
    text = run.difference(table, case, played)

    assert not text, f"\n{text}"


def test_enough_is_compared():
    assert run.step_count(case for _, case in ALL) >= 200


def test_every_transcript_has_its_scenario():
    for table in run.SCENARIOS.tables():
        names = {case.name for case in run.SCENARIOS.cases(table)}
        meant = {case.name for case in run.SCENARIOS.cases(table) if case.differs}
        assert set(run.SCENARIOS.reference(table)) == names
        assert set(run.SCENARIOS.ours(table)) == meant


def test_each_difference_is_one_and_is_explained():
    doc = (run.TESTS.parent / "doc/differences.md").read_text(encoding="utf-8")
    for table, case in ALL:
        if case.differs:
            reference = run.SCENARIOS.reference(table)[case.name]
            assert reference != run.SCENARIOS.expected(table, case), case.name
            assert f"## {case.differs}\n" in doc, f"{case.name}: {case.differs}"
