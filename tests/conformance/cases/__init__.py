# SPDX-License-Identifier: LGPL-2.1-or-later
"""All cases, by group."""

from . import chap, chaos, digests, discovery, login, reads, tags, text, timing, unsolicited, writes

GROUPS = {
    "login": login.CASES, "text": text.CASES, "chap": chap.CASES, "discovery": discovery.CASES,
    "timing": timing.CASES, "digests": digests.CASES, "reads": reads.CASES, "writes": writes.CASES,
    "tags": tags.CASES, "unsolicited": unsolicited.CASES, "chaos": chaos.CASES,
}

ALL = {f"{group}/{case.name}": case for group, cases in GROUPS.items() for case in cases}
assert len(ALL) == sum(len(cases) for cases in GROUPS.values()), "two cases have one name"
