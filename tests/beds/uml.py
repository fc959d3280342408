# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a command inside a user-mode-linux guest: a kernel with LIO, and no other machine needed.

The guest sees the host's file system read-only, under an overlay that lives in its memory; so
programs built on the host run there from where they are. Files that shall come out go to /out,
which is the host directory `share`. A boot takes two seconds.

    result = run_in_guest(["iscsiadm", "-V"], timeout=60)
"""

import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from beds.proc import Result

_INIT = pathlib.Path(__file__).with_name("guest_init.sh")


def available():
    return shutil.which("linux.uml") is not None and os.path.isdir("/usr/lib/uml/modules")


def run_in_guest(args, timeout=100, memory_mib=512, share=None, env=None):
    """Boots, runs, powers off. Result.out is the guest's console; rc 124: no answer in time."""
    with tempfile.TemporaryDirectory(prefix="bed-uml-") as own:
        share = pathlib.Path(share or own).resolve()
        shutil.copy(_INIT, share / "init.sh")  # with its mode: it is executable
        settings = "".join(f"export {k}={shlex.quote(str(v))}\n" for k, v in (env or {}).items())
        (share / "command").write_text(settings + f"cd {shlex.quote(os.getcwd())}\n"
                                       + shlex.join(map(str, args)) + "\n", encoding="utf-8")
        status = share / "status"
        status.unlink(missing_ok=True)
        began = time.monotonic()
        console = _boot(share, timeout, memory_mib)
        rc = int(status.read_text()) if status.exists() and status.read_text().strip() else 124
        for name in ("init.sh", "command", "status"):
            (share / name).unlink(missing_ok=True)
        return Result(["(guest)", *map(str, args)], rc, console, "", time.monotonic() - began)


def _boot(share, timeout, memory_mib):
    """Runs the guest's kernel to power-off, in a session that can be killed as a whole."""
    kernel = subprocess.Popen(
        ["linux.uml", f"mem={memory_mib}M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/",
         "ro", f"init={share}/init.sh", f"bed_share={share}", "quiet", "con=null",
         "con0=fd:0,fd:1"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", start_new_session=True)
    try:
        console, _ = kernel.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(kernel.pid, signal.SIGKILL)
        console, _ = kernel.communicate()
    return console
