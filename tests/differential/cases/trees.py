# SPDX-License-Identifier: LGPL-2.1-or-later
"""Record trees as old versions, crashes and other tools leave them."""

from differential.case import Case, with_differences
from differential.states import file, folder, link, node, st_config

_A = "iqn.2026-11.test:a"
_TEXT = (f"node.name = {_A}\nnode.tpgt = 3\nnode.conn[0].address = 10.0.0.1\n"
         "node.conn[0].port = 3260\n")
_OLD = [file(f"nodes/{_A}/10.0.0.1,3260", _TEXT)]
_OLD_TAGGED = [file(f"nodes/{_A}/10.0.0.1,3260,3", _TEXT)]
_NODE = f"iscsiadm -m node -T {_A} -p 10.0.0.1:3260,3"
_HALF = [st_config("10.0.0.1"), folder("send_targets/10.0.0.6,3260"), folder("isns/10.0.0.7,3205"),
         link("isns/10.0.0.7,3205/iqn.x,10.0.0.3,3260,1,default", "/nonexistent"),
         node(_A, "10.0.0.3", source="st:10.0.0.6,3260")]
_DB = "iscsiadm -m discoverydb -t st -p 10.0.0.6"
_ISNS = "iscsiadm -m discoverydb -t isns -p 10.0.0.7"


def _each(prefix, state, lines):
    return [Case(f"{prefix} {line}", [line], state=state) for line in lines]


CASES = with_differences([
    *_each("tag in the record:", _OLD, [
        "iscsiadm -m node", "iscsiadm -m node -P 1", f"{_NODE} -o show", f"{_NODE} -o delete",
        f"{_NODE} -o update -n node.startup -v automatic", f"{_NODE} -o new",
        "iscsiadm -m node -o update -n node.session.queue_depth -v 7", "iscsiadm -m node -o delete",
        f"{_NODE} -l", "iscsiadm -m node -L all", "iscsiadm -m discovery -P 1"]),
    Case("tag in the record: from update to delete",
         [f"{_NODE} -o update -n node.startup -v automatic", "iscsiadm -m node",
          f"{_NODE} -o show", f"{_NODE} -o delete", "iscsiadm -m node"], state=_OLD),
    *_each("file for a portal:", _OLD_TAGGED, [
        "iscsiadm -m node", "iscsiadm -m node -P 1", f"{_NODE} -o show", f"{_NODE} -o delete",
        f"{_NODE} -o update -n node.startup -v automatic", f"{_NODE} -o new"]),
    *_each("half a discovery:", _HALF, [
        "iscsiadm -m discovery", "iscsiadm -m discovery -P 1", "iscsiadm -m discoverydb",
        "iscsiadm -m discoverydb -P 1", f"{_DB} -o show", f"{_DB} -o new",
        f"{_DB} -o update -n discovery.startup -v automatic", f"{_DB} -o delete",
        f"{_ISNS} -o show", f"{_ISNS} -o new", f"{_ISNS} -o delete",
        "iscsiadm -m discovery -p 10.0.0.6 -o delete"]),
    Case("update leaves odd numbers alone", [
        f"iscsiadm -m node -T {_A} -o update -n node.startup -v automatic",
        f"iscsiadm -m node -T {_A} -o update -n node.session.queue_depth -v 7"],
         state=[file(f"nodes/{_A}/10.0.0.1,3260,1/default", f"node.name = {_A}\nnode.tpgt = 1\n"
                     "node.conn[0].address = 10.0.0.1\nnode.session.nr_sessions = 99999999999\n"
                     "node.session.cmds_max = 12junk\nnode.session.queue_depth = 0x20\n"
                     "node.session.reopen_max = -3\n")]),
    *_each("a name of a directory:", [node(_A, "10.0.0.1")], [
        "iscsiadm -m node -I ..", "iscsiadm -m node -I . -o delete",
        f"{_NODE} -I .. -o new"]),
    Case("half a discovery: alone", ["iscsiadm -m discovery", "iscsiadm -m discovery -P 1"],
         state=[folder("send_targets/10.0.0.6,3260")]),
], {
    "no-useless-directories": ["tag in the record: from update to delete"],
    "wrong-values": ["update leaves odd numbers alone"],
    "bad-names": ["a name of a directory: iscsiadm -m node -I ..",
                  "a name of a directory: iscsiadm -m node -I . -o delete",
                  f"a name of a directory: {_NODE} -I .. -o new"],
    "damaged-records": [
        f"file for a portal: {_NODE} -o delete",
        f"file for a portal: {_NODE} -o update -n node.startup -v automatic",
        f"file for a portal: {_NODE} -o new",
        f"half a discovery: {_DB} -o delete",
        f"half a discovery: {_ISNS} -o delete",
        "half a discovery: iscsiadm -m discovery -p 10.0.0.6 -o delete",
        "half a discovery: alone",
    ],
})
