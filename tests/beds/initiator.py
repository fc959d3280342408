# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our programs in a sandbox, with an /etc/iscsi of their own.

    with Sandbox() as box:
        initiator = Initiator(box)
        initiator.start()
        initiator.adm("-m", "discovery", "-t", "st", "-p", "127.0.0.1").ok()

The build directory comes from the environment's BUILD, else it is `build` of the source tree.
"""

import os
import pathlib
import re
import shutil

from beds.proc import BedError, listens, wait_for

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SOCKET_NAME = "ISCSIADM_ABSTRACT_NAMESPACE"

# Short times, so that a test of a failure takes seconds. A test states what it depends on.
FAST = {
    "node.startup": "manual",
    "node.session.scan": "auto",
    "node.session.timeo.replacement_timeout": 20,
    "node.session.initial_login_retry_max": 2,
    "node.conn[0].timeo.login_timeout": 3,
    "node.conn[0].timeo.logout_timeout": 5,
    "node.conn[0].timeo.noop_out_interval": 2,
    "node.conn[0].timeo.noop_out_timeout": 2,
    "discovery.sendtargets.timeo.login_timeout": 3,
    "discovery.sendtargets.reopen_max": 1,
}


def build_dir():
    return pathlib.Path(os.environ.get("BUILD", SOURCE / "build")).resolve()


def find_program(name):
    """Path of a built program, or None while there is none."""
    for path in (build_dir() / "src" / name.replace("iscsi-userd", "userd") / name,
                 build_dir() / "src" / name / name, build_dir() / name):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    return next((p for p in build_dir().glob(f"src/*/{name}") if os.access(p, os.X_OK)), None)


def by_path(portal, target, lun):
    return f"/dev/disk/by-path/ip-{portal}-iscsi-{target}-lun-{lun}"


class Initiator:
    def __init__(self, box, name="iqn.2026-11.test:initiator", conf=None, programs=find_program):
        self.box = box
        self.name = name
        self.conf = {**FAST, **(conf or {})}
        self.iscsid = None
        self._program = programs
        self._etc = box.path("/etc/iscsi")
        self.write_conf()
        box.at_close(self._shut_down)

    # Configuration ---------------------------------------------------------------------------

    def write_conf(self, **_):
        text = "".join(f"{key} = {value}\n" for key, value in self.conf.items())
        (self._etc / "iscsid.conf").write_text(text, encoding="utf-8")
        (self._etc / "initiatorname.iscsi").write_text(f"InitiatorName={self.name}\n",
                                                       encoding="utf-8")

    def set_conf(self, pairs):
        self.conf.update(pairs)
        self.write_conf()

    # The daemon ------------------------------------------------------------------------------

    def start(self, *args):
        """Starts iscsid in the foreground and waits until its socket listens."""
        program = self._program("iscsid")
        if program is None:
            raise BedError(f"no iscsid in {build_dir()}")
        self.iscsid = self.box.start([program, "-f", "-d", os.environ.get("BED_DEBUG", "1"), *args],
                                     log="iscsid.log")
        wait_for(self.listening, 10, lambda: f"iscsid's socket: {self.iscsid.log()[-3000:]}")
        return self

    def listening(self):
        if self.iscsid and not self.iscsid.alive():
            raise BedError(f"iscsid ended: {self.iscsid.log()[-3000:]}")
        name = self.box.env.get("ISCSID_SOCKET", SOCKET_NAME)
        return listens(name, self.box.init_pid)

    def kill(self):
        """SIGKILL: sessions must live on."""
        self.iscsid.kill()
        self.iscsid.wait()

    def restart(self):
        self.kill()
        return self.start()

    def stop(self):
        if self.iscsid and self.iscsid.alive():
            self.iscsid.stop()

    # iscsiadm --------------------------------------------------------------------------------

    def adm(self, *args, timeout=60, stdin=""):
        return self.box.run([self._program("iscsiadm"), *args], timeout, stdin=stdin)

    def discover(self, portal, *args, **kwargs):
        return self.adm("-m", "discovery", "-t", "st", "-p", portal, *args, **kwargs)

    def node(self, target, portal, *args, **kwargs):
        return self.adm("-m", "node", "-T", target, "-p", portal, *args, **kwargs)

    def update(self, target, portal, pairs):
        """Changes values of a node record, all in one command."""
        words = [w for key, value in pairs.items() for w in ("-n", key, "-v", value)]
        return self.node(target, portal, "-o", "update", *words).ok()

    def login(self, target, portal, **kwargs):
        return self.node(target, portal, "--login", **kwargs)

    def logout(self, target, portal, **kwargs):
        return self.node(target, portal, "--logout", **kwargs)

    def open(self, target, portal, lun=1, pairs=None):
        """From nothing to a disk: discover, set record values, log in. Returns the device."""
        self.discover(portal).ok()
        if pairs:
            self.update(target, portal, pairs)
        self.login(target, portal).ok()
        return self.disk(portal, target, lun)

    def sessions(self):
        """{sid: (transport, portal, target)} as `-m session` lists them."""
        result = self.adm("-m", "session")
        if result.rc == 21:
            return {}
        found = {}
        for line in result.ok().out.splitlines():
            match = re.fullmatch(r"(\S+): \[(\d+)\] (\S+),(\d+) (\S+) \((?:non-)?flash\)", line)
            if not match:
                raise BedError(f"unexpected line of -m session: {line!r}")
            found[int(match[2])] = (match[1], match[3], match[5])
        return found

    def session_state(self, sid):
        """{field: value} of `-m session -r SID -P 2`."""
        lines = self.adm("-m", "session", "-r", sid, "-P", 2).ok().out.splitlines()
        return dict(line.strip().split(": ", 1) for line in lines if ": " in line)

    # Devices ---------------------------------------------------------------------------------

    def disk_now(self, portal, target, lun=1):
        """The block device of a LUN, or None."""
        link = self.box.path(by_path(portal, target, lun))
        try:
            device = "/dev/" + os.path.basename(os.readlink(link))
        except OSError:
            return None
        return device if os.path.exists(device) else None

    def disk(self, portal, target, lun=1, seconds=10):
        return wait_for(lambda: self.disk_now(portal, target, lun), seconds,
                        lambda: f"{by_path(portal, target, lun)}\n{self.box.logs()}")

    def no_disk(self, portal, target, lun=1, seconds=10):
        link = self.box.path(by_path(portal, target, lun))
        wait_for(lambda: not os.path.lexists(link), seconds, f"{link} to go")

    def no_userds(self):
        """Waits until no iscsi-userd runs: one ends a moment after its session."""
        wait_for(lambda: not self.userds(), 10, "iscsi-userd to end")

    def userds(self):
        """Host pids of the data path processes, one for each session."""
        return self.box.pids("iscsi-userd")

    def _shut_down(self):
        """Logs out in order where that is possible; the sandbox sweeps up the rest."""
        if not self.iscsid or not self.userds() or not self.iscsid.alive():
            return
        for line in self.box.mounts():
            if line.startswith("/dev/loop"):
                self.box.run(["umount", "-l", line.split()[1]], timeout=5)
        self.adm("-m", "session", "-u", timeout=8)


def have_programs():
    return all(find_program(name) for name in ("iscsid", "iscsiadm", "iscsi-userd"))


def reference_iscsiadm():
    """Debian's iscsiadm, or None where it is not installed."""
    return shutil.which("iscsiadm", path="/usr/sbin:/sbin")
