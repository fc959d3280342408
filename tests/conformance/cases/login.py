# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wrong bytes in the login response, statuses and redirects (RFC 7143, 11.13)."""

from ..case import (AUTH_FAILED, BAD_OPCODE, FATAL_LOGIN, PROTO, Case, Drops, Either, LoginFails,
                    LoginRetried, Works)
from ..codec import ASYNC, LOGIN_RSP, NOP_IN, REJECT, RESERVED_TAG, SCSI_RSP, TEXT_RSP, encode_text
from ..script import EVERY, On, after, both, change, close, first, instead, make, opcode, own
from ..target import Config

RESPONSE = "send-login-response"


def _bent(name, step, expect=LoginFails(), **more):
    return Case(name, expect, (On(RESPONSE, step, times=EVERY),), **more)


BYTES = (
    _bent("unknown opcode", opcode(0x3E)),
    _bent("opcode of a SCSI response", opcode(SCSI_RSP)),
    _bent("opcode of a text response", opcode(TEXT_RSP)),
    _bent("opcode of the request", opcode(0x43)),
    _bent("I bit on the response opcode", opcode(LOGIN_RSP | 0x40), Either(LoginFails(), Works())),
    _bent("top bit on the response opcode", opcode(LOGIN_RSP | 0x80), Either(LoginFails(), Works())),
    _bent("NOP-In first", first(make(NOP_IN, flags=0x80, itt=RESERVED_TAG, ttt=RESERVED_TAG))),
    _bent("async message first", first(make(ASYNC, flags=0x80, itt=RESERVED_TAG, event=255, status=True))),
    _bent("reject instead", instead(make(REJECT, flags=0x80, itt=RESERVED_TAG, reason=4, status=True,
                                         data=bytes(48)))),
    _bent("active version 1", change(vactive=1)),
    _bent("active version 255", change(vactive=255)),
    _bent("highest version 1, active 0", change(vmax=1), Works()),
    _bent("foreign ITT", change(itt=lambda itt: itt ^ 1)),
    _bent("reserved ITT", change(itt=RESERVED_TAG)),
    _bent("T and C both set", change(flags=lambda flags: flags | 0xC0)),
    _bent("CSG security", change(flags=0x83)),
    _bent("CSG 2", change(flags=0x8B)),
    _bent("CSG full feature", change(flags=0x8F)),
    _bent("NSG security", change(flags=0x84)),
    _bent("NSG operational again", change(flags=0x85)),
    _bent("NSG 2", change(flags=0x86)),
    _bent("foreign ISID", change(isid=lambda isid: isid ^ 0xFF)),
    _bent("TSIH 0 at the end", change(tsih=0)),
    Case("StatSN jumps between responses", LoginFails(), (On(RESPONSE, change(statsn=lambda sn: sn + 7), nth=2),),
         Config(login_steps=2)),
    _bent("claims 16 MiB of text", own(claim_dsl=0xFFFFFF)),
    _bent("more text than 8192 bytes", own(data=lambda data: data + encode_text(
        [(f"X-test.pad{index}", "v" * 200) for index in range(40)]))),
    _bent("AHS", own(ahs=bytes(4))),
    _bent("AHS of 1020 bytes", own(ahs=bytes(1020))),
    _bent("claims an AHS that is not there", both(own(claim_ahslen=255), after(close))),
    _bent("padding not zero", own(pad_byte=0xFF), Works()),
    _bent("unused flag bits", change(flags=lambda flags: flags | 0x30), Either(LoginFails(), Works())),
    Case("three empty rounds", Works(), config=Config(login_steps=3)),
    Case("rounds without end", LoginFails(), config=Config(login_steps=10 ** 9)),
    Case("final response twice", Drops(PROTO),
         (On(RESPONSE, lambda conn, pdu: [pdu, pdu.copy()]),)),
    Case("garbage behind the final response", Drops(BAD_OPCODE),
         (On(RESPONSE, after(b"\xEE" * 48)),)),
    Case("NOP-In behind the final response", Works(),
         (On(RESPONSE, after(make(NOP_IN, flags=0x80, itt=RESERVED_TAG, ttt=RESERVED_TAG))),)),
)


def _status(name, class_, detail, expect):
    return Case(f"status {class_:02x}{detail:02x} {name}", expect, (On(
        RESPONSE, both(change(class_=class_, detail=detail, flags=0, tsih=0), own(data=b"")), times=EVERY),))


STATUSES = (
    _status("initiator error", 2, 0x00, LoginFails(FATAL_LOGIN)),
    _status("authentication failure", 2, 0x01, LoginFails(AUTH_FAILED)),
    _status("authorization failure", 2, 0x02, LoginFails(AUTH_FAILED)),
    _status("not found", 2, 0x03, LoginFails(FATAL_LOGIN)),
    _status("target removed", 2, 0x04, LoginFails(FATAL_LOGIN)),
    _status("unsupported version", 2, 0x05, LoginFails(FATAL_LOGIN)),
    _status("too many connections", 2, 0x06, LoginFails(FATAL_LOGIN)),
    _status("missing parameter", 2, 0x07, LoginFails(FATAL_LOGIN)),
    _status("can't include in session", 2, 0x08, LoginFails(FATAL_LOGIN)),
    _status("session type not supported", 2, 0x09, LoginFails(FATAL_LOGIN)),
    _status("session does not exist", 2, 0x0A, LoginFails(FATAL_LOGIN)),
    _status("invalid during login", 2, 0x0B, LoginFails(FATAL_LOGIN)),
    _status("undefined detail", 2, 0x99, LoginFails(FATAL_LOGIN)),
    _status("target error", 3, 0x00, LoginRetried()),
    _status("service unavailable", 3, 0x01, LoginRetried()),
    _status("out of resources", 3, 0x02, LoginRetried()),
    _status("undefined class", 4, 0x00, LoginFails(FATAL_LOGIN)),
    _status("undefined class", 0xFF, 0xFF, LoginFails(FATAL_LOGIN)),
    Case("status 0301 once, then fine", Works(connections=2), (On(
        RESPONSE, both(change(class_=3, detail=1, flags=0, tsih=0), own(data=b""))),)),
)


def _redirect(address, detail=1):
    """A redirect to what `address` says: text, bytes, or a function of the connection."""
    def do(conn, pdu):
        value = address(conn) if callable(address) else address
        pdu.set(class_=1, detail=detail, flags=pdu.flags & 0x0C, tsih=0)
        pdu.data = value if isinstance(value, bytes) else encode_text([("TargetAddress", value)])
    return do


def _other(conn):
    return conn.target.address(1)


def _bare(conn):
    return conn.target.address(1).partition(",")[0]


def _redirected(name, address, expect, detail=1, times=EVERY, **more):
    config = more.pop("config", Config(portals=2))
    return Case(f"redirect {name}", expect, (On(RESPONSE, _redirect(address, detail), portal=0, times=times),),
                config, **more)


REDIRECTS = (
    _redirected("temporary", _other, Works(connections=2)),
    _redirected("permanent", _other, Works(connections=2), detail=2),
    _redirected("without group tag", _bare, Works(connections=2)),
    _redirected("by host name", lambda conn: "localhost:" + _bare(conn).rpartition(":")[2], Works(connections=2)),
    Case("redirect with T set", Works(connections=2), (On(
        RESPONSE, both(_redirect(_other), change(flags=lambda flags: flags | 0x83)), portal=0),), Config(portals=2)),
    Case("redirect in the second round", Works(connections=2),
         (On(RESPONSE, _redirect(_other), portal=0, nth=2),), Config(portals=2, login_steps=1)),
    _redirected("among other keys", lambda conn: encode_text([("TargetAlias", "elsewhere"),
                                                              ("TargetAddress", _other(conn))]), Works(connections=2)),
    _redirected("of undefined detail", _other, LoginRetried(), detail=0x0F),
    _redirected("to a closed port, once", "127.0.0.1:1,1", Works(connections=2), times=1),
    _redirected("to a closed port, always", "127.0.0.1:1,1", LoginRetried()),
    _redirected("to itself for ever", lambda conn: conn.target.address(0), LoginRetried()),
    Case("redirect back and forth for ever", LoginRetried(), (
        On(RESPONSE, _redirect(lambda conn: conn.target.address(1 - conn.portal)), times=EVERY),), Config(portals=2)),
    _redirected("without TargetAddress", b"", LoginRetried()),
    _redirected("with an empty address", "", LoginRetried()),
    _redirected("to garbage", "!?*", LoginRetried()),
    _redirected("to garbage in brackets", "[::1", LoginRetried()),
    _redirected("to empty brackets", "[]:3260,1", LoginRetried()),
    _redirected("to port 0", "127.0.0.1:0,1", LoginRetried()),
    _redirected("to port 65536", "127.0.0.1:65536,1", LoginRetried()),
    _redirected("to a port that is no number", "127.0.0.1:iscsi!,1", LoginRetried()),
    _redirected("with a group tag out of range", lambda conn: _bare(conn) + ",65536", LoginRetried()),
    _redirected("to an address of 8000 bytes", "a" * 8000, LoginRetried()),
    _redirected("with two addresses", lambda conn: encode_text([("TargetAddress", _other(conn))] * 2),
                Works(connections=2)),
    _redirected("with text that is not closed", b"TargetAddress=127.0.0.1:1,1", LoginRetried()),
    _redirected("IPv6 with port", _other, Works(connections=2), config=Config(portals=2, v6=True), v6=True),
    _redirected("IPv6 without port", "[::1],1", LoginRetried(), v6=True),
    _redirected("IPv6 without port and tag", "[::1]", LoginRetried(), v6=True),
    _redirected("IPv6 without brackets", "::1", LoginRetried(), v6=True),
)

CASES = BYTES + STATUSES + REDIRECTS
