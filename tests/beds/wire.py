# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is between initiator and target, for tests to disturb.

Cable: a network namespace behind a veth, whose end here can be set down.
Relay: a TCP relay that knows where PDUs begin; it resets, redirects, and speaks for the target.
"""

import os
import selectors
import socket
import struct
import subprocess
import threading

from beds.proc import wait_for

_BHS = 48
_LOGIN, _LOGIN_RESPONSE, _ASYNC = 0x03, 0x23, 0x32
_NO_TAG = 0xFFFFFFFF


class Cable:
    """The far end has `address`; `init_pid` is of its namespace, as a Lio wants to know."""

    def __init__(self, name="c0", address="10.78.0.1", here="10.78.0.2"):
        self._name = name
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self.init_pid = self._holder.pid
        mine = os.readlink("/proc/self/ns/net")
        wait_for(lambda: os.readlink(f"/proc/{self.init_pid}/ns/net") != mine, 10, "a namespace")
        subprocess.run(["modprobe", "veth"], check=True)
        self._ip(f"link add {name} type veth peer name far netns {self.init_pid}")
        self._ip(f"addr add {here}/24 dev {name}")
        self._ip(f"link set {name} up")
        for line in ("link set lo up", f"addr add {address}/24 dev far", "link set far up"):
            subprocess.run(["nsenter", f"--net=/proc/{self.init_pid}/ns/net", "ip",
                            *line.split()], check=True)

    @staticmethod
    def _ip(line):
        subprocess.run(["ip", *line.split()], check=True)

    def cut(self):
        self._ip(f"link set {self._name} down")

    def join(self):
        self._ip(f"link set {self._name} up")

    def remove(self):
        self._holder.kill()
        self._holder.wait()
        # The namespace takes the cable with it, sooner or later.
        subprocess.run(["ip", "link", "del", self._name], check=False, capture_output=True)


class _Link:
    """One relayed connection. Whole PDUs go on; the rest waits in `partial`."""

    def __init__(self, client, server):
        self.ends = {client: server, server: client}
        self.client, self.server = client, server
        self.partial = {client: b"", server: b""}
        self.stat_sn = 0     # of the target's last PDU with a status
        self.asked = None    # the first login request, while it may be redirected


class Relay:
    """Without digests: they would move where PDUs end.

    `links` counts the connections that there were; redirect_to sends the next login elsewhere.
    """

    def __init__(self, listen, to):
        self._to = to
        self._listener = socket.create_server(listen, backlog=16)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._woken, self._wake = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._jobs = []
        self._link = None
        self._over = False
        self.links = 0
        self.redirect_to = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._over = True
        self._wake.send(b"x")
        self._thread.join()
        self._listener.close()

    def reset(self):
        """RST to both ends."""
        self._do(self._drop)

    def ask_for_logout(self, seconds=5):
        """An Async Message of event 1, between two PDUs of the target."""
        def say():
            link = self._link
            header = struct.pack(">BBxxI8xIIIIIBBHHHI", _ASYNC, 0x80, 0, _NO_TAG, 0, link.stat_sn,
                                 *link.window, 1, 0, 0, 0, seconds, 0)
            link.client.sendall(header)
        self._do(say)

    def _do(self, job):
        done = threading.Event()
        self._jobs.append(lambda: (job(), done.set()))
        self._wake.send(b"x")
        assert done.wait(20)

    def _serve(self):
        while not self._over:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._woken:
                    self._woken.recv(64)
                    while self._jobs:
                        self._jobs.pop(0)()
                elif self._link and key.fileobj in self._link.ends:
                    self._pass_on(key.fileobj)
        self._drop()

    def _accept(self):
        client, _ = self._listener.accept()
        self._drop()
        try:
            server = socket.create_connection(self._to)
        except OSError:
            client.close()
            return
        self._link = _Link(client, server)
        self.links += 1
        for end in self._link.ends:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(end, selectors.EVENT_READ)

    def _drop(self):
        link, self._link = self._link, None
        for end in link.ends if link else ():
            self._selector.unregister(end)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()

    def _pass_on(self, end):
        link = self._link
        try:
            got = end.recv(1 << 20)
            link.partial[end] += got
            while got and (size := _pdu_size(link.partial[end])):
                pdu, link.partial[end] = link.partial[end][:size], link.partial[end][size:]
                self._one(link, end, pdu)
        except OSError:
            got = b""
        if not got:
            self._drop()

    def _one(self, link, end, pdu):
        opcode = pdu[0] & 0x3F
        if end is link.client and opcode == _LOGIN and self.redirect_to:
            link.client.sendall(_redirection(pdu, self.redirect_to))
            return
        # Data-In without status, and R2T, do not carry a StatSN of their own.
        if end is link.server and opcode not in (0x25, 0x31):
            link.stat_sn = struct.unpack_from(">I", pdu, 24)[0]
            link.window = struct.unpack_from(">II", pdu, 28)
        link.ends[end].sendall(pdu)


def _pdu_size(data):
    """Of the PDU that `data` begins with, 0 while it is not whole."""
    if len(data) < _BHS:
        return 0
    segment = int.from_bytes(data[5:8], "big")
    size = _BHS + 4 * data[4] + (segment + 3) // 4 * 4
    return size if len(data) >= size else 0


def _redirection(request, address):
    """Login response 0101: temporarily moved."""
    text = f"TargetAddress={address}\0".encode()
    exp_cmd_sn = struct.unpack_from(">I", request, 24)[0]
    header = struct.pack(">BBBBI", _LOGIN_RESPONSE, 0, 0, 0, len(text))
    header += request[8:14] + b"\0\0" + request[16:20] + bytes(4)
    header += struct.pack(">III", 1, exp_cmd_sn, exp_cmd_sn) + bytes([1, 1]) + bytes(10)
    return header + text + bytes(-len(text) % 4)
