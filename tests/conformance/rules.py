# SPDX-License-Identifier: LGPL-2.1-or-later
"""Judges the PDUs of an initiator by the rules of RFC 7143.

A Checker follows one connection: `received()` is given each PDU of the initiator, `sent()` each PDU of the
target *as it went out*, lies included, since what the initiator may do next follows from what it was told.
A breach is kept in `violations`, with the section and the bytes; nothing is ever refused here.
"""

import re
from dataclasses import dataclass, field

from . import codec
from .codec import (DATA_IN, DATA_OUT, LOGIN, LOGIN_RSP, LOGOUT, LOGOUT_RSP, NOP_IN, NOP_OUT, R2T, REJECT,
                    RESERVED_TAG, SCSI_CMD, SCSI_RSP, SNACK, TEXT, TEXT_RSP, TMF, TMF_RSP)
from .keys import KEYS, DECLARED, OPERATIONAL, SECURITY, answer_fits, answer_optional

# Rule -> (section of RFC 7143, what the rule says).
RULES = {
    "pdu.opcode": ("11.2.1.2", "the opcode is one of an initiator's"),
    "pdu.reserved": ("11.2.1", "reserved bits and fields are zero"),
    "pdu.max-recv": ("13.12", "a data segment is no longer than the target's MaxRecvDataSegmentLength"),
    "pdu.padding": ("11.1", "padding bytes are zero"),
    "pdu.header-digest": ("11.2.3", "the header digest is right"),
    "pdu.data-digest": ("11.2.3", "the data digest is right"),
    "pdu.ahs": ("11.2.2", "only SCSI commands carry an AHS, of a defined type and a length that fits"),
    "pdu.no-data": ("11.2.1.6", "no data segment where none is defined"),
    "login.first": ("4.2.4", "nothing but login requests before the full feature phase"),
    "login.immediate": ("11.12", "a login request is immediate"),
    "login.version": ("11.12.4", "version 0 is among those offered"),
    "login.t-and-c": ("11.12.2", "T is 0 when C is 1"),
    "login.csg": ("11.12.3", "CSG is the stage both sides agreed on"),
    "login.nsg": ("11.12.3", "NSG is a later stage with T, and zero without"),
    "login.isid": ("11.12.5", "the ISID has a defined type and stays the same"),
    "login.tsih": ("11.12.6", "TSIH is 0 for a new session and stays the same"),
    "login.cid": ("11.12.7", "the CID stays the same"),
    "login.itt": ("6.3", "the ITT stays the same through the login"),
    "login.cmdsn": ("11.12.8", "CmdSN stays the same through the login"),
    "login.expstatsn": ("11.12.9", "ExpStatSN acknowledges the last login response"),
    "login.after-end": ("11.13.5", "nothing follows a login that was refused or is done"),
    "login.c-wait": ("6.2", "a response with C is answered by a request without text"),
    "login.text": ("6.1", "the login text is a list of key=value, each closed by NUL"),
    "login.initiator-name": ("13.5", "InitiatorName comes in the first request and is an iSCSI name"),
    "login.target-name": ("13.4", "TargetName comes in the first request of a normal session"),
    "login.session-type": ("13.21", "SessionType comes in the first request only"),
    "key.name": ("6.1", "a key name has at most 63 letters, digits and . - + @ _, a value at most 255 bytes"),
    "key.once": ("6.3", "a key is offered once"),
    "key.sender": ("13", "the key is one an initiator may send"),
    "key.stage": ("13", "the key belongs to this stage"),
    "key.range": ("13", "the value is legal"),
    "key.discovery": ("13", "the key has a meaning in a discovery session"),
    "key.first-burst": ("13.14", "FirstBurstLength is at most MaxBurstLength"),
    "key.answer-missing": ("6.2", "each offer of the target is answered in the next text"),
    "key.answer-wrong": ("6.2", "the answer is one that the offer allows"),
    "key.not-understood": ("6.2", "a key the initiator does not know is answered NotUnderstood"),
    "chap.order": ("12.1.3", "the CHAP keys come in the order A; N,R or N,R,I,C"),
    "chap.value": ("12.1.3", "the CHAP values are numbers and binary values of legal length"),
    "chap.reflect": ("12.1.3", "the initiator does not send the target's challenge back"),
    "seq.cmdsn": ("4.2.2.1", "CmdSN rises by one with each command that is not immediate"),
    "seq.window": ("4.2.2.1", "CmdSN stays within the target's window"),
    "seq.itt-unique": ("11.2.1.8", "an ITT is unique among the tasks of the session"),
    "seq.itt-reserved": ("11.2.1.8", "the ITT 0xffffffff is no task's"),
    "seq.expstatsn": ("4.2.2.2", "ExpStatSN never goes back and never acknowledges what was not sent"),
    "cmd.flags": ("11.3.1", "R, W, F and the expected length agree"),
    "cmd.attribute": ("11.3.1", "the task attribute is a defined one"),
    "cmd.length": ("11.3.4", "the expected length is what the CDB transfers"),
    "cmd.discovery": ("4.3", "a discovery session carries only text and logout requests"),
    "data.immediate": ("13.11", "immediate data only where ImmediateData=Yes was agreed"),
    "data.first-burst": ("13.14", "unsolicited data is at most FirstBurstLength, and complete"),
    "data.initial-r2t": ("13.10", "unsolicited Data-Out only where InitialR2T=No was agreed"),
    "data.past-end": ("11.3.4", "no data beyond the expected length"),
    "data.itt": ("11.7", "Data-Out belongs to a write task"),
    "data.ttt": ("11.7.4", "Data-Out echoes the TTT of an outstanding R2T"),
    "data.lun": ("11.7.4", "Data-Out echoes the LUN of its R2T"),
    "data.datasn": ("11.7.5", "DataSN counts from 0 in each sequence"),
    "data.offset": ("11.7.6", "the data follows on in offset, inside what the R2T asked for"),
    "data.final": ("11.7.1", "F is set on the last PDU of a sequence and only there"),
    "data.empty": ("11.7.7", "Data-Out carries data"),
    "data.r2t-order": ("13.19", "R2Ts are answered in their order"),
    "data.max-burst": ("13.13", "a sequence is at most MaxBurstLength"),
    "data.unanswered": ("11.8", "an R2T is answered before the session is closed"),
    "nop.flags": ("11.18", "a NOP-Out without ITT is immediate"),
    "nop.ttt": ("11.18.2", "a NOP-Out echoes the TTT and LUN of an outstanding ping"),
    "nop.data": ("11.18.3", "an answer to a ping carries no data but what was sent"),
    "tmf.function": ("11.5.1", "the task management function is a defined one"),
    "tmf.rtt": ("11.5.4", "the referenced tag is a task's for abort, reserved else"),
    "tmf.refcmdsn": ("11.5.5", "RefCmdSN is the CmdSN of the referenced task, zero else"),
    "tmf.lun": ("11.5.3", "the LUN is the task's"),
    "text.bits": ("11.10.1", "F is 0 when C is 1"),
    "text.ttt": ("11.10.4", "a text request echoes the TTT of the response it continues"),
    "text.itt": ("11.10.3", "the ITT stays the same through a text exchange"),
    "text.send-targets": ("13.3", "SendTargets has a legal value; All only in a discovery session"),
    "text.format": ("6.1", "the text is a list of key=value, each closed by NUL"),
    "logout.reason": ("11.14.1", "the logout reason is defined and fits the error recovery level"),
    "logout.cid": ("11.14.2", "the CID is that of the connection"),
    "logout.last": ("11.14", "no new request follows a logout request"),
    "snack.erl0": ("11.16", "no SNACK at error recovery level 0"),
    "session.isid": ("6.3.5", "a session that comes back keeps its name, ISID and target"),
    "session.time2wait": ("13.15", "DefaultTime2Wait passes before a lost session is reinstated"),
}


@dataclass(frozen=True)
class Violation:
    rule: str
    detail: str
    raw: bytes = b""

    @property
    def section(self):
        return RULES[self.rule][0]

    def __str__(self):
        shown = self.raw[:48].hex(" ", 4) + (f" + {self.raw[48:112]!r}" if len(self.raw) > 48 else "")
        return f"{self.rule} (RFC 7143 {self.section}: {RULES[self.rule][1]}): {self.detail} [{shown}]"


@dataclass
class Solicited:
    """An R2T that was sent and is to be answered by Data-Out."""
    ttt: int
    lun: int
    offset: int
    length: int
    done: int = 0
    datasn: int = 0


@dataclass
class Task:
    itt: int
    kind: int
    cmdsn: int
    lun: int = 0
    edtl: int = 0
    write: bool = False
    read: bool = False
    unsolicited_open: bool = False   # Data-Out with TTT ffffffff may follow
    unsolicited: int = 0             # bytes sent unsolicited so far, immediate ones included
    unsolicited_sn: int = 0
    solicited: list = field(default_factory=list)
    rtt: int = RESERVED_TAG
    function: int = 0


# Byte ranges that are zero in every PDU of the kind (11.3 to 11.18), and the legal bits of byte 1.
_RESERVED = {
    NOP_OUT: (((2, 4), (32, 48)), 0x80), SCSI_CMD: (((2, 4),), 0xE7), TMF: (((2, 4), (40, 48)), 0xFF),
    LOGIN: (((22, 24), (32, 48)), 0xCF), TEXT: (((2, 4), (32, 48)), 0xC0),
    DATA_OUT: (((2, 4), (24, 28), (32, 36), (44, 48)), 0x80), LOGOUT: (((2, 4), (8, 16), (22, 24), (32, 48)), 0xFF),
    SNACK: (((2, 4), (24, 28), (32, 40)), 0x8F),
}
_FINAL_FIXED = (NOP_OUT, TMF, LOGOUT, SNACK)   # byte 1 starts with a 1
_NO_DATA = (TMF, LOGOUT, SNACK)
_KEY_NAME = re.compile(r"[A-Za-z0-9.\-+@_#]{1,63}\Z")
_ISCSI_NAME = re.compile(r"(iqn\.\d{4}-\d\d\.[a-z0-9.\-]+(:[^\s]*)?|eui\.[0-9A-Fa-f]{16}|naa\.([0-9A-Fa-f]{16}){1,2})\Z")
OBSOLETE_ANSWERS = (("OFMarkInt", "Reject"), ("IFMarkInt", "Reject"))   # 13.25
_LONG_VALUES = ("CHAP_C", "CHAP_R", "SendTargets")


class Checker:
    def __init__(self, transfer=None):
        """`transfer(lun, cdb)` gives (bytes in, bytes out) that a CDB asks for, or None when it is not known."""
        self.violations = []
        self.transfer = transfer or (lambda lun, cdb: None)
        self.phase = "login"            # login, full, logout, over
        self.erl = 0
        # login
        self.first = None               # the first login request
        self.csg = None
        self.text = b""                 # of requests joined by the C bit
        self.text_sent = b""            # of responses joined by the C bit
        self.peer_continues = False     # the target's last response had C
        self.offered = {}               # initiator's offers
        self.answered = {}              # target's answers to them
        self.asked = {}                 # target's offers
        self.replied = {}               # initiator's answers to them
        self.unanswered = []            # keys of the target that the next text must answer
        self.chap_challenge = None
        self.chap_seen = set()
        # full feature
        self.target_max_recv = 8192
        self.login_cmdsn = 0
        self.next_cmdsn = None
        self.max_cmdsn = None
        self.exp_cmdsn = None
        self.acked = None               # highest ExpStatSN seen
        self.next_statsn = None         # one past the last status sent
        self.tasks = {}
        self.closed = {}                # tasks that ended, by ITT
        self.pings = {}                 # TTT -> NOP-In waiting for an answer
        self.text_open = None           # (itt, ttt) of a text exchange under way

    # -- results --------------------------------------------------------------------------------------
    def bad(self, rule, detail, pdu=None):
        assert rule in RULES, rule
        self.violations.append(Violation(rule, detail, pdu.raw() if pdu is not None else b""))

    def value(self, name):
        """The value both sides hold for a key, or its default."""
        for settled in (self.answered, self.replied):
            if name in settled and settled[name] not in ("Reject", "NotUnderstood", "Irrelevant"):
                return settled[name]
        key = KEYS[name]
        if name in self.asked and answer_optional(key, self.asked[name]):
            return self.asked[name]
        if name in self.offered and answer_optional(key, self.offered[name]):
            return self.offered[name]
        return key.default

    def number(self, name):
        parsed = codec.parse_number(self.value(name))
        return codec.parse_number(KEYS[name].default) if parsed is None else parsed

    @property
    def discovery(self):
        return self.offered.get("SessionType") == "Discovery"

    @property
    def header_digest(self):
        return self.phase in ("full", "logout") and self.value("HeaderDigest") == "CRC32C"

    @property
    def data_digest(self):
        return self.phase in ("full", "logout") and self.value("DataDigest") == "CRC32C"

    # -- the initiator's PDUs ---------------------------------------------------------------------------
    def received(self, pdu):
        if pdu.opcode not in codec.INITIATOR_OPCODES or pdu.bhs[0] & 0x80:
            self.bad("pdu.opcode", f"first byte {pdu.bhs[0]:#04x}", pdu)
            return
        self._check_form(pdu)
        if self.phase == "over":
            self.bad("login.after-end", f"{pdu.name} after the login ended", pdu)
        elif self.phase == "login":
            if pdu.opcode == LOGIN:
                self._login(pdu)
            else:
                self.bad("login.first", f"{pdu.name} during login", pdu)
        elif pdu.opcode == LOGIN:
            self.bad("login.after-end", "login request in the full feature phase", pdu)
        else:
            self._full_feature(pdu)

    def bad_digest(self, error):
        self.bad(f"pdu.{error.part}-digest", str(error), error.pdu)

    def ended(self):
        """The stream is at its end."""

    def _check_form(self, pdu):
        ranges, flags = _RESERVED[pdu.opcode]
        for start, end in ranges:
            if any(pdu.bhs[start:end]):
                self.bad("pdu.reserved", f"{pdu.name} bytes {start}..{end - 1} are {pdu.bhs[start:end].hex()}", pdu)
        if pdu.flags & ~flags & 0xFF:
            self.bad("pdu.reserved", f"{pdu.name} flags {pdu.flags:#04x}", pdu)
        if pdu.opcode in _FINAL_FIXED and not pdu.flags & 0x80:
            self.bad("pdu.reserved", f"{pdu.name} has no 1 at the top of byte 1", pdu)
        if pdu.opcode in (DATA_OUT, SNACK) and pdu.immediate:
            self.bad("pdu.reserved", f"{pdu.name} with the I bit", pdu)
        if pdu.dsl and pdu.opcode in _NO_DATA:
            self.bad("pdu.no-data", f"{pdu.name} carries {pdu.dsl} bytes", pdu)
        limit = 8192 if self.phase == "login" else self.target_max_recv
        if pdu.dsl > limit:
            self.bad("pdu.max-recv", f"{pdu.dsl} bytes of data, limit {limit}", pdu)
        if any(pdu.padding):
            self.bad("pdu.padding", f"padding {pdu.padding.hex()}", pdu)
        self._check_ahs(pdu)

    def _check_ahs(self, pdu):
        rest = pdu.ahs
        if rest and pdu.opcode != SCSI_CMD:
            self.bad("pdu.ahs", f"{pdu.name} with {len(rest)} bytes of AHS", pdu)
            return
        while rest:
            length, kind = int.from_bytes(rest[:2], "big"), rest[2]
            whole = 3 + length + codec.pad(3 + length)
            if kind not in (1, 2) or length < 1 or whole > len(rest) or (kind == 2 and length != 5):
                self.bad("pdu.ahs", f"AHS {rest.hex()}", pdu)
                return
            rest = rest[whole:]

    # -- login -----------------------------------------------------------------------------------------
    def _login(self, pdu):
        if self.first is None:
            self.first = pdu
            self.csg = pdu.flags >> 2 & 3
            self.login_cmdsn = self.next_cmdsn = pdu.cmdsn
            self._check_first_login(pdu)
        self._check_login_header(pdu)
        if self.peer_continues and (pdu.dsl or pdu.flags & 0x40):
            self.bad("login.c-wait", f"flags {pdu.flags:#04x} and {pdu.dsl} bytes while the target has more", pdu)
        self.text += pdu.data
        if pdu.flags & 0x40:
            return
        text, self.text = self.text, b""
        try:
            pairs = codec.decode_text(text)
        except codec.BadText as error:
            self.bad("login.text", str(error), pdu)
            pairs = []
        if not self.offered:
            self._check_first_keys(dict(pairs), pdu)
        self._login_keys(pairs, pdu)

    def _check_first_login(self, pdu):
        kind = pdu.isid >> 46
        if kind == 3 or (kind == 2 and pdu.isid >> 40 & 0x3F):
            self.bad("login.isid", f"ISID {pdu.isid:012x}", pdu)
        if pdu.tsih:
            self.bad("login.tsih", f"TSIH {pdu.tsih} on a new session", pdu)
        if self.csg not in (SECURITY, OPERATIONAL):
            self.bad("login.csg", f"first CSG {self.csg}", pdu)
        if pdu.itt == RESERVED_TAG:
            self.bad("seq.itt-reserved", "login request", pdu)

    def _check_login_header(self, pdu):
        if not pdu.immediate:
            self.bad("login.immediate", "I is 0", pdu)
        if pdu.vmin:
            self.bad("login.version", f"Version-min {pdu.vmin}", pdu)
        if pdu.flags & 0xC0 == 0xC0:
            self.bad("login.t-and-c", f"flags {pdu.flags:#04x}", pdu)
        csg, nsg = pdu.flags >> 2 & 3, pdu.flags & 3
        if csg != self.csg:
            self.bad("login.csg", f"CSG {csg} in stage {self.csg}", pdu)
        if (nsg <= csg or nsg == 2) if pdu.flags & 0x80 else nsg:
            self.bad("login.nsg", f"NSG {nsg} with flags {pdu.flags:#04x}", pdu)
        for rule, name in (("login.isid", "isid"), ("login.tsih", "tsih"), ("login.cid", "cid"), ("login.itt", "itt"),
                           ("login.cmdsn", "cmdsn")):
            if getattr(pdu, name) != getattr(self.first, name):
                self.bad(rule, f"{getattr(pdu, name):#x} was {getattr(self.first, name):#x}", pdu)
        if self.next_statsn is not None and pdu.expstatsn != self.next_statsn:
            self.bad("login.expstatsn", f"{pdu.expstatsn:#x}, the last response was {self.next_statsn - 1:#x}", pdu)
        if self.next_statsn is not None:
            self.acked = pdu.expstatsn

    def _check_first_keys(self, pairs, pdu):
        name = pairs.get("InitiatorName")
        if name is None or len(name) > 223 or not _ISCSI_NAME.match(name):
            self.bad("login.initiator-name", f"InitiatorName {name!r}", pdu)
        if pairs.get("SessionType", "Normal") == "Normal" and not _ISCSI_NAME.match(pairs.get("TargetName", "")):
            self.bad("login.target-name", f"TargetName {pairs.get('TargetName')!r}", pdu)

    def _login_keys(self, pairs, pdu):
        first = not self.offered
        replies = set()
        for name, value in pairs:
            if not _KEY_NAME.match(name) or (len(value) > 255 and name not in _LONG_VALUES):
                self.bad("key.name", f"{name!r} with a value of {len(value)} bytes", pdu)
            key = KEYS.get(name)
            if name in self.asked and name not in self.replied and (key is None or key.rule != DECLARED):
                self.replied[name] = value
                replies.add(name)
                self._check_reply(name, value, pdu)
                continue
            if name in self.offered:
                self.bad("key.once", f"{name} again", pdu)
            self.offered[name] = value
            if name == "SessionType" and not first:
                self.bad("login.session-type", "not in the first request", pdu)
            self._check_offer(name, value, pdu)
        for name in self.unanswered:
            if name not in replies:
                self.bad("key.answer-missing", f"{name}={self.asked[name]} has no answer", pdu)
        self.unanswered = []
        self._check_bursts(pdu)

    def _check_offer(self, name, value, pdu):
        if name in ("CHAP_N", "CHAP_R", "CHAP_I", "CHAP_C", "CHAP_A"):
            self._check_chap(name, value, pdu)
            return
        key = KEYS.get(name)
        if key is None:
            if not name.startswith(("X-", "X#")):
                self.bad("key.sender", f"{name} is no key of RFC 7143", pdu)
            return
        if "I" not in key.senders:
            self.bad("key.sender", f"{name} is the target's to send", pdu)
        if self.csg not in key.stages:
            self.bad("key.stage", f"{name} in stage {self.csg}", pdu)
        if not key.legal(value):
            self.bad("key.range", f"{name}={value} (section {key.section})", pdu)
        if self.discovery and not key.discovery and value != "Irrelevant":
            self.bad("key.discovery", f"{name}={value}", pdu)

    def _check_bursts(self, pdu):
        if "FirstBurstLength" in self.offered and "MaxBurstLength" in self.offered:
            first, most = (codec.parse_number(self.offered[name]) for name in ("FirstBurstLength", "MaxBurstLength"))
            if first is not None and most is not None and first > most:
                self.bad("key.first-burst", f"{first} > {most}", pdu)

    def _check_reply(self, name, value, pdu):
        key, asked = KEYS.get(name), self.asked[name]
        if key is None:
            if value != "NotUnderstood" and (name, value) not in OBSOLETE_ANSWERS:
                self.bad("key.not-understood", f"{name}={value}", pdu)
        elif key.legal(asked) and not answer_fits(key, asked, value):
            self.bad("key.answer-wrong", f"{name}={value} to an offer of {asked}", pdu)

    def _check_chap(self, name, value, pdu):
        if self.csg != SECURITY:
            self.bad("key.stage", f"{name} in stage {self.csg}", pdu)
        needs = {"CHAP_A": "AuthMethod", "CHAP_N": "CHAP_C", "CHAP_R": "CHAP_C", "CHAP_I": "CHAP_C",
                 "CHAP_C": "CHAP_C"}[name]
        ready = "AuthMethod" in self.answered if needs == "AuthMethod" else self.chap_challenge is not None
        if not ready:
            self.bad("chap.order", f"{name} before the target sent {needs}", pdu)
        self.chap_seen.add(name)
        if name == "CHAP_A":
            numbers = [codec.parse_number(word) for word in value.split(",")]
            if any(number not in (5, 6, 7, 8) for number in numbers):
                self.bad("chap.value", f"CHAP_A={value}", pdu)
        elif name == "CHAP_I":
            number = codec.parse_number(value)
            if number is None or number > 255:
                self.bad("chap.value", f"CHAP_I={value}", pdu)
        elif name in ("CHAP_R", "CHAP_C"):
            binary = codec.parse_binary(value)
            if binary is None or not 1 <= len(binary) <= 1024:
                self.bad("chap.value", f"{name}={value}", pdu)
            elif name == "CHAP_C" and binary == self.chap_challenge:
                self.bad("chap.reflect", f"CHAP_C={value}", pdu)

    # -- full feature phase ------------------------------------------------------------------------------
    def _full_feature(self, pdu):
        if self.phase == "logout" and pdu.opcode not in (DATA_OUT, NOP_OUT):
            self.bad("logout.last", f"{pdu.name} after the logout request", pdu)
        if self.discovery and pdu.opcode not in (TEXT, LOGOUT, NOP_OUT):
            self.bad("cmd.discovery", pdu.name, pdu)
        self._check_expstatsn(pdu)
        if pdu.opcode not in (DATA_OUT, SNACK):
            self._check_cmdsn(pdu)
        {NOP_OUT: self._nop_out, SCSI_CMD: self._command, TMF: self._tmf, TEXT: self._text,
         DATA_OUT: self._data_out, LOGOUT: self._logout, SNACK: self._snack}[pdu.opcode](pdu)

    def _check_expstatsn(self, pdu):
        value = pdu.expstatsn
        if self.next_statsn is not None and codec.before(self.next_statsn, value):
            self.bad("seq.expstatsn", f"{value:#x}, but the next StatSN is {self.next_statsn:#x}", pdu)
        elif self.acked is not None and codec.before(value, self.acked):
            self.bad("seq.expstatsn", f"{value:#x} after {self.acked:#x}", pdu)
        else:
            self.acked = value

    def _check_cmdsn(self, pdu):
        if pdu.cmdsn != self.next_cmdsn:
            self.bad("seq.cmdsn", f"{pdu.cmdsn:#x}, expected {self.next_cmdsn:#x}", pdu)
            self.next_cmdsn = pdu.cmdsn
        if pdu.immediate:
            return
        if self.max_cmdsn is not None and codec.before(self.max_cmdsn, pdu.cmdsn):
            self.bad("seq.window", f"{pdu.cmdsn:#x} with MaxCmdSN {self.max_cmdsn:#x}", pdu)
        self.next_cmdsn = codec.add(pdu.cmdsn, 1)

    def _open(self, pdu, **traits):
        if pdu.itt == RESERVED_TAG:
            self.bad("seq.itt-reserved", pdu.name, pdu)
        if pdu.itt in self.tasks:
            self.bad("seq.itt-unique", f"ITT {pdu.itt:#x} is in use by a {codec.NAMES[self.tasks[pdu.itt].kind]}", pdu)
        task = Task(pdu.itt, pdu.opcode, pdu.cmdsn, **traits)
        self.tasks[pdu.itt] = task
        self.closed.pop(pdu.itt, None)
        return task

    def _close(self, itt):
        task = self.tasks.pop(itt, None)
        if task is not None:
            self.closed[itt] = task

    def _command(self, pdu):
        final, read, write = bool(pdu.flags & 0x80), bool(pdu.flags & 0x40), bool(pdu.flags & 0x20)
        task = self._open(pdu, lun=pdu.lun, edtl=pdu.edtl, write=write, read=read)
        if (pdu.edtl and not (read or write)) or (not final and not write):
            self.bad("cmd.flags", f"flags {pdu.flags:#04x}, expected length {pdu.edtl}", pdu)
        if pdu.flags & 7 > 4:
            self.bad("cmd.attribute", f"attribute {pdu.flags & 7}", pdu)
        self._check_transfer(pdu, read, write)
        task.unsolicited = pdu.dsl
        task.unsolicited_open = not final
        first_burst = min(self.number("FirstBurstLength"), pdu.edtl)
        if pdu.dsl and (not write or self.value("ImmediateData") != "Yes"):
            self.bad("data.immediate", f"{pdu.dsl} bytes of immediate data", pdu)
        elif pdu.dsl > pdu.edtl:
            self.bad("data.past-end", f"{pdu.dsl} immediate bytes of {pdu.edtl}", pdu)
        elif pdu.dsl > first_burst:
            self.bad("data.first-burst", f"{pdu.dsl} immediate bytes, FirstBurstLength {first_burst}", pdu)
        if not final and self.value("InitialR2T") != "No":
            self.bad("data.initial-r2t", "F is 0 on a command", pdu)
        elif not final and pdu.dsl >= first_burst:
            self.bad("data.first-burst", "F is 0 on a command, yet nothing may follow", pdu)

    def _check_transfer(self, pdu, read, write):
        expected = self.transfer(pdu.lun, pdu.cdb)
        if expected is None:
            return
        most_in, most_out = expected
        if (read and pdu.edtl != most_in) or (write and pdu.edtl != most_out) or (
                not read and not write and (most_in or most_out)):
            self.bad("cmd.length", f"{pdu.edtl} bytes for CDB {pdu.cdb.hex()} which moves {most_in} in, {most_out} out",
                     pdu)

    def _data_out(self, pdu):
        task = self.tasks.get(pdu.itt)
        if task is None:
            if pdu.itt not in self.closed or not self.closed[pdu.itt].write:
                self.bad("data.itt", f"ITT {pdu.itt:#x}", pdu)
            return
        if not task.write:
            self.bad("data.itt", f"ITT {pdu.itt:#x} is a {codec.NAMES[task.kind]} that writes nothing", pdu)
            return
        if not pdu.dsl:
            self.bad("data.empty", "no data", pdu)
        if pdu.offset + pdu.dsl > task.edtl:
            self.bad("data.past-end", f"{pdu.offset}+{pdu.dsl} of {task.edtl}", pdu)
        if pdu.ttt == RESERVED_TAG:
            self._unsolicited(task, pdu)
        else:
            self._solicited(task, pdu)

    def _unsolicited(self, task, pdu):
        if not task.unsolicited_open:
            self.bad("data.initial-r2t" if self.value("InitialR2T") != "No" else "data.ttt",
                     "unsolicited Data-Out is not open", pdu)
            return
        if pdu.lun:
            self.bad("data.lun", f"LUN {pdu.lun:#x} on unsolicited data", pdu)
        self._sequence(pdu, task.unsolicited_sn, task.unsolicited)
        task.unsolicited_sn += 1
        task.unsolicited += pdu.dsl
        limit = min(self.number("FirstBurstLength"), task.edtl)
        if task.unsolicited > limit:
            self.bad("data.first-burst", f"{task.unsolicited} unsolicited bytes of {limit}", pdu)
        final = bool(pdu.flags & 0x80)
        if final and task.unsolicited < limit:
            self.bad("data.first-burst", f"only {task.unsolicited} unsolicited bytes of {limit}", pdu)
        if not final and task.unsolicited >= limit:
            self.bad("data.final", "no F on the last unsolicited PDU", pdu)
        if final:
            task.unsolicited_open = False

    def _sequence(self, pdu, datasn, offset):
        if pdu.datasn != datasn:
            self.bad("data.datasn", f"{pdu.datasn}, expected {datasn}", pdu)
        if pdu.offset != offset:
            self.bad("data.offset", f"{pdu.offset}, expected {offset}", pdu)

    def _solicited(self, task, pdu):
        asked = next((r2t for r2t in task.solicited if r2t.ttt == pdu.ttt), None)
        if asked is None:
            self.bad("data.ttt", f"TTT {pdu.ttt:#x}", pdu)
            return
        if asked is not task.solicited[0]:
            self.bad("data.r2t-order", f"TTT {pdu.ttt:#x} before {task.solicited[0].ttt:#x}", pdu)
        if pdu.lun != asked.lun:
            self.bad("data.lun", f"{pdu.lun:#x}, the R2T had {asked.lun:#x}", pdu)
        self._sequence(pdu, asked.datasn, asked.offset + asked.done)
        asked.datasn += 1
        asked.done += pdu.dsl
        if asked.done > asked.length:
            self.bad("data.offset", f"{asked.done} bytes for an R2T of {asked.length}", pdu)
        if asked.done > self.number("MaxBurstLength"):
            self.bad("data.max-burst", f"{asked.done} bytes in one sequence", pdu)
        if bool(pdu.flags & 0x80) != (asked.done >= asked.length):
            self.bad("data.final", f"flags {pdu.flags:#04x} after {asked.done} of {asked.length}", pdu)
        if pdu.flags & 0x80 or asked.done >= asked.length:
            task.solicited.remove(asked)

    def _nop_out(self, pdu):
        if pdu.itt == RESERVED_TAG:
            if not pdu.immediate:
                self.bad("nop.flags", "ITT ffffffff without the I bit", pdu)
        else:
            self._open(pdu)
        if pdu.ttt == RESERVED_TAG:
            if pdu.lun:
                self.bad("pdu.reserved", f"NOP-Out with LUN {pdu.lun:#x} and no TTT", pdu)
            return
        ping = self.pings.pop(pdu.ttt, None)
        if ping is None:
            self.bad("nop.ttt", f"TTT {pdu.ttt:#x} is no ping of ours", pdu)
            return
        if pdu.itt != RESERVED_TAG:
            self.bad("nop.ttt", f"ITT {pdu.itt:#x} with a TTT", pdu)
        if pdu.lun != ping.lun:
            self.bad("nop.ttt", f"LUN {pdu.lun:#x}, the ping had {ping.lun:#x}", pdu)
        if pdu.data and pdu.data != ping.data[:len(pdu.data)]:
            self.bad("nop.data", f"{len(pdu.data)} bytes that are not the ping's", pdu)

    def _tmf(self, pdu):
        function = pdu.flags & 0x7F
        task = self._open(pdu, lun=pdu.lun, rtt=pdu.rtt, function=function)
        if not 1 <= function <= 8:
            self.bad("tmf.function", f"function {function}", pdu)
        if pdu.expdatasn and function != 8:
            self.bad("pdu.reserved", f"ExpDataSN {pdu.expdatasn}", pdu)
        if function not in (1, 8):
            if pdu.rtt != RESERVED_TAG:
                self.bad("tmf.rtt", f"{pdu.rtt:#x} for function {function}", pdu)
            if pdu.refcmdsn:
                self.bad("tmf.refcmdsn", f"{pdu.refcmdsn:#x} for function {function}", pdu)
            return
        referenced = self.tasks.get(pdu.rtt) or self.closed.get(pdu.rtt)
        if referenced is None or referenced is task:
            self.bad("tmf.rtt", f"{pdu.rtt:#x} names no task", pdu)
            return
        if function == 1 and pdu.refcmdsn != referenced.cmdsn:
            self.bad("tmf.refcmdsn", f"{pdu.refcmdsn:#x}, the task had {referenced.cmdsn:#x}", pdu)
        if pdu.lun != referenced.lun:
            self.bad("tmf.lun", f"{pdu.lun:#x}, the task's is {referenced.lun:#x}", pdu)

    def _text(self, pdu):
        if pdu.flags & 0xC0 == 0xC0:
            self.bad("text.bits", f"flags {pdu.flags:#04x}", pdu)
        if self.text_open is None:
            if pdu.ttt != RESERVED_TAG:
                self.bad("text.ttt", f"TTT {pdu.ttt:#x} on a first request", pdu)
            self._open(pdu)
        else:
            itt, ttt = self.text_open
            if pdu.itt != itt:
                self.bad("text.itt", f"{pdu.itt:#x}, the exchange has {itt:#x}", pdu)
            if pdu.ttt not in (ttt, RESERVED_TAG):
                self.bad("text.ttt", f"{pdu.ttt:#x}, the response had {ttt:#x}", pdu)
            elif pdu.ttt == RESERVED_TAG and ttt != RESERVED_TAG and not self.peer_resets:
                self.bad("text.ttt", "a continuation without the TTT of the response", pdu)
        self.text += pdu.data
        if pdu.flags & 0x40:
            return
        text, self.text = self.text, b""
        try:
            pairs = codec.decode_text(text)
        except codec.BadText as error:
            self.bad("text.format", str(error), pdu)
            return
        for name, value in pairs:
            self._check_text_key(name, value, pdu)

    peer_resets = False

    def _check_text_key(self, name, value, pdu):
        if name == "SendTargets":
            legal = value == "" or bool(_ISCSI_NAME.match(value)) or (value == "All" and self.discovery)
            if not legal or (value == "" and self.discovery):
                self.bad("text.send-targets", f"SendTargets={value}", pdu)
        elif name in KEYS and name not in ("MaxRecvDataSegmentLength",) and value not in (
                "Reject", "Irrelevant", "NotUnderstood"):
            self.bad("key.stage", f"{name} in a text request", pdu)

    def _logout(self, pdu):
        self._open(pdu)
        reason = pdu.flags & 0x7F
        if reason not in (0, 1, 2) or (reason == 2 and self.erl < 1):
            self.bad("logout.reason", f"reason {reason} at error recovery level {self.erl}", pdu)
        if pdu.cid != (self.first.cid if reason else 0) and pdu.cid != self.first.cid:
            self.bad("logout.cid", f"CID {pdu.cid}, ours is {self.first.cid}", pdu)
        for task in self.tasks.values():
            if task.solicited and reason == 0 and not self.discovery and any(r2t.done for r2t in task.solicited):
                self.bad("data.unanswered", f"ITT {task.itt:#x}: an R2T half answered", pdu)
        self.phase = "logout"

    def _snack(self, pdu):
        if self.erl < 1:
            self.bad("snack.erl0", repr(pdu), pdu)

    # -- the target's PDUs, as they went out ---------------------------------------------------------------
    def sent(self, pdu):
        opcode = pdu.opcode
        if pdu.kind not in (None, opcode):   # it went out under another opcode than it was made for
            pdu = pdu.copy()
            pdu.kind = None
        if opcode == LOGIN_RSP:
            self._sent_login(pdu)
            return
        if opcode not in codec.FIELDS or opcode in codec.INITIATOR_OPCODES:
            return
        self._take_window(pdu)
        if opcode != R2T and not (opcode == DATA_IN and not pdu.flags & 1) and not (
                opcode == NOP_IN and pdu.itt == RESERVED_TAG):
            self._take_statsn(pdu.statsn)
        if opcode == R2T:
            self._sent_r2t(pdu)
        elif opcode == NOP_IN:
            if pdu.ttt != RESERVED_TAG:
                self.pings[pdu.ttt] = pdu.copy()
            self._close(pdu.itt)
        elif opcode == DATA_IN and pdu.flags & 1 or opcode in (SCSI_RSP, LOGOUT_RSP):
            self._close(pdu.itt)
        elif opcode == TMF_RSP:
            self._sent_tmf_response(pdu)
        elif opcode == TEXT_RSP:
            self._sent_text(pdu)
        elif opcode == REJECT and len(pdu.data) >= 48:
            self._close(int.from_bytes(pdu.data[16:20], "big"))

    def _take_window(self, pdu):
        """4.2.2.1: both are ignored when MaxCmdSN < ExpCmdSN - 1; else each only ever moves forward."""
        if codec.before(pdu.maxcmdsn, codec.add(pdu.expcmdsn, -1)):
            return
        if self.max_cmdsn is None or codec.before(self.max_cmdsn, pdu.maxcmdsn):
            self.max_cmdsn = pdu.maxcmdsn
        if self.exp_cmdsn is None or codec.before(self.exp_cmdsn, pdu.expcmdsn):
            self.exp_cmdsn = pdu.expcmdsn

    def _take_statsn(self, statsn):
        if self.next_statsn is None or codec.at_most(self.next_statsn, statsn):
            self.next_statsn = codec.add(statsn, 1)

    def _sent_login(self, pdu):
        if pdu.class_ == 0 and self.phase == "login":
            self.next_statsn = codec.add(pdu.statsn, 1)
            self._take_window(pdu)
        self.peer_continues = bool(pdu.flags & 0x40)
        self.text_sent += pdu.data
        if not self.peer_continues:
            text, self.text_sent = self.text_sent, b""
            try:
                self._sent_keys(codec.decode_text(text))
            except codec.BadText:
                pass
        if pdu.class_:
            self.phase = "over"
        elif pdu.flags & 0x80 and self.phase == "login":
            self.csg = pdu.flags & 3
            if self.csg == 3:
                self._enter_full_feature()

    def _sent_keys(self, pairs):
        for name, value in pairs:
            key = KEYS.get(name)
            if name == "CHAP_C":
                self.chap_challenge = codec.parse_binary(value) or b""
            if name == "MaxRecvDataSegmentLength":
                self.target_max_recv_next = codec.parse_number(value) or 8192
            if name.startswith("CHAP_"):
                continue
            if name in self.offered and name not in self.answered and (key is None or key.rule != DECLARED):
                self.answered[name] = value
            elif key is None or (key.rule != DECLARED and name not in self.replied):
                self.asked[name] = value
                if key is None or not answer_optional(key, value):
                    self.unanswered.append(name)

    target_max_recv_next = 8192

    def _enter_full_feature(self):
        self.phase = "full"
        self.target_max_recv = self.target_max_recv_next
        self.erl = self.number("ErrorRecoveryLevel")
        self.text = b""

    def _sent_r2t(self, pdu):
        task = self.tasks.get(pdu.itt)
        if task is not None:
            task.solicited.append(Solicited(pdu.ttt, pdu.lun, pdu.offset, pdu.length))

    def _sent_tmf_response(self, pdu):
        request = self.tasks.get(pdu.itt)
        self._close(pdu.itt)
        if request is None or request.kind != TMF or pdu.response:
            return
        if request.function == 1:
            self._close(request.rtt)
        elif request.function in (2, 3, 4, 5):
            for task in [t for t in self.tasks.values() if t.kind == SCSI_CMD and t.lun == request.lun]:
                self._close(task.itt)
        elif request.function in (6, 7):
            for task in [t for t in self.tasks.values() if t.kind == SCSI_CMD]:
                self._close(task.itt)

    def _sent_text(self, pdu):
        if pdu.flags & 0x80:
            self.text_open = None
            self._close(pdu.itt)
        else:
            self.text_open = (pdu.itt, pdu.ttt)
