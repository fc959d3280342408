# SPDX-License-Identifier: LGPL-2.1-or-later
"""The codec against known answers of the RFCs and against itself."""

import io

import pytest

from . import codec
from .codec import Pdu


@pytest.mark.parametrize("data, crc", [
    (b"123456789", 0xE3069283),
    (bytes(32), 0x8A9136AA),                       # RFC 3720 B.4
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
    (bytes.fromhex("01c00000000000000000000000000000140000000000040000000014"
                   "0000001828000000000000000200000000000000"), 0xD9963A56),
])
def test_crc32c(data, crc):
    assert codec.crc32c(data) == crc


@pytest.mark.parametrize("opcode", codec.FIELDS)
def test_fields_do_not_overlap_and_come_back(opcode):
    pdu = Pdu(opcode)
    used = {0, 1, 4, 5, 6, 7, *range(16, 20)}
    if opcode not in (codec.LOGIN, codec.LOGIN_RSP):
        used |= set(range(8, 16))
    for name, (offset, size) in codec.FIELDS[opcode].items():
        here = set(range(offset, offset + size))
        assert not here & used, name
        used |= here
        value = bytes(range(1, 17)) if name == "cdb" else int.from_bytes(bytes(range(0xA1, 0xA1 + size)), "big")
        setattr(pdu, name, value)
        assert getattr(pdu, name) == value


@pytest.mark.parametrize("digests", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("data", [b"", b"a", b"abc", b"abcd", bytes(1000)])
def test_what_is_encoded_is_read_back(data, digests):
    sent = Pdu(codec.SCSI_CMD, data=data, ahs=b"\x00\x05\x02\x00" + bytes(4), itt=7, edtl=512, flags=0xA1)

    stream = io.BytesIO(sent.encode(*digests))
    got = codec.read_pdu(stream.read, *digests)

    assert (got.data, got.ahs, got.itt, got.edtl) == (data, sent.ahs, 7, 512)
    assert stream.read() == b""


def test_wire_form_of_a_login_request():
    pdu = Pdu(0x40 | codec.LOGIN, data=b"A=b\0C", flags=0x87, isid=0x00023D000001, cmdsn=1)
    assert pdu.encode() == bytes.fromhex(
        "438700000000000500023d0000010000 00000000000000000000000100000000" + "00" * 16) + b"A=b\0C" + bytes(3)


@pytest.mark.parametrize("part, flip", [("header", 20), ("data", 60)])
def test_a_spoilt_byte_is_seen_by_its_digest(part, flip):
    raw = bytearray(Pdu(codec.DATA_OUT, data=b"12345").encode(True, True))
    raw[flip] ^= 0x10
    with pytest.raises(codec.BadDigest) as caught:
        codec.read_pdu(io.BytesIO(bytes(raw)).read, True, True)
    assert caught.value.part == part


def test_lies_about_lengths_go_out():
    pdu = Pdu(codec.DATA_IN, data=b"xy")
    pdu.claim_dsl, pdu.claim_ahslen, pdu.pad_byte = 0xFFFFFF, 9, 0xEE
    raw = pdu.encode()
    assert raw[4] == 9 and raw[5:8] == b"\xff\xff\xff" and raw[48:] == b"xy\xee\xee"


def test_text():
    pairs = [("A", "1"), ("B", ""), ("A", "2=3")]
    assert codec.decode_text(codec.encode_text(pairs)) == pairs
    assert codec.decode_text(b"") == []


@pytest.mark.parametrize("data", [b"A=1", b"A\0", b"A=1\0\0", b"\0"])
def test_text_that_is_none(data):
    with pytest.raises(codec.BadText):
        codec.decode_text(data)


@pytest.mark.parametrize("text, number", [
    ("0", 0), ("65536", 65536), ("0x1f", 31), ("0X1F", 31), ("", None), ("-1", None), ("0x", None), ("1.5", None),
    (" 1", None), ("0b1", None), ("٣", None)])
def test_numbers(text, number):
    assert codec.parse_number(text) == number


@pytest.mark.parametrize("text, value", [
    ("0x0102", b"\1\2"), ("0X0aFF", b"\x0a\xff"), ("0xabc", b"\x0a\xbc"), ("0bAQI=", b"\1\2"), ("0BAQI=", b"\1\2"),
    ("258", b"\1\2"), ("0x", None), ("0xzz", None), ("0b*", None), ("x", None)])
def test_binary_values(text, value):
    assert codec.parse_binary(text) == value


def test_serial_numbers_wrap():
    assert codec.add(0xFFFFFFFF, 1) == 0
    assert codec.before(0xFFFFFFFF, 0) and not codec.before(0, 0xFFFFFFFF)
    assert codec.at_most(5, 5) and not codec.before(5, 5)
