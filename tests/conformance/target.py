# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small, correct iSCSI target (RFC 7143, error recovery level 0) whose every step a script can bend.

    with Target(Config(), script=(On(...),)) as target:
        ... run an initiator against target.port ...
        assert not target.violations

One thread per connection; the judge of rules.py sees each PDU in both directions.
"""

import contextlib
import ctypes
import dataclasses
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from . import codec, disk
from .chap import ChapTarget
from .codec import (ASYNC, DATA_IN, DATA_OUT, LOGIN, LOGIN_RSP, LOGOUT, LOGOUT_RSP, NOP_IN, NOP_OUT, R2T, REJECT,
                    RESERVED_TAG, SCSI_CMD, SCSI_RSP, TEXT, TEXT_RSP, TMF, TMF_RSP, Closed, Pdu)
from .keys import DECLARED, KEYS, settle
from .rules import Checker, Violation
from .script import DONE, SKIP, Script

TARGET_NAME = "iqn.2026-01.test.conformance:disk"
LOGIN_MAX_SEGMENT = 8192


@dataclass
class Config:
    names: tuple = (TARGET_NAME,)
    luns: tuple = ((4096, 512),)          # (blocks, block bytes) of LUN 0, 1, ...
    chap: object = None                   # chap.Credentials, or None for no authentication
    discovery_chap: object = None
    settings: dict = field(default_factory=dict)   # what the target prefers, by key
    offers: tuple = ()                    # (key, value) the target offers by itself in the operational stage
    max_recv: int = 65536                 # MaxRecvDataSegmentLength the target declares
    window: int = 32                      # commands the target lets be under way
    collapse: bool = True                 # status in the last Data-In
    login_chunk: int = LOGIN_MAX_SEGMENT  # bytes of text in each login response, the rest follows by the C bit
    text_chunk: int = LOGIN_MAX_SEGMENT   # the same for text responses
    portals: int = 1
    login_steps: int = 0                  # empty responses without T before the operational stage ends
    extra_addresses: tuple = ()           # more TargetAddress lines for SendTargets
    v6: bool = False
    port: int = 0
    second: float = 0.0                   # how long a second of Time2Wait lasts on the initiator's clock; 0: any time


@dataclass
class Task:
    pdu: Pdu
    out: bytearray = field(default_factory=bytearray)
    got: int = 0
    asked: int = 0
    unsolicited: bool = False
    outstanding: int = 0
    r2tsn: int = 0
    datasn: int = 0
    held: bool = False

    @property
    def word(self):
        return disk.command_kind(self.pdu.cdb)


@dataclass
class Session:
    """What the target remembers of a session that ended, to judge how it comes back."""
    initiator: str
    name: str
    isid: int
    time2wait: float
    ended: float = 0.0
    lost: bool = False


DEFAULTS = {"HeaderDigest": "None,CRC32C", "DataDigest": "None,CRC32C", "MaxConnections": "1", "InitialR2T": "No",
            "ImmediateData": "Yes", "MaxBurstLength": "16776192", "FirstBurstLength": "262144",
            "DefaultTime2Wait": "0", "DefaultTime2Retain": "20", "MaxOutstandingR2T": "8", "DataPDUInOrder": "Yes",
            "DataSequenceInOrder": "Yes", "ErrorRecoveryLevel": "0", "TaskReporting": "RFC3720",
            "iSCSIProtocolLevel": "1", "IFMarker": "No", "OFMarker": "No"}


def _enter_network(pid):
    with open(f"/proc/{pid}/ns/net", "rb") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0x40000000):  # CLONE_NEWNET
            raise OSError(ctypes.get_errno(), "setns")


class Refused(Exception):
    def __init__(self, class_, detail):
        super().__init__(f"login refused {class_:02x}{detail:02x}")
        self.class_, self.detail = class_, detail


class Target:
    def __init__(self, config=None, script=(), netns=None):
        """`netns`: the pid of a process whose network the target listens in, instead of its own."""
        self.config = config or Config()
        self.script = Script(script)
        self.disks = {lun: disk.Disk(blocks, size, lun) for lun, (blocks, size) in enumerate(self.config.luns)}
        self.stopping = threading.Event()
        self.lock = threading.RLock()
        self.connections = []
        self.sessions = []
        self.own_violations = []
        self.failures = []            # exceptions of the target's own code
        self.log = []
        self._threads = []
        self._listeners = []
        if netns is None:
            self._listen()
        else:
            thread = threading.Thread(target=self._listen, args=(netns,))
            thread.start()
            thread.join()
        if len(self._listeners) != self.config.portals:
            raise OSError("the target can't listen")
        self._names = [listener.getsockname()[:2] for listener in self._listeners]

    def _listen(self, netns=None):
        if netns is not None:
            _enter_network(netns)  # of this thread alone; a socket stays where it was made
        for index in range(self.config.portals):
            self._listeners.append(self._listener(index))

    def _listener(self, index):
        family = socket.AF_INET6 if self.config.v6 else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("::1" if self.config.v6 else "127.0.0.1", self.config.port if index == 0 else 0))
        listener.listen(64)
        return listener

    @property
    def port(self):
        return self._names[0][1]

    def address(self, portal=0, tag=1):
        host, port = self._names[portal]
        return f"[{host}]:{port},{tag}" if ":" in host else f"{host}:{port},{tag}"

    def __enter__(self):
        for index, listener in enumerate(self._listeners):
            self._spawn(self._accept, index, listener)
        return self

    def __exit__(self, *_):
        self.stop()

    def _spawn(self, *call):
        thread = threading.Thread(target=call[0], args=call[1:], daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, index, listener):
        while not self.stopping.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                if self.stopping.is_set():
                    sock.close()
                    return
                conn = Connection(self, sock, index, len(self.connections))
                self.connections.append(conn)
            self._spawn(conn.serve)

    def stop(self):
        self.stopping.set()
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self.lock:
            for conn in self.connections:
                conn.shut()
        for thread in list(self._threads):
            thread.join(5)

    # -- what was seen ---------------------------------------------------------------------------------
    @property
    def violations(self):
        return self.own_violations + [v for conn in self.connections for v in conn.checker.violations]

    @property
    def logins(self):
        return sum(conn.in_full_feature for conn in self.connections)

    def note(self, text):
        with self.lock:
            self.log.append(text)

    def transfer(self, lun, cdb):
        unit = self.disks.get(lun >> 48 & 0x3FFF)
        return unit.transfer(cdb) if unit else None

    def session_starts(self, initiator, name, isid, time2wait, pdu):
        """6.3.5: a lost session comes back under its own ISID, and not before Time2Wait has passed."""
        now = time.monotonic()
        with self.lock:
            known = [s for s in self.sessions if (s.initiator, s.name) == (initiator, name) and s.lost]
            if known:
                last = known[-1]
                if last.isid != isid:
                    self.own_violations.append(Violation("session.isid", f"{isid:012x} was {last.isid:012x}", pdu.raw()))
                if now - last.ended < last.time2wait / 2:   # the target sees the end later than the initiator
                    self.own_violations.append(Violation(
                        "session.time2wait", f"back after {now - last.ended:.3f} s of {last.time2wait}", pdu.raw()))
                last.lost = False
            session = Session(initiator, name, isid, time2wait)
            self.sessions.append(session)
            return session


class Connection:
    def __init__(self, target, sock, portal, index):
        self.target, self.sock, self.portal, self.index = target, sock, portal, index
        self.config = target.config
        self.checker = Checker(target.transfer)
        self.mute = False
        self.emitted = 0              # PDUs, for scripts that count
        self.in_full_feature = False
        self.login = None
        self.session = None
        self.closing = False
        self.statsn = 0x1000
        self.exp_cmdsn = 0
        self.max_cmdsn_bonus = 0      # a script may widen or shrink the window
        self.tasks = {}
        self.next_ttt = 1
        self.pending_text = {}        # TTT -> rest of a SendTargets answer
        self.declared = False
        self.tsih = 0
        sock.settimeout(120)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # -- the stream --------------------------------------------------------------------------------------
    def _recv_exact(self, count):
        parts = []
        while count:
            try:
                part = self.sock.recv(count)
            except OSError:
                part = b""
            if not part:
                raise Closed()
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def receive(self):
        pdu = codec.read_pdu(self._recv_exact, self.checker.header_digest, self.checker.data_digest)
        self.target.note(f"{self.index} < {pdu!r}")
        self.checker.received(pdu)
        return pdu

    def wire(self, pdu):
        """The bytes of a PDU with the digests of this moment; the judge takes it as sent."""
        out = pdu.encode(self.checker.header_digest, self.checker.data_digest)
        self.checker.sent(pdu)
        if pdu.opcode == ASYNC and pdu.kind == ASYNC and pdu.event in (2, 3) and self.session:
            self.session.time2wait = pdu.p2 * self.config.second   # 11.9.1: Parameter2 takes its place
        return out

    def send_items(self, items):
        for item in items:
            if item is SKIP or item is DONE:
                continue
            if callable(item):
                item(self)
            elif not self.mute:
                out = item if isinstance(item, bytes) else self.wire(item)
                self.target.note(f"{self.index} > {item!r}")
                try:
                    self.sock.sendall(out)
                except OSError as error:
                    raise Closed() from error

    def emit(self, pdu):
        instead = self._event("send-" + codec.NAMES[pdu.kind], pdu)
        self.send_items([pdu] if instead is None else instead)

    def _event(self, event, pdu):
        with self.target.lock:
            return self.target.script.run(event, self, pdu)

    def build(self, kind, data=b"", consume=True, task=None, **fields):
        """A PDU with the sequence numbers of now. `consume` gives it a StatSN of its own."""
        pdu = Pdu(kind, data)
        pdu.kind, pdu.task = kind, task
        if "statsn" in codec.FIELDS[kind]:
            pdu.set(statsn=self.statsn, expcmdsn=self.exp_cmdsn,
                    maxcmdsn=codec.add(self.exp_cmdsn, self.config.window - 1 + self.max_cmdsn_bonus))
        if consume:
            self.statsn = codec.add(self.statsn, 1)
        return pdu.set(**fields)

    def hang_up(self, reset=False):
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()
        else:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)
        raise Closed()

    def shut(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    # -- life ----------------------------------------------------------------------------------------------
    def serve(self):
        try:
            items = self._event("connect", None)
            if items:
                self.send_items(items)
            self.login = Login(self)
            self.login.run()
            self.in_full_feature = True
            while not self.closing:
                self._dispatch(self.receive())
        except Closed:
            pass
        except codec.BadDigest as error:
            self.checker.bad_digest(error)
        except Refused:
            self._drain()
        except Exception as error:  # a fault of the target itself must fail the case, not hide
            import traceback
            self.target.failures.append(traceback.format_exc())
            self.target.note(f"{self.index} ! {error!r}")
        finally:
            self._finish()

    def _drain(self):
        """Waits for the initiator to close, as it should after a refusal."""
        with contextlib.suppress(Closed, codec.BadDigest):
            while True:
                self.receive()

    def _finish(self):
        with self.target.lock:
            if self.session is not None:
                self.session.ended = time.monotonic()
                self.session.lost = not self.closing
        self.shut()
        self.sock.close()
        self.target.note(f"{self.index} closed")

    def _dispatch(self, pdu):
        if pdu.opcode == SCSI_CMD:
            pdu.task = Task(pdu)
        elif pdu.itt in self.tasks:
            pdu.task = self.tasks[pdu.itt]
        if not pdu.immediate and pdu.opcode in (NOP_OUT, SCSI_CMD, TMF, TEXT, LOGOUT):
            self.exp_cmdsn = codec.add(pdu.cmdsn, 1)
        items = self._event("recv-" + pdu.name, pdu) if pdu.opcode in codec.NAMES else None
        if items:
            self.send_items(items)
            if any(item is DONE for item in items):
                return
            if any(item is SKIP for item in items):
                if pdu.opcode == SCSI_CMD:
                    pdu.task.held = True
                    self.tasks[pdu.itt] = pdu.task
                return
        handler = {NOP_OUT: self._nop, SCSI_CMD: self._command, DATA_OUT: self._data_out, TMF: self._tmf,
                   TEXT: self._text, LOGOUT: self._logout}.get(pdu.opcode)
        if handler is None:
            self.reject(pdu, 0x05 if pdu.opcode in codec.INITIATOR_OPCODES else 0x04)
            return
        handler(pdu)

    def reject(self, pdu, reason):
        self.emit(self.build(REJECT, data=bytes(pdu.bhs), flags=0x80, reason=reason, itt=RESERVED_TAG))

    # -- commands ------------------------------------------------------------------------------------------
    def _command(self, pdu):
        task = pdu.task
        self.tasks[pdu.itt] = task
        if pdu.flags & 0x20 and pdu.edtl:
            task.out = bytearray(pdu.edtl)
            task.out[:len(pdu.data)] = pdu.data[:pdu.edtl]
            task.got = task.asked = min(len(pdu.data), pdu.edtl)
            task.unsolicited = not pdu.flags & 0x80
            self._advance_write(task)
        else:
            self._execute(task)

    def _data_out(self, pdu):
        task = self.tasks.get(pdu.itt)
        if task is None or task.held:
            return
        end = min(pdu.offset + len(pdu.data), len(task.out))
        task.out[pdu.offset:end] = pdu.data[:max(0, end - pdu.offset)]
        task.got += len(pdu.data)
        if pdu.ttt == RESERVED_TAG:
            task.asked = task.got
            task.unsolicited = task.unsolicited and not pdu.flags & 0x80
        elif pdu.flags & 0x80:
            task.outstanding -= 1
        self._advance_write(task)

    def _advance_write(self, task):
        if task.unsolicited:
            return
        most = self.checker.number("MaxOutstandingR2T")
        burst = self.checker.number("MaxBurstLength")
        while task.asked < len(task.out) and task.outstanding < most:
            length = min(burst, len(task.out) - task.asked)
            offset, task.asked = task.asked, task.asked + length
            task.outstanding += 1
            task.r2tsn += 1
            self.next_ttt += 1
            self.emit(self.build(R2T, consume=False, task=task, flags=0x80, lun=task.pdu.lun, itt=task.pdu.itt,
                                 ttt=self.next_ttt, r2tsn=task.r2tsn - 1, offset=offset, length=length))
        if task.got >= len(task.out):
            self._execute(task)

    def _execute(self, task):
        pdu = task.pdu
        if self.tasks.pop(pdu.itt, None) is None:
            return
        unit = self.target.disks.get(pdu.lun >> 48 & 0x3FFF)
        with self.target.lock:
            if unit is None:
                reply = disk.absent_lun(pdu.cdb, self.target.disks)
            else:
                reply = unit.execute(pdu.cdb, bytes(task.out), self.target.disks)
        self.answer(task, reply)

    def answer(self, task, reply):
        """Sends data and status of a task; residuals per 11.4.5."""
        pdu = task.pdu
        expected = self.target.transfer(pdu.lun, pdu.cdb)
        wanted = len(reply.data) if pdu.flags & 0x40 else (expected[1] if expected else pdu.edtl)
        moved = min(wanted, pdu.edtl)
        flags = 0x02 if wanted < pdu.edtl else 0x04 if wanted > pdu.edtl else 0
        if reply.status and not pdu.flags & 0x40:
            flags, wanted, moved = 0, pdu.edtl, pdu.edtl
        if reply.status and pdu.flags & 0x40:
            flags, wanted, moved = (0x02 if pdu.edtl else 0), 0, 0
        residual = {"flags": flags, "residual": abs(pdu.edtl - wanted) if flags else 0}
        data = reply.data[:moved] if pdu.flags & 0x40 else b""
        collapsed = self.config.collapse and data and reply.status == disk.GOOD
        self._data_in(task, data, residual if collapsed else None)
        if not collapsed:
            sense = struct.pack(">H", len(reply.sense)) + reply.sense if reply.sense else b""
            self.emit(self.build(SCSI_RSP, data=sense, task=task, flags=0x80 | flags, itt=pdu.itt, response=0,
                                 status=reply.status, expdatasn=task.datasn + task.r2tsn,
                                 residual=residual["residual"]))

    def _data_in(self, task, data, status):
        segment = min(self._initiator_max_recv(), 1 << 20)
        burst = self.checker.number("MaxBurstLength")
        offset = 0
        while offset < len(data):
            burst_end = min(len(data), (offset // burst + 1) * burst)
            part = data[offset:min(offset + segment, burst_end)]
            end = offset + len(part)
            last = end == len(data)
            flags = 0x80 if last or end == burst_end else 0
            with_status = last and status is not None
            pdu = self.build(DATA_IN, data=part, consume=with_status, task=task, itt=task.pdu.itt, ttt=RESERVED_TAG,
                             datasn=task.datasn, offset=offset)
            if with_status:
                pdu.set(flags=flags | 0x01 | status["flags"], status=0, residual=status["residual"])
            else:
                pdu.set(flags=flags, statsn=0)
            task.datasn += 1
            offset = end
            self.emit(pdu)

    def _initiator_max_recv(self):
        return codec.parse_number(self.checker.offered.get("MaxRecvDataSegmentLength", "8192")) or 8192

    # -- the other requests ----------------------------------------------------------------------------------
    def _nop(self, pdu):
        if pdu.itt != RESERVED_TAG:
            self.emit(self.build(NOP_IN, data=pdu.data[:self._initiator_max_recv()], flags=0x80, itt=pdu.itt,
                                 ttt=RESERVED_TAG))

    def ping(self, data=b"", lun=0):
        self.next_ttt += 1
        return self.build(NOP_IN, data=data, consume=False, flags=0x80, itt=RESERVED_TAG, ttt=self.next_ttt, lun=lun)

    def _tmf(self, pdu):
        function = pdu.flags & 0x7F
        response = 0
        if function == 1:
            response = 0 if self.tasks.pop(pdu.rtt, None) is not None else 1
        elif function in (2, 3, 4, 5):
            if pdu.lun >> 48 & 0x3FFF not in self.target.disks:
                response = 2
            self._forget(lambda task: task.pdu.lun == pdu.lun)
        elif function in (6, 7):
            self._forget(lambda task: True)
        else:
            response = 5
        self.emit(self.build(TMF_RSP, flags=0x80, itt=pdu.itt, response=response))
        if function == 7:
            self.hang_up()

    def _forget(self, which):
        for itt in [itt for itt, task in self.tasks.items() if which(task)]:
            del self.tasks[itt]

    def _text(self, pdu):
        if pdu.ttt != RESERVED_TAG and pdu.ttt in self.pending_text:
            rest = self.pending_text.pop(pdu.ttt)
        else:
            rest = self._text_answer(pdu)
        chunk = min(self.config.text_chunk, self._initiator_max_recv())
        part, rest = rest[:chunk], rest[chunk:]
        if not rest:
            self.emit(self.build(TEXT_RSP, data=part, flags=0x80, itt=pdu.itt, ttt=RESERVED_TAG))
            return
        self.next_ttt += 1
        self.pending_text[self.next_ttt] = rest
        self.emit(self.build(TEXT_RSP, data=part, flags=0x40, itt=pdu.itt, ttt=self.next_ttt))

    def _text_answer(self, pdu):
        pairs = []
        for name, value in codec.decode_text(pdu.data):
            if name != "SendTargets":
                pairs.append((name, "NotUnderstood"))
                continue
            for target_name in self.config.names:
                if value in ("All", target_name, ""):
                    pairs.append(("TargetName", target_name))
                    for portal in range(self.config.portals):
                        pairs.append(("TargetAddress", self.target.address(portal)))
                    pairs += [("TargetAddress", address) for address in self.config.extra_addresses]
        return codec.encode_text(pairs)

    def _logout(self, pdu):
        self.closing = True
        self.emit(self.build(LOGOUT_RSP, flags=0x80, itt=pdu.itt, response=0))
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)


class Login:
    """The login phase of one connection (section 6)."""

    def __init__(self, conn):
        self.conn, self.config = conn, conn.config
        self.chap = None
        self.authenticated = False
        self.offers_made = False
        self.steps_left = conn.config.login_steps
        self.name = ""
        self.discovery = False
        self.first = True
        self.pdu = None

    def run(self):
        while True:
            pairs = self._request()
            stage = self.pdu.flags >> 2 & 3
            if self.first:
                self._identify(dict(pairs))
            answers, may_leave = self._security(pairs) if stage == 0 else self._operational(pairs)
            if stage == 1 and not self.authenticated:
                self._refuse(0x02, 0x01)
            leave = may_leave and bool(self.pdu.flags & 0x80)
            self.first = False
            self._respond(answers, leave)
            if self.conn.checker.phase == "full":   # as it went out, whatever was meant
                self._start_session()
                return

    def _request(self):
        """The key=value pairs of one request, joined over the C bit."""
        conn, text = self.conn, b""
        while True:
            self.pdu = conn.receive()
            if self.pdu.opcode != LOGIN:
                self._refuse(0x02, 0x0B)
            if self.first and not text:
                conn.exp_cmdsn = self.pdu.cmdsn
            items = conn._event("recv-login-request", self.pdu)
            if items:
                conn.send_items(items)
                if any(item is SKIP for item in items):
                    continue
            text += self.pdu.data
            if not self.pdu.flags & 0x40:
                try:
                    return codec.decode_text(text)
                except codec.BadText:
                    self._refuse(0x02, 0x00)
            self._send(b"", 0)

    def _refuse(self, class_, detail):
        conn = self.conn
        pdu = conn.build(LOGIN_RSP, itt=self.pdu.itt, isid=self.pdu.isid, class_=class_, detail=detail)
        conn.emit(pdu)
        raise Refused(class_, detail)

    def _identify(self, pairs):
        self.discovery = pairs.get("SessionType") == "Discovery"
        self.name = pairs.get("TargetName", "")
        if not pairs.get("InitiatorName") or not (self.discovery or self.name):
            self._refuse(0x02, 0x07)
        if not self.discovery and self.name not in self.config.names:
            self._refuse(0x02, 0x03)
        self.credentials = self.config.discovery_chap if self.discovery else self.config.chap
        self.authenticated = self.credentials is None

    def _security(self, pairs):
        answers = []
        given = dict(pairs)
        for name, value in pairs:
            if name == "AuthMethod":
                wanted = "None" if self.credentials is None else "CHAP"
                if wanted not in value.split(","):
                    self._refuse(0x02, 0x01)
                answers.append((name, wanted))
                self.authenticated = self.credentials is None
            elif name == "CHAP_A" and self.credentials:
                self.chap = ChapTarget(self.credentials)
                offer = self.chap.offer(value)
                if offer is None:
                    self._refuse(0x02, 0x01)
                answers += offer
            elif not name.startswith("CHAP_") and KEYS.get(name, KEYS["TargetAlias"]).rule != DECLARED:
                answers.append((name, "Reject"))
        if "CHAP_R" in given:
            proof = self.chap.verify(given) if self.chap else None
            if proof is None:
                self._refuse(0x02, 0x01)
            answers += proof
            self.authenticated = True
        return self._with_tag(answers), self.authenticated

    def _with_tag(self, answers):
        if self.first and not self.discovery:
            answers = answers + [("TargetPortalGroupTag", "1")]
        return answers

    def _operational(self, pairs):
        answers = []
        settings = {**DEFAULTS, **self.config.settings}
        for name, value in pairs:
            if name in self.conn.checker.asked:
                continue
            key = KEYS.get(name)
            if key is None:
                answers.append((name, "NotUnderstood"))
            elif key.rule == DECLARED:
                continue
            elif not key.discovery and self.discovery:
                answers.append((name, "Irrelevant"))
            elif not key.legal(value):
                answers.append((name, "Reject"))
            else:
                answers.append((name, settle(key, value, settings[name])))
        if not self.conn.declared:
            answers.append(("MaxRecvDataSegmentLength", str(self.config.max_recv)))
            self.conn.declared = True
        wait = False
        if self.config.offers and not self.offers_made:
            answers += list(self.config.offers)
            self.offers_made = wait = True
        if self.steps_left:
            self.steps_left -= 1
            wait = True
        return self._with_tag(answers), not wait

    def _respond(self, answers, leave):
        """Sends the answers, in several PDUs with C when they don't fit one."""
        data = codec.encode_text(answers)
        chunk = self.config.login_chunk
        while len(data) > chunk:
            self._send(data[:chunk], 0x40)
            data = data[chunk:]
            self.pdu = self.conn.receive()
        self._send(data, 0x80 if leave else 0)

    def _send(self, data, bits):
        conn, request = self.conn, self.pdu
        stages = request.flags & 0x0C | (request.flags & 0x03 if bits & 0x80 else 0)
        final = bits & 0x80 and request.flags & 3 == 3
        if final and not conn.tsih:
            conn.tsih = conn.index + 1
        conn.emit(conn.build(LOGIN_RSP, data=data, flags=bits | stages, isid=request.isid, itt=request.itt,
                             tsih=conn.tsih if final else request.tsih))

    def _start_session(self):
        conn = self.conn
        checker = conn.checker
        if not self.discovery:
            conn.session = conn.target.session_starts(checker.offered.get("InitiatorName", ""), self.name,
                                                      self.pdu.isid, checker.number("DefaultTime2Wait") * conn.config.second,
                                                      self.pdu)


def _main():
    """python3 -m tests.conformance.target [--port P] [--case GROUP/NAME]: serves until Ctrl-C, then reports."""
    import argparse

    from . import target as package          # this file again, as the module the cases know
    from .case import fill
    from .cases import ALL
    options = argparse.ArgumentParser(description=_main.__doc__)
    options.add_argument("--port", type=int, default=3260)
    options.add_argument("--case", help="a name of --list; without it the target behaves")
    options.add_argument("--list", action="store_true", help="print the names of all cases")
    chosen = options.parse_args()
    if chosen.list:
        print("\n".join(ALL))
        return
    case = ALL[chosen.case] if chosen.case else None
    config = dataclasses.replace(case.config if case else package.Config(), port=chosen.port)
    target = package.Target(config, case.script if case else ())
    fill(target)
    print(f"{target.address()} {' '.join(config.names)}", flush=True)
    target.note = lambda text: print(text, flush=True)
    with target, contextlib.suppress(KeyboardInterrupt):
        target.stopping.wait()
    print("\n".join(map(str, target.violations + target.failures)) or "no rule was broken")


if __name__ == "__main__":
    _main()
