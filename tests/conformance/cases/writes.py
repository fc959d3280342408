# SPDX-License-Identifier: LGPL-2.1-or-later
"""R2Ts gone wrong, and every way to send data (RFC 7143, 11.8 and 13.10 to 13.14)."""

from ..case import (AHSLEN, BAD_ITT, DATA_OFFSET, DATALEN, DATASN, LUN, NO_SCSI_CMD, PROTO, R2TSN, Case, Drops, Fails,
                    Works)
from ..codec import R2T, RESERVED_TAG, SCSI_RSP
from ..script import DONE, EVERY, On, change, own
from ..target import Config

R2T_SENT = "send-r2t"
_SOLICITED = {"InitialR2T": "Yes", "ImmediateData": "No", "MaxBurstLength": "4096", "FirstBurstLength": "4096"}
_RUN = ("write 0 32 21", "read 0 32")          # four R2Ts of 4096


def _r2t(name, step, expect, nth=1, login=_SOLICITED, run=_RUN, times=1, **more):
    return Case(name, expect, (On(R2T_SENT, step, nth=nth, cmd="write", times=times),), login=login, run=run, **more)


_PAST_END = Drops(DATA_OFFSET)
_LENGTH = Drops(DATALEN)
_MISPLACED = Drops(DATA_OFFSET)

ASKED = (
    _r2t("R2T past the end of the data", change(offset=16384), _PAST_END),
    _r2t("R2T crossing the end of the data", change(offset=12800, length=4096), _PAST_END, nth=4),
    _r2t("R2T far past the end", change(offset=0xFFFFF000), _PAST_END),
    _r2t("R2T whose end wraps", change(offset=0xFFFFFC00, length=0x800), _PAST_END),
    _r2t("R2T of length 0", change(length=0), _LENGTH),
    _r2t("R2T of length 2^32-1", change(length=0xFFFFFFFF), _LENGTH),
    _r2t("R2T over MaxBurstLength", change(length=8192), _LENGTH),
    _r2t("R2T of one byte over MaxBurstLength", change(length=4097), _LENGTH),
    _r2t("R2T that skips data", change(offset=4096), _MISPLACED),
    _r2t("R2T for data already sent", change(offset=0), _MISPLACED, nth=2),
    _r2t("R2T overlapping data already sent", change(offset=2048), _MISPLACED, nth=2),
    _r2t("R2TSN from 1", change(r2tsn=1), Drops(R2TSN)),
    _r2t("R2TSN skipped", change(r2tsn=3), Drops(R2TSN), nth=2),
    _r2t("R2TSN repeated", change(r2tsn=0), Drops(R2TSN), nth=2),
    _r2t("TTT reserved", change(ttt=RESERVED_TAG), Drops(PROTO)),
    _r2t("another LUN", change(lun=3 << 48), Drops(LUN)),
    _r2t("R2T with a data segment", own(data=b"surplus!"), Drops(DATALEN)),
    _r2t("R2T with an AHS", own(ahs=bytes(8)), Drops(AHSLEN)),
    _r2t("R2T with another StatSN", change(statsn=lambda sn: sn + 1), Works()),
    _r2t("unknown ITT", change(itt=lambda itt: itt ^ 0x5A5A), Drops(BAD_ITT, NO_SCSI_CMD)),
    _r2t("reserved ITT", change(itt=RESERVED_TAG), Drops(BAD_ITT)),
    _r2t("R2T twice", lambda conn, pdu: [pdu, pdu.copy()], Drops(R2TSN)),
    # The first may have been served when the second arrives; then the third is out of sequence.
    _r2t("one R2T more than MaxOutstandingR2T", lambda conn, pdu: [
        pdu, pdu.copy().set(ttt=0x77, r2tsn=1, offset=4096)], Drops(PROTO, R2TSN)),
    _r2t("forty R2Ts at once", lambda conn, pdu: [pdu] + [
        pdu.copy().set(ttt=0x1000 + index, r2tsn=1 + index, offset=4096) for index in range(40)], Drops(PROTO, R2TSN, DATA_OFFSET)),
    Case("R2T for a read", Drops(PROTO), (On("recv-scsi-command", lambda conn, pdu: [conn.build(
        R2T, consume=False, flags=0x80, itt=pdu.itt, ttt=4, length=512)], cmd="read"),)),
    _r2t("R2T after the status", lambda conn, pdu: [
        conn.build(SCSI_RSP, flags=0x82, itt=pdu.itt, residual=16384), pdu, DONE], Drops(NO_SCSI_CMD)),
)

ENDED = (
    _r2t("GOOD before the data was asked for", lambda conn, pdu: [conn.build(SCSI_RSP, flags=0x80, itt=pdu.itt)],
         Drops(PROTO)),
    _r2t("GOOD with half of the data asked for", lambda conn, pdu: [
        conn.build(SCSI_RSP, flags=0x80, itt=pdu.itt, expdatasn=2)], Drops(PROTO), nth=3),
    _r2t("underflow before the data was asked for", lambda conn, pdu: [
        conn.build(SCSI_RSP, flags=0x82, itt=pdu.itt, residual=16384)], Fails(), times=EVERY),
    _r2t("CHECK CONDITION instead of an R2T", lambda conn, pdu: [
        conn.build(SCSI_RSP, flags=0x80, itt=pdu.itt, status=2,
                   data=b"\x00\x12\x70\x00\x03\x00\x00\x00\x00\x0a\x00\x00\x00\x00\x0c\x00\x00\x00\x00\x00")], Fails(("EIO", "ENODATA")), times=EVERY),
    Case("ExpDataSN wrong on a write", Drops(DATASN), (On(
        "send-scsi-response", change(expdatasn=77), cmd="write"),), login=_SOLICITED, run=_RUN),
)

def _ways():
    """The four combinations with burst limits around the size of the write, and a target that takes little."""
    for initial in ("Yes", "No"):
        for immediate in ("Yes", "No"):
            for first, most, segment in ((512, 512, 512), (512, 1024, 4096), (4096, 8192, 1024), (1000, 3000, 700),
                                         (262144, 262144, 65536)):
                yield Case(
                    f"InitialR2T={initial} ImmediateData={immediate} FirstBurst={first} MaxBurst={most} segment={segment}",
                    Works(), config=Config(max_recv=segment), run=("write 0 16 33", "write 100 1 34", "read 0 128"),
                    login={"InitialR2T": initial, "ImmediateData": immediate, "FirstBurstLength": str(first),
                           "MaxBurstLength": str(most)})


def _piecemeal(conn, pdu):
    """Asks for at most 300 bytes; the target then asks for the rest itself."""
    pdu.task.asked = pdu.offset + min(pdu.length, 300)
    pdu.length = min(pdu.length, 300)


WAYS = tuple(_ways()) + (
    Case("four R2Ts outstanding", Works(), login={**_SOLICITED, "MaxOutstandingR2T": "4"}, run=_RUN),
    Case("one R2T of a few odd bytes at a time", Works(), (On(R2T_SENT, _piecemeal, cmd="write",
                                                             times=EVERY),), login=_SOLICITED, run=("write 0 2 5", "read 0 2")),
    Case("many writes at once", Works(), login=_SOLICITED, run=tuple(f"&write {lba} 16 {lba}" for lba in range(0, 256, 16))
         + ("read 0 128", "read 128 128")),
    Case("blocks of 4096 bytes", Works(), config=Config(luns=((512, 4096),)), run=("write 0 4 8", "read 0 8")),
)


CASES = ASKED + ENDED + WAYS
