# SPDX-License-Identifier: LGPL-2.1-or-later
"""SendTargets answered wrongly (RFC 7143, 11.11, 13.3 and appendix C)."""

from ..case import AUTH_FAILED, FATAL_LOGIN, GENERIC, NO_OBJECTS, PDU_TIMEOUT, Case, Discovers, DiscoveryFails
from ..chap import Credentials
from ..codec import REJECT, RESERVED_TAG, encode_text
from ..script import EVERY, On, both, change, close, instead, make, mute_and_drop, opcode, own, text
from ..target import TARGET_NAME, Config

RESPONSE = "send-text-response"
LOGIN = "send-login-response"
_NAMES = tuple(f"iqn.2026-01.test.conformance:disk{index}" for index in range(200))
_GIVES_UP = DiscoveryFails((GENERIC, PDU_TIMEOUT))
# A target that names no address anyone could use is not there, and not where it was asked for either.
_NOTHING = DiscoveryFails((NO_OBJECTS,))
_SECRET = Credentials("alice", "alices-secret-0")


def _found(*names, address=None):
    return Discovers(tuple((address, name) for name in names))


def _case(name, expect, script=(), **more):
    return Case(name, expect, script, mode="discover", run=(), **more)


def _bent(name, step, expect=_GIVES_UP, **more):
    return _case(name, expect, (On(RESPONSE, step, times=EVERY),), **more)


def _listing(name, pairs, expect):
    return _bent(name, text(encode_text(pairs)), expect)


def _more(data):
    """An answer that always has a rest."""
    def do(conn, pdu):
        conn.pending_text[7] = b"x"
        pdu.set(flags=0x40, ttt=7)
        pdu.data = data
    return do


GOOD = (
    _case("one target", _found(TARGET_NAME)),
    _case("three targets", _found(*_NAMES[:3]), config=Config(names=_NAMES[:3])),
    _case("200 targets", _found(*_NAMES), config=Config(names=_NAMES)),
    _case("200 targets in pieces of 512 bytes", _found(*_NAMES), config=Config(names=_NAMES, text_chunk=512)),
    _case("in pieces of 1 byte", _found(TARGET_NAME), config=Config(text_chunk=1)),
    _case("in pieces of 13 bytes", _found(*_NAMES[:3]), config=Config(names=_NAMES[:3], text_chunk=13)),
    # As LIO ends a long list: the F bit has the last word.
    _bent("F with a TTT", change(ttt=9), _found(TARGET_NAME)),
    _case("with authentication", _found(TARGET_NAME), config=Config(discovery_chap=_SECRET),
          login={"username": "alice", "password": "alices-secret-0"}),
    _listing("no target", (), DiscoveryFails((NO_OBJECTS,))),
    _listing("target without an address", (("TargetName", TARGET_NAME),), _found(TARGET_NAME)),
    _listing("address in IPv6", (("TargetName", TARGET_NAME), ("TargetAddress", "[fe80::1]:3261,5")),
             _found(TARGET_NAME, address="[fe80::1]:3261,5")),
    _listing("address without port", (("TargetName", TARGET_NAME), ("TargetAddress", "192.0.2.1,2")),
             _found(TARGET_NAME, address="192.0.2.1:3260,2")),
    _listing("address in IPv6 without port", (("TargetName", TARGET_NAME), ("TargetAddress", "[fe80::1],2")),
             _found(TARGET_NAME, address="[fe80::1]:3260,2")),
    _listing("two addresses", (("TargetName", TARGET_NAME), ("TargetAddress", "192.0.2.1:3260,1"),
                               ("TargetAddress", "192.0.2.2:3260,2")),
             Discovers((("192.0.2.1:3260,1", TARGET_NAME), ("192.0.2.2:3260,2", TARGET_NAME)))),
    _listing("alias among the keys", (("TargetName", TARGET_NAME), ("TargetAlias", "some disk"),
                                      ("TargetAddress", "192.0.2.1:3260,1")),
             _found(TARGET_NAME, address="192.0.2.1:3260,1")),
)

BAD = (
    _bent("foreign ITT", change(itt=lambda itt: itt ^ 0x55)),
    _bent("reserved ITT", change(itt=RESERVED_TAG)),
    _bent("no F and no TTT", change(flags=0, ttt=RESERVED_TAG)),
    _bent("F and C", change(flags=0xC0)),
    _bent("unknown opcode", opcode(0x3E)),
    _bent("opcode of a login response", opcode(0x23)),
    _bent("StatSN jumps", change(statsn=lambda sn: sn + 5)),
    _bent("more than MaxRecvDataSegmentLength", own(claim_dsl=0x100000)),
    _bent("AHS", own(ahs=bytes(8))),
    _bent("reject", instead(make(REJECT, status=True, flags=0x80, itt=RESERVED_TAG, reason=9,
                                 data=lambda conn, pdu: bytes(48)))),
    _bent("key without =", text(b"TargetName\0")),
    _bent("last pair not closed", text(b"TargetName=iqn.2026-01.test:a")),
    _bent("for ever, one byte each", _more(b"k")),
    _bent("for ever, empty", _more(b"")),
    _bent("for ever, whole pairs", _more(encode_text([("TargetName", TARGET_NAME)]))),
    _listing("address before any name", (("TargetAddress", "192.0.2.1:3260,1"), ("TargetName", TARGET_NAME)),
             _found(TARGET_NAME)),
    _listing("name of 300 bytes", (("TargetName", "iqn.2026-01.test:" + "n" * 300),), _NOTHING),
    _listing("name with a slash", (("TargetName", "iqn.2026-01.test:../../../etc"),), _NOTHING),
    _listing("address with port 0", (("TargetName", TARGET_NAME), ("TargetAddress", "192.0.2.1:0,1")), _NOTHING),
    _listing("address with a line break", (("TargetName", TARGET_NAME), ("TargetAddress", "192.0.2.1\n:3260,1")), _NOTHING),
    _listing("address garbage", (("TargetName", TARGET_NAME), ("TargetAddress", "[:,"),), _NOTHING),
    _bent("closed instead", lambda conn, pdu: [close], DiscoveryFails((PDU_TIMEOUT,))),
    _bent("silence", mute_and_drop, DiscoveryFails((PDU_TIMEOUT,)), login={"text_timeout": "6"}),
)

LOGINS = (
    _case("login refused for authentication", DiscoveryFails((AUTH_FAILED,)),
          config=Config(discovery_chap=_SECRET)),
    _case("login refused for authorization", DiscoveryFails((AUTH_FAILED,)), (On(
        LOGIN, both(change(class_=2, detail=2, flags=0), own(data=b"")), times=EVERY),)),
    _case("login refused as not found", DiscoveryFails((FATAL_LOGIN,)), (On(
        LOGIN, both(change(class_=2, detail=3, flags=0), own(data=b"")), times=EVERY),)),
    _case("login refused for resources", DiscoveryFails((PDU_TIMEOUT,)), (On(
        LOGIN, both(change(class_=3, detail=2, flags=0), own(data=b"")), times=EVERY),)),
    _case("login refused for resources once", _found(TARGET_NAME), (On(
        LOGIN, both(change(class_=3, detail=2, flags=0), own(data=b""))),)),
    _case("redirected", Discovers(((None, TARGET_NAME), (1, TARGET_NAME))), (On(LOGIN, lambda conn, pdu: both(
        change(class_=1, detail=1, flags=0x04), own(data=encode_text([("TargetAddress", conn.target.address(1))])))(
            conn, pdu), portal=0),), config=Config(portals=2)),
)

CASES = GOOD + BAD + LOGINS
