# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a scenario is, and what playing it leaves behind.

A step is a command line of iscsiadm, or one of
    sh: COMMAND      to the shell (what an administrator does behind the programs' back)
    daemon: start    or stop, or kill; a scenario begins with a daemon unless it says otherwise
    await: N         until N sessions are logged in and their disks are there
Each may be preceded by `quiet:`: what it does to the sessions is not looked at before the next one.

In a step {1} is the kernel's number of the first session that the scenario saw, {host1} that of
its host, {disk1} its first disk (/dev/sdX).
"""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    steps: typing.Sequence[str]
    # Records there are before the first step: "disk@127.0.0.1" or "disk@127.0.0.1,3260,1,iface".
    records: typing.Sequence[str] = ()
    keys: dict = dataclasses.field(default_factory=dict)  # what else is in each record
    ifaces: dict = dataclasses.field(default_factory=dict)  # {name: {key after `iface.`: value}}
    conf: dict = dataclasses.field(default_factory=dict)  # further lines of iscsid.conf
    # {target: {key: value}}: how the target negotiates here, see World.tuned().
    targets: dict = dataclasses.field(default_factory=dict)
    daemon: bool = True
    seconds: int = 60  # for each step
    # The programs work in parallel: their lines come in any order.
    unordered: bool = False
    # Set where ours is meant to differ: the id of the entry in doc/differences.md.
    differs: str = ""


@dataclasses.dataclass
class Step:
    line: str
    rc: typing.Any
    out: str
    err: str
    sessions: str  # what changed in sysfs, rendered by view.py


@dataclasses.dataclass
class Outcome:
    steps: list
    tree: str  # what changed in /etc/iscsi
