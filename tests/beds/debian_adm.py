# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's iscsiadm against the iscsid of a sandbox, on a machine whose kernel has no iSCSI.

It wants to see transport and sessions in sysfs. So each call gets a /sys of its own, in which is
what the kernel would show: the transport `tcp`, and the sessions that the test names.
"""

import ctypes
import json
import os
import pathlib
import sys

PROGRAM = "/usr/sbin/iscsiadm"
_TESTS = pathlib.Path(__file__).resolve().parents[1]


class DebianAdm:
    def __init__(self, box):
        self.box = box

    def adm(self, *args, sessions=(), timeout=60):
        """`sessions`: dicts of differential.sessions.Session's fields."""
        return self.box.run(["unshare", "--mount", sys.executable, "-m", "beds.debian_adm",
                             json.dumps(list(sessions)), *args], timeout,
                            env={"PYTHONPATH": str(_TESTS)})

    def node(self, target, portal, *args, **kwargs):
        return self.adm("-m", "node", "-T", target, "-p", portal, *args, **kwargs)


def _main():
    from differential.sessions import Session

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"sys", b"/sys", b"tmpfs", 0, b"mode=755"):
        raise OSError(ctypes.get_errno(), "mount /sys")
    transport = pathlib.Path("/sys/class/iscsi_transport/tcp")
    transport.mkdir(parents=True)
    (transport / "handle").write_text("18446744072100000000\n")
    (transport / "caps").write_text("0x39\n")
    for session in json.loads(sys.argv[1]):
        Session(**session).appear()
    os.execv(PROGRAM, [PROGRAM, *sys.argv[2:]])


if __name__ == "__main__":
    _main()
