# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the record asks for, what the target grants, and what the kernel then works with."""

import itertools

from differential.case import with_differences
from guest.compare.case import Case

TUNED = ["tuned@127.0.0.7"]
LOGIN = "iscsiadm -m node -l"
SHOW = "iscsiadm -m session -P 2"
LOGOUT = "iscsiadm -m node -u"
QUICK = {"node.session.initial_login_retry_max": 1, "node.conn[0].timeo.login_timeout": 2}
HEADER = "node.conn[0].iscsi.HeaderDigest"
DATA = "node.conn[0].iscsi.DataDigest"
SEGMENT = "node.conn[0].iscsi.MaxRecvDataSegmentLength"
SEGMENT_OUT = "node.conn[0].iscsi.MaxXmitDataSegmentLength"
ISCSI = "node.session.iscsi."


def digests():
    wishes = ("None", "CRC32C", "CRC32C,None", "None,CRC32C")
    for header, data in itertools.product(wishes, wishes):
        yield Case(f"digests {header} and {data}", [LOGIN, LOGOUT], TUNED,
                   keys={HEADER: header, DATA: data}, targets={"tuned": {
                       "HeaderDigest": "CRC32C,None", "DataDigest": "CRC32C,None"}})
    for theirs, ours in itertools.product(("CRC32C", "None"), wishes):
        yield Case(f"target wants digests {theirs}, we {ours}", [LOGIN], TUNED,
                   keys=QUICK | {HEADER: ours, DATA: ours},
                   targets={"tuned": {"HeaderDigest": theirs, "DataDigest": theirs}})


def asked(name, **keys):
    """Keys of the record: `iscsi` keys by their short names."""
    return Case(f"we ask: {name}", [LOGIN, LOGOUT], TUNED, keys={
        (SEGMENT if key == "MaxRecvDataSegmentLength" else
         SEGMENT_OUT if key == "MaxXmitDataSegmentLength" else ISCSI + key): value
        for key, value in keys.items()})


def granted(name, **keys):
    return Case(f"they grant: {name}", [LOGIN, LOGOUT], TUNED, targets={"tuned": keys})


CASES = [
    *digests(),
    asked("least lengths", MaxRecvDataSegmentLength=512, MaxBurstLength=512, FirstBurstLength=512),
    asked("greatest lengths", MaxRecvDataSegmentLength=16777212, MaxBurstLength=16777212,
          FirstBurstLength=16777212),
    asked("lengths below the least", MaxRecvDataSegmentLength=511, MaxBurstLength=511,
          FirstBurstLength=511),
    asked("lengths above the greatest", MaxRecvDataSegmentLength=16777216,
          MaxBurstLength=16777216, FirstBurstLength=16777216),
    asked("a segment length that is no multiple of 4", MaxRecvDataSegmentLength=8191),
    asked("first burst above burst", FirstBurstLength=262144, MaxBurstLength=65536),
    asked("short segments out", MaxXmitDataSegmentLength=4096),
    asked("segments out below the least", MaxXmitDataSegmentLength=100),
    asked("InitialR2T", InitialR2T="Yes"),
    asked("no immediate data", ImmediateData="No"),
    asked("neither immediate nor unsolicited", InitialR2T="Yes", ImmediateData="No"),
    asked("many R2T", MaxOutstandingR2T=16),
    asked("error recovery level 2", ERL=2),
    asked("time to wait and retain", DefaultTime2Wait=5, DefaultTime2Retain=30),
    asked("no fast abort", FastAbort="No"),
    granted("unsolicited data", InitialR2T="No"),
    granted("no immediate data", ImmediateData="No"),
    granted("neither", InitialR2T="Yes", ImmediateData="No"),
    granted("least lengths", MaxRecvDataSegmentLength=512, MaxBurstLength=512,
            FirstBurstLength=512),
    granted("greatest lengths", MaxRecvDataSegmentLength=16777212, MaxBurstLength=16777212,
            FirstBurstLength=16777212),
    granted("many R2T", MaxOutstandingR2T=8),
    granted("times", DefaultTime2Wait=9, DefaultTime2Retain=11),
    Case("print level 2 of what was negotiated", [LOGIN, SHOW, "iscsiadm -m session -P 3",
                                                  "iscsiadm -m host -P 2"], TUNED,
         keys={HEADER: "CRC32C", DATA: "CRC32C", SEGMENT: 8192, ISCSI + "ImmediateData": "No"},
         targets={"tuned": {"HeaderDigest": "CRC32C,None", "DataDigest": "CRC32C,None",
                            "InitialR2T": "No", "MaxOutstandingR2T": 4,
                            "MaxBurstLength": 65536}}),
]

CASES = with_differences(CASES, {
    "wrong-values": ["we ask: lengths below the least", "we ask: lengths above the greatest"],
    "reason-named": ["target wants digests CRC32C, we None",
                     "target wants digests None, we CRC32C"],
})
