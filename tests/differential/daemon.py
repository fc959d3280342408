# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for iscsid that answers open-iscsi's fixed-size requests with given texts.

iscsiadm asks for three facts even where no session is concerned: initiator name (8), alias (9),
path of iscsid.conf (10). `answers` maps a command to such a text, or to an error number.
"""

import socket
import struct
import threading

SOCKET_NAME = "\0ISCSIADM_ABSTRACT_NAMESPACE"
_REQUEST_SIZE = 16104
_REPLY_SIZE = 2464
_UNKNOWN_REQUEST = 16


class Daemon:
    def __init__(self, answers):
        self.answers = answers
        self.requests = []  # command numbers, in order
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(SOCKET_NAME)
        self._listener.listen(32)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                self._answer(client)

    def _answer(self, client):
        request = b""
        while len(request) < _REQUEST_SIZE:
            part = client.recv(_REQUEST_SIZE - len(request))
            if not part:
                return
            request += part
        command = struct.unpack_from("<I", request)[0]
        self.requests.append(command)
        answer = self.answers.get(command, _UNKNOWN_REQUEST)
        error, text = (answer, "") if isinstance(answer, int) else (0, answer)
        reply = struct.pack("<II", command, error) + text.encode()
        client.sendall(reply.ljust(_REPLY_SIZE, b"\0"))
