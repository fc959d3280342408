# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a case is: a target, its deviations, what the initiator is asked to do, and what must come of it."""

from dataclasses import dataclass, field
from typing import Optional

from .target import Config

# Exit codes of iscsiadm that the cases speak of.
GENERIC, LOGIN, TRANS_TIMEOUT, PDU_TIMEOUT, FATAL_LOGIN, NO_OBJECTS, AUTH_FAILED = 1, 5, 8, 11, 19, 21, 24

# README section 8.1.3.
(DATASN, DATA_OFFSET, MAX_CMDSN, EXP_CMDSN, BAD_OPCODE, DATALEN, AHSLEN, PROTO, LUN, BAD_ITT, CONN_FAILED,
 R2TSN) = range(1, 13)
HDR_DGST, DATA_DGST, NO_SCSI_CMD, XMIT_FAILED, TCP_CONN_CLOSE, EH_SESSION_RST, NOP_TIMEDOUT = 14, 15, 17, 19, 20, 21, 22

# A tag that is wrong is reported as 10 (never a tag of ours) or 17 (no task has it now).
UNKNOWN_TAG = (BAD_ITT, NO_SCSI_CMD)


@dataclass(frozen=True)
class LoginFails:
    """The login ends for good: exit code, and words the message must hold."""
    code: int = FATAL_LOGIN
    words: tuple = ()
    attempts: Optional[int] = 1     # connections the target must have seen


@dataclass(frozen=True)
class LoginRetried:
    """Each attempt fails, but the initiator tries again until its limit; then one of the codes."""
    codes: tuple = (TRANS_TIMEOUT, PDU_TIMEOUT, LOGIN)


@dataclass(frozen=True)
class Works:
    """Login and every command succeed, with the right data and on one connection, or on `connections`."""
    connections: int = 1


@dataclass(frozen=True)
class Drops:
    """The connection is dropped with one of the errors, comes back, and every command succeeds."""
    errors: tuple
    fails: tuple = ()               # indices of commands that fail all the same
    in_logout: bool = False         # or it ends in a logout that gets no answer, which is no error

    def __init__(self, *errors, fails=(), in_logout=False):
        object.__setattr__(self, "errors", tuple(errors))
        object.__setattr__(self, "fails", fails)
        object.__setattr__(self, "in_logout", in_logout)


@dataclass(frozen=True)
class Fails:
    """These commands fail with one of the errnos, the others succeed; no connection is lost but with one of `drops`."""
    errnos: tuple = ("EIO",)
    commands: tuple = (0,)
    drops: tuple = ()


@dataclass(frozen=True)
class Survives:
    """Login and commands may succeed or fail; what succeeded is right, and all comes to an end."""


@dataclass(frozen=True)
class Either:
    """Any of the outcomes: where the RFC leaves the choice."""
    outcomes: tuple

    def __init__(self, *outcomes):
        object.__setattr__(self, "outcomes", outcomes)


@dataclass(frozen=True)
class Discovers:
    """Discovery gives exactly these (address, target) pairs; None stands for the target's own address."""
    found: tuple


@dataclass(frozen=True)
class DiscoveryFails:
    codes: tuple
    words: tuple = ()


@dataclass(frozen=True)
class Case:
    name: str
    expect: object
    script: tuple = ()
    config: Config = field(default_factory=Config)
    login: dict = field(default_factory=dict)     # settings of the initiator
    run: tuple = ("read 0 8", "read 8 8")         # commands of the initiator
    mode: str = "session"                         # or "discover"
    seen: tuple = ()                              # names of PDUs the target must have received
    later: Optional[object] = None                # check(target) -> message or None, after the run
    v6: bool = False                              # needs IPv6 loopback and the iSCSI port free


# -- a disk with known content ------------------------------------------------------------------------------
_MASK = (1 << 64) - 1
INITIAL_SEED = 0xD15C


def pattern(lba, blocks, seed, block_bytes=512):
    """Each 8 byte word is its own position in the disk mixed with the seed, so that misplaced data shows."""
    words = block_bytes // 8
    mix = seed * 0x9E3779B97F4A7C15 & _MASK
    first = lba * words
    return b"".join(((word ^ mix) & _MASK).to_bytes(8, "big") for word in range(first, first + blocks * words))


def fill(target):
    for unit in target.disks.values():
        unit.store[:] = pattern(0, unit.blocks, INITIAL_SEED, unit.block_bytes)
