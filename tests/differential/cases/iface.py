# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mode iface: list, show, new, update, delete, apply."""

from differential.case import Case, with_differences
from differential.states import file, iface, node

_A = "iqn.2026-11.test:a"
# Made in this order, the directory lists them by name (tmpfs puts the newest first).
_TWO = [iface("if1", hwaddress="00:11:22:33:44:55", initiatorname="iqn.own"),
        iface("if0", net_ifacename="eth0")]
_BOUND = [iface("if0", net_ifacename="eth0"),
          node(_A, "10.0.0.1", iface_name="if0", keys={"iface.net_ifacename": "eth0"}),
          node(_A, "10.0.0.1")]


def _each(prefix, state, lines, options=""):
    return [Case(f"{prefix} {line}".strip(),
                 [" ".join(filter(None, ["iscsiadm -m iface", options, line]))], state=state)
            for line in lines]


CASES = with_differences([
    *_each("none", [], ["", "-P 0", "-P 1", "-o show", "-I default", "-I iser", "-I nosuch",
                        "-I default -P 1", "-I nosuch -o show", "-o delete", "-o update", "-o new",
                        "-o apply", "-o applyall", "-o login", "-o nonpersistent",
                        "-o new -o delete -I x", "-I x -o apply", "-I nosuch -o delete",
                        "-I default -o delete", "-I iser -o delete", "-I default -o new",
                        "-I iser -o new", "-I default -o update -n iface.mtu -v 1",
                        "-I iser -o update -n iface.mtu -v 1", "-I default -o apply",
                        "-I nosuch -o update -n iface.mtu -v 1", "-I nosuch -o update",
                        "-o update -n iface.mtu -v 1", "-H 0", "-H 0 -o applyall",
                        "-H 00:11:22:33:44:55 -o applyall"]),
    *_each("two", _TWO, ["", "-P 0", "-P 1", "-I if0", "-I if1", "-I if0 -o show", "-I if0 -P 1",
                         "-o show", "-I if0 -o delete", "-I if1 -o delete"]),
    *_each("bound", _BOUND, ["", "-P 1", "-I if0 -o delete", "-I if0 -o new",
                             "-I if0 -o update -n iface.net_ifacename -v eth1",
                             "-I if0 -o update -n iface.initiatorname -v iqn.x",
                             "-I if0 -o update -n iface.transport_name -v iser",
                             "-I if0 -P 1"]),
    *_each("new", [], ["-I x -o new", "-I x.y -o new", "-I '10.0.0.1:3260:vol' -o new",
                       "-I 'a b' -o new", "-I x -o new -n iface.net_ifacename -v eth0",
                       "-I x -o new -n iface.transport_name -v iser",
                       "-I x -o new -n iface.hwaddress -v 00:11:22:33:44:55 "
                       "-n iface.net_ifacename -v eth0",
                       "-I x -o new -n iface.bogus -v 1", "-I x -o new -n iface.mtu",
                       "-I x -o new -n iface.iscsi_ifacename -v y",
                       "-I cxgb3i.00:07:43:05:97:07 -o new", "-I x.ipv6.0 -o new"]),
    Case("new twice", ["iscsiadm -m iface -I x -o new -n iface.net_ifacename -v eth0",
                       "iscsiadm -m iface -I x -o new"]),
    Case("new then show", ["iscsiadm -m iface -I x -o new", "iscsiadm -m iface -I x",
                           "iscsiadm -m iface"]),
    *_each("update", [iface("if0", net_ifacename="eth0")], [
        f"-I if0 -o update -n {name} -v {value}" for name, value in (
            ("iface.net_ifacename", "eth1"), ("iface.hwaddress", "00:11:22:33:44:55"),
            ("iface.hwaddress", "default"), ("iface.net_ifacename", "default"),
            ("iface.net_ifacename", "''"), ("iface.ipaddress", "10.0.0.7"),
            ("iface.ipaddress", "fe80::7"), ("iface.transport_name", "cxgb3i"),
            ("iface.transport_name", "bogus"), ("iface.transport_name", "''"),
            ("iface.initiatorname", "iqn.own"), ("iface.initiatorname", "''"),
            ("iface.mtu", "1500"), ("iface.mtu", "70000"), ("iface.mtu", "abc"),
            ("iface.vlan_id", "5"), ("iface.vlan_priority", "300"), ("iface.iface_num", "1"),
            ("iface.bootproto", "dhcp"), ("iface.bootproto", "bogus"), ("iface.subnet_mask", "x"),
            ("iface.iscsi_ifacename", "y"), ("iface.bogus", "1"), ("node.startup", "manual"),
            ("iface.state", "enable"), ("iface.erl", "1"), ("iface.ttl", "64"),
            ("iface.hop_limit", "9"), ("iface.mld", "enable"), ("iface.prefix_len", "64"),
            ("iface.port", "3260"), ("iface.tos", "256"), ("iface.max_burst_len", "4294967295"),
            ("iface.max_burst_len", "-1"))]),
    Case("update hwaddress-bound to net",
         ["iscsiadm -m iface -I if1 -o update -n iface.net_ifacename -v eth0"], state=_TWO),
    Case("update hwaddress-bound to another",
         ["iscsiadm -m iface -I if1 -o update -n iface.hwaddress -v 00:11:22:33:44:66"], state=_TWO),
    Case("update several", ["iscsiadm -m iface -I if0 -o update -n iface.mtu -v 9000 "
                            "-n iface.vlan_id -v 3"], state=_TWO),
    Case("update several, one bad", ["iscsiadm -m iface -I if0 -o update -n iface.mtu -v 9000 "
                                     "-n iface.bogus -v 3"], state=_TWO),
    Case("update to v6 and list", [
        "iscsiadm -m iface -I if0 -o update -n iface.ipaddress -v fe80::1",
        "iscsiadm -m iface -I if0", "iscsiadm -m iface"], state=_TWO),
    Case("kubernetes' copy of an iface", [
        "iscsiadm -m iface -I default -o show",
        "iscsiadm -m iface -I 10.0.0.1:3260:vol -o new",
        "iscsiadm -m iface -I 10.0.0.1:3260:vol -o update -n iface.transport_name -v tcp",
        "iscsiadm -m iface -I 10.0.0.1:3260:vol -o update -n iface.prefix_len -v 0",
        "iscsiadm -m iface -I 10.0.0.1:3260:vol -o update -n iface.initiatorname -v iqn.k",
        "iscsiadm -m iface", "iscsiadm -m iface -I 10.0.0.1:3260:vol -o delete"]),
    *[Case(f"odd file: {name}", ["iscsiadm -m iface", "iscsiadm -m iface -I odd",
                                 f"iscsiadm -m node -o new -T {_A} -p 10.0.0.1,1 -I odd",
                                 "iscsiadm -m iface -I odd -o delete"],
           state=[file("ifaces/odd", text)])
      for name, text in (
          ("empty", ""), ("one key", "iface.net_ifacename = eth0\n"),
          ("without name", "iface.transport_name = tcp\n"),
          ("another name", "iface.iscsi_ifacename = even\niface.transport_name = tcp\n"),
          ("unknown key", "iface.iscsi_ifacename = odd\niface.transport_name = tcp\n"
                          "iface.new = 1\n"),
          ("unknown transport", "iface.iscsi_ifacename = odd\niface.transport_name = bogus\n"),
          ("no blank", "iface.iscsi_ifacename=odd\niface.transport_name=tcp\n"),
          ("node keys", "node.startup = manual\n"))],
    Case("example is passed over", ["iscsiadm -m iface"],
         state=[file("ifaces/iface.example", "# iface.transport_name = tcp\n")]),
    *_each("level 2", [iface("if0")], ["", "-I if0", "-I if0 -o show", "-I if0 -o delete",
                                       "-I if0 -o update -n iface.mtu -v 9", "-I if0 -o apply",
                                       "-I if0 -o applyall", "-I x -o new", "-o new"],
           options="-P 2"),
    *_each("user file", [iface("user", net_ifacename="eth7")], [
        "", "-I user", "-P 1", "-I user -o update -n iface.net_ifacename -v eth8",
        "-I user -o delete", "-I user -o new"]),
    Case("user file: a record of it", ["iscsiadm -m node -T iqn.a -p 10.0.0.1,1 -I user -o new",
                                       "iscsiadm -m node -T iqn.a", "iscsiadm -m iface"],
         state=[iface("user", net_ifacename="eth7")]),
    Case("example by name", ["iscsiadm -m iface -I iface.example",
                             "iscsiadm -m iface -I iface.example -o new", "iscsiadm -m iface",
                             "iscsiadm -m iface -I iface.example",
                             "iscsiadm -m iface -I iface.example -o delete"]),
    Case("ping of two", ["iscsiadm -m iface -C ping -I a -I b -a 127.0.0.1"],
         state=[iface("a"), iface("b")]),
    Case("ping at level 2", ["iscsiadm -m iface -C ping -I a -P 2 -a 127.0.0.1"],
         state=[iface("a")]),
    Case("a user iface is like any other", ["iscsiadm -m iface", "iscsiadm -m iface -I u0"],
         state=[iface("u0", transport_name="user")]),
], {
    "messages-of-the-library": [
        'none -I nosuch',
        'none -I nosuch -o show',
    ],
    "ping-without-kernel": [
        'ping of two',
        'ping at level 2',
    ],
    "iface-reaches-its-records": [
        'bound -I if0 -o update -n iface.transport_name -v iser',
    ],
    "records-read-leniently": [
        'update to v6 and list',
        'odd file: one key',
        'odd file: unknown key',
        'odd file: no blank',
        'odd file: node keys',
    ],
    "damaged-records": [
        'odd file: empty',
    ],
    "file-name-is-the-name": [
        'odd file: another name',
    ],
})
