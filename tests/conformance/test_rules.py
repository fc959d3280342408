# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each rule catches a PDU that breaks it, and a well-behaved initiator breaks none."""

import time

import pytest

from . import codec, rules
from .codec import (DATA_OUT, LOGIN, LOGIN_RSP, LOGOUT, NOP_IN, NOP_OUT, R2T, RESERVED_TAG, SCSI_CMD, SCSI_RSP, SNACK,
                    TEXT, TEXT_RSP, TMF, TMF_RSP, Pdu, encode_text)
from .rules import RULES, Checker
from .target import Target

NAMES = [("InitiatorName", "iqn.2026-01.test:initiator"), ("TargetName", "iqn.2026-01.test:target"),
         ("SessionType", "Normal")]
KEYS = [("HeaderDigest", "None"), ("DataDigest", "None"), ("InitialR2T", "No"), ("ImmediateData", "Yes"),
        ("MaxBurstLength", "8192"), ("FirstBurstLength", "4096"), ("MaxOutstandingR2T", "2"),
        ("MaxRecvDataSegmentLength", "65536")]
ANSWERS = [pair for pair in KEYS if pair[0] != "MaxRecvDataSegmentLength"] + [("MaxRecvDataSegmentLength", "2048")]


class Peer:
    """Feeds a Checker from both sides, by default as the RFC wants it."""

    def __init__(self, transfer=None):
        self.checker = Checker(transfer)
        self.statsn = 100
        self.cmdsn = 1

    def request(self, opcode, immediate=False, **fields):
        pdu = Pdu(opcode | (0x40 if immediate else 0), fields.pop("data", b""), fields.pop("ahs", b""))
        padding = fields.pop("padding", b"")
        known = codec.FIELDS[opcode]
        if "cmdsn" in known:
            fields.setdefault("cmdsn", self.cmdsn)
        if "expstatsn" in known:
            fields.setdefault("expstatsn", self.statsn)
        pdu.set(itt=fields.pop("itt", 1), **fields)
        pdu.dsl, pdu.ahslen, pdu.padding = len(pdu.data), len(pdu.ahs) // 4, padding
        if "cmdsn" in known and not immediate:
            self.cmdsn = pdu.cmdsn + 1
        self.checker.received(pdu)
        return pdu

    def response(self, opcode, data=b"", status=True, **fields):
        pdu = Pdu(opcode, data, **{"statsn": self.statsn, "expcmdsn": self.cmdsn, "maxcmdsn": self.cmdsn + 7, **fields})
        if status:
            self.statsn += 1
        self.checker.sent(pdu)
        return pdu

    def login(self, pairs=None, flags=0x87, **fields):
        data = encode_text(NAMES + KEYS if pairs is None else pairs)
        return self.request(LOGIN, **{"immediate": True, "flags": flags, "isid": 0x00023D000001, "itt": 0, "data": data,
                                      **fields})

    def accept(self, pairs=None, flags=0x87, **fields):
        data = encode_text(ANSWERS if pairs is None else pairs)
        return self.response(LOGIN_RSP, **{"flags": flags, "data": data, "itt": 0, "tsih": 1, **fields})

    def full_feature(self, keys=(), answers=()):
        def merged(pairs, changes):
            return [(k, dict(changes).get(k, v)) for k, v in pairs] + [p for p in changes if p[0] not in dict(pairs)]
        self.login(NAMES + merged(KEYS, keys))
        self.accept(merged(ANSWERS, answers))
        return self

    def discovery(self):
        self.login([NAMES[0], ("SessionType", "Discovery"), ("MaxRecvDataSegmentLength", "8192")])
        self.accept([("MaxRecvDataSegmentLength", "8192")])
        return self

    def command(self, **fields):
        return self.request(SCSI_CMD, **{"flags": 0x80, "itt": 1, **fields})

    def write(self, edtl=4096, **fields):
        return self.command(**{"flags": 0xA0, "edtl": edtl, **fields})

    def r2t(self, **fields):
        return self.response(R2T, status=False, **{"flags": 0x80, "itt": 1, "ttt": 9, "length": 4096, **fields})

    def data_out(self, **fields):
        return self.request(DATA_OUT, **{"flags": 0x80, "itt": 1, "ttt": 9, "data": bytes(2048), **fields})

    @property
    def broken(self):
        return {violation.rule for violation in self.checker.violations}


def _ff(**keys):
    return Peer().full_feature(list(keys.items()), list(keys.items()))


# One function per rule: does what breaks it, and gives the peer.
BREAKS = {}


def breaks(rule):
    def keep(function):
        BREAKS.setdefault(rule, []).append(function)
        return function
    return keep


def _on(rule, maker, *actions):
    def run():
        peer = maker()
        for action in actions:
            action(peer)
        return peer
    BREAKS.setdefault(rule, []).append(run)


_new = Peer
_on("pdu.opcode", _ff, lambda p: p.checker.received(Pdu(0x21)))
_on("pdu.opcode", _ff, lambda p: p.checker.received(Pdu(0x07)))
_on("pdu.opcode", _ff, lambda p: p.checker.received(Pdu(0x81)))
_on("pdu.reserved", _ff, lambda p: p.request(LOGOUT, flags=0x80, lun=1))
_on("pdu.reserved", _ff, lambda p: p.command(flags=0x90))
_on("pdu.reserved", _ff, lambda p: p.request(NOP_OUT, flags=0x00, ttt=RESERVED_TAG))
_on("pdu.reserved", _ff, lambda p: p.write(flags=0xA0), lambda p: p.r2t(length=2048), lambda p: p.data_out(immediate=True))
_on("pdu.reserved", _ff, lambda p: p.request(NOP_OUT, flags=0x80, ttt=RESERVED_TAG, lun=4))
_on("pdu.reserved", _ff, lambda p: p.request(TMF, flags=0x85, rtt=RESERVED_TAG, expdatasn=4))
_on("pdu.max-recv", _ff, lambda p: p.write(data=bytes(2052)))
_on("pdu.max-recv", _new, lambda p: p.login(NAMES + [("X-a", "b" * 250) for _ in range(40)]))
_on("pdu.padding", _ff, lambda p: p.write(data=bytes(5), padding=b"\1\0\0"))
_on("pdu.ahs", _ff, lambda p: p.request(NOP_OUT, flags=0x80, ttt=RESERVED_TAG, ahs=bytes(4)))
_on("pdu.ahs", _ff, lambda p: p.command(ahs=b"\x00\x05\x09\x00" + bytes(4)))
_on("pdu.ahs", _ff, lambda p: p.command(ahs=b"\x00\x55\x01\x00" + bytes(4)))
_on("pdu.no-data", _ff, lambda p: p.request(LOGOUT, flags=0x80, data=b"1234"))
_on("pdu.header-digest", _ff, lambda p: p.checker.bad_digest(codec.BadDigest("header", Pdu(SCSI_CMD), 1)))
_on("pdu.data-digest", _ff, lambda p: p.checker.bad_digest(codec.BadDigest("data", Pdu(SCSI_CMD), 1)))
_on("login.first", _new, lambda p: p.command())
_on("login.immediate", _new, lambda p: p.login(immediate=False))
_on("login.version", _new, lambda p: p.login(vmin=1))
_on("login.t-and-c", _new, lambda p: p.login(flags=0xC7))
_on("login.csg", _new, lambda p: p.login(flags=0x88))
_on("login.csg", _new, lambda p: p.login(NAMES, flags=0x81), lambda p: p.accept([], flags=0x81), lambda p: p.login(KEYS, flags=0x81))
_on("login.nsg", _new, lambda p: p.login(flags=0x85))
_on("login.nsg", _new, lambda p: p.login(flags=0x86))
_on("login.nsg", _new, lambda p: p.login(flags=0x07))
_on("login.isid", _new, lambda p: p.login(isid=0xC00000000000))
_on("login.isid", _new, lambda p: p.login(NAMES, flags=0x04), lambda p: p.accept([], flags=0x04), lambda p: p.login(KEYS, isid=5))
_on("login.tsih", _new, lambda p: p.login(tsih=4))
_on("login.cid", _new, lambda p: p.login(NAMES, flags=0x04), lambda p: p.accept([], flags=0x04), lambda p: p.login(KEYS, cid=5))
_on("login.itt", _new, lambda p: p.login(NAMES, flags=0x04), lambda p: p.accept([], flags=0x04), lambda p: p.login(KEYS, itt=5))
_on("login.cmdsn", _new, lambda p: p.login(NAMES, flags=0x04), lambda p: p.accept([], flags=0x04), lambda p: p.login(KEYS, cmdsn=5))
_on("login.expstatsn", _new, lambda p: p.login(NAMES, flags=0x04), lambda p: p.accept([], flags=0x04),
    lambda p: p.login(KEYS, expstatsn=100))
_on("login.after-end", _new, lambda p: p.login(), lambda p: p.accept([], flags=0, class_=2, detail=3), lambda p: p.login(KEYS))
_on("login.after-end", _ff, lambda p: p.login(KEYS))
_on("login.c-wait", _new, lambda p: p.login(NAMES, flags=0x04), lambda p: p.accept([("TargetAlias", "a")], flags=0x44),
    lambda p: p.login(KEYS))
_on("login.text", _new, lambda p: p.login(data=b"InitiatorName"))
_on("login.text", _new, lambda p: p.login(data=b"InitiatorName=iqn.2026-01.test:a"))
_on("login.initiator-name", _new, lambda p: p.login(NAMES[1:] + KEYS))
_on("login.initiator-name", _new, lambda p: p.login([("InitiatorName", "me")] + NAMES[1:] + KEYS))
_on("login.target-name", _new, lambda p: p.login([NAMES[0], NAMES[2]] + KEYS))
_on("login.session-type", _new, lambda p: p.login(NAMES[:2], flags=0x04), lambda p: p.accept([], flags=0x04),
    lambda p: p.login([NAMES[2]] + KEYS))
_on("key.name", _new, lambda p: p.login(NAMES + [("X-" + "k" * 62, "1")]))
_on("key.name", _new, lambda p: p.login(NAMES + [("InitiatorAlias", "a" * 256)]))
_on("key.name", _new, lambda p: p.login(NAMES + [("X-a b", "1")]))
_on("key.once", _new, lambda p: p.login(NAMES + KEYS + [KEYS[0]]))
_on("key.once", _new, lambda p: p.login(NAMES + KEYS, flags=0x04), lambda p: p.accept(flags=0x04), lambda p: p.login([KEYS[4]]))
_on("key.sender", _new, lambda p: p.login(NAMES + [("TargetAlias", "x")]))
_on("key.sender", _new, lambda p: p.login(NAMES + [("NoSuchKey", "x")]))
_on("key.stage", _new, lambda p: p.login(NAMES + [("AuthMethod", "None")]))
_on("key.stage", _new, lambda p: p.login(NAMES + KEYS, flags=0x81))
_on("key.stage", _ff, lambda p: p.request(TEXT, flags=0x80, ttt=RESERVED_TAG, data=encode_text([("MaxConnections", "1")])))
for pair in (("MaxBurstLength", "511"), ("MaxBurstLength", "16777216"), ("InitialR2T", "yes"), ("HeaderDigest", "MD5"),
             ("ErrorRecoveryLevel", "3"), ("DefaultTime2Wait", "3601"), ("MaxConnections", "0"), ("SessionType", "Odd")):
    _on("key.range", _new, lambda p, pair=pair: p.login(NAMES[:2] + [pair]))
_on("key.discovery", _new, lambda p: p.login([NAMES[0], ("SessionType", "Discovery"), ("MaxConnections", "1")]))
_on("key.first-burst", _new, lambda p: p.login(NAMES + [("FirstBurstLength", "8192"), ("MaxBurstLength", "4096")]))
_on("key.answer-missing", _new, lambda p: p.login(NAMES, flags=0x04), lambda p: p.accept([("MaxConnections", "4")], flags=0x04),
    lambda p: p.login(KEYS))
_on("key.answer-wrong", _new, lambda p: p.login(NAMES, flags=0x04), lambda p: p.accept([("MaxConnections", "4")], flags=0x04),
    lambda p: p.login([("MaxConnections", "5")]))
_on("key.answer-wrong", _new, lambda p: p.login(NAMES, flags=0x04), lambda p: p.accept([("ImmediateData", "No")], flags=0x04),
    lambda p: p.login([("ImmediateData", "Yes")]))
_on("key.not-understood", _new, lambda p: p.login(NAMES, flags=0x04), lambda p: p.accept([("X-odd", "4")], flags=0x04),
    lambda p: p.login([("X-odd", "4")]))


def _security():
    peer = Peer()
    peer.login(NAMES + [("AuthMethod", "CHAP")], flags=0x00)
    peer.accept([("AuthMethod", "CHAP")], flags=0x00)
    return peer


def _challenged():
    peer = _security()
    peer.login([("CHAP_A", "5")], flags=0x00)
    peer.accept([("CHAP_A", "5"), ("CHAP_I", "1"), ("CHAP_C", "0x" + "11" * 16)], flags=0x00)
    return peer


_on("chap.order", _new, lambda p: p.login(NAMES + [("CHAP_A", "5")], flags=0x00))
_on("chap.order", _security, lambda p: p.login([("CHAP_N", "a"), ("CHAP_R", "0x11")], flags=0x00))
_on("chap.value", _security, lambda p: p.login([("CHAP_A", "4")], flags=0x00))
_on("chap.value", _challenged, lambda p: p.login([("CHAP_N", "a"), ("CHAP_R", "zz")], flags=0x81))
_on("chap.value", _challenged, lambda p: p.login([("CHAP_I", "256")], flags=0x81))
_on("chap.reflect", _challenged, lambda p: p.login([("CHAP_I", "2"), ("CHAP_C", "0x" + "11" * 16)], flags=0x81))
_on("seq.cmdsn", _ff, lambda p: p.command(cmdsn=2))
_on("seq.cmdsn", _ff, lambda p: p.command(), lambda p: p.command(itt=2, cmdsn=1))
_on("seq.cmdsn", _ff, lambda p: p.request(NOP_OUT, immediate=True, flags=0x80, ttt=RESERVED_TAG, cmdsn=4))
_on("seq.window", _ff, *[lambda p, i=i: p.command(itt=i) for i in range(9)])
_on("seq.itt-unique", _ff, lambda p: p.command(), lambda p: p.command())
_on("seq.itt-reserved", _ff, lambda p: p.command(itt=RESERVED_TAG))
_on("seq.expstatsn", _ff, lambda p: p.command(expstatsn=102))
_on("seq.expstatsn", _ff, lambda p: p.command(), lambda p: p.command(itt=2, expstatsn=100))
_on("seq.expstatsn", _ff, lambda p: p.write(), lambda p: p.r2t(length=2048), lambda p: p.data_out(expstatsn=102))
_on("cmd.flags", _ff, lambda p: p.command(flags=0x80, edtl=512))
_on("cmd.flags", _ff, lambda p: p.command(flags=0x40, edtl=512))
_on("cmd.attribute", _ff, lambda p: p.command(flags=0x85))
_on("cmd.length", lambda: Peer(lambda lun, cdb: (512, 0)).full_feature(), lambda p: p.command(flags=0xC0, edtl=1024))
_on("cmd.discovery", lambda: Peer().discovery(), lambda p: p.command())
_on("data.immediate", lambda: _ff(ImmediateData="No"), lambda p: p.write(data=bytes(512)))
_on("data.immediate", _ff, lambda p: p.command(flags=0xC0, edtl=512, data=bytes(512)))
_on("data.first-burst", lambda: _ff(FirstBurstLength="512"), lambda p: p.write(data=bytes(1024)))
_on("data.first-burst", _ff, lambda p: p.write(flags=0x20, edtl=8192),
    lambda p: p.data_out(ttt=RESERVED_TAG, data=bytes(2048), flags=0x80))
_on("data.first-burst", _ff, lambda p: p.write(flags=0x20, edtl=512, data=bytes(512)))
_on("data.initial-r2t", lambda: _ff(InitialR2T="Yes"), lambda p: p.write(flags=0x20))
_on("data.initial-r2t", lambda: _ff(InitialR2T="Yes"), lambda p: p.write(), lambda p: p.data_out(ttt=RESERVED_TAG))
_on("data.past-end", _ff, lambda p: p.write(edtl=512, data=bytes(1024)))
_on("data.past-end", _ff, lambda p: p.write(edtl=512), lambda p: p.r2t(length=512), lambda p: p.data_out(data=bytes(1024)))
_on("data.itt", _ff, lambda p: p.data_out(itt=77))
_on("data.itt", _ff, lambda p: p.command(flags=0xC0, edtl=512), lambda p: p.data_out())
_on("data.ttt", _ff, lambda p: p.write(), lambda p: p.data_out(ttt=8))
_on("data.ttt", _ff, lambda p: p.write(), lambda p: p.data_out(ttt=RESERVED_TAG))
_on("data.lun", _ff, lambda p: p.write(), lambda p: p.r2t(lun=1 << 48, length=2048), lambda p: p.data_out(lun=0))
_on("data.lun", _ff, lambda p: p.write(flags=0x20), lambda p: p.data_out(ttt=RESERVED_TAG, flags=0, lun=1 << 48))
_on("data.datasn", _ff, lambda p: p.write(), lambda p: p.r2t(), lambda p: p.data_out(flags=0), lambda p: p.data_out(offset=2048))
_on("data.offset", _ff, lambda p: p.write(), lambda p: p.r2t(), lambda p: p.data_out(flags=0, offset=2048))
_on("data.offset", _ff, lambda p: p.write(), lambda p: p.r2t(length=512), lambda p: p.data_out(data=bytes(1024)))
_on("data.final", _ff, lambda p: p.write(), lambda p: p.r2t(), lambda p: p.data_out())
_on("data.final", _ff, lambda p: p.write(), lambda p: p.r2t(length=2048), lambda p: p.data_out(flags=0))
_on("data.final", _ff, lambda p: p.write(flags=0x20, edtl=2048), lambda p: p.data_out(ttt=RESERVED_TAG, flags=0))
_on("data.empty", _ff, lambda p: p.write(), lambda p: p.r2t(), lambda p: p.data_out(flags=0, data=b""))
_on("data.r2t-order", _ff, lambda p: p.write(), lambda p: p.r2t(length=2048), lambda p: p.r2t(ttt=10, offset=2048, length=2048),
    lambda p: p.data_out(ttt=10, offset=2048))
_on("data.max-burst", lambda: _ff(MaxBurstLength="512", FirstBurstLength="512"), lambda p: p.write(),
    lambda p: p.r2t(length=2048), lambda p: p.data_out())
_on("data.unanswered", _ff, lambda p: p.write(), lambda p: p.r2t(), lambda p: p.data_out(flags=0),
    lambda p: p.request(LOGOUT, flags=0x80, itt=2))
_on("nop.flags", _ff, lambda p: p.request(NOP_OUT, flags=0x80, itt=RESERVED_TAG, ttt=RESERVED_TAG))


def _ping(peer, **fields):
    peer.response(NOP_IN, status=False, **{"flags": 0x80, "itt": RESERVED_TAG, "ttt": 5, "lun": 1 << 48, "data": b"abcd", **fields})


def _pong(peer, **fields):
    peer.request(NOP_OUT, **{"immediate": True, "flags": 0x80, "itt": RESERVED_TAG, "ttt": 5, "lun": 1 << 48, **fields})


_on("nop.ttt", _ff, _pong)
_on("nop.ttt", _ff, _ping, lambda p: _pong(p, lun=0))
_on("nop.ttt", _ff, _ping, lambda p: _pong(p, itt=3))
_on("nop.ttt", _ff, _ping, _pong, _pong)
_on("nop.data", _ff, _ping, lambda p: _pong(p, data=b"abce"))
_on("tmf.function", _ff, lambda p: p.request(TMF, flags=0x80, rtt=RESERVED_TAG))
_on("tmf.function", _ff, lambda p: p.request(TMF, flags=0x89, rtt=RESERVED_TAG))
_on("tmf.rtt", _ff, lambda p: p.request(TMF, flags=0x81, rtt=55))
_on("tmf.rtt", _ff, lambda p: p.request(TMF, flags=0x85, rtt=55))
_on("tmf.refcmdsn", _ff, lambda p: p.command(), lambda p: p.request(TMF, immediate=True, flags=0x81, itt=2, rtt=1, refcmdsn=7))
_on("tmf.refcmdsn", _ff, lambda p: p.request(TMF, flags=0x85, rtt=RESERVED_TAG, refcmdsn=7))
_on("tmf.lun", _ff, lambda p: p.command(lun=1 << 48), lambda p: p.request(TMF, flags=0x81, itt=2, rtt=1, refcmdsn=1))


def _text(peer, value="All", **fields):
    peer.request(TEXT, **{"flags": 0x80, "ttt": RESERVED_TAG, "data": encode_text([("SendTargets", value)]), **fields})


def _partial(peer):
    peer.response(TEXT_RSP, flags=0x00, itt=1, ttt=6, data=b"TargetName=iqn")


_disc = lambda: Peer().discovery()  # noqa: E731
_on("text.bits", _disc, lambda p: _text(p, flags=0xC0))
_on("text.ttt", _disc, lambda p: _text(p, ttt=4))
_on("text.ttt", _disc, _text, _partial, lambda p: p.request(TEXT, flags=0x80, ttt=7))
_on("text.ttt", _disc, _text, _partial, lambda p: p.request(TEXT, flags=0x80, ttt=RESERVED_TAG))
_on("text.itt", _disc, _text, _partial, lambda p: p.request(TEXT, flags=0x80, ttt=6, itt=2))
_on("text.send-targets", _ff, _text)
_on("text.send-targets", _disc, lambda p: _text(p, "everything"))
_on("text.format", _disc, lambda p: p.request(TEXT, flags=0x80, ttt=RESERVED_TAG, data=b"SendTargets"))
_on("logout.reason", _ff, lambda p: p.request(LOGOUT, flags=0x83))
_on("logout.reason", _ff, lambda p: p.request(LOGOUT, flags=0x82))
_on("logout.cid", _ff, lambda p: p.request(LOGOUT, flags=0x81, cid=8))
_on("logout.last", _ff, lambda p: p.request(LOGOUT, flags=0x80), lambda p: p.command(itt=2))
_on("snack.erl0", _ff, lambda p: p.request(SNACK, flags=0x80))


class _Returning:
    """The two rules that span connections are the target's."""

    def __init__(self, isid, pause):
        self.target = Target()
        first = self.target.session_starts("i", "t", 1, 1.0, Pdu(LOGIN))
        first.lost, first.ended = True, time.monotonic() - pause
        self.target.session_starts("i", "t", isid, 1.0, Pdu(LOGIN))
        self.target.stop()
        self.broken = {violation.rule for violation in self.target.violations}


_on("session.isid", lambda: _Returning(2, 5))
_on("session.time2wait", lambda: _Returning(1, 0.2))


@pytest.mark.parametrize("rule", RULES)
def test_every_breach_is_caught(rule):
    assert rule in BREAKS, "a rule without a test"
    for case in BREAKS[rule]:
        assert rule in case().broken


def _good_peers():
    for initial in ("Yes", "No"):
        for immediate in ("Yes", "No"):
            yield lambda a=initial, b=immediate: _ff(InitialR2T=a, ImmediateData=b)
    yield _ff


def test_a_session_that_comes_back_properly():
    assert not _Returning(1, 1.5).broken


def test_login_in_three_stages_with_mutual_authentication():
    peer = _challenged()
    peer.login([("CHAP_N", "a"), ("CHAP_R", "0x" + "22" * 16), ("CHAP_I", "7"), ("CHAP_C", "0x" + "33" * 16)], flags=0x81)
    peer.accept([("CHAP_N", "t"), ("CHAP_R", "0x" + "44" * 16)], flags=0x81)
    peer.login(KEYS)
    peer.accept()

    assert not peer.broken
    assert peer.checker.phase == "full"
    assert peer.checker.target_max_recv == 2048


def test_answers_to_offers_of_the_target():
    peer = Peer()
    peer.login(NAMES, flags=0x04)
    peer.accept([("MaxConnections", "4"), ("X-odd", "4"), ("ImmediateData", "No")], flags=0x04)
    peer.login([("MaxConnections", "1"), ("X-odd", "NotUnderstood")])

    assert not peer.broken
    assert peer.checker.value("ImmediateData") == "No"
    assert peer.checker.number("MaxConnections") == 1


@pytest.mark.parametrize("make", _good_peers())
def test_a_whole_session(make):
    peer = make()
    initial = peer.checker.value("InitialR2T") == "Yes"
    immediate = peer.checker.value("ImmediateData") == "Yes"
    now = bytes(2048) if immediate else b""
    peer.command(flags=0xC0, edtl=512, itt=1)
    peer.write(8192, flags=0xA0 if initial else 0x20, itt=2, data=now)
    sent, sn = len(now), 0
    while not initial and sent < 4096:
        peer.data_out(itt=2, ttt=RESERVED_TAG, data=bytes(2048), offset=sent, datasn=sn, flags=0x80 if sent == 2048 else 0)
        sent, sn = sent + 2048, sn + 1
    peer.r2t(itt=2, ttt=3, offset=sent, length=2048)
    peer.r2t(itt=2, ttt=4, offset=sent + 2048, length=2048)
    peer.data_out(itt=2, ttt=3, offset=sent)
    peer.data_out(itt=2, ttt=4, offset=sent + 2048)
    peer.response(SCSI_RSP, flags=0x80, itt=1)
    peer.response(SCSI_RSP, flags=0x80, itt=2)
    _ping(peer)
    _pong(peer, data=b"abcd")
    peer.command(itt=5, lun=1 << 48)
    peer.request(TMF, immediate=True, flags=0x81, itt=6, rtt=5, lun=1 << 48, refcmdsn=peer.cmdsn - 1)
    peer.response(TMF_RSP, flags=0x80, itt=6)
    peer.request(NOP_OUT, flags=0x80, itt=5, ttt=RESERVED_TAG, data=b"x")
    peer.request(LOGOUT, immediate=True, flags=0x80, itt=9)

    assert [str(violation) for violation in peer.checker.violations] == []


def test_discovery_with_a_continued_answer():
    peer = Peer().discovery()
    _text(peer)
    _partial(peer)
    peer.request(TEXT, flags=0x80, ttt=6)
    peer.response(TEXT_RSP, flags=0x80, itt=1, ttt=RESERVED_TAG, data=b".2026-01.test:a\0")
    peer.request(LOGOUT, flags=0x80)

    assert not peer.broken


def test_window_that_goes_back_is_ignored():
    peer = _ff()
    peer.response(NOP_IN, status=False, flags=0x80, itt=RESERVED_TAG, ttt=RESERVED_TAG, maxcmdsn=1)
    for itt in range(8):
        peer.command(itt=itt)
    assert not peer.broken


def test_a_tag_may_be_used_again_after_the_response():
    peer = _ff()
    peer.command()
    peer.response(SCSI_RSP, flags=0x80, itt=1)
    peer.command()
    assert not peer.broken


def test_a_violation_tells_section_and_bytes():
    peer = _ff()
    peer.request(SNACK, flags=0x80, itt=0x1234)
    text = str(peer.checker.violations[0])
    assert "11.16" in text and "00001234" in text
    assert rules.RULES["snack.erl0"][1] in text
