# SPDX-License-Identifier: LGPL-2.1-or-later
"""Seeded accidents: bits flipped in headers, PDUs lost, doubled, swapped or cut, wherever they happen to fall."""

import random

from ..case import Case, Survives
from ..script import EVERY, On, close, reset

SEEDS = 150
_RUN = ("write 0 16 5", "read 0 16", "&write 64 32 6", "&write 128 32 7", "&write 256 8 8", "read 64 32", "read 128 32",
        "flush", "read 0 64", "write 8 1 9", "read 0 32")
_SHORT = {"command_timeout": "10", "abort_timeout": "10", "lu_reset_timeout": "10", "tgt_reset_timeout": "10",
          "noop_out_interval": "10", "noop_out_timeout": "20", "login_timeout": "30", "logout_timeout": "10",
          "MaxBurstLength": "8192", "FirstBurstLength": "4096", "MaxRecvDataSegmentLength": "2048"}


class Accidents:
    """Strikes a few of the PDUs that the target sends. Data are left alone: without a digest nobody could tell."""

    def __init__(self, seed):
        self.seed = seed
        self.rate = random.Random(seed).choice((0.05, 0.1, 0.3))

    def __call__(self, conn, pdu):
        # Fixed by what is sent and when in the connection, not by the order of threads.
        dice = random.Random(f"{self.seed} {conn.index} {conn.emitted}")
        conn.emitted += 1
        if dice.random() > self.rate or conn.index > 6:   # from then on the target behaves, so that all can end
            return None
        return dice.choice((self.flip, self.flip, self.flip, self.lose, self.double, self.cut, self.end))(dice, conn, pdu)

    @staticmethod
    def flip(dice, conn, pdu):
        for _ in range(dice.choice((1, 1, 1, 2, 8))):
            pdu.bhs[dice.randrange(48)] ^= 1 << dice.randrange(8)
        # The lengths are written when the PDU is encoded.
        if dice.random() < 0.1:
            pdu.claim_dsl = len(pdu.data) ^ 1 << dice.randrange(24)
        elif dice.random() < 0.1:
            pdu.claim_ahslen = dice.randrange(256)

    @staticmethod
    def lose(dice, conn, pdu):
        return []

    @staticmethod
    def double(dice, conn, pdu):
        return [pdu, pdu.copy()]

    @staticmethod
    def cut(dice, conn, pdu):
        out = conn.wire(pdu)
        return [out[:dice.randrange(len(out))], dice.choice((close, reset))]

    @staticmethod
    def end(dice, conn, pdu):
        return [pdu, dice.choice((close, reset))]


def _case(seed):
    digests = random.Random(seed).choice(({}, {"HeaderDigest": "CRC32C"}, {"DataDigest": "CRC32C"}))
    return Case(f"seed {seed}", Survives(), (On("send-*", Accidents(seed), times=EVERY),), login={**_SHORT, **digests},
                run=_RUN)


CASES = tuple(_case(seed) for seed in range(SEEDS))
