# SPDX-License-Identifier: LGPL-2.1-or-later
"""`./do differential`: plays the scenarios with our programs and compares with the transcripts.

    ./do differential [TABLE[/NAME]]...          compare, print each difference
    ./do differential --retake [TABLE]...        take the transcripts anew, with the reference
    ./do differential --accept [TABLE]...        keep what ours prints where it is meant to differ
"""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from differential import transcript  # noqa: E402
from differential.collection import Collection, arguments  # noqa: E402
from differential.stage import REFERENCE_ADM, Stage  # noqa: E402

SCENARIOS = Collection("differential")
REFERENCE = {"iscsiadm": REFERENCE_ADM, "iscsi-iname": "/usr/sbin/iscsi-iname",
             "iscsi_discovery": "/usr/sbin/iscsi_discovery"}


def ours():
    build = pathlib.Path(os.environ.get("BUILD", HERE.parents[1] / "build"))
    tools = build / "src/tools"
    return {"iscsiadm": build / "src/iscsiadm/iscsiadm", "iscsi-iname": tools / "iscsi-iname",
            "iscsi_discovery": HERE.parents[1] / "src/tools/iscsi_discovery"}


def played(table, case, stage, speaks_json=True):
    return transcript.render(case, stage.play(table, case, speaks_json))


def difference(table, case, stage, speaks_json=True):
    return SCENARIOS.difference(table, case, played(table, case, stage, speaks_json))


def _compare(words):
    lines = failures = count = 0
    with Stage(ours()) as stage:
        for table, case in SCENARIOS.chosen(words):
            count += 1
            lines += len(case.steps)
            text = difference(table, case, stage)
            if text:
                failures += 1
                print(f"**** {table}/{case.name}\n{text}")
    print(f"{count} scenarios, {lines} command lines, {failures} differ")
    return 1 if failures else 0


def _keep(words, retake):
    with Stage(REFERENCE if retake else ours()) as stage:
        for table in words or SCENARIOS.tables():
            texts = {case.name: played(table, case, stage) for case in SCENARIOS.cases(table)
                     if retake or case.differs}
            if texts:
                SCENARIOS.keep(table, texts, meant_to_differ=not retake)
            print(f"{table}: {len(texts)} scenarios")
    return 0


def main():
    options = arguments("./do differential")
    if options.retake or options.accept:
        return _keep(options.words, options.retake)
    return _compare(options.words)


if __name__ == "__main__":
    sys.exit(main())
