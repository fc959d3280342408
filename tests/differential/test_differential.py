# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each scenario, with our programs, does what the transcripts say."""

import os

import pytest

from differential import run
from differential.stage import Stage
from guest.compare import run as guest

ALL = [(table, case) for table in run.tables() for case in run.cases(table)]


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
    for table in run.tables():
        for kind in ("transcripts", "ours"):
            path = run.HERE / kind / f"{table}.txt"
            if path.exists():
                names = {c.name for c in run.cases(table) if kind == "transcripts" or c.differs}
                kept = run.transcript.split(path.read_text(encoding="utf-8"))
                assert set(kept) <= names, f"{path}: left over: {set(kept) - names}"


def test_each_difference_is_one():
    for table, case in ALL:
        if case.differs:
            path = run.HERE / "transcripts" / f"{table}.txt"
            reference = run.transcript.split(path.read_text(encoding="utf-8"))[case.name]
            assert reference != run.expected(table, case), f"{table}/{case.name} differs no more"


def test_each_difference_is_explained():
    text = (run.HERE.parents[1] / "doc/differences.md").read_text(encoding="utf-8")
    for table, case in ALL:
        if case.differs:
            assert f"## {case.differs}\n" in text, f"{table}/{case.name}: {case.differs}"


def test_each_explanation_has_its_scenario():
    text = (run.HERE.parents[1] / "doc/differences.md").read_text(encoding="utf-8")
    named = {line[3:] for line in text.splitlines() if line.startswith("## ")}
    in_guests = {case.differs for table in guest.tables() for case in guest.cases(table)}
    assert named == ({case.differs for _, case in ALL} | in_guests) - {""}
