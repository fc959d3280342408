# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's iscsiadm in a sandbox of its own, for comparisons of discovery and records.

It asks iscsid for three facts: the initiator's name, its alias, the path of iscsid.conf. Debian's
iscsid refuses to start on a kernel without iSCSI, so these are answered here. And it wants to see
the transport `tcp` in sysfs: the sandbox gets a /sys with nothing else in it.
"""

import os
import pathlib
import socket
import struct
import sys

from beds.proc import listens, wait_for
from beds.initiator import SOCKET_NAME

_REQUEST_SIZE = 16104
_REPLY_SIZE = 2464
_INITIATOR_NAME, _ALIAS, _CONFIG_FILE = 8, 9, 10


class Reference:
    def __init__(self, box, name="iqn.2026-11.test:initiator", conf=None):
        self.box = box
        etc = box.path("/etc/iscsi")
        text = "".join(f"{key} = {value}\n" for key, value in (conf or {}).items())
        (etc / "iscsid.conf").write_text(text, encoding="utf-8")
        (etc / "initiatorname.iscsi").write_text(f"InitiatorName={name}\n", encoding="utf-8")
        box.run(["mount", "-t", "tmpfs", "sys", "/sys"]).ok()
        transport = box.path("/sys/class/iscsi_transport/tcp")
        transport.mkdir(parents=True)
        (transport / "handle").write_text("18446744072100000000\n")
        (transport / "caps").write_text("0x39\n")
        tests = pathlib.Path(__file__).resolve().parents[1]
        self._daemon = box.start([sys.executable, "-m", "beds.reference", name],
                                 log="reference.log", env={"PYTHONPATH": str(tests)})
        wait_for(lambda: listens(SOCKET_NAME, box.init_pid), 10,
                 lambda: f"the stand-in for iscsid: {self._daemon.log()}")

    def adm(self, *args, timeout=60):
        return self.box.run(["/usr/sbin/iscsiadm", *args], timeout)


def _serve(name):
    answers = {_INITIATOR_NAME: name, _ALIAS: "", _CONFIG_FILE: "/etc/iscsi/iscsid.conf"}
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind("\0" + SOCKET_NAME)
    listener.listen(32)
    while True:
        client, _ = listener.accept()
        with client:
            request = b""
            while len(request) < _REQUEST_SIZE:
                part = client.recv(_REQUEST_SIZE - len(request))
                if not part:
                    break
                request += part
            if len(request) < _REQUEST_SIZE:
                continue
            command = struct.unpack_from("<I", request)[0]
            error = 0 if command in answers else 16
            reply = struct.pack("<II", command, error) + answers.get(command, "").encode()
            client.sendall(reply.ljust(_REPLY_SIZE, b"\0"))


if __name__ == "__main__":
    os.umask(0o077)
    _serve(sys.argv[1])
