# SPDX-License-Identifier: LGPL-2.1-or-later
"""A sandbox in which our iscsiadm and Debian's share one record database.

iscsid is a stand-in that speaks both languages, and /sys shows nothing but the transport `tcp`:
all that either program needs for work on records and for discovery.
"""

import pathlib
import shlex
import subprocess
import sys

from beds.initiator import SOCKET_NAME, find_program
from beds.proc import listens, wait_for
from differential import states

TESTS = pathlib.Path(__file__).resolve().parents[1]
REFERENCE = pathlib.Path("/usr/sbin/iscsiadm")
INITIATOR = "iqn.2026-11.test:initiator"
# What the test programs that run inside a sandbox need.
PYTHON_ENV = {"PYTHONPATH": str(TESTS), "PYTHONDONTWRITEBYTECODE": "1"}


def ours():
    return find_program("iscsiadm")


def program(who):
    """"ours" or "debian" -> the file."""
    return {"ours": ours(), "debian": REFERENCE}[who]


class Lab:
    def __init__(self, box, conf=None):
        self.box = box
        self.etc = box.path("/etc/iscsi")
        self.write_conf({**states.CONF, **(conf or {})})
        (self.etc / "initiatorname.iscsi").write_text(f"InitiatorName={INITIATOR}\n")
        box.run(["mount", "-t", "tmpfs", "sys", "/sys"]).ok()
        transport = box.path("/sys/class/iscsi_transport/tcp")
        transport.mkdir(parents=True)
        (transport / "handle").write_text("18446744072100000000\n")
        (transport / "caps").write_text("0x39\n")
        self._daemon = box.start([sys.executable, "-m", "records.lab", INITIATOR],
                                 log="stand-in.log", env=PYTHON_ENV)
        wait_for(lambda: listens(SOCKET_NAME, box.init_pid), 10,
                 lambda: f"the stand-in for iscsid: {self._daemon.log()}")

    def write_conf(self, pairs):
        text = "".join(f"{key} = {value}\n" for key, value in pairs.items())
        (self.etc / "iscsid.conf").write_text(text, encoding="utf-8")

    def adm(self, who, line, timeout=60, stdin=""):
        """Runs a command line, given as one text or as a list of words."""
        words = shlex.split(line) if isinstance(line, str) else line
        return self.box.run([program(who), *words], timeout, stdin=stdin)

    def ours(self, line, **kwargs):
        return self.adm("ours", line, **kwargs)

    def debian(self, line, **kwargs):
        return self.adm("debian", line, **kwargs)

    def python(self, module, *args, stdin="", timeout=60):
        """Runs one of the tests' own programs in the sandbox."""
        return self.box.run([sys.executable, "-m", module, *args], timeout, env=PYTHON_ENV,
                            stdin=stdin).ok()

    def forget(self):
        """Empties the database."""
        for name in ("nodes", "send_targets", "isns", "static", "fw", "ifaces", "slp"):
            subprocess.run(["rm", "-rf", self.etc / name], check=True)

    def record(self, target, portal, iface="default"):
        """The path of a node record; `portal` as in "10.0.0.1,3260,1"."""
        return self.etc / "nodes" / target / portal / iface


def keys_of(path_or_text):
    """{key: value} of a record."""
    text = path_or_text.read_text(errors="replace") if isinstance(path_or_text, pathlib.Path) else path_or_text
    return dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)


def is_whole(text):
    """A record with its first and its last line. Torn ones lack the end."""
    return text.startswith("# BEGIN RECORD") and text.endswith("# END RECORD\n")


def _serve(name):
    from differential.daemon import Daemon, Script  # only the stand-in itself needs it
    import threading

    daemon = Daemon(Script(name=name), in_sysfs=False)
    threading.Event().wait()
    daemon.close()


if __name__ == "__main__":
    _serve(sys.argv[1])
