# SPDX-License-Identifier: LGPL-2.1-or-later
"""Outcomes as text, to be kept in the tree and read in a diff.

    ==== name of the scenario
    $ iscsiadm -m node -l
    O|Logging in to ...
    [rc=0]
    + session 1: targetname=iqn.2026-11.test:disk ...
    ---- what changed in /etc/iscsi
    + nodes/ 0700
"""

import re

from differential.transcript import normalise, split, without_hints  # noqa: F401

# Pings between two looks count, and when they are sent depends on the time.
_OCTETS = re.compile(r"(?<=xdata_octets: )\d+")


def render(case, outcome):
    lines = [f"==== {case.name}"]
    for step in outcome.steps:
        lines.append(f"$ {step.line}")
        for mark, said in (("O", step.out), ("E", without_hints(step.err))):
            shown = [f"{mark}|{_OCTETS.sub('N', normalise(line))}" for line in said.splitlines()]
            lines += sorted(shown) if case.unordered else shown
        lines.append(f"[rc={step.rc}]")
        lines += step.sessions.splitlines()
    if outcome.tree:
        lines += ["---- what changed in /etc/iscsi", outcome.tree.rstrip("\n")]
    return "\n".join(lines) + "\n"
