# SPDX-License-Identifier: LGPL-2.1-or-later
"""A command on a terminal of its own, as a person runs it.

    with Terminal(box.command(["bash", "-i"]), box.environment()) as terminal:
        terminal.type("ls\\n")
        terminal.wait_for("README")
"""

import errno
import fcntl
import os
import pty
import select
import subprocess
import termios
import time

from beds.proc import BedError


class Terminal:
    def __init__(self, args, env, out=None):
        """`out`: where standard output goes instead, e.g. subprocess.PIPE."""
        self._ours, theirs = pty.openpty()
        self.text = ""  # everything that was printed so far

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.child = subprocess.Popen(args, stdin=theirs, stdout=out or theirs, stderr=theirs,
                                      env=env, preexec_fn=own_terminal)
        os.close(theirs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        os.close(self._ours)

    def type(self, keys):
        os.write(self._ours, keys.encode())

    def wait_for(self, words, seconds=10):
        """Reads on until `words` were printed, since the last call; returns what was."""
        fresh = ""
        end = time.monotonic() + seconds
        while words not in fresh:
            more = self._read(end - time.monotonic())
            if not more:
                raise BedError(f"no {words!r} on the terminal, but {fresh!r}")
            fresh += more
        return fresh

    def finish(self, seconds=60):
        """Reads to the end; returns the exit status."""
        end = time.monotonic() + seconds
        while self._read(end - time.monotonic()):
            pass
        return self.child.wait(max(0.1, end - time.monotonic()))

    def _read(self, seconds):
        if not select.select([self._ours], [], [], max(0, seconds))[0]:
            return ""
        try:
            more = os.read(self._ours, 65536).decode(errors="replace")
        except OSError as error:
            if error.errno != errno.EIO:  # the other side is closed
                raise
            return ""
        self.text += more
        return more
