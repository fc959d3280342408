# SPDX-License-Identifier: LGPL-2.1-or-later
"""`./do differential`: plays the scenarios with our programs and compares with the transcripts.

    ./do differential [TABLE[/NAME]]...          compare, print each difference
    ./do differential --retake [TABLE]...        take the transcripts anew, with the reference
    ./do differential --accept [TABLE]...        keep what ours prints where it is meant to differ
"""

import argparse
import difflib
import importlib
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from differential import transcript      # noqa: E402
from differential.stage import REFERENCE_ADM, Stage  # noqa: E402

REFERENCE = {"iscsiadm": REFERENCE_ADM, "iscsi-iname": "/usr/sbin/iscsi-iname",
             "iscsi_discovery": "/usr/sbin/iscsi_discovery"}


def ours():
    build = pathlib.Path(os.environ.get("BUILD", HERE.parents[1] / "build"))
    tools = build / "src/tools"
    return {"iscsiadm": build / "src/iscsiadm/iscsiadm", "iscsi-iname": tools / "iscsi-iname",
            "iscsi_discovery": HERE.parents[1] / "src/tools/iscsi_discovery"}


def tables():
    return sorted(path.stem for path in (HERE / "cases").glob("*.py") if path.stem != "__init__")


def cases(table):
    found = importlib.import_module(f"differential.cases.{table}").CASES
    names = [case.name for case in found]
    assert len(set(names)) == len(names), f"{table}: a name is used twice"
    return found


def transcript_file(table, case=None):
    """Where what a scenario must do is kept: the reference's doing, unless ours means to differ."""
    return HERE / ("ours" if case and case.differs else "transcripts") / f"{table}.txt"


def expected(table, case):
    path = transcript_file(table, case)
    texts = transcript.split(path.read_text(encoding="utf-8")) if path.exists() else {}
    return texts.get(case.name, "")


def difference(table, case, stage, speaks_json=True):
    """Unified diff from what must be to what is; empty when they are equal."""
    is_now = transcript.render(case, stage.play(table, case, speaks_json))
    must_be = expected(table, case)
    return "".join(difflib.unified_diff(must_be.splitlines(True), is_now.splitlines(True),
                                        "must be", "is", n=2))


def retake(table, stage):
    texts = [transcript.render(case, stage.play(table, case)) for case in cases(table)]
    transcript_file(table).parent.mkdir(exist_ok=True)
    transcript_file(table).write_text("\n".join(texts), encoding="utf-8")
    return len(texts)


def accept(table, stage):
    chosen = [case for case in cases(table) if case.differs]
    if chosen:
        path = transcript_file(table, chosen[0])
        path.parent.mkdir(exist_ok=True)
        texts = [transcript.render(case, stage.play(table, case)) for case in chosen]
        path.write_text("\n".join(texts), encoding="utf-8")
    return len(chosen)


def _chosen(words):
    """(table, case) for each word TABLE or TABLE/NAME; all without words."""
    for word in words or tables():
        table, _, name = word.partition("/")
        for case in cases(table):
            if not name or case.name == name:
                yield table, case


def compare(words):
    lines = failures = count = 0
    with Stage(ours()) as stage:
        for table, case in _chosen(words):
            count += 1
            lines += len(case.steps)
            text = difference(table, case, stage)
            if text:
                failures += 1
                print(f"**** {table}/{case.name}\n{text}")
    print(f"{count} scenarios, {lines} command lines, {failures} differ")
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(prog="./do differential")
    parser.add_argument("--retake", action="store_true")
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    if not options.retake and not options.accept:
        return compare(options.words)
    with Stage(REFERENCE if options.retake else ours()) as stage:
        for table in options.words or tables():
            count = (retake if options.retake else accept)(table, stage)
            print(f"{table}: {count} scenarios")
    return 0


if __name__ == "__main__":
    sys.exit(main())
