# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a case tells the target to misbehave.

A script is a tuple of `On(event, do)`. The target raises an event for each PDU it is about to send and for each
that came in; `do(conn, pdu)` may change the PDU, return a list of what is sent instead, or raise.

Events: "send-<pdu name>" and "recv-<pdu name>" with the names of codec.NAMES, "send-*" for all of them, and
"connect". For a "recv" event
a list is sent and the target acts on the PDU as usual; SKIP in the list makes it ignore the PDU and keep a SCSI
command as a task that is never answered, DONE makes it take the PDU as answered by the list.
In such a list: a Pdu is sent as it is, bytes go out raw, a callable is called with the connection.
"""

from dataclasses import dataclass
from typing import Callable, Optional

from . import codec

SKIP = object()
DONE = object()
EVERY = 0


@dataclass(frozen=True)
class On:
    event: str
    do: Callable
    nth: int = 1                      # the first occurrence that is touched, counted over the target's life
    times: int = 1                    # how many are touched; EVERY for all from nth on
    cmd: Optional[str] = None         # only PDUs of a SCSI task of this kind (disk.command_kind)
    portal: Optional[int] = None      # only on connections to this portal
    when: Optional[Callable] = None   # further condition (conn, pdu) -> bool


class Script:
    """Counts occurrences and applies the deviations; one per target, shared by its connections."""

    def __init__(self, steps=()):
        self.steps = tuple(steps)
        self.counts = [0] * len(self.steps)
        self.fired = [0] * len(self.steps)

    def run(self, event, conn, pdu):
        """None when nothing applies or the PDU was changed in place, else the list to send instead."""
        result = None
        for index, step in enumerate(self.steps):
            if not self._applies(step, event, conn, pdu):
                continue
            self.counts[index] += 1
            count = self.counts[index]
            if count < step.nth or (step.times and count >= step.nth + step.times):
                continue
            self.fired[index] += 1
            answer = step.do(conn, pdu)
            if answer is not None:
                result = answer
        return result

    @staticmethod
    def _applies(step, event, conn, pdu):
        if step.event not in (event, event.partition("-")[0] + "-*") or (step.portal is not None and conn.portal != step.portal):
            return False
        if step.cmd is not None and (pdu is None or pdu.task is None or pdu.task.word != step.cmd):
            return False
        return step.when is None or step.when(conn, pdu)

    def untouched(self):
        """Deviations that never came to pass: a case that has some proves nothing."""
        return [step for step, fired in zip(self.steps, self.fired) if not fired]


# -- what can be done to a PDU on its way out -----------------------------------------------------------
def change(**fields):
    """Sets header fields; a value may be a function of the old one."""
    def do(conn, pdu):
        for name, value in fields.items():
            setattr(pdu, name, value(getattr(pdu, name)) if callable(value) else value)
    return do


def own(**attributes):
    """Sets claim_dsl, claim_ahslen, header_digest_xor, data_digest_xor, data, ahs or pad_byte."""
    def do(conn, pdu):
        for name, value in attributes.items():
            setattr(pdu, name, value(getattr(pdu, name)) if callable(value) else value)
    return do


def opcode(value):
    def do(conn, pdu):
        pdu.bhs[0] = value
    return do


def header_bytes(offset, value):
    def do(conn, pdu):
        pdu.bhs[offset:offset + len(value)] = value
    return do


def both(*steps):
    def do(conn, pdu):
        result = None
        for step in steps:
            answer = step(conn, pdu)
            result = answer if answer is not None else result
        return result
    return do


def keys(*pairs, drop=(), **replaced):
    """Edits the text of a response: drops keys, replaces values, then adds pairs at the end."""
    def do(conn, pdu):
        old = codec.decode_text(pdu.data)
        new = [(name, replaced.get(name, value)) for name, value in old if name not in drop]
        present = {name for name, _ in new}
        new += [(name, value) for name, value in replaced.items() if name not in present]
        pdu.data = codec.encode_text(new + list(pairs))
    return do


def text(data):
    """The data segment as these bytes."""
    return own(data=data)


def instead(*items):
    return lambda conn, pdu: [_made(item, conn, pdu) for item in items]


def first(*items):
    """Sends the items, then the PDU; for a "recv" event, before the PDU is acted on."""
    return lambda conn, pdu: [_made(item, conn, pdu) for item in items] + ([] if pdu.kind is None else [pdu])


def after(*items):
    return lambda conn, pdu: [pdu] + [_made(item, conn, pdu) for item in items]


class make:
    """A PDU built when the step runs: make(R2T, length=...) takes fields as values or functions of (conn, pdu).

    `status=True` numbers it as a status, so that the StatSN that follow agree with it.
    """

    def __init__(self, kind, status=False, data=b"", **fields):
        self.kind, self.status, self.data, self.fields = kind, status, data, fields

    def __call__(self, conn, pdu):
        values = {name: value(conn, pdu) if callable(value) else value for name, value in self.fields.items()}
        data = self.data(conn, pdu) if callable(self.data) else self.data
        return conn.build(self.kind, data=data, consume=self.status, **values)


def _made(item, conn, pdu):
    return item(conn, pdu) if isinstance(item, make) else item


def same_itt(conn, pdu):
    return pdu.itt


def same_lun(conn, pdu):
    return pdu.lun


# -- what can be done to the connection -------------------------------------------------------------------
def close(conn, pdu=None):
    conn.hang_up()


def reset(conn, pdu=None):
    conn.hang_up(reset=True)


def silence(conn, pdu=None):
    """Says nothing more on this connection; goes on reading."""
    conn.mute = True


def mute_and_drop(conn, pdu):
    conn.mute = True
    return []


def cut(count):
    """Sends the first `count` bytes of the PDU and closes."""
    return lambda conn, pdu: [conn.wire(pdu)[:count], close]


def drip(interval):
    """Sends the PDU a byte at a time."""
    def do(conn, pdu):
        out = conn.wire(pdu)
        return [step for index in range(len(out)) for step in (out[index:index + 1], pause(interval))]
    return do


def pause(seconds):
    def do(conn, pdu=None):
        conn.target.stopping.wait(seconds)
    return do


def stop_half_way(count):
    """Sends the first `count` bytes, then nothing: the stream stays open in the middle of a PDU."""
    return lambda conn, pdu: [conn.wire(pdu)[:count], silence]


def skip(conn, pdu):
    """For a "recv" event: the target never saw it."""
    return [SKIP]


def answer(reply):
    """For "recv-scsi-command": answers with this disk.Reply instead of executing."""
    def do(conn, pdu):
        return [lambda conn_: conn_.answer(pdu.task, reply), DONE]
    return do


def reply_with(*items):
    """For a "recv" event: these PDUs are the whole answer."""
    return lambda conn, pdu: [_made(item, conn, pdu) for item in items] + [DONE]


def send_ping(data=b"", lun=0):
    """A NOP-In that asks for an answer, as an item of a list."""
    return lambda conn, pdu=None: conn.send_items([conn.ping(data, lun)])
