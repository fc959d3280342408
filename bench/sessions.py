#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`./do bench sessions`: many sessions of the kernel's initiator, ours beside Debian's programs.

    ./do bench sessions [--sessions N] [--rounds N] [--ours] [--memory MIB]

Boots one guest with LIO, N targets on one portal. In each round either pair of programs logs in to
all, lists them, has its iscsid restarted, and logs out. The table shows medians; exits 1 when a
ratio is below what the project promises. With --ours there is nobody to compare with, only numbers.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"
sys.path.insert(0, str(TESTS))

from beds import uml                     # noqa: E402
from beds.initiator import SOCKET_NAME, find_program   # noqa: E402
from beds.proc import listens, wait_for  # noqa: E402

PORTAL = "127.0.0.1:3260"
DEBIAN = {name: f"/usr/sbin/{name}" for name in ("iscsiadm", "iscsid")}
# What either pair does, and how many times faster than Debian's ours must be.
PROMISES = {"login": 5, "show": 5, "restart": 5, "logout": 4}
# Resident memory of iscsid with 100 sessions: at most this part of Debian's.
MEMORY_PART = 0.25
_PATIENCE_SECONDS = 300


# Inside the guest -----------------------------------------------------------------------------


class FirstNamespace:
    """Stands for a sandbox where only its network namespace is asked for."""
    init_pid = 1


def make_targets(count):
    """Their disks are sparse files of a megabyte."""
    from beds.lio import Lio
    from beds.tgtd import Lun, Target
    for module in ("sd_mod", "iscsi_tcp"):
        subprocess.run(["modprobe", module], check=True)
    targets = [Target(f"iqn.2026-11.test:t{n:04}", [Lun(pathlib.Path(f"/dev/shm/t{n:04}"), "1M")])
               for n in range(count)]
    Lio(FirstNamespace(), targets, PORTAL).start()


class Pair:
    """iscsiadm and iscsid of one kind, in an /etc/iscsi of their own."""

    def __init__(self, programs, count):
        self._programs = programs
        self._count = count
        subprocess.run(["umount", "-q", "/etc/iscsi"], check=False)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/etc/iscsi"], check=True)
        etc = pathlib.Path("/etc/iscsi")
        (etc / "initiatorname.iscsi").write_text("InitiatorName=iqn.2026-11.test:bench\n")
        (etc / "iscsid.conf").write_text("node.startup = manual\n")
        self._start()
        self.adm("-m discovery -t st -p " + PORTAL)

    def _start(self):
        # A session of its own: the reference's signals its whole process group when it ends.
        with open("/out/iscsid.log", "ab") as log:
            self.iscsid = subprocess.Popen([self._programs["iscsid"], "-f"], stdout=log,
                                           stderr=log, start_new_session=True)
        wait_for(lambda: listens(SOCKET_NAME), _PATIENCE_SECONDS, "iscsid")

    def adm(self, line):
        result = subprocess.run([self._programs["iscsiadm"], *line.split()], check=False,
                                capture_output=True, text=True)
        if result.returncode:
            raise AssertionError(f"{line}: {result.returncode}\n{result.stderr[-2000:]}")
        return result.stdout

    def _all_usable(self):
        """As our iscsiadm sees it with either iscsid."""
        result = subprocess.run([find_program("iscsiadm"), *"-m session -P 1".split()],
                                check=False, capture_output=True, text=True)
        return (result.stdout.count("iSCSI Session State: LOGGED_IN\n") == self._count
                and result.stdout.count("Internal iscsid Session State: NO CHANGE\n")
                == self._count)

    def _restart(self):
        self.end()  # with SIGTERM sessions stay
        self._start()
        wait_for(self._all_usable, _PATIENCE_SECONDS, "all sessions after a restart", step=0.1)

    def round(self):
        """{what: seconds}"""
        found = {}
        self._time(found, "login", lambda: self.adm("-m node -l"))
        assert len(os.listdir("/sys/class/iscsi_session")) == self._count
        for _ in range(3):  # the last one counts
            self._time(found, "show", lambda: self.adm("-m session -P 3"))
        status = pathlib.Path(f"/proc/{self.iscsid.pid}/status").read_text()
        found["rss"] = int(re.search(r"VmRSS:\s+(\d+)", status)[1])
        self._time(found, "restart", self._restart)
        self._time(found, "logout", lambda: self.adm("-m node -u"))
        assert not os.listdir("/sys/class/iscsi_session")
        return found

    @staticmethod
    def _time(found, what, work):
        began = time.perf_counter()
        work()
        found[what] = time.perf_counter() - began
        with open("/out/progress", "a") as file:
            file.write(f"{what} {found[what]:.2f}\n")

    def end(self):
        self.iscsid.terminate()
        self.iscsid.wait()


def inside(options):
    """Leaves {who: [round]} in the shared directory."""
    subprocess.run(["dmesg", "-n", "1"], check=False)
    make_targets(options.sessions)
    ours = {name: str(find_program(name)) for name in DEBIAN}
    rounds = {}
    for _ in range(options.rounds):
        for who, programs in {"ours": ours, "debian": DEBIAN}.items():
            if who == "debian" and options.ours:
                continue
            pair = Pair(programs, options.sessions)
            rounds.setdefault(who, []).append(pair.round())
            pair.end()
            # Each as it comes: a guest may hang.
            pathlib.Path("/out/rounds.json").write_text(json.dumps(rounds))


# Outside --------------------------------------------------------------------------------------


def report(rounds):
    """Prints the table; whether all promises are kept."""
    def median(who, what):
        return statistics.median(r[what] for r in rounds[who]) if who in rounds else None
    print(f"{'':<12}{'ours':>10}{'debian':>10}{'ratio':>8}{'at least':>10}")
    kept = True
    for what, promise in PROMISES.items():
        mine, theirs = median("ours", what), median("debian", what)
        line = f"{what + ', s':<12}{mine:>10.2f}"
        if theirs is not None:
            fine = theirs / mine >= promise
            kept &= fine
            line += f"{theirs:>10.2f}{theirs / mine:>8.1f}{promise:>10}{'' if fine else '  MISSED'}"
        print(line)
    mine, theirs = median("ours", "rss"), median("debian", "rss")
    line = f"{'memory, KiB':<12}{mine:>10.0f}"
    if theirs is not None:
        fine = mine <= theirs * MEMORY_PART
        kept &= fine
        line += f"{theirs:>10.0f}{theirs / mine:>8.1f}{1 / MEMORY_PART:>10.0f}"
        line += "" if fine else "  MISSED"
    print(line)
    return kept


def main():
    parser = argparse.ArgumentParser(prog="./do bench sessions")
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ours", action="store_true", help="without Debian's")
    parser.add_argument("--memory", type=int, default=1024, help="MiB of the guest")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options)
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-sessions-") as share:
        result = uml.run_in_guest([sys.executable, "-u", __file__, "--inside", *sys.argv[1:]],
                                  timeout=1800, memory_mib=options.memory, share=share,
                                  env={"BUILD": os.environ.get("BUILD", HERE.parent / "build")})
        found = pathlib.Path(share) / "rounds.json"
        if not found.exists():
            log = pathlib.Path(share) / "iscsid.log"
            print(result.out[-6000:], log.read_text()[-3000:] if log.exists() else "", sep="\n")
            return 1
        print(f"{options.sessions} sessions, {options.rounds} rounds, {result.seconds:.0f} s")
        kept = report(json.loads(found.read_text()))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
