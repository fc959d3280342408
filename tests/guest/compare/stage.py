# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs in the guest, as its only work: plays tables of scenarios with one pair of programs.

    stage.py ISCSIADM ISCSID TABLE...    leaves OUT/TABLE.txt, in the form of the transcripts

Each scenario begins without sessions, with a fresh /etc/iscsi and a fresh daemon.
"""

import importlib
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS))

from beds.initiator import SOCKET_NAME              # noqa: E402
from beds.proc import listens                        # noqa: E402
from differential import states, tree                  # noqa: E402
from guest.compare import text                         # noqa: E402
from guest.compare.case import Outcome, Step           # noqa: E402
from guest.compare.view import Names, sessions, snapshot   # noqa: E402
from guest.compare.world import PREFIX, World   # noqa: E402

OUT = pathlib.Path("/out")
_SETTLED_SECONDS = 0.1   # nothing changes for so long: the work is done
_PATIENCE_SECONDS = 20
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"}


def wait(done, what):
    limit = time.monotonic() + _PATIENCE_SECONDS
    while not done():
        if time.monotonic() > limit:
            raise TimeoutError(what)
        time.sleep(0.02)


class Daemon:
    def __init__(self, program, log):
        self._program = program
        self._log = open(log, "ab", buffering=0)
        self._process = None

    def say(self, line):
        self._log.write(f"== {line}\n".encode())

    @property
    def running(self):
        return self._process is not None

    def start(self):
        self._process = subprocess.Popen([self._program, "-f"], stdin=subprocess.DEVNULL,
                                         stdout=self._log, stderr=self._log, env=_ENVIRONMENT,
                                         start_new_session=True)  # its end is not the stage's
        wait(lambda: listens(SOCKET_NAME), "the daemon")

    def end(self, number):
        """The daemon dies; its sessions live."""
        if self._process:
            os.kill(self._process.pid, number)
            self._process.wait()
            self._process = None

    def stop(self):
        self.end(signal.SIGTERM)

    def kill(self):
        self.end(signal.SIGKILL)


class Stage:
    def __init__(self, iscsiadm, iscsid):
        self._iscsiadm = iscsiadm
        self._daemon = Daemon(iscsid, OUT / "iscsid.log")
        self._world = World()
        self._names = None

    def play(self, case):
        self._daemon.say(case.name)
        self._fresh_files(case)
        undo = self._world.tuned(case.targets)
        before = tree.snapshot()
        self._names = Names()
        if case.daemon:
            self._daemon.start()
        try:
            steps = [self._step(line, case) for line in case.steps]
            outcome = Outcome(steps, tree.changes(before, tree.snapshot()))
        finally:
            self._end_sessions()
            self._daemon.kill()
            undo()
        return outcome

    @staticmethod
    def _fresh_files(case):
        subprocess.run(["umount", "-q", "/etc/iscsi"], check=False)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/etc/iscsi"], check=True)
        pathlib.Path("/run/lock/iscsi").mkdir(parents=True, exist_ok=True)
        machine = states.Machine()
        machine.conf.update(case.conf)
        machine.write(states.ETC / "initiatorname.iscsi", "InitiatorName=iqn.2026-11.test:init\n")
        states.write_conf(machine)
        for name, keys in case.ifaces.items():
            states.iface(name, **keys)(machine)
        for record in case.records:
            Stage._record(record, case)(machine)

    @staticmethod
    def _record(text, case):
        name, _, where = text.partition("@")
        address, port, tpgt, iface = (where.split(",") + ["3260", "1", "default"][
            where.count(","):])
        bound = {f"iface.{key}": value for key, value in case.ifaces.get(iface, {}).items()}
        return states.node(PREFIX + name, address, int(port), int(tpgt), iface, "",
                           keys=bound | case.keys)

    def _end_sessions(self):
        """Whatever the scenario left running. The daemon may have been stopped by it."""
        if not sessions():
            return
        if not self._daemon.running:
            self._daemon.start()

        def ended():
            self._run([self._iscsiadm, "-m", "session", "-u"], 60)
            return not sessions()
        wait(ended, "sessions to end")

    def _step(self, line, case):
        quiet = line.startswith("quiet:")
        plain = line.removeprefix("quiet:").strip()
        rc, out, err = self._do(plain, case)
        changes = "" if quiet else self._look()
        hosts = "-m host" in plain
        return Step(line, rc, self._names.normalise(out, hosts),
                    self._names.normalise(err, hosts), changes)

    def _do(self, line, case):
        for word, value in self._names.words().items():
            line = line.replace("{" + word + "}", value)
        kind, _, rest = line.partition(":")
        if kind == "sh":
            return self._run(["bash", "-c", rest], case.seconds)
        if kind == "daemon":
            getattr(self._daemon, rest.strip())()
        elif kind == "await":
            wait(lambda: self._names.ready(int(rest)), line)
        else:
            args = shlex.split(line)
            assert args[0] == "iscsiadm", line
            return self._run([self._iscsiadm, *args[1:]], case.seconds)
        return 0, "", ""

    @staticmethod
    def _run(args, seconds):
        child = subprocess.Popen(["iscsiadm" if args[0].endswith("iscsiadm") else args[0],
                                  *args[1:]], executable=None if args[0] == "bash" else args[0],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, env=_ENVIRONMENT, cwd="/",
                                 start_new_session=True)
        try:
            out, err = child.communicate(timeout=seconds)
            rc = child.returncode
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out, err = child.communicate()
            rc = f"killed after {seconds} s"
        return rc, out.decode("utf-8", "backslashreplace"), err.decode("utf-8",
                                                                       "backslashreplace")

    def _look(self):
        """What changed, once nothing changes any more: disks get their queue depth after iscsiadm
        has returned from a login."""
        last, now = self._names.seen(), snapshot()
        while now != last:
            time.sleep(_SETTLED_SECONDS)
            last, now = now, snapshot()
        return self._names.look()


def main():
    iscsiadm, iscsid, *tables = sys.argv[1:]
    subprocess.run(["dmesg", "-n", "1"], check=False)
    stage = Stage(iscsiadm, iscsid)
    for word in tables:
        table, _, name = word.partition("/")
        module = importlib.import_module(f"guest.compare.cases.{table}")
        with open(OUT / f"{table}.txt", "a", encoding="utf-8") as file:
            for case in module.CASES:
                if name and case.name != name:
                    continue
                began = time.monotonic()
                try:
                    file.write(text.render(case, stage.play(case)))
                except Exception as error:  # of this scenario; the next ones are played
                    file.write(f"==== {case.name}\n{error!r}\n")
                file.flush()
                print(f"{table}/{case.name} {time.monotonic() - began:.1f} s", flush=True)
    with open(OUT / "dmesg.log", "wb") as file:
        subprocess.run(["dmesg"], stdout=file, check=False)


if __name__ == "__main__":
    main()
