# SPDX-License-Identifier: LGPL-2.1-or-later
"""`./do compare`: plays the scenarios in a guest with our programs, compares with the transcripts.

    ./do compare [TABLE[/NAME]]...          compare, print each difference
    ./do compare --retake [TABLE]...        take the transcripts anew, with the reference
    ./do compare --accept [TABLE]...        keep what ours prints where it is meant to differ
"""

import concurrent.futures
import os
import pathlib
import shutil
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parents[1]
sys.path.insert(0, str(TESTS))

from beds import uml  # noqa: E402
from differential.collection import Collection, arguments  # noqa: E402
from guest.compare import text  # noqa: E402

SCENARIOS = Collection("guest.compare")
REFERENCE = ("/usr/sbin/iscsiadm", "/usr/sbin/iscsid")
BUILD = pathlib.Path(os.environ.get("BUILD", TESTS.parent / "build")).resolve()
# A guest has one processor, and most of its time is computing.
GUESTS = 2
# The longest that a guest may take.
LIMIT_SECONDS = 500


def ours():
    return (BUILD / "src/iscsiadm/iscsiadm", BUILD / "src/iscsid/iscsid")


def log_directory(programs):
    return BUILD / "guest-compare" / ("reference" if programs == REFERENCE else "ours")


def step_count(chosen):
    return sum(len(case.steps) for case in chosen)


def play(programs, words):
    """Boots guests, as many as share the tables well; {(table, name): text}. Their logs stay in
    log_directory()."""
    with concurrent.futures.ThreadPoolExecutor(GUESTS) as guests:
        parts = [guests.submit(play_in, number, programs, words) for number in range(GUESTS)]
    return {key: said for part in parts for key, said in part.result().items()}


def play_in(guest, programs, words):
    """What play() has the one of its guests do that has this number."""
    logs = log_directory(programs) / f"guest{guest}"
    shutil.rmtree(logs, ignore_errors=True)
    if not words[guest::GUESTS]:
        return {}
    logs.mkdir(parents=True)
    result = uml.run_in_guest(
        ["/usr/bin/python3", "-u", HERE / "stage.py", *programs, *words[guest::GUESTS]],
        timeout=LIMIT_SECONDS, share=logs)
    (logs / "console.log").write_text(result.out, encoding="utf-8")
    played = {}
    for path in logs.glob("*.txt"):
        for name, said in text.split(path.read_text(encoding="utf-8")).items():
            played[path.stem, name] = said
    return played


def difference(table, case, played):
    is_now = played.get((table, case.name), f"not played, see {log_directory(ours())}\n")
    return SCENARIOS.difference(table, case, is_now)


def _compare(words):
    played = play(ours(), words or SCENARIOS.tables())
    chosen = list(SCENARIOS.chosen(words))
    failures = 0
    for table, case in chosen:
        found = difference(table, case, played)
        if found:
            failures += 1
            print(f"**** {table}/{case.name}\n{found}")
    steps = step_count(case for _, case in chosen)
    print(f"{len(chosen)} scenarios, {steps} steps, {failures} scenarios differ")
    return 1 if failures else 0


def _keep(words, retake):
    words = words or SCENARIOS.tables()
    if not retake:
        words = [f"{table}/{case.name}" for table, case in SCENARIOS.chosen(words) if case.differs]
    played = play(REFERENCE if retake else ours(), words)
    for table in sorted({word.partition("/")[0] for word in words}):
        texts = {name: said for (of, name), said in played.items() if of == table}
        SCENARIOS.keep(table, texts, meant_to_differ=not retake)
        print(f"{table}: {len(texts)} scenarios")
    return 0


def main():
    options = arguments("./do compare")
    began = time.monotonic()
    if options.retake or options.accept:
        status = _keep(options.words, options.retake)
    else:
        status = _compare(options.words)
    print(f"{time.monotonic() - began:.0f} s, logs in {BUILD / 'guest-compare'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
