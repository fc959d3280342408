# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each scenario of `compare/`, with our programs and the kernel's initiator, does what the
transcripts say. One guest plays all; its logs stay in build/guest-compare/ours."""

import pytest

from beds import uml
from guest.compare import run

ALL = [(table, case) for table in run.tables() for case in run.cases(table)]


@pytest.fixture(scope="module")
def played():
    assert uml.available(), "no user-mode-linux"
    return run.play(run.ours(), run.tables())


@pytest.mark.parametrize("table,case", ALL, ids=[f"{t}/{c.name}" for t, c in ALL])
def test_scenario(table, case, played):
    text = run.difference(table, case, played)

    assert not text, f"\n{text}"


def test_enough_is_compared():
    assert run.step_count(case for _, case in ALL) >= 200


def test_every_transcript_has_its_scenario():
    for table in run.tables():
        names = {case.name for case in run.cases(table)}
        meant = {case.name for case in run.cases(table) if case.differs}
        assert set(run.kept(run.transcript_file(table))) == names
        assert set(run.kept(run.HERE / "ours" / f"{table}.txt")) == meant


def test_each_difference_is_one_and_is_explained():
    doc = (run.TESTS.parent / "doc/differences.md").read_text(encoding="utf-8")
    for table, case in ALL:
        if case.differs:
            reference = run.kept(run.transcript_file(table))[case.name]
            assert reference != run.kept(run.transcript_file(table, case))[case.name], case.name
            assert f"## {case.differs}\n" in doc, f"{case.name}: {case.differs}"
