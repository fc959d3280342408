# SPDX-License-Identifier: LGPL-2.1-or-later
"""Responses of the wrong kind or with tags of no task, and what is never answered (RFC 7143, 11.2.1.8, 4.2.3)."""

from ..case import (BAD_ITT, DATALEN, EH_SESSION_RST, NO_SCSI_CMD, PROTO, TCP_CONN_CLOSE, UNKNOWN_TAG, Case, Drops, Fails,
                    Works)
from ..codec import (DATA_IN, LOGIN_RSP, LOGOUT_RSP, NOP_IN, RESERVED_TAG, SCSI_RSP, TEXT_RSP, TMF_RSP)
from ..script import DONE, EVERY, SKIP, On, change, first, make, own, skip
from ..target import Config

STATUS = "send-scsi-response"
COMMAND = "recv-scsi-command"
_APART = Config(collapse=False)
_PINGS = {"noop_out_interval": "3", "noop_out_timeout": "50"}


def _stray(name, kind, expect=Drops(BAD_ITT), itt=0x0BADBEEF, status=True, **fields):
    """A PDU nobody asked for, in front of the answer to a read."""
    return Case(f"{name}, ITT {itt:#x}" if isinstance(itt, int) else name, expect, (
        On(COMMAND, first(make(kind, status=status, flags=0x80, itt=itt, **fields)), cmd="read"),))


STRAY = (
    _stray("SCSI response", SCSI_RSP),
    _stray("SCSI response", SCSI_RSP, Drops(*UNKNOWN_TAG), itt=0),
    _stray("SCSI response", SCSI_RSP, itt=RESERVED_TAG),
    _stray("Data-In", DATA_IN, status=False, ttt=RESERVED_TAG, data=bytes(512)),
    _stray("Data-In", DATA_IN, itt=RESERVED_TAG, status=False, ttt=RESERVED_TAG, data=bytes(512)),
    _stray("TMF response", TMF_RSP),
    _stray("text response", TEXT_RSP, ttt=RESERVED_TAG),
    _stray("login response", LOGIN_RSP, Drops(PROTO)),
    _stray("logout response", LOGOUT_RSP),
    _stray("NOP-In", NOP_IN, ttt=RESERVED_TAG),
    _stray("NOP-In with both tags", NOP_IN, ttt=0x55),
)


def _same(conn, pdu):
    return pdu.itt


def _of_a_read(name, kind, **fields):
    return _stray(f"{name} with the ITT of a read", kind, itt=_same, **{"expect": Drops(NO_SCSI_CMD), **fields})


WRONG_KIND = (
    _of_a_read("TMF response", TMF_RSP),
    _of_a_read("text response", TEXT_RSP, ttt=RESERVED_TAG),
    _of_a_read("login response", LOGIN_RSP, expect=Drops(PROTO)),
    _of_a_read("logout response", LOGOUT_RSP),
    _of_a_read("NOP-In", NOP_IN, ttt=RESERVED_TAG),
    Case("SCSI response with the ITT of a NOP-Out", Drops(NO_SCSI_CMD), (On("recv-nop-out", lambda conn, pdu: [
        conn.build(SCSI_RSP, flags=0x80, itt=pdu.itt), DONE]),), login=_PINGS, run=("sleep 60", "read 0 8")),
    Case("NOP-In with another ITT than the NOP-Out", Drops(*UNKNOWN_TAG), (On(
        "send-nop-in", change(itt=lambda itt: itt ^ 0x0F0F)),), login=_PINGS, run=("sleep 60", "read 0 8")),
    Case("status of a read twice", Drops(NO_SCSI_CMD), (On(STATUS, lambda conn, pdu: [
        pdu, conn.build(SCSI_RSP, flags=0x80, itt=pdu.itt)], cmd="read"),), _APART),
    Case("status of a read twice with one StatSN", Drops(NO_SCSI_CMD), (On(STATUS, lambda conn, pdu: [
        pdu, pdu.copy()], cmd="read"),), _APART),
    Case("Data-In after the status", Drops(NO_SCSI_CMD), (On(STATUS, lambda conn, pdu: [
        pdu, conn.build(DATA_IN, data=bytes(512), consume=False, itt=pdu.itt, ttt=RESERVED_TAG)], cmd="read"),), _APART),
)

_SHORT = {"command_timeout": "5", "abort_timeout": "30", "lu_reset_timeout": "30", "tgt_reset_timeout": "30"}
TMF_SENT = "send-tmf-response"
_UNANSWERED = On(COMMAND, skip, cmd="read")


def _tmf(name, expect, *steps, seen=("tmf-request",), **more):
    return Case(name, expect, (_UNANSWERED,) + steps, login=_SHORT, seen=seen, **more)


# The next function helps: a LUN reset.
_ESCALATED = Works()

UNANSWERED = (
    _tmf("read never answered: aborted", Works()),
    Case("write never answered: aborted", Works(), (On(COMMAND, skip, cmd="write"),), login=_SHORT,
         run=("write 0 8 3", "read 0 8"), seen=("tmf-request",)),
    _tmf("abort answered 1, task does not exist", _ESCALATED, On(TMF_SENT, change(response=1))),
    _tmf("abort answered 2, LUN does not exist", _ESCALATED, On(TMF_SENT, change(response=2))),
    _tmf("abort answered 3, task still allegiant", _ESCALATED, On(TMF_SENT, change(response=3))),
    _tmf("abort answered 4, reassignment not supported", _ESCALATED, On(TMF_SENT, change(response=4))),
    _tmf("abort answered 5, not supported", _ESCALATED, On(TMF_SENT, change(response=5))),
    _tmf("abort answered 6, not authorized", _ESCALATED, On(TMF_SENT, change(response=6))),
    _tmf("abort answered 255, rejected", _ESCALATED, On(TMF_SENT, change(response=255))),
    _tmf("abort answered 77, undefined", _ESCALATED, On(TMF_SENT, change(response=77))),
    _tmf("every function answered 255", Drops(EH_SESSION_RST), On(TMF_SENT, change(response=255), times=EVERY)),
    _tmf("abort never answered", _ESCALATED, On("recv-tmf-request", skip)),
    _tmf("no function ever answered", Drops(EH_SESSION_RST), On("recv-tmf-request", skip, times=EVERY)),
    _tmf("abort answered with another ITT", Drops(*UNKNOWN_TAG), On(TMF_SENT, change(itt=lambda itt: itt ^ 0xFF))),
    _tmf("abort answered with the ITT of the task", Drops(NO_SCSI_CMD), On("recv-tmf-request", lambda conn, pdu: [
        conn.build(TMF_RSP, flags=0x80, itt=pdu.rtt, response=0), SKIP])),
    _tmf("abort response with data", Drops(DATALEN), On(TMF_SENT, own(data=b"surplus!"))),
    _tmf("status arrives before the abort response", Works(), On("recv-tmf-request", lambda conn, pdu: [
        lambda conn_: conn_._execute(conn_.tasks[pdu.rtt]) if pdu.rtt in conn_.tasks else None])),
    _tmf("status arrives after the abort response", Drops(NO_SCSI_CMD), On(TMF_SENT, lambda conn, pdu: [
        pdu, conn.build(SCSI_RSP, flags=0x80, itt=conn.aborted)]), On("recv-tmf-request", lambda conn, pdu: setattr(
            conn, "aborted", pdu.rtt))),
    _tmf("aborted, closed instead of an answer", Drops(TCP_CONN_CLOSE),
         On("recv-tmf-request", lambda conn, pdu: conn.hang_up())),
    Case("never answered on any connection", Fails(("EIO",), drops=(EH_SESSION_RST,)), (On(COMMAND, skip, cmd="read", times=EVERY, when=lambda conn, pdu:
         pdu.cdb[0] in (0x28, 0x88) and conn.target.disks[0].extent(pdu.cdb)[0] == 0),), login={
             **_SHORT, "replacement_timeout": "40"}, seen=("tmf-request",)),
)

CASES = STRAY + WRONG_KIND + UNANSWERED
