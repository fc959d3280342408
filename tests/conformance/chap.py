# SPDX-License-Identifier: LGPL-2.1-or-later
"""The target's side of CHAP (RFC 7143 12.1.3, RFC 1994)."""

import hashlib
import os
from dataclasses import dataclass, field

from .codec import parse_binary, parse_number

DIGESTS = {5: "md5", 6: "sha1", 7: "sha256", 8: "sha3_256"}


def response(algorithm, identifier, secret, challenge):
    return hashlib.new(DIGESTS[algorithm], bytes([identifier]) + secret.encode() + challenge).digest()


@dataclass
class Credentials:
    user: str
    secret: str
    mutual_user: str = ""
    mutual_secret: str = ""
    algorithms: tuple = (8, 7, 6, 5)

    @property
    def mutual(self):
        return bool(self.mutual_user)


@dataclass
class ChapTarget:
    """One authentication: `offer()` answers CHAP_A, `verify()` judges CHAP_N and CHAP_R."""
    credentials: Credentials
    algorithm: int = 0
    identifier: int = 0x5A
    challenge: bytes = b""
    failures: list = field(default_factory=list)

    def offer(self, algorithms):
        wanted = [parse_number(word) for word in algorithms.split(",")]
        self.algorithm = next((number for number in wanted if number in self.credentials.algorithms), 0)
        if not self.algorithm:
            return None
        self.challenge = os.urandom(hashlib.new(DIGESTS[self.algorithm]).digest_size)
        return [("CHAP_A", str(self.algorithm)), ("CHAP_I", str(self.identifier)),
                ("CHAP_C", "0x" + self.challenge.hex())]

    def verify(self, pairs):
        """The target's answer keys, or None when the initiator is not who it says."""
        own = self.credentials
        expected = response(self.algorithm, self.identifier, own.secret, self.challenge)
        if pairs.get("CHAP_N") != own.user or parse_binary(pairs.get("CHAP_R", "")) != expected:
            return None
        if "CHAP_C" not in pairs:
            return []
        if not own.mutual:
            return None
        theirs = response(self.algorithm, parse_number(pairs["CHAP_I"]), own.mutual_secret,
                          parse_binary(pairs["CHAP_C"]))
        return [("CHAP_N", own.mutual_user), ("CHAP_R", "0x" + theirs.hex())]
