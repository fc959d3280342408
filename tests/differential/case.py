# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a scenario is, and what playing it leaves behind."""

import dataclasses
import typing

from differential.daemon import Script


@dataclasses.dataclass(frozen=True)
class Case:
    """One scenario. `steps` are command lines; one that starts with `sh:` goes to the shell
    (what a client or an administrator does behind the programs' back)."""

    name: str
    steps: typing.Sequence[str]
    state: typing.Sequence[typing.Callable] = ()  # called with the Machine, before the first step
    daemon: typing.Optional[Script] = Script()    # None: nobody listens
    target: typing.Sequence = () # portals of the scripted target (target.py)
    stdin: str = ""
    seconds: int = 20
    # The reference does the work in parallel processes: its lines come in any order.
    unordered: bool = False
    # Set where ours is meant to differ: the id of the entry in doc/differences.md. Then ours is
    # compared with `ours/<table>.txt`, which is reviewed like code. See with_differences().
    differs: str = ""


def with_differences(cases, differences):
    """The cases, those named in {id: [names]} marked as meant to differ."""
    identity_of = {name: identity for identity, names in differences.items() for name in names}
    unknown = set(identity_of) - {case.name for case in cases}
    assert not unknown, f"no such scenarios: {unknown}"
    return [dataclasses.replace(case, differs=identity_of.get(case.name, "")) for case in cases]


@dataclasses.dataclass
class Step:
    line: str
    rc: int
    out: str
    err: str


@dataclasses.dataclass
class Outcome:
    steps: list
    tree: str  # what changed on disk, rendered by tree.py
