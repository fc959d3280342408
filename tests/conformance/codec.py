# SPDX-License-Identifier: LGPL-2.1-or-later
"""The wire form of RFC 7143, written from the document alone.

A Pdu is a 48 byte header that fields are read from and written to by name, an AHS and a data segment.
Nothing here refuses a value: the hostile target needs to send every wrong one.
"""

import struct

BHS = 48
RESERVED_TAG = 0xFFFFFFFF

# Initiator opcodes (RFC 7143, 11.2.1.2).
NOP_OUT, SCSI_CMD, TMF, LOGIN, TEXT, DATA_OUT, LOGOUT, SNACK = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10
# Target opcodes.
NOP_IN, SCSI_RSP, TMF_RSP, LOGIN_RSP, TEXT_RSP, DATA_IN, LOGOUT_RSP = 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26
R2T, ASYNC, REJECT = 0x31, 0x32, 0x3F

NAMES = {
    NOP_OUT: "nop-out", SCSI_CMD: "scsi-command", TMF: "tmf-request", LOGIN: "login-request",
    TEXT: "text-request", DATA_OUT: "data-out", LOGOUT: "logout-request", SNACK: "snack",
    NOP_IN: "nop-in", SCSI_RSP: "scsi-response", TMF_RSP: "tmf-response", LOGIN_RSP: "login-response",
    TEXT_RSP: "text-response", DATA_IN: "data-in", LOGOUT_RSP: "logout-response", R2T: "r2t",
    ASYNC: "async", REJECT: "reject",
}
INITIATOR_OPCODES = (NOP_OUT, SCSI_CMD, TMF, LOGIN, TEXT, DATA_OUT, LOGOUT, SNACK)

FINAL = 0x80

_request = {"cmdsn": (24, 4), "expstatsn": (28, 4)}
_response = {"statsn": (24, 4), "expcmdsn": (28, 4), "maxcmdsn": (32, 4)}

# Name -> (offset, bytes), per opcode; what every PDU has is in _COMMON.
_COMMON = {"byte0": (0, 1), "flags": (1, 1), "ahslen": (4, 1), "dsl": (5, 3), "lun": (8, 8), "itt": (16, 4)}
FIELDS = {
    NOP_OUT: {"ttt": (20, 4), **_request},
    SCSI_CMD: {"edtl": (20, 4), "cdb": (32, 16), **_request},
    TMF: {"rtt": (20, 4), "refcmdsn": (32, 4), "expdatasn": (36, 4), **_request},
    LOGIN: {"vmax": (2, 1), "vmin": (3, 1), "isid": (8, 6), "tsih": (14, 2), "cid": (20, 2), **_request},
    TEXT: {"ttt": (20, 4), **_request},
    DATA_OUT: {"ttt": (20, 4), "expstatsn": (28, 4), "datasn": (36, 4), "offset": (40, 4)},
    LOGOUT: {"cid": (20, 2), **_request},
    SNACK: {"ttt": (20, 4), "expstatsn": (28, 4), "begrun": (40, 4), "runlength": (44, 4)},
    NOP_IN: {"ttt": (20, 4), **_response},
    SCSI_RSP: {"response": (2, 1), "status": (3, 1), "snacktag": (20, 4), "expdatasn": (36, 4),
               "bidiresidual": (40, 4), "residual": (44, 4), **_response},
    TMF_RSP: {"response": (2, 1), **_response},
    LOGIN_RSP: {"vmax": (2, 1), "vactive": (3, 1), "isid": (8, 6), "tsih": (14, 2), "class_": (36, 1),
                "detail": (37, 1), **_response},
    TEXT_RSP: {"ttt": (20, 4), **_response},
    DATA_IN: {"status": (3, 1), "ttt": (20, 4), "datasn": (36, 4), "offset": (40, 4), "residual": (44, 4),
              **_response},
    LOGOUT_RSP: {"response": (2, 1), "time2wait": (40, 2), "time2retain": (42, 2), **_response},
    R2T: {"ttt": (20, 4), "r2tsn": (36, 4), "offset": (40, 4), "length": (44, 4), **_response},
    ASYNC: {"event": (36, 1), "vcode": (37, 1), "p1": (38, 2), "p2": (40, 2), "p3": (42, 2), **_response},
    REJECT: {"reason": (2, 1), "datasn": (36, 4), **_response},
}
_RAW_FIELDS = {"cdb"}  # read and written as bytes; the others are numbers


class Closed(Exception):
    """The peer ended the stream, inside a PDU or between two."""


class BadDigest(Exception):
    """A digest of the initiator is wrong; `part` is "header" or "data"."""

    def __init__(self, part, pdu, got):
        super().__init__(f"{part} digest {got:08x} is wrong")
        self.part, self.pdu = part, pdu


def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def crc32c(data):
    """CRC32C (RFC 7143, 11.2.3 and appendix A.4 of the older text): reflected, inverted at both ends."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in bytes(data):
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def pad(length):
    """Bytes that fill `length` up to a multiple of four (11.1)."""
    return -length % 4


class Pdu:
    """One PDU. `Pdu(R2T, itt=5, length=512)` builds one; `pdu.itt` reads a field; `pdu.data` is the segment.

    To send lies: `claim_dsl` and `claim_ahslen` put other lengths in the header than the bytes that follow,
    `header_digest_xor` and `data_digest_xor` spoil a digest, `pad_byte` is what padding is made of.
    """

    _OWN = {"bhs", "ahs", "data", "claim_dsl", "claim_ahslen", "header_digest_xor", "data_digest_xor",
            "pad_byte", "padding", "kind", "task"}

    def __init__(self, opcode, data=b"", ahs=b"", **fields):
        set_own = object.__setattr__
        set_own(self, "bhs", bytearray(BHS))
        set_own(self, "ahs", bytes(ahs))
        set_own(self, "data", bytes(data))
        set_own(self, "claim_dsl", None)
        set_own(self, "claim_ahslen", None)
        set_own(self, "header_digest_xor", 0)
        set_own(self, "data_digest_xor", 0)
        set_own(self, "pad_byte", 0)
        set_own(self, "padding", b"")  # as received
        set_own(self, "kind", None)    # what the target means it to be, whatever the bytes say
        set_own(self, "task", None)    # the target's task it belongs to
        self.bhs[0] = opcode
        self.set(**fields)

    # -- fields by name ------------------------------------------------------------------------------
    @property
    def opcode(self):
        return self.bhs[0] & 0x3F

    @property
    def immediate(self):
        return bool(self.bhs[0] & 0x40)

    @property
    def name(self):
        return NAMES.get(self.opcode, f"opcode-{self.opcode:#04x}")

    def _where(self, name):
        # A field is looked up by what the PDU was built as, so that a spoilt opcode does not hide the others.
        opcode = self.kind if self.kind is not None else self.opcode
        if name in FIELDS.get(opcode, {}):
            return FIELDS[opcode][name]
        if name in _COMMON:
            return _COMMON[name]
        raise AttributeError(f"{NAMES.get(opcode, opcode)} has no field {name}")

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        offset, size = self._where(name)
        raw = bytes(self.bhs[offset:offset + size])
        return raw if name in _RAW_FIELDS else int.from_bytes(raw, "big")

    def __setattr__(self, name, value):
        if name in self._OWN:
            object.__setattr__(self, name, value)
            return
        offset, size = self._where(name)
        if name in _RAW_FIELDS:
            raw = bytes(value).ljust(size, b"\0")
        else:
            raw = (value % (1 << (8 * size))).to_bytes(size, "big")
        self.bhs[offset:offset + size] = raw

    def set(self, **fields):
        for name, value in fields.items():
            setattr(self, name, value)
        return self

    def copy(self):
        other = Pdu(0)
        for name in self._OWN:
            value = getattr(self, name)
            object.__setattr__(other, name, bytearray(value) if name == "bhs" else value)
        return other

    # -- bytes -----------------------------------------------------------------------------------------
    def encode(self, header_digest=False, data_digest=False):
        ahs = self.ahs + b"\0" * pad(len(self.ahs))
        bhs = bytearray(self.bhs)
        bhs[4] = (len(ahs) // 4 if self.claim_ahslen is None else self.claim_ahslen) & 0xFF
        length = len(self.data) if self.claim_dsl is None else self.claim_dsl
        bhs[5:8] = length.to_bytes(3, "big")
        out = bytes(bhs) + ahs
        if header_digest:
            out += struct.pack("<I", crc32c(out) ^ self.header_digest_xor)
        if self.data:
            segment = self.data + bytes([self.pad_byte]) * pad(len(self.data))
            out += segment
            if data_digest:
                out += struct.pack("<I", crc32c(segment) ^ self.data_digest_xor)
        return out

    def raw(self):
        """Header, AHS and data as on the wire, without digests: what a violation shows."""
        return self.encode()

    def __repr__(self):
        shown = []
        for name in FIELDS.get(self.opcode if self.kind is None else self.kind, {}):
            value = getattr(self, name)
            shown.append(f"{name}={value.hex() if isinstance(value, bytes) else hex(value)}")
        return (f"<{self.name}{' I' if self.immediate else ''} flags={self.flags:#04x} itt={self.itt:#x} "
                f"{' '.join(shown)} data={len(self.data)}>")


def read_pdu(recv_exact, header_digest=False, data_digest=False):
    """Reads one PDU from a stream; `recv_exact(n)` gives n bytes or raises Closed.

    The order on the wire is BHS, AHS, header digest, data, padding, data digest (11.2.3).
    """
    pdu = Pdu(0)
    head = recv_exact(BHS)
    pdu.bhs[:] = head
    pdu.ahs = recv_exact(4 * pdu.ahslen) if pdu.ahslen else b""
    if header_digest:
        got = struct.unpack("<I", recv_exact(4))[0]
        if got != crc32c(head + pdu.ahs):
            raise BadDigest("header", pdu, got)
    length = pdu.dsl
    if length:
        pdu.data = recv_exact(length)
        pdu.padding = recv_exact(pad(length)) if pad(length) else b""
        if data_digest:
            got = struct.unpack("<I", recv_exact(4))[0]
            if got != crc32c(pdu.data + pdu.padding):
                raise BadDigest("data", pdu, got)
    return pdu


# -- text (RFC 7143, 6.1) ------------------------------------------------------------------------------
class BadText(ValueError):
    pass


def encode_text(pairs):
    """[("Key", "Value"), ...] -> key=value pairs, each closed by one NUL."""
    out = b""
    for key, value in pairs:
        if isinstance(value, str):
            value = value.encode()
        out += key.encode() + b"=" + value + b"\0"
    return out


def decode_text(data):
    """The reverse, in order and with repetitions. Raises BadText when it isn't a list of key=value NUL."""
    if not data:
        return []
    if data[-1:] != b"\0":
        raise BadText("the last key=value pair is not closed by NUL")
    pairs = []
    for item in data[:-1].split(b"\0"):
        key, equals, value = item.partition(b"=")
        if not equals:
            raise BadText(f"no '=' in {item!r}")
        pairs.append((key.decode("ascii", "replace"), value.decode("utf-8", "replace")))
    return pairs


def parse_number(text):
    """A decimal or 0x hexadecimal constant (6.1); None when it is neither."""
    if text[:2] in ("0x", "0X"):
        digits = text[2:]
        return int(digits, 16) if digits and all(c in "0123456789abcdefABCDEF" for c in digits) else None
    return int(text) if text.isascii() and text.isdigit() else None


def parse_binary(text):
    """A large binary value: 0x hexadecimal, 0b base64 or decimal (6.1); None when it is none of them."""
    import base64
    import binascii
    if text[:2] in ("0x", "0X"):
        digits = text[2:]
        try:
            return bytes.fromhex(digits.rjust(len(digits) + len(digits) % 2, "0")) if digits else None
        except ValueError:
            return None
    if text[:2] in ("0b", "0B"):
        try:
            return base64.b64decode(text[2:], validate=True)
        except (binascii.Error, ValueError):
            return None
    number = parse_number(text)
    return None if number is None else number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


# -- serial numbers (RFC 1982 on 32 bits, RFC 7143 4.2.2.1) ------------------------------------------
def add(serial, count):
    return (serial + count) & 0xFFFFFFFF


def before(a, b):
    """a < b in serial number arithmetic."""
    return a != b and ((b - a) & 0xFFFFFFFF) < 0x80000000


def at_most(a, b):
    return a == b or before(a, b)
