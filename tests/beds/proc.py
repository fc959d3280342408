# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small things every bed needs: results of commands, deadlines, counters of a process."""

import dataclasses
import os
import pathlib
import time


class BedError(AssertionError):
    """A bed did not do what it promises (an assertion, so pytest shows it as a failure)."""


@dataclasses.dataclass
class Result:
    """What a finished command left behind."""

    args: list
    rc: int
    out: str
    err: str
    seconds: float

    def ok(self):
        """Returns itself when the command succeeded, else raises with all it said."""
        if self.rc != 0:
            raise BedError(str(self))
        return self

    def __str__(self):
        return (f"$ {' '.join(map(str, self.args))}\n"
                f"[rc={self.rc} after {self.seconds:.2f} s]\n"
                f"--- stdout\n{self.out}--- stderr\n{self.err}")


def wait_for(check, seconds, what, step=0.02):
    """Calls check() until it returns something true, and returns that.

    Gives up with BedError(what) after `seconds`. For conditions without an event to wait on.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise BedError(f"waited {seconds} s in vain for {what() if callable(what) else what}")
        time.sleep(step)


def processes():
    """(pid, command name, the fields of its stat that follow: [0] state, [1] parent) of each
    process; one that ends while it is looked at is left out."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        before, _, after = text.rpartition(")")
        yield int(stat.parent.name), before.partition("(")[2], after.split()


def exists(pid):
    """True while the process lives (a zombie does not)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def listens(name, pid="self"):
    """True when somebody listens on the abstract socket `name` in the network namespace of pid.

    A socket has its name before it listens, and refuses whoever comes in between.
    """
    with open(f"/proc/{pid}/net/unix", encoding="ascii") as f:
        fields = [line.split() for line in f]
    return any(line[3] == "00010000" and line[-1] == f"@{name}" for line in fields[1:])


@dataclasses.dataclass
class Footprint:
    """What a process holds: open descriptors, threads, memory that is its own (KiB)."""

    fds: int
    threads: int
    anon_kib: int

    @staticmethod
    def of(pid):
        fds = len(os.listdir(f"/proc/{pid}/fd"))
        fields = {}
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            for line in f:
                key, _, value = line.partition(":")
                fields[key] = value.split()
        return Footprint(fds, int(fields["Threads"][0]), int(fields["RssAnon"][0]))
