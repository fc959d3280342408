# SPDX-License-Identifier: LGPL-2.1-or-later
"""Data-In, status, residuals and sense gone wrong (RFC 7143, 11.4 and 11.7)."""

from .. import disk
from ..case import (AHSLEN, BAD_OPCODE, DATA_OFFSET, DATALEN, DATASN, EXP_CMDSN, LUN, PROTO,
                    Case, Drops, Either, Fails, Works)
from ..codec import DATA_IN, RESERVED_TAG, SCSI_RSP
from ..disk import CHECK_CONDITION, Reply, fixed_sense
from ..script import DONE, EVERY, On, after, answer, both, change, opcode, own
from ..target import Config

DATA = "send-data-in"
STATUS = "send-scsi-response"
_APART = Config(collapse=False)
# Commands for the first block are answered so for good, whatever is tried; others are left alone.
_MEDIUM_ERROR = Fails(("ENODATA",))


def _first_block(conn, pdu):
    return conn.target.disks[0].extent(pdu.task.pdu.cdb)[0] == 0


def _for_good(event, step):
    return On(event, step, cmd="read", times=EVERY, when=_first_block)


_FOUR = {"MaxRecvDataSegmentLength": "1024"}   # 4 Data-In for 8 blocks


def _data(name, step, expect, nth=2, login=_FOUR, **more):
    """Bends one Data-In of four (DataSN 0 to 3, offsets 0 to 3072, the last with status)."""
    return Case(name, expect, (On(DATA, step, nth=nth, cmd="read"),), login=login, **more)


def _opcode(value, expect):
    return _data(f"opcode {value:#04x}", opcode(value), expect)


HEADER = (
    *(_opcode(value, Drops(BAD_OPCODE)) for value in (0x27, 0x2F, 0x30, 0x33, 0x3E, 0x00, 0x01, 0x05, 0x10, 0x1F)),
    _opcode(0x23, Drops(PROTO)),
    _data("I bit on Data-In", opcode(DATA_IN | 0x40), Either(Drops(BAD_OPCODE, PROTO), Works())),
    _data("top bit on Data-In", opcode(DATA_IN | 0x80), Either(Drops(BAD_OPCODE, PROTO), Works())),
    _data("header of all ones", lambda conn, pdu: [b"\xff" * 48], Drops(DATALEN)),
    _data("header of zeroes", lambda conn, pdu: [bytes(48)], Drops(BAD_OPCODE)),
    _data("segment over MaxRecvDataSegmentLength", lambda conn, pdu: [conn.build(
        DATA_IN, data=bytes(1028), consume=False, itt=pdu.itt, ttt=RESERVED_TAG, datasn=1, offset=1024)], Drops(DATALEN)),
    _data("claims 16 MiB", own(claim_dsl=0xFFFFFF), Drops(DATALEN)),
    _data("AHS of 4 bytes", own(ahs=bytes(4)), Drops(AHSLEN)),
    _data("AHS of 1020 bytes", own(ahs=bytes(1020)), Drops(AHSLEN)),
    _data("claims an AHS", own(claim_ahslen=255), Drops(AHSLEN)),
    Case("AHS on a SCSI response", Drops(AHSLEN), (On(STATUS, own(ahs=bytes(8)), cmd="read"),), _APART),
    _data("padding not zero", both(own(pad_byte=0xFF), own(data=lambda data: data)), Works()),
)

ORDER = (
    _data("DataSN skipped", change(datasn=2), Drops(DATASN)),
    _data("DataSN repeated", change(datasn=0), Drops(DATASN)),
    _data("DataSN from 1", change(datasn=1), Drops(DATASN), nth=1),
    _data("DataSN 0xffffffff", change(datasn=0xFFFFFFFF), Drops(DATASN)),
    _data("a Data-In lost", lambda conn, pdu: [], Drops(DATASN)),
    _data("a Data-In twice", lambda conn, pdu: [pdu, pdu.copy()], Drops(DATASN)),
    _data("offset skips ahead", change(offset=2048), Drops(DATA_OFFSET)),
    _data("offset goes back", change(offset=0), Drops(DATA_OFFSET)),
    _data("offset overlaps", change(offset=512), Drops(DATA_OFFSET)),
    _data("offset at the end of the buffer", change(offset=4096), Drops(DATA_OFFSET)),
    _data("offset crosses the end of the buffer", change(offset=3584), Drops(DATA_OFFSET)),
    _data("offset past the end of the buffer", change(offset=1 << 20), Drops(DATA_OFFSET)),
    _data("offset that wraps", change(offset=0xFFFFFC00), Drops(DATA_OFFSET)),
    _data("one more Data-In than asked for", lambda conn, pdu: [
        conn.build(DATA_IN, data=bytes(1024), consume=False, itt=pdu.itt, ttt=RESERVED_TAG, datasn=3, offset=4096)],
          Drops(DATA_OFFSET), nth=4),
    _data("wrong LUN on Data-In", change(lun=5 << 48), Either(Drops(LUN, PROTO), Works())),
    _data("a TTT without the A bit", change(ttt=5), Either(Drops(PROTO), Works())),
    _data("A bit at error recovery level 0", change(flags=lambda flags: flags | 0x40), Either(Works(), Drops(PROTO))),
    _data("F in the middle of a burst", change(flags=0x80), Works()),
    _data("S without F", change(flags=0x01), Drops(PROTO)),
    _data("S with F before the end of the data", lambda conn, pdu: [
        conn.build(DATA_IN, data=pdu.data, itt=pdu.itt, ttt=RESERVED_TAG, datasn=1, offset=1024, flags=0x81), DONE],
          Drops(PROTO)),
    Case("Data-In for a write", Drops(PROTO), (
        On("recv-scsi-command", lambda conn, pdu: [conn.build(DATA_IN, data=bytes(512), consume=False, itt=pdu.itt,
                                                               ttt=RESERVED_TAG)], cmd="write"),),
        run=("write 0 8 3", "read 0 8")),
    Case("bursts longer than MaxBurstLength", Either(Drops(PROTO, DATALEN), Works()), (
        On(DATA, change(flags=lambda flags: flags & ~0x80 if not flags & 1 else flags), cmd="read", times=8),),
        login={"MaxRecvDataSegmentLength": "512", "MaxBurstLength": "1024"}),
)


# Always so for the first block: each try costs the connection, and in the end the command fails.
_ERROR = Fails(drops=(PROTO,))

MISSING = (
    Case("GOOD, all data missing", Drops(DATASN), (On(DATA, lambda conn, pdu: [], cmd="read", times=4),), _APART, _FOUR),
    Case("GOOD, all data missing, ExpDataSN 0", Drops(PROTO), (
        On(DATA, lambda conn, pdu: [], cmd="read", times=4), On(STATUS, change(expdatasn=0), cmd="read")), _APART, _FOUR),
    Case("GOOD, a hole in the data", Drops(DATASN), (On(DATA, lambda conn, pdu: [], cmd="read", nth=2),), _APART, _FOUR),
    Case("GOOD, a hole hidden in the DataSN", Drops(DATA_OFFSET), (
        On(DATA, lambda conn, pdu: [], cmd="read", nth=2),
        On(DATA, change(datasn=lambda sn: sn - 1), cmd="read", nth=3, times=2),
        On(STATUS, change(expdatasn=3), cmd="read")), _APART, _FOUR),
    Case("GOOD, the last Data-In missing", Drops(DATASN), (On(DATA, lambda conn, pdu: [], cmd="read", nth=4),), _APART, _FOUR),
    Case("GOOD, the last Data-In missing, ExpDataSN fits", Drops(PROTO), (
        On(DATA, lambda conn, pdu: [], cmd="read", nth=4), On(STATUS, change(expdatasn=3), cmd="read")), _APART, _FOUR),
    Case("GOOD with the data, last segment short", Drops(PROTO), (On(DATA, own(data=lambda data: data[:-512]), cmd="read",
                                                              nth=4),), login=_FOUR),
    Case("GOOD with the data, last segment empty", Drops(PROTO), (On(DATA, own(data=b""), cmd="read", nth=4),), login=_FOUR),
    Case("status before the data", Drops(DATASN), (On(DATA, lambda conn, pdu: [
            conn.build(SCSI_RSP, flags=0x80, itt=pdu.itt, expdatasn=1), pdu], cmd="read"),), _APART),
    Case("same data twice, ExpDataSN fits", Drops(DATA_OFFSET), (
        On(DATA, change(offset=0), cmd="read", nth=2),
        On(DATA, change(offset=lambda offset: offset - 1024), cmd="read", nth=3, times=2)), _APART, _FOUR),
    Case("ExpDataSN too high", Drops(DATASN), (On(STATUS, change(expdatasn=9), cmd="read"),), _APART, _FOUR),
    Case("ExpDataSN too low", Drops(DATASN), (On(STATUS, change(expdatasn=1), cmd="read"),), _APART, _FOUR),
)


def _residual(name, flags, residual, expect, short=0):
    steps = (_for_good(STATUS, change(flags=0x80 | flags, residual=residual)),)
    if short:
        steps += (_for_good(DATA, own(data=lambda data: data[:-short])),)
    return Case(name, expect, steps, _APART)


RESIDUALS = (
    _residual("underflow that fits short data", 0x02, 512, Fails(), short=512),
    _residual("underflow of everything", 0x02, 4096, Fails(), short=4096),
    _residual("underflow larger than the transfer", 0x02, 8192, _ERROR),
    _residual("underflow with all data", 0x02, 512, _ERROR),
    _residual("underflow that does not fit short data", 0x02, 1024, _ERROR, short=512),
    _residual("underflow of 0", 0x02, 0, Works()),
    _residual("overflow with all data", 0x04, 512, Works()),
    _residual("overflow with short data", 0x04, 512, _ERROR, short=512),
    _residual("overflow and underflow", 0x06, 512, _ERROR),
    _residual("bidirectional residual on a read", 0x08, 0, Works()),
    _residual("residual without a flag", 0x00, 512, Works()),
)

SEQUENCE = (
    Case("StatSN jumps ahead", Drops(PROTO), (On(STATUS, change(statsn=lambda sn: sn + 3), cmd="read"),), _APART),
    Case("StatSN goes back", Drops(PROTO), (On(STATUS, change(statsn=lambda sn: sn - 3), cmd="read"),), _APART),
    Case("StatSN far away", Drops(PROTO), (On(STATUS, change(statsn=lambda sn: sn + 0x70000000), cmd="read"),),
         _APART),
    Case("MaxCmdSN goes back", Works(), (On(STATUS, change(maxcmdsn=lambda sn: sn - 5), cmd="read"),), _APART),
    Case("MaxCmdSN below ExpCmdSN - 1", Works(), (On(STATUS, change(maxcmdsn=lambda sn: sn - 200), cmd="read"),), _APART),
    Case("MaxCmdSN 2^31 ahead", Works(), (On(STATUS, change(maxcmdsn=lambda sn: sn + 0x80000000), cmd="read"),), _APART),
    Case("ExpCmdSN ahead of any command", Drops(EXP_CMDSN), (On(STATUS, change(
        expcmdsn=lambda sn: sn + 10), cmd="read"),), _APART),
    Case("ExpCmdSN goes back", Works(), (On(STATUS, change(expcmdsn=lambda sn: sn - 1), cmd="read"),), _APART),
    Case("window of one command", Works(), config=Config(window=1), run=tuple(f"&read {lba} 8" for lba in range(0, 96, 8))),
    Case("window of two commands", Works(), config=Config(window=2), run=tuple(f"&write {lba} 8 6" for lba in range(0, 96, 8))),
    Case("window closed, then opened by a NOP-In", Works(), (
        On(STATUS, both(change(maxcmdsn=lambda sn: sn - 32), after(
            lambda conn, pdu=None: conn.target.stopping.wait(0.02),
            lambda conn, pdu=None: conn.send_items([conn.ping()]))), cmd="read", times=3),), _APART),
    Case("StatSN wraps", Works(), (On("connect", lambda conn, pdu: setattr(conn, "statsn", 0xFFFFFFFC)),), _APART,
         run=("read 0 8",) * 8),
)

_NO_SENSE = Fails(("EIO", "ENODATA"))
_SENSE_LENGTHS = (0, 1, 2, 3, 7, 8, 12, 13, 14, 17, 18, 19, 20, 32, 96, 252, 255, 4096)

SENSE = tuple(
    Case(f"sense of {length} bytes", _MEDIUM_ERROR if length > 12 else _NO_SENSE, (_for_good("recv-scsi-command", answer(
        Reply(status=CHECK_CONDITION, sense=fixed_sense(disk.MEDIUM_ERROR, 0x11, 0, length)))),))
    for length in _SENSE_LENGTHS
)


def _sense_segment(name, data, expect=_NO_SENSE):
    """A CHECK CONDITION whose data segment is `data`, length word included."""
    return Case(name, expect, (
        _for_good("recv-scsi-command", answer(Reply(status=CHECK_CONDITION))), _for_good(STATUS, own(data=data))))


_BAD_SENSE = _NO_SENSE
_MEDIUM = fixed_sense(disk.MEDIUM_ERROR, 0x11, 0)

SENSE_FORM = (
    _sense_segment("sense length over the segment", b"\x00\xff" + _MEDIUM, _BAD_SENSE),
    _sense_segment("sense length 65535", b"\xff\xff" + _MEDIUM, _BAD_SENSE),
    _sense_segment("half a sense length", b"\x00", Fails(drops=(DATALEN,))),
    _sense_segment("sense length 0 with bytes behind it", b"\x00\x00" + _MEDIUM),
    _sense_segment("sense of zeroes", b"\x00\x12" + bytes(18)),
    _sense_segment("sense of all ones", b"\x00\x12" + b"\xff" * 18),
    _sense_segment("sense in descriptor format", b"\x00\x08\x72\x03\x11\x00\x00\x00\x00\x00", _MEDIUM_ERROR),
    _sense_segment("sense in descriptor format, length lies", b"\x00\x08\x72\x03\x11\x00\x00\x00\x00\xff"),
    _sense_segment("deferred error", b"\x00\x12\x71" + _MEDIUM[1:]),
    _sense_segment("vendor sense", b"\x00\x12\x7f" + _MEDIUM[1:]),
)


def _status(name, status, expect, times=EVERY, sense=b""):
    return Case(name, expect, (On("recv-scsi-command", answer(Reply(status=status, sense=sense)), cmd="read",
                                  times=times),))


STATUSES = (
    _status("BUSY once", disk.BUSY, Works(), times=1),
    _status("TASK SET FULL once", disk.TASK_SET_FULL, Works(), times=1),
    _status("RESERVATION CONFLICT", disk.RESERVATION_CONFLICT, Fails(("EBADE",), commands=(0, 1))),
    _status("status 0x55", 0x55, Fails(("EIO",), commands=(0, 1))),
    _status("unit attention once", CHECK_CONDITION, Works(), times=1,
            sense=fixed_sense(disk.UNIT_ATTENTION, 0x29, 0)),
    _status("aborted command once", CHECK_CONDITION, Works(), times=1, sense=fixed_sense(disk.ABORTED_COMMAND, 0, 0)),
    _status("medium error", CHECK_CONDITION, Fails(("ENODATA",), commands=(0, 1)), sense=_MEDIUM),
    *(Case(f"iSCSI response {code:#04x}", Fails(), (_for_good(STATUS, change(response=code)),), _APART)
      for code in (0x01, 0x02, 0x80, 0xFF)),
    Case("GOOD with sense data", Works(), (On(STATUS, own(data=b"\x00\x12" + _MEDIUM), cmd="read"),), _APART),
    Case("CHECK CONDITION inside Data-In", Drops(PROTO), (
        On(DATA, change(status=CHECK_CONDITION), cmd="read"),)),
    Case("no F on the SCSI response", Either(Works(), Drops(PROTO)), (On(STATUS, change(flags=0), cmd="read"),), _APART),
)

CASES = HEADER + ORDER + MISSING + RESIDUALS + SEQUENCE + SENSE + SENSE_FORM + STATUSES
