# SPDX-License-Identifier: LGPL-2.1-or-later
"""A RAM disk that speaks enough SCSI (SPC-4, SBC-3) for an initiator to use it as a disk."""

import struct

GOOD, CHECK_CONDITION, BUSY, RESERVATION_CONFLICT, TASK_SET_FULL = 0x00, 0x02, 0x08, 0x18, 0x28

NO_SENSE, MEDIUM_ERROR, ILLEGAL_REQUEST, UNIT_ATTENTION, DATA_PROTECT, ABORTED_COMMAND = 0x0, 0x3, 0x5, 0x6, 0x7, 0xB

INVALID_OPCODE = (ILLEGAL_REQUEST, 0x20, 0x00)
LBA_OUT_OF_RANGE = (ILLEGAL_REQUEST, 0x21, 0x00)
INVALID_FIELD = (ILLEGAL_REQUEST, 0x24, 0x00)
LUN_NOT_SUPPORTED = (ILLEGAL_REQUEST, 0x25, 0x00)


def fixed_sense(key, asc, ascq, length=18):
    """Fixed format sense data (SPC-4 4.5.3), cut or extended to `length` bytes."""
    sense = bytearray(18)
    sense[0], sense[2], sense[7], sense[12], sense[13] = 0x70, key, 10, asc, ascq
    return bytes(sense[:length]).ljust(length, b"\0")


class Reply:
    """What a command answers: status, sense (without the length word) and bytes for the initiator."""

    def __init__(self, data=b"", status=GOOD, sense=b""):
        self.data, self.status, self.sense = data, status, sense


def check(condition):
    return Reply(status=CHECK_CONDITION, sense=fixed_sense(*condition))


def command_kind(cdb):
    """A word for what a CDB does, by which scripts pick commands."""
    return {0x08: "read", 0x28: "read", 0xA8: "read", 0x88: "read", 0x0A: "write", 0x2A: "write", 0xAA: "write",
            0x8A: "write", 0x12: "inquiry", 0xA0: "report-luns", 0x00: "test-unit-ready", 0x25: "capacity",
            0x9E: "capacity", 0x1A: "mode-sense", 0x5A: "mode-sense", 0x35: "flush", 0x91: "flush",
            0x42: "unmap", 0x41: "write-same", 0x93: "write-same"}.get(cdb[0], "other")


class Disk:
    """`blocks` blocks of `block_bytes`; `data_out_bytes()` tells how much a write-like CDB expects."""

    def __init__(self, blocks=4096, block_bytes=512, lun=0, **traits):
        self.blocks, self.block_bytes, self.lun = blocks, block_bytes, lun
        self.store = bytearray(blocks * block_bytes)
        self.read_only = traits.get("read_only", False)
        self.unmap = traits.get("unmap", True)
        self.serial = traits.get("serial", "CONF%04d" % lun)
        self.flushes = 0

    # -- addressing ----------------------------------------------------------------------------------
    def extent(self, cdb):
        """(lba, count) of a read, write, flush or write same CDB."""
        op = cdb[0]
        if op in (0x08, 0x0A):
            return int.from_bytes(cdb[1:4], "big") & 0x1FFFFF, cdb[4] or 256
        if op in (0x88, 0x8A, 0x91, 0x93):
            return struct.unpack(">QI", cdb[2:14])
        if op in (0xA8, 0xAA):
            return struct.unpack(">II", cdb[2:10])
        return struct.unpack(">I", cdb[2:6])[0], struct.unpack(">H", cdb[7:9])[0]

    def transfer(self, cdb):
        """(bytes to the initiator, bytes from it) that the CDB itself asks for; None when it doesn't say."""
        kind = command_kind(cdb)
        if kind in ("read", "write"):
            length = self.extent(cdb)[1] * self.block_bytes
            return (length, 0) if kind == "read" else (0, length)
        if kind == "write-same":
            return 0, 0 if cdb[0] == 0x93 and cdb[1] & 0x01 else self.block_bytes
        if kind == "unmap":
            return 0, struct.unpack(">H", cdb[7:9])[0]
        allocation = {0x12: (3, 2), 0xA0: (6, 4), 0x9E: (10, 4), 0x1A: (4, 1), 0x5A: (7, 2)}.get(cdb[0])
        if allocation:
            offset, size = allocation
            return int.from_bytes(cdb[offset:offset + size], "big"), 0
        if cdb[0] == 0x25:
            return 8, 0
        if kind in ("test-unit-ready", "flush"):
            return 0, 0
        return None

    # -- execution -----------------------------------------------------------------------------------
    def execute(self, cdb, data_out, luns):
        handler = {
            "read": self._read, "write": self._write, "inquiry": self._inquiry, "capacity": self._capacity,
            "mode-sense": self._mode_sense, "flush": self._flush, "unmap": self._unmap,
            "write-same": self._write_same, "test-unit-ready": lambda cdb, data: Reply(),
            "report-luns": lambda cdb, data: report_luns(cdb, luns),
        }.get(command_kind(cdb))
        return handler(cdb, data_out) if handler else check(INVALID_OPCODE)

    def _range_error(self, lba, count):
        return lba + count > self.blocks

    def _read(self, cdb, _):
        lba, count = self.extent(cdb)
        if self._range_error(lba, count):
            return check(LBA_OUT_OF_RANGE)
        return Reply(bytes(self.store[lba * self.block_bytes:(lba + count) * self.block_bytes]))

    def _write(self, cdb, data):
        lba, count = self.extent(cdb)
        if self.read_only:
            return check((DATA_PROTECT, 0x27, 0x00))
        if self._range_error(lba, count):
            return check(LBA_OUT_OF_RANGE)
        data = data[:count * self.block_bytes]
        self.store[lba * self.block_bytes:lba * self.block_bytes + len(data)] = data
        return Reply()

    def _flush(self, cdb, _):
        self.flushes += 1
        return Reply()

    def _write_same(self, cdb, data):
        lba, count = self.extent(cdb)
        if self.read_only:
            return check((DATA_PROTECT, 0x27, 0x00))
        count = count or self.blocks - lba
        if self._range_error(lba, count):
            return check(LBA_OUT_OF_RANGE)
        block = data[:self.block_bytes].ljust(self.block_bytes, b"\0")
        self.store[lba * self.block_bytes:(lba + count) * self.block_bytes] = block * count
        return Reply()

    def _unmap(self, cdb, data):
        if not self.unmap:
            return check(INVALID_OPCODE)
        if len(data) < 8:
            return Reply() if not data else check((ILLEGAL_REQUEST, 0x1A, 0x00))
        length = struct.unpack(">H", data[2:4])[0]
        for at in range(8, 8 + length - length % 16, 16):
            lba, count = struct.unpack(">QI", data[at:at + 12])
            if self._range_error(lba, count):
                return check(LBA_OUT_OF_RANGE)
            self.store[lba * self.block_bytes:(lba + count) * self.block_bytes] = bytes(count * self.block_bytes)
        return Reply()

    def _capacity(self, cdb, _):
        last = self.blocks - 1
        if cdb[0] == 0x25:
            return Reply(struct.pack(">II", min(last, 0xFFFFFFFF), self.block_bytes))
        if cdb[1] & 0x1F != 0x10:
            return check(INVALID_OPCODE)
        body = struct.pack(">QIBBH", last, self.block_bytes, 0, 0, 0xC000 if self.unmap else 0)
        return Reply(body.ljust(32, b"\0"))

    def _inquiry(self, cdb, _):
        if not cdb[1] & 1:
            return check(INVALID_FIELD) if cdb[2] else Reply(self._standard_inquiry())
        page = self.vpd(cdb[2])
        return check(INVALID_FIELD) if page is None else Reply(page)

    def _standard_inquiry(self):
        body = bytearray(96)
        body[2], body[3], body[4], body[7] = 6, 0x12, 91, 0x02
        body[8:36] = b"CONFORM " + b"RAM disk        " + b"0001"
        body[58:64] = struct.pack(">HHH", 0x00A0, 0x0960, 0x0460)  # SAM-5, iSCSI, SPC-4
        return bytes(body)

    def vpd(self, page):
        if page == 0x00:
            body = bytes([0x00, 0x80, 0x83, 0xB0, 0xB1, 0xB2])
        elif page == 0x80:
            body = self.serial.encode()
        elif page == 0x83:
            name = b"CONFORM " + self.serial.encode()
            naa = (0x6 << 124 | 0x001405 << 100 | (self.lun + 1)).to_bytes(16, "big")
            body = struct.pack(">BBBB", 2, 1, 0, len(name)) + name + struct.pack(">BBBB", 1, 3, 0, 16) + naa
        elif page == 0xB0:
            limits = bytearray(60)
            struct.pack_into(">IIII", limits, 4, 0, 0, 0, 0)
            struct.pack_into(">II", limits, 16, self.blocks if self.unmap else 0, 16 if self.unmap else 0)
            body = bytes(limits)
        elif page == 0xB1:
            body = b"\0\x01".ljust(60, b"\0")
        elif page == 0xB2:
            body = bytes([0, 0xE0 if self.unmap else 0, 2 if self.unmap else 0, 0])
        else:
            return None
        return bytes([0, page]) + struct.pack(">H", len(body)) + body

    def _mode_sense(self, cdb, _):
        page = cdb[2] & 0x3F
        caching = bytes([0x08, 18, 0x04]).ljust(20, b"\0")
        control = bytes([0x0A, 10]).ljust(12, b"\0")
        pages = {0x08: caching, 0x0A: control, 0x3F: caching + control}.get(page)
        if pages is None:
            return check(INVALID_FIELD)
        protect = 0x80 if self.read_only else 0
        if cdb[0] == 0x1A:
            return Reply(bytes([3 + len(pages), 0, protect | 0x10, 0]) + pages)
        return Reply(struct.pack(">HBBHH", 6 + len(pages), 0, protect | 0x10, 0, 0) + pages)


def lun_field(lun):
    """The 8 byte LUN of a simple logical unit (SAM-5 4.7): peripheral below 256, flat space above."""
    first = lun if lun < 256 else 0x4000 | lun
    return first << 48


def report_luns(cdb, luns):
    body = b"".join(struct.pack(">Q", lun_field(lun)) for lun in sorted(luns))
    return Reply(struct.pack(">II", len(body), 0) + body)


def absent_lun(cdb, luns):
    """What a LUN that does not exist answers (SPC-4 6.6, SAM-5 5.11)."""
    kind = command_kind(cdb)
    if kind == "report-luns":
        return report_luns(cdb, luns)
    if kind == "inquiry" and not cdb[1] & 1:
        return Reply(bytes([0x7F, 0, 6, 2, 31]).ljust(36, b"\0"))
    return check(LUN_NOT_SUPPORTED)
