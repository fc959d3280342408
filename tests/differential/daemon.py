# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for iscsid that speaks both languages: open-iscsi's fixed-size requests, and ours.

Sessions exist by decree. A login succeeds unless the scenario wants it to fail; then the session is
there, in sysfs for who looks there (the reference), in the answers for who asks (ours).
"""

import dataclasses
import json
import socket
import struct
import threading

from differential.sessions import Session

SOCKET_NAME = "\0ISCSIADM_ABSTRACT_NAMESPACE"
_REQUEST_SIZE = 16104
_REPLY_SIZE = 2464
_LOGIN, _LOGOUT, _STATS, _NAME, _ALIAS, _CONFIG, _STOP, _INFO = 1, 2, 7, 8, 9, 10, 11, 13
_SESSION_NOT_FOUND, _UNKNOWN_REQUEST = 2, 16
# Where the fields of a record are in a login request.
_TARGET, _TPGT, _ADDRESS, _PORT, _IFACE, _TRANSPORT = 32, 288, 2252, 3280, 3360, 14534
# By which ours knows an iscsid of its own, in the body of an answer about the configuration.
_MARK, _MARK_OFFSET = b"+json/1", 2464 - 16 - 8
COUNTERS = ("txdata_octets", "rxdata_octets", "noptx_pdus", "scsicmd_pdus", "tmfcmd_pdus",
            "login_pdus", "text_pdus", "dataout_pdus", "logout_pdus", "snack_pdus", "noprx_pdus",
            "scsirsp_pdus", "tmfrsp_pdus", "textrsp_pdus", "datain_pdus", "logoutrsp_pdus",
            "r2t_pdus", "async_pdus", "rjt_pdus", "digest_err", "timeout_err")


@dataclasses.dataclass(frozen=True)
class Script:
    """How the stand-in behaves in a scenario."""

    name: str = "iqn.2026-11.test:init"
    alias: str = "alias"
    config: str = "/etc/iscsi/iscsid.conf"
    sessions: tuple = ()
    # {target or address: error code}
    login_errors: dict = dataclasses.field(default_factory=dict)
    # {sid: error code}
    logout_errors: dict = dataclasses.field(default_factory=dict)
    stats_errors: dict = dataclasses.field(default_factory=dict)
    extended: tuple = ()  # names of further counters
    stop_error: int = 0
    # Whose sessions: the kernel's, which sysfs shows, or iscsid's own, which only ours can have.
    kernel: bool = True


class Daemon:
    def __init__(self, script, in_sysfs, speaks_json=True):
        self._script = script
        self._speaks_json = speaks_json
        self._in_sysfs = in_sysfs
        self._sessions = {}
        for session in script.sessions:
            self._add(session)
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
                try:
                    self._answer(client)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client did not wait for the answer

    def _answer(self, client):
        first = client.recv(1)
        if first == b"{" and self._speaks_json:
            line = first + _read_line(client)
            client.sendall(b"".join(json.dumps(answer).encode() + b"\n"
                                    for answer in self._answer_ours(json.loads(line))))
        elif first:
            request = first + _read_exactly(client, _REQUEST_SIZE - 1)
            if len(request) == _REQUEST_SIZE:
                client.sendall(self._answer_fixed(request).ljust(_REPLY_SIZE, b"\0"))

    # Sessions ----------------------------------------------------------------------------------

    def _add(self, session):
        self._sessions[session.sid] = session
        if self._in_sysfs:
            session.appear()

    def _login(self, **record):
        for name in (record["target"], record["address"]):
            if name in self._script.login_errors:
                return self._script.login_errors[name], 0
        sid = max(self._sessions, default=0) + 1
        self._add(Session(sid=sid, **record))
        return 0, sid

    def _logout(self, sid):
        if sid not in self._sessions:
            return _SESSION_NOT_FOUND
        if sid in self._script.logout_errors:
            return self._script.logout_errors[sid]
        session = self._sessions.pop(sid)
        if self._in_sysfs:
            session.vanish()
        return 0

    # open-iscsi's language -----------------------------------------------------------------------

    def _answer_fixed(self, request):
        command, sid = struct.unpack_from("<I4xI", request)
        texts = {_NAME: self._script.name, _ALIAS: self._script.alias,
                 _CONFIG: self._script.config}
        error, rest = 0, b""
        if command in texts:
            rest = texts[command].encode()
            if command == _CONFIG and self._speaks_json:
                rest = rest.ljust(_MARK_OFFSET, b"\0") + _MARK
        elif command == _LOGIN:
            error, _ = self._login(
                target=_text(request, _TARGET), address=_text(request, _ADDRESS),
                port=_number(request, _PORT), tpgt=_number(request, _TPGT),
                iface=_text(request, _IFACE), transport=_text(request, _TRANSPORT))
        elif command == _LOGOUT:
            error = self._logout(sid)
        elif command == _STATS:
            error = self._script.stats_errors.get(sid, 0 if sid in self._sessions else 2)
            rest = self._fixed_stats()
        elif command == _INFO and sid in self._sessions:
            session = self._sessions[sid]
            rest = struct.pack("<II", session.internal_state, session.connection_state)
        elif command == _STOP:
            error = self._script.stop_error
        else:
            error = _UNKNOWN_REQUEST
        return struct.pack("<II", command, error) + rest

    def _fixed_stats(self):
        values = list(range(1, len(COUNTERS) + 1))
        stats = struct.pack("<QQ19II", *values, len(self._script.extended))
        custom = b"".join(name.encode().ljust(64, b"\0") + struct.pack("<Q", number)
                          for number, name in enumerate(self._script.extended, 100))
        return b"\0" * 56 + stats + custom

    # Our language ---------------------------------------------------------------------------------

    def _answer_ours(self, request):
        kind = request["request"]
        yield from getattr(self, f"_ours_{kind}")(request)

    def _ours_info(self, _):
        yield {"progress": "info", "version": "2.1.8", "config_file": self._script.config,
               "initiator_name": self._script.name, "initiator_alias": self._script.alias,
               "pid": 1}
        yield _done()

    def _ours_stop(self, _):
        yield _done(self._script.stop_error)

    def _ours_sessions(self, request):
        for sid in sorted(request["sids"] or self._sessions):
            if sid in self._sessions:
                yield self._sessions[sid].described(request, self._script.kernel)
        yield _done()

    def _ours_login(self, request):
        errors = []
        for index, item in enumerate(request["items"]):
            keys = dict(line.split(" = ", 1) for line in item["record"].splitlines()
                        if " = " in line)
            error, sid = self._login(
                target=keys["node.name"], address=keys["node.conn[0].address"],
                port=int(keys["node.conn[0].port"]), tpgt=int(keys["node.tpgt"]),
                iface=keys["iface.iscsi_ifacename"], transport=keys["iface.transport_name"])
            yield _item(index, sid, error)
            errors.append(error)
        yield _done(next(filter(None, errors), 0))

    def _ours_logout(self, request):
        errors = [self._logout(sid) for sid in request["sids"]]
        for index, (sid, error) in enumerate(zip(request["sids"], errors)):
            yield _item(index, sid, error)
        yield _done(next(filter(None, errors), 0))

    def _ours_rescan(self, request):
        for index, sid in enumerate(request["sids"]):
            yield _item(index, sid, 0 if sid in self._sessions else _SESSION_NOT_FOUND)
        yield _done()

    def _ours_stats(self, request):
        errors = []
        for index, sid in enumerate(request["sids"]):
            error = self._script.stats_errors.get(sid, 0)
            errors.append(error)
            if error:
                yield _item(index, sid, error)
                continue
            yield {"progress": "stats", "index": index, "sid": sid,
                   "counters": [{"name": name, "value": value}
                                for value, name in enumerate(COUNTERS, 1)],
                   "extended": [{"name": name, "value": value}
                                for value, name in enumerate(self._script.extended, 100)]}
        yield _done(next(filter(None, errors), 0))


def _done(code=0):
    return {"done": True, "code": code, "message": ""}


def _item(index, sid, code):
    return {"progress": "item", "index": index, "sid": sid, "code": code, "message": ""}


def _read_exactly(client, count):
    data = b""
    while len(data) < count:
        part = client.recv(count - len(data))
        if not part:
            break
        data += part
    return data


def _read_line(client):
    data = b""
    while not data.endswith(b"\n"):
        part = client.recv(65536)
        if not part:
            break
        data += part
    return data


def _text(request, offset):
    return request[offset:request.index(b"\0", offset)].decode()


def _number(request, offset):
    return struct.unpack_from("<i", request, offset)[0]
