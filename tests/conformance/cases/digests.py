# SPDX-License-Identifier: LGPL-2.1-or-later
"""Header and data digests (RFC 7143, 11.2.3 and 7.8)."""

from ..case import DATA_DGST, HDR_DGST, Case, Drops, Fails, Works
from ..disk import CHECK_CONDITION, MEDIUM_ERROR, Reply, fixed_sense
from ..script import On, answer, both, own

_HEADER = {"HeaderDigest": "CRC32C"}
_DATA = {"DataDigest": "CRC32C"}
_SETS = (("none", {}), ("header", _HEADER), ("data", _DATA), ("both", {**_HEADER, **_DATA}))
_PINGS = {"noop_out_interval": "3", "noop_out_timeout": "50"}
_IO = ("write 0 8 3", "read 0 8", "write 100 3 4", "read 96 16")
_R2T = {"InitialR2T": "Yes", "ImmediateData": "No"}

GOOD = tuple(Case(f"{name} agreed", Works(), login={**login, **_PINGS}, run=_IO + ("sleep 60", "logout"), seen=("nop-out",)) for name, login in _SETS)
PREFERRED = (
    Case("CRC32C,None offered, None taken", Works(), login={"HeaderDigest": "CRC32C,None", "DataDigest": "CRC32C,None"}, run=_IO),
    Case("None,CRC32C offered", Works(), login={"HeaderDigest": "None,CRC32C", "DataDigest": "None,CRC32C"}, run=_IO),
)


def _wrong(pdu_name, part, error, login, run=("read 0 8", "read 8 8"), **more):
    step = own(header_digest_xor=1) if part == "header" else own(data_digest_xor=0x80000000)
    return Case(f"wrong {part} digest on {pdu_name}", Drops(error), (On("send-" + pdu_name, step, **more),),
                login=login, run=run)


def _flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


WRONG = (
    _wrong("data-in", "header", HDR_DGST, _HEADER, cmd="read"),
    _wrong("data-in", "data", DATA_DGST, _DATA, cmd="read"),
    _wrong("scsi-response", "header", HDR_DGST, _HEADER, ("write 0 8 3", "read 0 8"), cmd="write"),
    _wrong("r2t", "header", HDR_DGST, {**_HEADER, **_R2T}, ("write 0 8 3", "read 0 8"), cmd="write"),
    _wrong("nop-in", "header", HDR_DGST, {**_HEADER, **_PINGS}, ("sleep 60", "read 0 8")),
    Case("header digest 0", Drops(HDR_DGST), (On("send-data-in", lambda conn, pdu: [
        pdu.encode()[:48] + bytes(4) + pdu.encode()[48:]], cmd="read"),), login=_HEADER),
    Case("header digest missing", Drops(HDR_DGST), (On("send-data-in", lambda conn, pdu: [pdu.encode()], cmd="read"),),
         login=_HEADER),
    Case("header bit flipped under the digest", Drops(HDR_DGST), (On("send-data-in", lambda conn, pdu: [
        _flip(pdu.encode(True, False), 40)], cmd="read"),), login=_HEADER),
    Case("data bit flipped under the digest", Drops(DATA_DGST), (On("send-data-in", lambda conn, pdu: [
        _flip(pdu.encode(False, True), 1000)], cmd="read"),), login=_DATA),
    Case("padding not zero, covered by the digest", Works(), (On("send-scsi-response", both(
        own(data=b"\x00\x01\x70"), own(pad_byte=0xA5)), cmd="write"),), login=_DATA, run=("write 0 8 3", "read 0 8")),
)

SENSE = (
    Case("sense data under a data digest", Fails(("ENODATA",)), (On("recv-scsi-command", answer(Reply(
        status=CHECK_CONDITION, sense=fixed_sense(MEDIUM_ERROR, 0x11, 0))), cmd="read"),), login=_DATA),
)

CASES = GOOD + PREFERRED + WRONG + SENSE
