# SPDX-License-Identifier: LGPL-2.1-or-later
"""`./do compare`: plays the scenarios in a guest with our programs, compares with the transcripts.

    ./do compare [TABLE[/NAME]]...          compare, print each difference
    ./do compare --retake [TABLE]...        take the transcripts anew, with the reference
    ./do compare --accept [TABLE]...        keep what ours prints where it is meant to differ
"""

import argparse
import concurrent.futures
import difflib
import importlib
import os
import pathlib
import shutil
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parents[1]
sys.path.insert(0, str(TESTS))

from beds import uml             # noqa: E402
from guest.compare import text   # noqa: E402

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


def tables():
    return sorted(path.stem for path in (HERE / "cases").glob("*.py") if path.stem != "__init__")


def cases(table):
    found = importlib.import_module(f"guest.compare.cases.{table}").CASES
    names = [case.name for case in found]
    assert len(set(names)) == len(names), f"{table}: a name is used twice"
    return found


def step_count(chosen):
    return sum(len(case.steps) for case in chosen)


def play(programs, words):
    """Boots guests, as many as share the tables well; {(table, name): text}. Their logs stay in
    log_directory()."""
    logs = log_directory(programs)
    shutil.rmtree(logs, ignore_errors=True)
    with concurrent.futures.ThreadPoolExecutor(GUESTS) as guests:
        parts = [guests.submit(_play, programs, words[number::GUESTS], logs / f"guest{number}")
                 for number in range(min(GUESTS, len(words)))]
    return {key: said for part in parts for key, said in part.result().items()}


def _play(programs, words, logs):
    logs.mkdir(parents=True)
    result = uml.run_in_guest(["/usr/bin/python3", "-u", HERE / "stage.py", *programs, *words],
                              timeout=LIMIT_SECONDS, share=logs)
    (logs / "console.log").write_text(result.out, encoding="utf-8")
    played = {}
    for path in logs.glob("*.txt"):
        for name, said in text.split(path.read_text(encoding="utf-8")).items():
            played[path.stem, name] = said
    return played


def transcript_file(table, case=None):
    return HERE / ("ours" if case and case.differs else "transcripts") / f"{table}.txt"


def kept(path):
    return text.split(path.read_text(encoding="utf-8")) if path.exists() else {}


def difference(table, case, played):
    """Unified diff from what must be to what is; empty when they are equal."""
    must_be = kept(transcript_file(table, case)).get(case.name, "")
    is_now = played.get((table, case.name), f"not played, see {log_directory(ours())}\n")
    return "".join(difflib.unified_diff(must_be.splitlines(True), is_now.splitlines(True),
                                        "must be", "is", n=2))


def _chosen(words):
    for word in words or tables():
        table, _, name = word.partition("/")
        for case in cases(table):
            if not name or case.name == name:
                yield table, case


def _compare(words):
    played = play(ours(), words or tables())
    chosen = list(_chosen(words))
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
    words = words or tables()
    programs = REFERENCE if retake else ours()
    if not retake:
        words = [f"{table}/{case.name}" for table, case in _chosen(words) if case.differs]
    played = play(programs, words)
    for table in sorted({word.partition("/")[0] for word in words}):
        chosen = [case for case in cases(table) if retake or case.differs]
        if not chosen:
            continue
        path = transcript_file(table, None if retake else chosen[0])
        path.parent.mkdir(exist_ok=True)
        texts = kept(path) | {name: said for (of, name), said in played.items() if of == table}
        path.write_text("\n".join(texts[case.name] for case in chosen), encoding="utf-8")
        print(f"{table}: {len(chosen)} scenarios")
    return 0


def main():
    parser = argparse.ArgumentParser(prog="./do compare")
    parser.add_argument("--retake", action="store_true")
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    began = time.monotonic()
    if options.retake or options.accept:
        status = _keep(options.words, options.retake)
    else:
        status = _compare(options.words)
    print(f"{time.monotonic() - began:.0f} s, logs in {BUILD / 'guest-compare'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
