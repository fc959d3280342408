# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scripted target for SendTargets discovery: says exactly what a scenario wants to hear.

It accepts the login (or refuses it with a status) and answers SendTargets=All with given text.
A thread; written from RFC 7143, no more of it than that.
"""

import dataclasses
import socket
import struct
import threading

_LOGIN, _TEXT, _LOGOUT = 0x03, 0x04, 0x06


@dataclasses.dataclass(frozen=True)
class Portal:
    """Listens on address:port. `answer`: the lines of the SendTargets answer."""

    address: str = "127.0.0.1"
    port: int = 3260
    answer: tuple = ()
    status: int = 0       # class << 8 | detail of the login response
    keys: tuple = ()      # further lines of the login response
    chunk: int = 8192     # bytes of text in one PDU; the rest follows on request


class ScriptedTarget:
    def __init__(self, portals):
        self._listeners = []
        self._threads = []
        for portal in portals:
            family = socket.AF_INET6 if ":" in portal.address else socket.AF_INET
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((portal.address, portal.port))
            listener.listen(32)
            thread = threading.Thread(target=self._serve, args=(listener, portal), daemon=True)
            thread.start()
            self._listeners.append(listener)
            self._threads.append(thread)

    def close(self):
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for listener in self._listeners:
            listener.close()

    @staticmethod
    def _serve(listener, portal):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                try:
                    _Conversation(client, portal).run()
                except (ConnectionError, EOFError):
                    pass


class _Conversation:
    def __init__(self, client, portal):
        self._client = client
        self._portal = portal
        self._stat_sn = 1
        self._rest = b""

    def run(self):
        while True:
            header = self._read(48)
            opcode = header[0] & 0x3F
            length = int.from_bytes(header[5:8], "big")
            self._read((length + 3) // 4 * 4)
            if opcode == _LOGIN:
                self._login(header)
                if self._portal.status:
                    return
            elif opcode == _TEXT:
                self._text(header)
            elif opcode == _LOGOUT:
                self._send(0x26, 0x80, header, b"")
                return

    def _read(self, count):
        data = b""
        while len(data) < count:
            part = self._client.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def _login(self, header):
        text = b"".join(line.encode() + b"\0" for line in self._portal.keys)
        self._send(0x23, header[1], header, text, status=self._portal.status)

    def _text(self, header):
        if header[20:24] == b"\xff\xff\xff\xff":
            self._rest = b"".join(line.encode() + b"\0" for line in self._portal.answer)
        part, self._rest = self._rest[:self._portal.chunk], self._rest[self._portal.chunk:]
        self._send(0x24, 0x40 if self._rest else 0x80, header, part,
                   transfer_tag=1 if self._rest else 0xFFFFFFFF)

    def _send(self, opcode, flags, request, text, status=0, transfer_tag=0):
        command_sn = struct.unpack_from(">I", request, 24)[0]
        if not request[0] & 0x40:
            command_sn += 1
        response = bytearray(48)
        response[0], response[1] = opcode, flags
        response[5:8] = len(text).to_bytes(3, "big")
        if opcode == 0x23:
            response[8:14] = request[8:14]           # ISID
            struct.pack_into(">H", response, 14, 1)  # TSIH
            struct.pack_into(">H", response, 36, status)
        else:
            struct.pack_into(">I", response, 20, transfer_tag)
        response[16:20] = request[16:20]             # ITT
        struct.pack_into(">III", response, 24, self._stat_sn, command_sn, command_sn + 31)
        self._stat_sn += 1
        self._client.sendall(bytes(response) + text + b"\0" * (-len(text) % 4))
