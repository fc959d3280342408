# SPDX-License-Identifier: LGPL-2.1-or-later
"""open-iscsi's fixed-size requests to iscsid, in the layouts of its releases.

Written from a table of sizes and offsets, not from our own encoder, so that both cannot share a
mistake. Offsets are those of the request (the record's own, plus 16).
"""

import dataclasses
import socket
import struct

REPLY_SIZE = 2464
LOGIN, LOGOUT, STATS, INITIATOR_NAME, ALIAS, CONFIG_FILE, STOP, INFO = 1, 2, 7, 8, 9, 10, 11, 13


@dataclasses.dataclass(frozen=True)
class Layout:
    size: int
    conn: int        # added to the offsets of conn.startup to conn.tcp, against 2.1.8
    conn_timeo: int  # of conn.timeo, conn.iscsi, iface and what follows


LAYOUTS = {"2.1.8": Layout(16104, 0, 0), "2.1.11": Layout(16112, 8, 8),
           "newest": Layout(16128, 8, 24)}

# Offsets in a request of 2.1.8: those of one layout follow by shifting.
_BEFORE_CONN = {
    "tpgt": (288, 1), "session.initial_login_retry_max": (324, 0), "session.cmds_max": (316, 128),
    "session.queue_depth": (320, 32), "session.nr_sessions": (328, 1), "session.scan": (332, 1),
    "session.auth.authmethod": (336, 0), "session.timeo.replacement_timeout": (1392, 20),
    "session.err_timeo.abort_timeout": (1396, 15), "session.err_timeo.lu_reset_timeout": (1404, 30),
    "session.err_timeo.tgt_reset_timeout": (1408, 30), "session.iscsi.ImmediateData": (1428, 1),
    "session.iscsi.FirstBurstLength": (1432, 262144),
    "session.iscsi.MaxBurstLength": (1436, 16776192), "session.iscsi.MaxConnections": (1448, 1),
    "session.iscsi.MaxOutstandingR2T": (1452, 1), "session.iscsi.FastAbort": (1460, 1),
}
_CONN = {"port": (3280, 3260)}
_CONN_TIMEO = {
    "login_timeout": (3292, 3), "logout_timeout": (3296, 5), "noop_out_interval": (3308, 2),
    "noop_out_timeout": (3312, 2), "MaxRecvDataSegmentLength": (3316, 262144),
}
_TARGET, _ADDRESS, _IFACE_NAME, _TRANSPORT = 32, 2252, 3360, 14534
_ALGORITHMS = 1372


def login(version, target, address, **values):
    """A SESSION_LOGIN; `values`: fields of the tables above to be other than the defaults."""
    layout = LAYOUTS[version]
    request = bytearray(layout.size)
    struct.pack_into("<I", request, 0, LOGIN)
    for table, shift in ((_BEFORE_CONN, 0), (_CONN, layout.conn), (_CONN_TIMEO, layout.conn_timeo)):
        for name, (offset, default) in table.items():
            struct.pack_into("<i", request, offset + shift, values.get(name, default))
    struct.pack_into("<5I", request, _ALGORITHMS, 5, *[0xffffffff] * 4)
    for offset, text in ((_TARGET, target), (_ADDRESS + layout.conn, address),
                         (_IFACE_NAME + layout.conn_timeo, "default"),
                         (_TRANSPORT + layout.conn_timeo, values.get("transport", "tcp"))):
        request[offset:offset + len(text)] = text.encode()
    return bytes(request)


def about(version, command, sid=0):
    """A request that is about a session, or about nothing."""
    return struct.pack("<III", command, 0, sid).ljust(LAYOUTS[version].size, b"\0")


@dataclasses.dataclass(frozen=True)
class Reply:
    command: int
    code: int
    body: bytes

    @property
    def text(self):
        return self.body[:255].split(b"\0")[0].decode()

    @property
    def states(self):
        return struct.unpack_from("<II", self.body)


def ask(request, name="ISCSIADM_ABSTRACT_NAMESPACE"):
    """One conversation with the iscsid of this network namespace."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + name)
        try:
            client.sendall(request)
        except BrokenPipeError:
            pass  # refused before it was read
        data = b""
        while len(data) < REPLY_SIZE:
            part = client.recv(REPLY_SIZE - len(data))
            if not part:
                raise EOFError(f"{len(data)} bytes of a reply")
            data += part
        return Reply(*struct.unpack_from("<II", data), data[8:])
