# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest as a machine with open-iscsi installed: our programs stand where Debian's do, a udevd
makes the links below /dev/disk, and LIO serves

    127.0.0.1   disk0 ... disk7, a LUN each
    127.0.0.5   mutual       CHAP both ways
    127.0.0.9   nobody listens
    127.0.0.10  accepts, reads, never answers

Everything is in the guest's first network namespace, the only one with iSCSI netlink.
"""

import concurrent.futures
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

from beds.initiator import FAST, SOCKET_NAME, find_program
from beds.lio import Lio
from beds.proc import Result, listens, wait_for
from beds.tgtd import Lun, Target
from guest.compare.world import Deaf, FirstNamespace

TESTS = pathlib.Path(__file__).resolve().parents[3]
ETC = pathlib.Path("/etc/iscsi")
SESSIONS = pathlib.Path("/sys/class/iscsi_session")
CONNECTIONS = pathlib.Path("/sys/class/iscsi_connection")
PORTAL = "127.0.0.1:3260"
MUTUAL_PORTAL = "127.0.0.5:3260"
SILENT = "127.0.0.10:3260"
DISKS = [f"iqn.2026-11.test:disk{number}" for number in range(8)]
MUTUAL = "iqn.2026-11.test:mutual"
IN = ("inuser", "insecret123456")
OUT = ("outuser", "outsecret12345")
CONF = {**FAST, "node.session.cmds_max": 32, "node.session.queue_depth": 16}


def run(args, timeout=60, stdin="", env=None):
    """Like a sandbox's run, in the guest itself. rc 124: no end in time."""
    args = shlex.split(args) if isinstance(args, str) else [str(word) for word in args]
    began = time.monotonic()
    child = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})},
                             start_new_session=True)
    try:
        out, err = child.communicate(stdin, timeout)
        rc = child.returncode
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        rc = 124
    return Result(args, rc, out, err, time.monotonic() - began)


def install():
    """Our programs stand where the clients look for open-iscsi's. Once a boot."""
    for name in ("iscsiadm", "iscsid"):
        program = find_program(name)
        assert program, f"no {name}: run ./do build"
        run(["mount", "--bind", program, f"/usr/sbin/{name}"]).ok()


def start_udev():
    log = open("/out/udevd.log", "wb")
    subprocess.Popen(["/lib/systemd/systemd-udevd"], stdout=log, stderr=log,
                     start_new_session=True)
    wait_for(lambda: os.path.exists("/run/udev/control"), 20, "udevd")


def make_targets():
    class First(FirstNamespace):
        """LIO's bed asks for nothing else."""
    shm = pathlib.Path("/dev/shm")
    Lio(First, [Target(name, [Lun(shm / name.rpartition(":")[2], "16M")]) for name in DISKS],
        PORTAL).start()
    Lio(First, [Target(MUTUAL, [Lun(shm / "mutual", "16M")], IN, OUT)], MUTUAL_PORTAL).start()
    Deaf("127.0.0.10", "never")


class Machine:
    """One test's: a fresh /etc/iscsi and, unless the test starts it, a fresh daemon."""

    def __init__(self):
        subprocess.run(["umount", "-q", ETC], check=False)
        run(["mount", "-t", "tmpfs", "tmpfs", ETC]).ok()
        self.set_conf({})
        (ETC / "initiatorname.iscsi").write_text("InitiatorName=iqn.2026-11.test:initiator\n")
        self.iscsid = None
        self._log = open("/out/iscsid.log", "ab", buffering=0)

    @staticmethod
    def set_conf(pairs):
        text = "".join(f"{key} = {value}\n" for key, value in {**CONF, **pairs}.items())
        (ETC / "iscsid.conf").write_text(text, encoding="utf-8")

    def start(self):
        self.iscsid = subprocess.Popen(["/usr/sbin/iscsid", "-f", "-d", "1"], stdout=self._log,
                                       stderr=self._log, stdin=subprocess.DEVNULL,
                                       start_new_session=True)
        wait_for(lambda: listens(SOCKET_NAME), 20, "iscsid")
        return self

    def stop(self):
        """The sessions end, then the daemon."""
        if self.iscsid is None:
            self.start()
        self.adm("-m session -u")
        self.iscsid.terminate()
        self.iscsid.wait(20)
        self.iscsid = None
        assert not sids()

    @staticmethod
    def adm(line, timeout=60):
        return run(["/usr/sbin/iscsiadm", *(shlex.split(line) if isinstance(line, str) else line)],
                   timeout)

    def discover(self, portal=PORTAL):
        return self.adm(f"-m discovery -t sendtargets -p {portal}").ok()

    def login(self, target=DISKS[0], portal=PORTAL):
        return self.adm(f"{node(target, portal)} --login")

    def logout(self, target=DISKS[0], portal=PORTAL):
        return self.adm(f"{node(target, portal)} --logout")

    def add_mutual(self):
        """A record with CHAP both ways."""
        record = node(MUTUAL, MUTUAL_PORTAL)
        auth = {"authmethod": "CHAP", "username": IN[0], "password": IN[1],
                "username_in": OUT[0], "password_in": OUT[1]}
        words = " ".join(f"-n node.session.auth.{key} -v {value}" for key, value in auth.items())
        self.adm(f"{record},1 -o new").ok()
        self.adm(f"{record} -o update {words}").ok()

    def sessions(self):
        """{sid: (portal, tpgt, target)} as `-m session` lists them."""
        result = self.adm("-m session")
        assert result.rc in (0, 21), result
        found = {}
        for line in result.out.splitlines():
            match = re.fullmatch(r"tcp: \[(\d+)\] (\S+),(\d+) (\S+) \(non-flash\)", line)
            assert match, line
            found[int(match[1])] = match.groups()[1:]
        return found


def node(target, portal=PORTAL):
    return f"-m node -T {target} -p {portal}"


def sids():
    """Of the kernel's sessions."""
    if not SESSIONS.exists():
        return []
    return sorted(int(name.removeprefix("session")) for name in os.listdir(SESSIONS))


def attribute(sid, name, of="session"):
    """None: the kernel has no value for it."""
    path = SESSIONS / f"session{sid}" if of == "session" else CONNECTIONS / f"connection{sid}:0"
    try:
        return (path / name).read_text().strip()
    except OSError:
        return None


def disks(sid):
    """Names of a session's block devices that are there."""
    return sorted(path.name for path in
                  SESSIONS.glob(f"session{sid}/device/target*/*/block/*"))


def by_path(target, portal=PORTAL, lun=0):
    return pathlib.Path(f"/dev/disk/by-path/ip-{portal}-iscsi-{target}-lun-{lun}")


def empty_files():
    return [path for path in ETC.rglob("*") if path.is_file() and path.stat().st_size == 0]


def crowd(workers):
    """Runs lists of iscsiadm's commands at once; for each list its results."""
    with concurrent.futures.ThreadPoolExecutor(len(workers)) as pool:
        return list(pool.map(lambda lines: [Machine.adm(line) for line in lines], workers))


def python(module, stdin, timeout=90):
    return run([sys.executable, "-m", module], timeout, stdin, {"PYTHONPATH": str(TESTS)})
