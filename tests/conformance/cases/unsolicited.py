# SPDX-License-Identifier: LGPL-2.1-or-later
"""NOP-In, Reject, asynchronous messages and logout (RFC 7143, 11.9, 11.15, 11.17, 11.19)."""

from ..case import AHSLEN, BAD_ITT, DATA_DGST, DATALEN, PROTO, TCP_CONN_CLOSE, Case, Drops, Works
from ..codec import ASYNC, NOP_IN, REJECT, RESERVED_TAG
from ..script import EVERY, On, change, close, first, make, own, reply_with, send_ping, skip
from ..target import Config

COMMAND = "recv-scsi-command"
_PINGING = {"noop_out_interval": "3", "noop_out_timeout": "50"}


def _before_read(name, *items, expect=Works(), **more):
    return Case(name, expect, (On(COMMAND, first(*items), cmd="read"),), **more)


def _pings_answered(target):
    left = [ttt for conn in target.connections for ttt in conn.checker.pings]
    return f"pings without an answer: {left}" if left else None


def _ping(name, *items, **more):
    return _before_read(name, *items, seen=("nop-out",), later=_pings_answered, **more)


PINGS = (
    _ping("ping", send_ping()),
    _before_read("ping with data", send_ping(b"conformance"), expect=Drops(DATALEN)),
    _before_read("ping with 8192 bytes", send_ping(bytes(range(256)) * 32), expect=Drops(DATALEN)),
    _ping("ping with a LUN", send_ping(lun=7 << 48)),
    _ping("a hundred pings at once", *[send_ping()] * 100),
    _before_read("NOP-In without tags", make(NOP_IN, flags=0x80, itt=RESERVED_TAG, ttt=RESERVED_TAG)),
    _before_read("a thousand NOP-In without tags", *[make(NOP_IN, flags=0x80, itt=RESERVED_TAG, ttt=RESERVED_TAG)] * 1000),
    _before_read("NOP-In without tags but with data", make(NOP_IN, flags=0x80, itt=RESERVED_TAG, ttt=RESERVED_TAG, data=b"abc"),
                 expect=Drops(DATALEN)),
    _before_read("NOP-In over MaxRecvDataSegmentLength", make(NOP_IN, flags=0x80, itt=RESERVED_TAG, ttt=RESERVED_TAG,
                                                             data=bytes(1028)), expect=Drops(DATALEN),
                 login={"MaxRecvDataSegmentLength": "1024"}),
    _before_read("NOP-In with an AHS", lambda conn, pdu=None: conn.send_items([_with_ahs(conn)]), expect=Drops(AHSLEN)),
    Case("NOP-Out answered", Works(), login=_PINGING, run=("sleep 60", "read 0 8", "sleep 60"), seen=("nop-out",)),
    Case("NOP-Out answered with a TTT as well", Drops(PROTO), (On("send-nop-in", change(ttt=3)),),
         login=_PINGING, run=("sleep 60", "read 0 8")),
)


def _with_ahs(conn):
    nop = conn.build(NOP_IN, consume=False, flags=0x80, itt=RESERVED_TAG, ttt=RESERVED_TAG)
    nop.ahs = bytes(12)
    return nop


def _reject(reason, expect, data=lambda conn, pdu: bytes(pdu.bhs), name=None, **more):
    return Case(name or f"reject {reason:#04x} of a read", expect, (On(COMMAND, reply_with(make(
        REJECT, status=True, flags=0x80, itt=RESERVED_TAG, reason=reason, data=data)), cmd="read"),), **more)


# One command was refused; it is tried again. Some reasons say that the two sides disagree on more than that.
_REFUSED = Works()
_DISAGREE = {0x02: Drops(DATA_DGST), 0x04: Drops(PROTO), 0x07: Drops(PROTO)}
_SHORT = {"command_timeout": "6", "abort_timeout": "30"}

REJECTS = tuple(_reject(reason, _DISAGREE.get(reason, _REFUSED), login=_SHORT) for reason in (
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0xFF)) + (
    _reject(0x04, Drops(DATALEN), data=b"", name="reject without a header", login=_SHORT),
    _reject(0x04, Drops(DATALEN), data=bytes(20), name="reject with part of a header", login=_SHORT),
    _reject(0x04, Drops(PROTO), data=lambda conn, pdu: bytes(pdu.bhs[:16]) + b"\x0b\xad\x0b\xad" + bytes(pdu.bhs[20:]),
            name="reject of an unknown ITT", login=_SHORT),
    _reject(0x04, Drops(PROTO), data=lambda conn, pdu: bytes(pdu.bhs) * 100, name="reject with 4800 bytes", login=_SHORT),
    _before_read("reject of nothing in particular", make(REJECT, status=True, flags=0x80, itt=RESERVED_TAG, reason=0x0B,
                                                         data=bytes(48)), expect=Works()),
)


def _async(event, expect, name=None, data=b"", **more):
    fields = {key: more.pop(key) for key in ("p1", "p2", "p3", "vcode") if key in more}
    return Case(name or f"async {event}", expect, (On(COMMAND, first(make(
        ASYNC, status=True, flags=0x80, itt=RESERVED_TAG, event=event, data=data, **fields)), cmd="read"),), **more)


_LUNS_CHANGED = b"\x00\x12\x70\x00\x06\x00\x00\x00\x00\x0a\x00\x00\x00\x00\x3f\x0e\x00\x00\x00\x00"
_CLOSED = Drops(TCP_CONN_CLOSE)
_ENDED = Works(connections=2)   # logged out in order, and back


def _asked_first(target):
    """After the request the initiator logs out or sends text; it doesn't just vanish (11.9.1)."""
    names = [line.split("<", 2)[2].split()[0] for line in target.log if line.startswith("0 < <")]
    return None if "logout-request" in names or "text-request" in names else f"neither logout nor text: {names[-4:]}"


ASYNCS = (
    _async(0, Works(), "async 0, LUNs changed", data=_LUNS_CHANGED),
    _async(0, Works(), "async 0 without sense"),
    _async(0, Works(), "async 0, sense length lies", data=b"\xff\xff\x70"),
    _async(1, _ENDED, "async 1, logout asked for", p3=1, seen=("logout-request",)),
    _async(1, _ENDED, "async 1 with no time", p3=0, seen=("logout-request",)),
    Case("async 1, then closed", Drops(TCP_CONN_CLOSE, in_logout=True), (On(COMMAND, first(make(ASYNC, status=True, flags=0x80, itt=RESERVED_TAG,
                                                                 event=1, p3=1), close), cmd="read"),)),
    _async(2, Works(), "async 2, but nothing is dropped", p1=0, p2=0, p3=0),
    _async(2, Works(), "async 2, another connection is dropped", p1=9, p2=0, p3=0),
    _async(3, Works(), "async 3, but nothing is dropped", p2=0, p3=0),
    *(Case(f"async {event}, then closed, back after {wait} s", _CLOSED, (On(COMMAND, first(make(
        ASYNC, status=True, flags=0x80, itt=RESERVED_TAG, event=event, p2=wait, p3=20), close), cmd="read"),),
        Config(second=0.01)) for event in (2, 3) for wait in (0, 15)),
    _async(4, _ENDED, "async 4, negotiate again", p3=1, later=_asked_first),
    _async(5, Works(), "async 5, undefined"),
    _async(77, Works(), "async 77, undefined"),
    _async(255, Works(), "async 255, vendor", vcode=9, data=b"\x00\x00vendor"),
    Case("async with a task's ITT", Drops(BAD_ITT), (On(COMMAND, first(make(
        ASYNC, status=True, flags=0x80, itt=lambda conn, pdu: pdu.itt, event=255)), cmd="read"),)),
)

_LOGOUT = ("read 0 8", "logout")
LOGOUT_SENT = "send-logout-response"


def _logout(name, step, event=LOGOUT_SENT, expect=Works(), **more):
    return Case(name, expect, (On(event, step, times=EVERY),), run=_LOGOUT, seen=("logout-request",), **more)


LOGOUTS = (
    Case("logout", Works(), run=_LOGOUT, seen=("logout-request",)),
    *(_logout(f"logout answered {code}", change(response=code)) for code in (1, 2, 3, 77)),
    _logout("logout with times", change(time2wait=65535, time2retain=65535)),
    _logout("logout never answered", skip, "recv-logout-request", login={"logout_timeout": "6"}),
    _logout("logout answered by closing", close, "recv-logout-request"),
    _logout("logout answered with another ITT", change(itt=lambda itt: itt ^ 0xFF), login={"logout_timeout": "6"}),
    _logout("logout response with data", own(data=b"surplus!"), login={"logout_timeout": "6"}),
    _logout("data behind the logout response", lambda conn, pdu: [pdu, b"\xEE" * 480]),
)

CASES = PINGS + REJECTS + ASYNCS + LOGOUTS
assert Config().window == 32
