#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`./do bench records`: how commands grow with the database, ours beside Debian's.

    ./do bench records [--records N] [--rounds N]

In each round every command is run once by either program, one right after the other, on the same
database; the table shows medians, the median of the rounds' ratios, and the peak of memory. Exits 1
when a ratio is below what the project promises.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"
sys.path.insert(0, str(TESTS))

from beds.sandbox import Sandbox           # noqa: E402
from records.lab import Lab, PYTHON_ENV, program  # noqa: E402

TARGET = "iqn.2026-11.test:disk{:05}"
PORTAL = "10.0.{}.{}"
ALL = "-m node -o update -n node.startup -v"
NEW = "-m node -T iqn.2026-11.test:new -p 10.9.9.9:3260,1"


@dataclasses.dataclass
class Command:
    words: list
    promise: float        # how many times faster than Debian's ours must be; 0: only told
    undo: list = None     # run, not measured, after each
    flat: bool = False    # must cost the same whatever the size of the database
    rounds_max: int = 100


def commands(count):
    one = f"-m node -T {TARGET.format(count // 2)} -p {portal(count // 2)}:3260"
    return {
        "list all": Command("-m node".split(), 5),
        "show one": Command(one.split(), 50, flat=True),
        "update one": Command(f"{one} -o update -n node.startup -v automatic".split(), 50,
                              flat=True),
        "new for all": Command("-m node -o new".split(), 20, rounds_max=3),
        # Each record is another one than it was: all is written, and ours waits for the disk.
        "renew all": Command("-m node -o new".split(), 0, f"{ALL} automatic".split(), rounds_max=1),
        "update all": Command(f"{ALL} automatic".split(), 0, f"{ALL} manual".split(),
                              rounds_max=1),
        "new": Command(f"{NEW} -o new".split(), 0, f"{NEW} -o delete".split(), flat=True),
        "delete one": Command(f"{NEW} -o delete".split(), 0, f"{NEW} -o new".split(), flat=True),
        "show all": Command("-m node -o show".split(), 0),
        "tree": Command("-m node -P 1".split(), 0),
    }


def portal(number):
    return PORTAL.format(number // 250, number % 250 + 1)


def fill(lab, count):
    """Records as either program makes them, written by hand: 10,000 take a second."""
    lab.forget()
    lab.ours(f"-m node -T {TARGET.format(0)} -p {portal(0)}:3260,1 -o new").ok()
    template = lab.record(TARGET.format(0), f"{portal(0)},3260,1").read_text()
    for number in range(count):
        name, address = TARGET.format(number), portal(number)
        directory = lab.etc / "nodes" / name / f"{address},3260,1"
        directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        (directory / "default").write_text(
            template.replace(TARGET.format(0), name).replace(portal(0), address))
        link = lab.etc / "static" / f"{name},{address},3260,1,default"
        if not link.is_symlink():
            link.symlink_to(f"/etc/iscsi/nodes/{name}/{address},3260,1")


# Inside the sandbox ---------------------------------------------------------------------------


def run_once(words):
    began = time.perf_counter()
    null = os.open(os.devnull, os.O_RDWR)
    pid = os.posix_spawn(words[0], words, os.environ,
                         file_actions=[(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)])
    _, status = os.waitpid(pid, 0)
    os.close(null)
    return time.perf_counter() - began, os.waitstatus_to_exitcode(status)


def measure(job):
    """[[seconds of each program] for each round]; the order changes from round to round."""
    rounds = []
    for number in range(job["rounds"]):
        seconds = [0.0] * len(job["lines"])
        order = list(enumerate(job["lines"]))
        for index, line in order[::-1] if number % 2 else order:
            seconds[index], code = run_once(line["words"])
            assert code == 0, (line, code)
            if line["undo"]:
                assert run_once(line["undo"])[1] == 0, line
        rounds.append(seconds)
    return rounds


def peak_kib(words):
    """Of a whole run. The kernel's own count would include the memory of who started it, so the
    process is held at its end and asked."""
    child = subprocess.Popen(["strace", "-f", "-o", os.devnull, "-e", "trace=exit_group",
                              "-e", "inject=exit_group:delay_enter=100000", *words],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    peak = 0
    while child.poll() is None:
        for pid in _children(child.pid):
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                if os.path.realpath(f"/proc/{pid}/exe") != os.path.realpath(words[0]):
                    continue
            except OSError:
                continue
            match = re.search(r"VmHWM:\s+(\d+)", status)
            peak = max(peak, int(match[1]) if match else 0)
        time.sleep(0.01)
    return peak


def _children(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


def inside():
    job = json.load(sys.stdin)
    peaks = []
    for line in job["lines"]:
        peaks.append(peak_kib(line["words"]))
        if line["undo"]:
            run_once(line["undo"])
    json.dump({"rounds": measure(job), "peaks": peaks}, sys.stdout)


# Outside --------------------------------------------------------------------------------------


def compare(lab, command, rounds, programs=("ours", "debian")):
    lines = []
    for who in programs:
        path = str(program(who))
        lines.append({"words": [path, *command.words],
                      "undo": [path, *command.undo] if command.undo else None})
    if command.undo and "delete" in command.words:
        lab.ours(command.undo).ok()
    done = lab.box.run([sys.executable, str(HERE / "records.py"), "--inside"], 1800,
                       env=PYTHON_ENV, stdin=json.dumps({"lines": lines, "rounds": min(rounds, command.rounds_max)})).ok()
    lab.ours(f"{NEW} -o delete")
    return json.loads(done.out)


def row(name, command, result):
    ours, debian = (statistics.median(r[i] for r in result["rounds"]) for i in (0, 1))
    ratio = statistics.median(r[1] / r[0] for r in result["rounds"])
    kept = ratio >= command.promise and (
        not command.promise or result["peaks"][0] < result["peaks"][1])
    print(f"{name:<12}{ours * 1000:>10.2f}{debian * 1000:>11.2f}{ratio:>9.1f}{command.promise:>9}"
          f"{result['peaks'][0]:>9}{result['peaks'][1]:>9}  {'' if kept else 'MISSED'}", flush=True)
    return kept


def flatness(lab, count, rounds):
    """Ours alone, by sizes: the cost of one record must not depend on how many there are."""
    sizes = sorted({10, 1000, count})
    medians = {}
    for size in sizes:
        fill(lab, size)
        for name, command in commands(size).items():
            if command.flat:
                result = compare(lab, command, rounds * 4, programs=("ours",))
                medians.setdefault(name, []).append(
                    statistics.median(r[0] for r in result["rounds"]))
    print(f"\n{'ours, ms, by records':<24}" + "".join(f"{size:>9}" for size in sizes)
          + f"{'last/first':>12}")
    kept = True
    for name, values in medians.items():
        growth = values[-1] / values[0]
        kept &= growth < 1.5
        print(f"{name:<24}" + "".join(f"{v * 1000:>9.2f}" for v in values) + f"{growth:>12.2f}"
              + ("" if growth < 1.5 else "  MISSED"), flush=True)
    return kept


def main():
    parser = argparse.ArgumentParser(prog="./do bench records")
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside()
        return 0
    kept = True
    with Sandbox("bench") as box:
        # On a disk, as /etc/iscsi is: there the syncs count, those of ours and those that the file
        # system does by itself when a file is emptied and rewritten.
        disk = box.dir / "etc"
        disk.mkdir()
        box.run(["mount", "--bind", disk, "/etc/iscsi"]).ok()
        lab = Lab(box)
        fill(lab, options.records)
        print(f"{options.records} records, {options.rounds} rounds; peaks in KiB")
        print(f"{'':<12}{'ours, ms':>10}{'debian, ms':>11}{'ratio':>9}{'at least':>9}"
              f"{'peak':>9}{'debian':>9}")
        for name, command in commands(options.records).items():
            kept &= row(name, command, compare(lab, command, options.rounds))
        kept &= flatness(lab, options.records, options.rounds)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
