# SPDX-License-Identifier: LGPL-2.1-or-later
"""The text keys of RFC 7143, section 12 and 13: who may send each, when, its range and how it is settled."""

from dataclasses import dataclass

from .codec import parse_number

LIST, AND, OR, MINIMUM, MAXIMUM, DECLARED = "list", "and", "or", "minimum", "maximum", "declared"
SECURITY, OPERATIONAL = 0, 1
LENGTH_MAX = (1 << 24) - 1


@dataclass(frozen=True)
class Key:
    name: str
    section: str
    rule: str                 # how the two values become one
    low: int = 0
    high: int = 0
    words: tuple = ()         # legal values of a list or word key
    stages: tuple = (OPERATIONAL,)
    senders: str = "IT"
    default: str = ""
    discovery: bool = True    # false: irrelevant in a discovery session

    @property
    def numeric(self):
        return self.high > 0

    @property
    def boolean(self):
        return self.rule in (AND, OR)

    def legal(self, text):
        """Whether `text` is a legal value, offered or answered."""
        if self.numeric:
            number = parse_number(text)
            return number is not None and self.low <= number <= self.high
        if self.boolean:
            return text in ("Yes", "No")
        if self.rule == LIST:
            return all(not self.words or word in self.words or word.startswith(("X-", "Z-"))
                       for word in text.split(","))
        return not self.words or text in self.words


_BOTH = (SECURITY, OPERATIONAL)
_DIGESTS = ("None", "CRC32C")

KEYS = {key.name: key for key in (
    Key("AuthMethod", "12.1", LIST, words=("KRB5", "SRP", "CHAP", "None"), stages=(SECURITY,)),
    Key("HeaderDigest", "13.1", LIST, words=_DIGESTS, default="None"),
    Key("DataDigest", "13.1", LIST, words=_DIGESTS, default="None"),
    Key("MaxConnections", "13.2", MINIMUM, 1, 65535, default="1", discovery=False),
    Key("TargetName", "13.4", DECLARED, stages=_BOTH, senders="I"),
    Key("InitiatorName", "13.5", DECLARED, stages=_BOTH, senders="I"),
    Key("TargetAlias", "13.6", DECLARED, stages=_BOTH, senders="T"),
    Key("InitiatorAlias", "13.7", DECLARED, stages=_BOTH, senders="I"),
    Key("TargetAddress", "13.8", DECLARED, stages=_BOTH, senders="T"),
    Key("TargetPortalGroupTag", "13.9", DECLARED, 0, 65535, stages=_BOTH, senders="T"),
    Key("InitialR2T", "13.10", OR, default="Yes", discovery=False),
    Key("ImmediateData", "13.11", AND, default="Yes", discovery=False),
    Key("MaxRecvDataSegmentLength", "13.12", DECLARED, 512, LENGTH_MAX, default="8192"),
    Key("MaxBurstLength", "13.13", MINIMUM, 512, LENGTH_MAX, default="262144", discovery=False),
    Key("FirstBurstLength", "13.14", MINIMUM, 512, LENGTH_MAX, default="65536", discovery=False),
    Key("DefaultTime2Wait", "13.15", MAXIMUM, 0, 3600, default="2"),
    Key("DefaultTime2Retain", "13.16", MINIMUM, 0, 3600, default="20"),
    Key("MaxOutstandingR2T", "13.17", MINIMUM, 1, 65535, default="1", discovery=False),
    Key("DataPDUInOrder", "13.18", OR, default="Yes", discovery=False),
    Key("DataSequenceInOrder", "13.19", OR, default="Yes", discovery=False),
    Key("ErrorRecoveryLevel", "13.20", MINIMUM, 0, 2, default="0"),
    Key("SessionType", "13.21", DECLARED, words=("Discovery", "Normal"), stages=_BOTH, senders="I"),
    Key("TaskReporting", "13.23", LIST, words=("RFC3720", "ResponseFence", "FastAbort"), discovery=False),
    Key("iSCSIProtocolLevel", "13.24", MINIMUM, 0, 31, default="1", discovery=False),
    Key("IFMarker", "13.25", AND, default="No"),
    Key("OFMarker", "13.25", AND, default="No"),
    Key("CHAP_A", "12.1.3", LIST, stages=(SECURITY,)),
    Key("CHAP_I", "12.1.3", DECLARED, stages=(SECURITY,)),
    Key("CHAP_C", "12.1.3", DECLARED, stages=(SECURITY,)),
    Key("CHAP_N", "12.1.3", DECLARED, stages=(SECURITY,)),
    Key("CHAP_R", "12.1.3", DECLARED, stages=(SECURITY,)),
)}

REFUSALS = ("Reject", "NotUnderstood", "Irrelevant", "None")


def settle(key, offered, ours):
    """The answer of a party that prefers `ours` to an offer of `offered` (6.2)."""
    if key.rule == AND:
        return "Yes" if offered == "Yes" and ours == "Yes" else "No"
    if key.rule == OR:
        return "Yes" if "Yes" in (offered, ours) else "No"
    if key.rule == LIST:
        mine = ours.split(",")
        return next((word for word in offered.split(",") if word in mine), "Reject")
    pick = min if key.rule == MINIMUM else max
    return str(pick(parse_number(offered), parse_number(ours)))


def answer_fits(key, offered, answer):
    """Whether `answer` is one the responding party may give to `offered`."""
    if answer in ("Reject", "Irrelevant"):
        return True
    if not key.legal(answer):
        return False
    if key.rule == LIST:
        return "," not in answer and answer in offered.split(",")
    if key.rule == AND:
        return offered == "Yes" or answer == "No"
    if key.rule == OR:
        return offered == "No" or answer == "Yes"
    if key.rule == MINIMUM:
        return parse_number(answer) <= parse_number(offered)
    return parse_number(answer) >= parse_number(offered)


def answer_optional(key, offered):
    """An outcome already fixed by the offer needs no answer (6.2.2)."""
    return key.rule == DECLARED or (key.rule == AND and offered == "No") or (key.rule == OR and offered == "Yes")
