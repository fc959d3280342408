# SPDX-License-Identifier: LGPL-2.1-or-later
"""Outcomes as text, to be kept in the tree and read in a diff.

    ==== name of the scenario
    $ iscsiadm -m node -T iqn.none
    E|iscsiadm: No records found
    [rc=21]
    ---- what changed in /etc/iscsi
    + nodes/ 0700
"""

import re

# Where the reference's library says in which of its source lines a message arose.
_SOURCE_LINE = re.compile(r" +# \w+\.c:\w+\(\):\d+$")


# What it read beyond the end of its own table.
_GARBAGE = re.compile(r"(?<=unknown data type )-?\d+")


# Ours adds such lines to those of an error; see doc/differences.md.
_HINT = "iscsiadm: hint: "


def normalise(line):
    return _GARBAGE.sub("N", _SOURCE_LINE.sub("", line))


def render(case, outcome):
    lines = [f"==== {case.name}"]
    for step in outcome.steps:
        lines.append(f"$ {step.line}")
        for mark, text in (("O", step.out), ("E", without_hints(step.err))):
            shown = [f"{mark}|{normalise(line)}" for line in text.split("\n")[:-1]]
            lines += sorted(shown) if case.unordered else shown
            if text and not text.endswith("\n"):
                lines.append(f"{mark}|{text.rsplit(chr(10), 1)[-1]}[no newline]")
        lines.append(f"[rc={step.rc}]")
    if outcome.tree:
        lines += ["---- what changed in /etc/iscsi", outcome.tree.rstrip("\n")]
    return "\n".join(lines) + "\n"


def without_hints(text):
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(_HINT))


def split(text):
    """{scenario: its text} of a transcript file."""
    parts = re.split(r"^==== (.*)\n", text, flags=re.M)
    return {name: f"==== {name}\n{body.rstrip(chr(10))}\n"
            for name, body in zip(parts[1::2], parts[2::2])}
