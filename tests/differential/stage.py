# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private machine in which scenarios are played one after the other, milliseconds each.

One process in mount, network and process namespaces of its own, driven over pipes. Before each
scenario /etc/iscsi, /run and /sys are mounted afresh (empty tmpfs), so that scenarios cannot see
each other and directory order is the order of creation.
"""

import ctypes
import importlib
import os
import pathlib
import pickle
import shlex
import signal
import struct
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))

from differential import states, tree          # noqa: E402
from differential.case import Outcome, Step    # noqa: E402
from differential.daemon import Daemon         # noqa: E402
from differential.target import ScriptedTarget  # noqa: E402

_VOLATILE = ("/etc/iscsi", "/run", "/sys")
_MNT_DETACH = 2
# The reference has only the kernel's sessions.
REFERENCE_ADM = "/usr/sbin/iscsiadm"


class Stage:
    """The driver's end. `programs` maps names of commands to files."""

    def __init__(self, programs):
        self._child = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
             sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._send({name: str(path) for name, path in programs.items()})

    def play(self, table, case, speaks_json=True):
        """`speaks_json`: whether the stand-in for iscsid is like ours, or like the reference."""
        self._send((table, case.name, speaks_json))
        result = self._receive()
        if isinstance(result, Exception):
            raise result
        return result

    def close(self):
        self._child.stdin.close()
        self._child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _send(self, value):
        _write(self._child.stdin, value)

    def _receive(self):
        return _read(self._child.stdout)


def _write(pipe, value):
    data = pickle.dumps(value)
    pipe.write(struct.pack("<I", len(data)) + data)
    pipe.flush()


def _read(pipe):
    size = pipe.read(4)
    if len(size) < 4:
        raise EOFError
    return pickle.loads(pipe.read(struct.unpack("<I", size)[0]))


# The stage's own process ---------------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)


def _mount_tmpfs(path):
    if _libc.mount(b"stage", path.encode(), b"tmpfs", 0, b"mode=755"):
        raise OSError(ctypes.get_errno(), f"mount {path}")


def _fresh_machine():
    for path in _VOLATILE:
        _libc.umount2(path.encode(), _MNT_DETACH)
        _mount_tmpfs(path)


def _play(case, programs, speaks_json):
    is_reference = programs["iscsiadm"] == REFERENCE_ADM
    _fresh_machine()
    machine = states.Machine()
    states.base(machine)
    for build in case.state:
        build(machine)
    daemon = None
    if case.daemon:
        daemon = Daemon(case.daemon, in_sysfs=is_reference or case.daemon.kernel,
                        speaks_json=speaks_json)
    target = ScriptedTarget(case.target) if case.target else None
    before = tree.snapshot()
    try:
        steps = [_run(line, case, programs) for line in case.steps]
    finally:
        for helper in (daemon, target):
            if helper:
                helper.close()
    return Outcome(steps, tree.changes(before, tree.snapshot()))


def _run(line, case, programs):
    if line.startswith("sh:"):
        args, program = ["sh", "-c", line[3:]], "/bin/sh"
    else:
        args = shlex.split(line)
        program = programs[args[0]]
    folders = dict.fromkeys(str(pathlib.Path(path).parent) for path in programs.values())
    environment = {"LC_ALL": "C", "PATH": ":".join([*folders, "/usr/bin", "/bin"])}
    child = subprocess.Popen(args, executable=program, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                             cwd="/", start_new_session=True)
    try:
        out, err = child.communicate(case.stdin.encode(), case.seconds)
        rc = child.returncode
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        rc = f"killed after {case.seconds} s"
    return Step(line, rc, out.decode("utf-8", "backslashreplace"),
                err.decode("utf-8", "backslashreplace"))


def _main():
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else may write into the answers
    os.umask(0o022)
    programs = _read(requests)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    while True:
        try:
            table, name, speaks_json = _read(requests)
        except EOFError:
            return
        module = importlib.import_module(f"differential.cases.{table}")
        case = next(c for c in module.CASES if c.name == name)
        try:
            _write(answers, _play(case, programs, speaks_json))
        except Exception as error:  # reported where the scenario was asked for
            _write(answers, RuntimeError(f"{table}/{name}: {error!r}"))


if __name__ == "__main__":
    _main()
