# SPDX-License-Identifier: LGPL-2.1-or-later
"""Text negotiation: truncated, endless, malformed, out of range, contradicting (RFC 7143, section 6 and 13)."""

from ..case import Case, Either, LoginFails, LoginRetried, Works
from ..script import EVERY, On, keys, own, text
from ..codec import encode_text
from ..target import Config

RESPONSE = "send-login-response"


def _bent(name, step, expect=LoginFails(), **more):
    return Case(name, expect, (On(RESPONSE, step, times=EVERY),), **more)


def _value(key, value, **more):
    return _bent(f"{key}={value if len(value) < 24 else value[:20] + '...'}", keys(**{key: value}),
                 LoginFails(words=(f"{key}={value[:20]}" if value else key,)), **more)


_NUMBERS = {
    "MaxBurstLength": ("0", "511", "16777216"), "FirstBurstLength": ("0", "511", "16777216"),
    "MaxRecvDataSegmentLength": ("0", "511", "16777216"), "DefaultTime2Wait": ("3601",),
    "DefaultTime2Retain": ("3601",), "MaxOutstandingR2T": ("0", "65536"), "MaxConnections": ("0", "65536"),
    "ErrorRecoveryLevel": ("3",), "TargetPortalGroupTag": ("65536",),
}
_NEVER_NUMBERS = ("-1", "", "many")

RANGES = tuple(_value(key, value) for key, values in _NUMBERS.items() for value in values + _NEVER_NUMBERS)

SPELLINGS = tuple(_value("MaxBurstLength", value) for value in (
    "1.5", " 4096", "4096 ", "+4096", "0x", "0xfg", "4096,8192", "0b1000", "9" * 40, "0x" + "f" * 40,
    "18446744073709555712"))

GOOD_NUMBERS = (
    _bent("MaxBurstLength in hexadecimal", keys(MaxBurstLength="0x10000", FirstBurstLength="0x4000"), Works(), run=("write 0 256 7", "read 0 256")),
    _bent("MaxBurstLength with prefix 0X", keys(MaxBurstLength="0X10000", FirstBurstLength="0X4000"), Works(), run=("write 0 256 7", "read 0 256")),
    _bent("MaxRecvDataSegmentLength in hexadecimal", keys(MaxRecvDataSegmentLength="0x400"), Works(),
          run=("write 0 64 7", "read 0 64")),
    _bent("MaxRecvDataSegmentLength 512", keys(MaxRecvDataSegmentLength="512"), Works(),
          run=("write 0 64 7", "read 0 64")),
)

BOOLEANS = tuple(_value(key, value) for key in ("InitialR2T", "ImmediateData", "DataPDUInOrder", "DataSequenceInOrder")
                 for value in ("Maybe", "", "yes", "1"))

_OFFER = {"MaxBurstLength": "65536", "FirstBurstLength": "16384", "InitialR2T": "Yes", "ImmediateData": "No",
          "HeaderDigest": "None", "DataDigest": "CRC32C", "MaxOutstandingR2T": "1", "DefaultTime2Wait": "2"}

CONTRADICTIONS = (
    _value("MaxBurstLength", "65540", login=_OFFER),
    _value("FirstBurstLength", "16388", login=_OFFER),
    _value("InitialR2T", "No", login=_OFFER),
    _value("ImmediateData", "Yes", login=_OFFER),
    _value("HeaderDigest", "CRC32C", login=_OFFER),
    _value("DataDigest", "None", login=_OFFER),
    _value("MaxOutstandingR2T", "2", login=_OFFER),
    _value("DefaultTime2Wait", "1", login=_OFFER),
    _value("MaxConnections", "2"),
    _value("ErrorRecoveryLevel", "1"),
    _value("DataPDUInOrder", "No"),
    _value("DataSequenceInOrder", "No"),
    _value("HeaderDigest", "MD5"),
    _value("HeaderDigest", "CRC32C,None"),
    _value("HeaderDigest", ""),
    _bent("FirstBurstLength over MaxBurstLength", keys(FirstBurstLength="65536", MaxBurstLength="4096"),
          LoginFails(words=("FirstBurstLength",))),
)

FORM = (
    _bent("key without =", text(b"MaxBurstLength\0")),
    _bent("last pair not closed", text(b"MaxBurstLength=262144")),
    _bent("only =", text(b"=\0")),
    _bent("value without key", text(b"=262144\0")),
    _bent("key of 64 bytes", keys(("X-" + "k" * 62, "1"))),
    _bent("key with a blank", keys(("Max BurstLength", "1"))),
    _bent("key with bytes that are no ASCII", own(data=lambda data: data + b"\xff\xfe=1\0")),
    _bent("8000 bytes without =", text(b"k" * 8000)),
    _bent("twice, the same value", own(data=lambda data: data + encode_text([("TargetAlias", "a"), ("TargetAlias", "a")]))),
    _bent("HeaderDigest twice", keys(("HeaderDigest", "None")), LoginFails(words=("HeaderDigest",))),
    _bent("MaxRecvDataSegmentLength twice", keys(("MaxRecvDataSegmentLength", "1024")),
          LoginFails(words=("MaxRecvDataSegmentLength",))),
    Case("MaxBurstLength again in the next response", LoginFails(words=("MaxBurstLength",)),
         (On(RESPONSE, keys(("MaxBurstLength", "512")), nth=2),), Config(login_steps=1)),
    _bent("alias of 255 bytes", keys(TargetAlias="a" * 255), Works()),
    _bent("alias in UTF-8", keys(TargetAlias="цель"), Works()),
    _bent("alias empty", keys(TargetAlias=""), Works()),
    _bent("without DataPDUInOrder and DataSequenceInOrder", keys(drop=("DataPDUInOrder", "DataSequenceInOrder")),
          Works()),
)


def _offers(name, *pairs, **more):
    return Case(name, more.pop("expect", Works()), config=Config(offers=pairs), **more)


OFFERS = (
    _offers("unknown key", ("FooBar", "1")),
    _offers("unknown extension key", ("X-test.example.key", "whatever")),
    _offers("unknown key with an empty value", ("FooBar", "")),
    _offers("unknown key of 63 bytes", ("X-" + "k" * 61, "1")),
    _offers("forty unknown keys", *((f"X-test.key{index}", str(index)) for index in range(40))),
    _offers("TaskReporting", ("TaskReporting", "RFC3720")),
    _offers("iSCSIProtocolLevel", ("iSCSIProtocolLevel", "1")),
    _offers("marker intervals of the old RFC", ("OFMarkInt", "2048~8192"), ("IFMarkInt", "2048~8192")),
    Case("unknown key in the last response", Works(), (On(RESPONSE, keys(("FooBar", "1"))),)),
)

SPANNING = tuple(
    Case(f"answers in pieces of {size} bytes", Works(), config=Config(login_chunk=size))
    for size in (1, 2, 3, 7, 16, 33, 64, 100, 256)
)


def _never_ends(data):
    def do(conn, pdu):
        pdu.set(flags=0x40 | pdu.flags & 0x0C, tsih=0)
        pdu.data = data
    return do


ENDLESS = (
    _bent("C for ever, empty", _never_ends(b"")),
    _bent("C for ever, one byte", _never_ends(b"k"), Either(LoginFails(), LoginRetried())),
    _bent("C for ever, 8192 bytes", _never_ends(b"k" * 8192)),
    _bent("C for ever, whole pairs", _never_ends(b"X-test.key=1\0"), Either(LoginFails(), LoginRetried())),
    _bent("C, then an end that is no text", lambda conn, pdu: _never_ends(b"MaxBurst")(conn, pdu)
          if pdu.statsn % 3 else text(b"!")(conn, pdu)),
)

CASES = RANGES + SPELLINGS + GOOD_NUMBERS + BOOLEANS + CONTRADICTIONS + FORM + OFFERS + SPANNING + ENDLESS
