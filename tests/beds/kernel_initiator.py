# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our programs on the kernel's initiator, in a guest: iSCSI netlink exists in the first network
namespace only, so there is no sandbox here but the guest itself.

    with Guest("recovery") as box:
        initiator = KernelInitiator(box).start()
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from beds.initiator import Initiator
from beds.proc import BedError, Result, wait_for
from beds.sandbox import Process

_SYS = pathlib.Path("/sys/class")


class Guest:
    """What a Sandbox is, as far as an Initiator needs one; /etc/iscsi is fresh."""

    init_pid = 1

    def __init__(self, name="guest"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"bed-{name}-"))
        self.env = {}
        self._finalizers = []
        subprocess.run(["umount", "-q", "/etc/iscsi"], check=False)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/etc/iscsi"], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, args, timeout=60, env=None, stdin=""):
        """Exit code 124 means that it had to be killed."""
        began = time.monotonic()
        words = list(map(str, args))
        try:
            child = subprocess.run(words, input=stdin, capture_output=True, text=True,
                                   errors="replace", check=False, timeout=timeout,
                                   env={**os.environ, "LC_ALL": "C", **(env or {})})
            rc, out, err = child.returncode, child.stdout, child.stderr
        except subprocess.TimeoutExpired as late:
            rc, out, err = 124, str(late.stdout), str(late.stderr)
        return Result(words, rc, out, err, time.monotonic() - began)

    def start(self, args, log=None, env=None):
        path = self.dir / log if log else None
        with open(path or os.devnull, "ab") as sink:
            # A session of its own: some signal their whole process group when they end.
            child = subprocess.Popen(list(map(str, args)), stdin=subprocess.DEVNULL, stdout=sink,
                                     stderr=sink, start_new_session=True,
                                     env={**os.environ, "LC_ALL": "C", **(env or {})})
        return Process(child, child.pid, path)

    @staticmethod
    def path(inside):
        return pathlib.Path(inside)

    @staticmethod
    def pids(_name=None):
        return []  # no iscsi-userd here

    def at_close(self, action):
        self._finalizers.append(action)

    def logs(self):
        return "\n".join(f"==== {path.name}\n{path.read_text(errors='replace')[-20000:]}"
                         for path in sorted(self.dir.glob("*.log")))

    def close(self):
        for action in reversed(self._finalizers):
            action()
        self._finalizers.clear()
        shutil.rmtree(self.dir, ignore_errors=True)


class KernelInitiator(Initiator):
    """Its disks are found through sysfs: no udev runs in the guest."""

    def __init__(self, box, conf=None, **options):
        for module in ("sd_mod", "iscsi_tcp"):
            subprocess.run(["modprobe", module], check=True)
        super().__init__(box, conf=conf, **options)

    def disk_now(self, portal, target, lun=1):
        address, _, port = portal.rpartition(":")
        for sid in kernel_sids():
            record = (attribute(sid, "iscsi_session", "targetname"),
                      attribute(sid, "iscsi_connection", "persistent_address"),
                      attribute(sid, "iscsi_connection", "persistent_port"))
            if record == (target, address, port):
                return disk_of(sid, lun)
        return None

    def states(self):
        """(connection, session, internal) state of the one session, as print level 1 shows them."""
        text = self.adm("-m", "session", "-P", 1).ok().out
        found = re.findall(r"(?:Connection|Session) State: (.*)", text)
        if len(found) != 3:
            raise BedError(f"not one session:\n{text}")
        return tuple(found)

    def _shut_down(self):
        """Nothing of it stays: the next test begins without sessions."""
        if not self.iscsid:
            return
        if kernel_sids():
            if not self.iscsid.alive():
                self.start()
            wait_for(self._all_ended, 60, lambda: f"sessions to end\n{self.box.logs()}")
        self.iscsid.stop()

    def _all_ended(self):
        self.adm("-m", "session", "-u")
        return not kernel_sids()


def kernel_sids():
    try:
        return sorted(int(name[7:]) for name in os.listdir(_SYS / "iscsi_session"))
    except OSError:
        return []


def attribute(sid, kind, name):
    """An attribute of session `sid` or its connection; empty once it is gone."""
    own = f"connection{sid}:0" if kind == "iscsi_connection" else f"session{sid}"
    try:
        return (_SYS / kind / own / name).read_text().strip()
    except OSError:
        return ""


def disk_of(sid, lun=0):
    """/dev/sdX of a session's LUN, or None."""
    device = pathlib.Path(os.path.realpath(_SYS / f"iscsi_session/session{sid}/device"))
    for block in device.glob(f"target*/*:*:*:{lun}/block/*"):
        if os.path.exists(f"/dev/{block.name}"):
            return f"/dev/{block.name}"
    return None
