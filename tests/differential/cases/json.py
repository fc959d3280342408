# SPDX-License-Identifier: LGPL-2.1-or-later
"""--json: an option that 2.1.8 lacks, so every scenario is meant to differ."""

from differential.case import Case, with_differences
from differential.daemon import Script
from differential.sessions import Lun, Session
from differential.states import conf, iface, isns_config, node, st_config
from differential.target import Portal

_A, _B = "iqn.2026-11.test:a", "iqn.2026-11.test:b"
_TWO = [node(_B, "fe80::1", 3261, -1), node(_A, "10.0.0.1", session__auth__password="secret")]
_SESSION = Session(1, _A, "10.0.0.1", username="me", password="secret",
                   luns=(Lun(0), Lun(1, "sda")))
_LIVE = Script(sessions=(_SESSION,))
_TARGET = [Portal(answer=(f"TargetName={_A}", "TargetAddress=127.0.0.1:3260,1",
                          "TargetAddress=[fe80::1]:3260,2"))]

_CASES = [
    Case("faults of the command line", [f"iscsiadm --json {line}".strip() for line in (
        "", "-m bogus", "-m node -Z", "-m node -o bogus", f"-m iface -I {'x' * 70}", "-m node -p",
        "-m node -T x -o update -n node.session.auth.password -v @/nosuch", "-V")]
         + ["iscsiadm -m node --json=yes", "iscsiadm --jso=no"]),
    Case("no records", ["iscsiadm -m node --json"]),
    Case("a document that is lost", ["sh:iscsiadm -m node --json >/dev/full",
                                     "sh:iscsiadm -m bogus --json >/dev/full"], state=_TWO),
    Case("nodes", ["iscsiadm -m node --json", "iscsiadm --json -m node -P 1"], state=_TWO),
    Case("a record", [f"iscsiadm -m node -T {_A} --json", f"iscsiadm -m node -T {_A} -S --json"],
         state=_TWO),
    Case("new, update, delete", [
        f"iscsiadm --json -m node -T {_A} -p 10.0.0.1,1 -o new",
        f"iscsiadm --json -m node -T {_A} -o update -n node.startup -v bogus",
        f"iscsiadm --json -m node -T {_A} -o delete"]),
    Case("sessions", ["iscsiadm -m session --json", "iscsiadm -m session -S --json"],
         state=_TWO, daemon=_LIVE),
    Case("no sessions", ["iscsiadm -m session --json"]),
    Case("hosts", ["iscsiadm -m host --json"], state=_TWO, daemon=_LIVE),
    Case("stats", ["iscsiadm -m session -s --json"], daemon=_LIVE),
    Case("login and logout", ["iscsiadm -m node -l --json", "iscsiadm -m node -u --json"],
         state=_TWO, daemon=Script(login_errors={_B: 24})),
    Case("rescan", ["iscsiadm -m session -R --json"], daemon=_LIVE),
    Case("ifaces", ["iscsiadm -m iface --json", "iscsiadm -m iface -P 1 --json",
                    "iscsiadm -m iface -I if0 -o update -n iface.mtu -v 9000 --json",
                    "iscsiadm -m iface -I if1 -o new --json",
                    "iscsiadm -m iface -I if1 -o delete --json"],
         state=[iface("if0", net_ifacename="eth0"), node(_A, "10.0.0.1", iface_name="if0")]),
    Case("sources", ["iscsiadm -m discovery --json", "iscsiadm -m discoverydb --json"],
         state=[isns_config("10.0.0.9"), st_config("10.0.0.5"),
                node(_A, "10.0.0.1", source="st:10.0.0.5,3260"), node(_B, "10.0.0.2")]),
    Case("a discovery record", ["iscsiadm -m discoverydb -t st -p 10.0.0.5 --json",
                                "iscsiadm -m discoverydb -t st -p 10.0.0.6 -o new --json"],
         state=[st_config("10.0.0.5")]),
    Case("discovery", ["iscsiadm -m discovery -t st -p 127.0.0.1 --json"],
         state=[conf({"discovery.sendtargets.reopen_max": 0})], target=_TARGET),
    Case("discovery in vain", ["iscsiadm -m discovery -t st -p 127.0.0.1:3999 --json"],
         state=[conf({"discovery.sendtargets.reopen_max": 0})]),
    Case("a name that is no UTF-8", ["iscsiadm -m node --json"],
         state=[node("iqn.bad:\udcff", "10.0.0.1", source="")]),
]

CASES = with_differences(_CASES, {"json": [case.name for case in _CASES]})
