# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each scenario, with our programs, does what the transcripts say."""

import os

import pytest

from differential import run
from differential.stage import Stage
from guest.compare import run as guest

ALL = run.SCENARIOS.all()


@pytest.fixture(scope="module")
def stage():
    if os.geteuid() != 0:
        pytest.skip("needs root for namespaces")
    missing = [str(path) for path in run.ours().values() if not os.path.exists(path)]
    if missing:
        pytest.skip(f"not built: {', '.join(missing)}")
    with Stage(run.ours()) as running:
        yield running


@pytest.mark.parametrize("table,case", ALL, ids=[f"{t}/{c.name}" for t, c in ALL])
def test_scenario(table, case, stage):
    text = run.difference(table, case, stage)

    assert not text, f"\n{text}"


# The kernel's sessions are all that the reference's iscsid has.
WITH_DAEMON = [(table, case) for table, case in ALL if case.daemon and case.daemon.kernel]


@pytest.mark.parametrize("table,case", WITH_DAEMON, ids=[f"{t}/{c.name}" for t, c in WITH_DAEMON])
def test_scenario_with_the_references_iscsid(table, case, stage):
    text = run.difference(table, case, stage, speaks_json=False)

    assert not text, f"\n{text}"


def test_every_transcript_has_its_scenario():
    for table in run.SCENARIOS.tables():
        cases = run.SCENARIOS.cases(table)
        assert set(run.SCENARIOS.reference(table)) <= {c.name for c in cases}, table
        assert set(run.SCENARIOS.ours(table)) <= {c.name for c in cases if c.differs}, table


def test_each_difference_is_one():
    for table, case in ALL:
        if case.differs:
            reference = run.SCENARIOS.reference(table)[case.name]
            expected = run.SCENARIOS.expected(table, case)
            assert reference != expected, f"{table}/{case.name} differs no more"


def test_each_difference_is_explained():
    text = (run.HERE.parents[1] / "doc/differences.md").read_text(encoding="utf-8")
    for table, case in ALL:
        if case.differs:
            assert f"## {case.differs}\n" in text, f"{table}/{case.name}: {case.differs}"


def test_each_explanation_has_its_scenario():
    text = (run.HERE.parents[1] / "doc/differences.md").read_text(encoding="utf-8")
    named = {line[3:] for line in text.splitlines() if line.startswith("## ")}
    in_guests = {case.differs for _, case in guest.SCENARIOS.all()}
    assert named == ({case.differs for _, case in ALL} | in_guests) - {""}
