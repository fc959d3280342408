# SPDX-License-Identifier: LGPL-2.1-or-later
"""Direct I/O on a device, byte ranges in whole blocks."""

import fcntl
import mmap
import os
import struct
import time

_BLKGETSIZE64 = 0x80081272
_BLKSSZGET = 0x1268
_BLKROGET = 0x125E


class Device:
    """An open block device without the page cache in between."""

    def __init__(self, path, write=True):
        self.path = path
        flags = (os.O_RDWR if write else os.O_RDONLY) | os.O_DIRECT | os.O_CLOEXEC
        self.fd = os.open(path, flags)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def size(self):
        return struct.unpack("Q", fcntl.ioctl(self.fd, _BLKGETSIZE64, bytes(8)))[0]

    def block_size(self):
        return struct.unpack("i", fcntl.ioctl(self.fd, _BLKSSZGET, bytes(4)))[0]

    def readonly(self):
        return struct.unpack("i", fcntl.ioctl(self.fd, _BLKROGET, bytes(4)))[0] != 0

    def read(self, offset, length):
        with mmap.mmap(-1, length) as buffer:
            done = os.preadv(self.fd, [buffer], offset)
            assert done == length, f"short read: {done} of {length}"
            return bytes(buffer)

    def write(self, offset, data):
        with mmap.mmap(-1, len(data)) as buffer:
            buffer[:] = data
            done = os.pwritev(self.fd, [buffer], offset)
            assert done == len(data), f"short write: {done} of {len(data)}"

    def flush(self):
        os.fsync(self.fd)


def exercise(path, length=1 << 20):
    """Writes random data at the start and the end of the device and reads it back."""
    with Device(path) as device:
        for offset in (0, device.size() - length):
            data = os.urandom(length)
            device.write(offset, data)
            device.flush()
            assert device.read(offset, length) == data, f"{path}: data changed at {offset}"


def time_to_error(path, seconds, block=4096):
    """Writes until one fails: (OSError, how long that write took). Raises if none failed."""
    deadline = time.monotonic() + seconds
    with Device(path) as device:
        number = 0
        while time.monotonic() < deadline:
            began = time.monotonic()
            try:
                device.write((number % 64) * block, bytes(block))
            except OSError as error:
                return error, time.monotonic() - began
            number += 1
    raise AssertionError(f"no write failed within {seconds} s")
