# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine of its own for a test, made of namespaces.

Private in it: network (only `lo`, so every port and every abstract socket is free), processes,
and the directories /run, /etc/iscsi and /dev/disk (empty tmpfs each). Everything else is the
host's. Closing the sandbox kills whatever still runs in it, and detaches the loop devices that
stood on files of its file systems.

    with Sandbox() as box:
        box.run(["ip", "addr"]).ok()
"""

import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from beds.proc import BedError, Result, wait_for

# Process 1 of the sandbox. It reaps orphans by ignoring SIGCHLD, and ends when the pipe to the
# test closes, be it by close() or because the test died; the kernel then kills all others.
_INIT = r"""
import os, signal, subprocess, sys
def sh(*args): subprocess.run(args, check=True)
os.makedirs('/dev/disk', exist_ok=True)
for path in ('/run', '/etc/iscsi', '/dev/disk'):
    sh('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', path)
os.makedirs('/run/lock/iscsi')
sh('ip', 'link', 'set', 'lo', 'up')
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print('ready', flush=True)
sys.stdin.read()
"""

_LOOP_CLR_FD = 0x4C01


class Process:
    """A command started in a sandbox. `pid` is its own, seen from the host."""

    def __init__(self, outer, pid, log):
        self.outer = outer
        self.pid = pid
        self.log_path = log

    def alive(self):
        return self.outer.poll() is None

    def kill(self, sig=signal.SIGKILL):
        if not self.alive():
            return
        try:
            os.kill(self.pid, sig)
            if sig in (signal.SIGCONT, signal.SIGKILL):
                # nsenter stops itself when its child is stopped, and then does not collect it.
                os.kill(self.outer.pid, sig)
        except ProcessLookupError:
            pass

    def wait(self, seconds=10):
        try:
            status = self.outer.wait(seconds)
        except subprocess.TimeoutExpired:
            raise BedError(f"{self.outer.args} did not end within {seconds} s") from None
        # A killed nsenter may be gone before the command is, and what that holds.
        wait_for(lambda: not os.path.exists(f"/proc/{self.pid}"), seconds,
                 f"{self.outer.args} to be gone")
        return status

    def stop(self, seconds=10):
        """SIGTERM, and SIGKILL for who does not listen."""
        self.kill(signal.SIGTERM)
        try:
            return self.outer.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path else ""


class Sandbox:
    def __init__(self, name="box"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"bed-{name}-"))
        self.env = {}
        self._processes = []
        self._finalizers = []
        self._start()

    def _start(self):
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
             "/usr/bin/python3", "-c", _INIT],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self._holder.stdout.readline() != "ready\n":
            raise BedError(f"sandbox: {self._holder.stderr.read()}")
        self.init_pid = _only_child(self._holder.pid)
        # Held open to the end: the kernel gives the number of a namespace that is gone to the next
        # one at once, and the devices of that one are none of ours.
        self._namespace_fd = os.open(f"/proc/{self.init_pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._pid_namespace = os.readlink(f"/proc/{self.init_pid}/ns/pid").strip("pid:[]")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.close(keep_logs=kind is not None)

    def command(self, args):
        """The host command that runs `args` in the sandbox."""
        return ["nsenter", "--target", str(self.init_pid), "--mount", "--net", "--pid",
                f"--wd={os.getcwd()}", *map(str, args)]

    def environment(self, extra=None):
        return {**os.environ, "LC_ALL": "C", **self.env, **(extra or {})}

    def run(self, args, timeout=60, env=None, stdin=""):
        """Runs a command to its end. Exit code 124 means that it had to be killed."""
        began = time.monotonic()
        child = subprocess.Popen(self.command(args), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, env=self.environment(env), text=True,
                                 errors="replace")
        try:
            out, err = child.communicate(stdin, timeout)
            rc = child.returncode
        except subprocess.TimeoutExpired:
            for pid in _children(child.pid):
                os.kill(pid, signal.SIGKILL)
            out, err = child.communicate()
            rc, err = 124, err + f"(killed after {timeout} s)\n"
        return Result(list(map(str, args)), rc, out, err, time.monotonic() - began)

    def start(self, args, log=None, env=None):
        """Starts a command and returns at once; its output goes to `log` in the sandbox's dir."""
        log_path = self.dir / log if log else None
        with open(log_path or os.devnull, "ab") as sink:
            outer = subprocess.Popen(self.command(args), stdin=subprocess.DEVNULL, stdout=sink,
                                     stderr=sink, env=self.environment(env))
        pid = _only_child(outer.pid)
        process = Process(outer, pid, log_path)
        self._processes = [p for p in self._processes if p.alive()] + [process]
        return process

    def path(self, inside):
        """A path of the sandbox, for the host to open (`/run/x` as the sandbox sees it)."""
        return pathlib.Path(f"/proc/{self.init_pid}/root{inside}")

    def pids(self, name=None):
        """Host pids of the processes in the sandbox (but its init), optionally by command name."""
        here = f"pid:[{self._pid_namespace}]"
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == self.init_pid:
                continue
            try:
                if os.readlink(f"/proc/{entry}/ns/pid") != here:
                    continue
                comm = pathlib.Path(f"/proc/{entry}/comm").read_text(encoding="ascii").strip()
                state = pathlib.Path(f"/proc/{entry}/stat").read_text(errors="replace")
            except OSError:
                continue
            if state.rsplit(")", 1)[1].split()[0] in "ZX":
                continue
            if name is None or comm == name[:15]:
                found.append(int(entry))
        return sorted(found)

    def mounts(self):
        """Lines of the sandbox's mount table."""
        return pathlib.Path(f"/proc/{self.init_pid}/mounts").read_text().splitlines()

    def at_close(self, action):
        """Registers something to do before the sandbox goes, last registered first."""
        self._finalizers.append(action)

    def loops(self):
        """Loop devices that stand on a file of an iscsi-userd of this sandbox.

        Such a file's name ends in .PIDNAMESPACE.PID.STARTTIME of its maker.
        """
        found = []
        for path in pathlib.Path("/sys/block").glob("loop*/loop/backing_file"):
            try:
                words = path.read_text().strip().removesuffix(" (deleted)").split(".")
            except OSError:
                continue
            if len(words) >= 4 and words[-3] == self._pid_namespace:
                found.append(f"/dev/{path.parent.parent.name}")
        return sorted(found)

    def kill(self):
        """Kills everything in it; its loop devices stay, as those of a killed container do."""
        self._holder.kill()
        self._holder.wait()

    def destroy(self):
        """Kills everything in it, from any thread: what waits for its devices gets an error."""
        self.kill()
        # Loop devices may still stand on files of a dead server; their I/O has failed by now.
        for path in self.loops():
            _detach(path)

    def close(self, keep_logs=False):
        alive = self._holder.poll() is None
        for action in reversed(self._finalizers if alive else []):
            action()
        self._finalizers.clear()
        for process in self._processes:
            if process.alive():
                os.kill(process.outer.pid, signal.SIGCONT)
        if alive:
            self._holder.stdin.close()
            self._holder.wait()
            for path in self.loops():
                _detach(path)
        for process in self._processes:
            process.outer.kill()
            process.outer.wait()
        if self._namespace_fd >= 0:
            os.close(self._namespace_fd)
            self._namespace_fd = -1
        if keep_logs:
            print(f"logs kept in {self.dir}", file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def logs(self):
        """All logs of the sandbox as one text, for failure reports."""
        parts = []
        for path in sorted(self.dir.glob("*.log")):
            text = path.read_text(errors="replace")
            parts.append(f"==== {path.name}\n{text[-20000:]}")
        return "\n".join(parts)


def _children(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def _only_child(pid):
    """The one child of a process that is about to fork it. 0 when it ended before."""
    def look():
        children = _children(pid)
        if children:
            return children
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return [0] if f.read().rsplit(")", 1)[1].split()[0] in "ZX" else None
    return wait_for(look, 10, f"a child of {pid}", step=0.002)[0]


def _detach(device):
    try:
        fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.ioctl(fd, _LOOP_CLR_FD)
    except OSError:
        pass
    finally:
        os.close(fd)
