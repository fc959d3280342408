# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a portal may be written on the command line: empty, in brackets, with odd numbers."""

from differential.case import Case, with_differences
from differential.daemon import Script
from differential.sessions import Session
from differential.states import iface, node

_A, _B = "iqn.2026-11.test:a", "iqn.2026-11.test:b"
# Made last to first, as a tmpfs lists them.
_PORTS = [node(_B, "10.0.0.9", 3299, iface_name="if0"), node(_B, "fe80::1", 3261),
          node(_B, "10.0.0.9"), node(_A, "10.0.0.1"), iface("if1"), iface("if0")]
_SESSIONS = Script(sessions=(Session(1, _A, "10.0.0.1"), Session(2, _B, "fe80::1", 3261)))
_OPS = ("", "-o show", "-P 1", "-o new", "-o new -I if1", "-o delete", "-l",
        "-o update -n node.startup -v onboot")

# Each is made, listed both ways, changed and deleted under the one spelling.
_SPELLINGS = [
    "[10.0.0.1]:3260", "[10.0.0.1]", "[10.0.0.1]:3261,1", "[storage.example]:3260,1",
    "[storage]:3260,1", "[storage]", "storage", "a:b:c", "fe80::1]:3260",
    "::", "::1", "1::", "fe80::1%eth0", "[fe80::1]:3260,1", "[fe80::1%eth0]",
    "10.0.0.1:3260,+1", "10.0.0.1:3260, 1", "10.0.0.1:3260,1,2", "10.0.0.1,1,", "10.0.0.1, 7 ",
    "10.0.0.1:+3260,1", "10.0.0.1: 3260,1", "10.0.0.1:3260 ,1", "10.0.0.1,-1", "10.0.0.1,01",
    "10.0.0.1:03260", "10.0.0.1,1x", "10.0.0.1:3260,0x10", "10.0.0.1:3260:1", "10.0.0.1:3260]",
    "[10.0.0.1:3260"]
# IPv6 with a dot in it.
_DOTTED = ["::ffff:10.0.0.1", "::ffff:10.0.0.1,1", "[::ffff:10.0.0.1]:3260,1", "64:ff9b::10.0.0.1",
           "fe80::1%eth0.5", "[fe80::1%eth0.5]:3261", "::ffff:10.0.0.1:3260"]


def _life(portal):
    return Case(f"spelt {portal}", [
        f"iscsiadm -m node -T {_A} -p '{portal}' -o new", "iscsiadm -m node",
        "iscsiadm -m node -P 1",
        f"iscsiadm -m node -p '{portal}' -o update -n node.startup -v onboot",
        f"iscsiadm -m node -p '{portal}' -o delete"])


CASES = with_differences([
    *[Case(f"{select} {op}".strip(), [f"iscsiadm -m node {select} {op}".strip(), "iscsiadm -m node"],
           state=_PORTS)
      for select in ("-p ''", "-p ,1", f"-T {_B} -p ''", f"-T {_B} -p ,1", "-p '' -I if0",
                     "-p 10.0.0.9 -p ''", "-p '' -p 10.0.0.9")
      for op in _OPS],
    *[Case(f"in use, {select} {op}", [f"iscsiadm -m node {select} {op}"], state=_PORTS,
           daemon=_SESSIONS)
      for select in ("-p ''", "-p ,1", f"-T {_B} -p ''") for op in ("-u", "-R", "-s", "-o delete")],
    *[_life(portal) for portal in _SPELLINGS + _DOTTED],
    Case("as it is listed", [
        f"iscsiadm -m node -T {_A} -p [::ffff:10.0.0.1]:3260,1 -o new", "iscsiadm -m node",
        "sh:iscsiadm -m node | { read portal name; iscsiadm -m node -T $name -p $portal -o delete; }",
        "iscsiadm -m node"]),
    *[Case(f"discovery {line}", [f"iscsiadm -m {line}"])
      for line in ("discovery -p ,1", "discovery -t st -p ,1", "discoverydb -t st -p ,1 -o delete")],
], {
    "malformed-portal": [
        "spelt 10.0.0.1,1x", "spelt 10.0.0.1:3260,0x10", "spelt 10.0.0.1:3260:1",
        "spelt 10.0.0.1:3260]", "spelt [10.0.0.1:3260", "discovery discovery -t st -p ,1"],
    "ipv6-with-dots": [*(f"spelt {portal}" for portal in _DOTTED), "as it is listed"],
    "first-iface-named": ["-p '' -I if0 -o new -I if1"],
})
