# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions: mode session and host, login and logout in mode node, groups."""

import dataclasses

from differential.case import Case, with_differences
from differential.daemon import Script
from differential.sessions import Lun, Session
from differential.states import conf, iface, node

_A, _B, _C = "iqn.2026-11.test:a", "iqn.2026-11.test:b", "iqn.2026-11.test:c"
_ONE = [node(_A, "10.0.0.1")]
# Made last to first: a tmpfs lists the newest entry first, and open-iscsi logs in in that order.
_RECORDS = [node(_C, "fe80::1", 3261, 5), node(_B, "10.0.0.1", startup="automatic"),
            node(_A, "10.0.0.2"), node(_A, "10.0.0.1")]
_TWO = [node(_B, "10.0.0.2"), node(_A, "10.0.0.1")]
_S1 = Session(1, _A, "10.0.0.1", luns=(Lun(0, "sda"), Lun(1, "sdb", "offline"), Lun(2)))
_S2 = Session(2, _B, "10.0.0.1", username="me", password="secret", username_in="you",
              password_in="other", digests=True)
_S3 = Session(3, _C, "fe80::1", 3261, 5, current_address="fe80::2", current_port=3262,
              local_address="fe80::99")
_S10 = Session(10, _A, "10.0.0.2", state="FAILED", connection_state=1, internal_state=2)
_ALL = Script(sessions=(_S1, _S2, _S3, _S10))
_JUST_ONE = Script(sessions=(_S1,))


def _each(prefix, lines, **kwargs):
    return [Case(f"{prefix} {line}".strip(), [f"iscsiadm {line}".strip()], **kwargs)
            for line in lines]


_CASES = [
    *_each("none", ["-m session", "-m session -u", "-m session -R", "-m session -s",
                    "-m session -P 9", "-m session -o new", "-m session -o update",
                    "-m session -o delete", "-m session -o show", "-m session -u -R",
                    "-m session -u -o update", "-m session -R -o show", "-m session -S",
                    "-m session -o new -o delete", "-m session -P 1", "-m host", "-m host -P 1",
                    "-m node -u", "-m node -R", "-m node -s"], state=_RECORDS),
    *_each("list", ["-m session", "-m session -P 0", "-m session -P 1", "-m session -P 2",
                    "-m session -P 3", "-m session -P 4", "-m session -P 2 -S", "-m session -S",
                    "-m session -P 3 -S", "-m session -o show", "-m session -o update",
                    "-m session -n a -v b", "-m host", "-m host -P 0", "-m host -P 1",
                    "-m host -P 2", "-m host -P 3", "-m host -P 4", "-m host -H 3",
                    "-m host -H 3 -P 1", "-m session -P -1", "-m session -P abc"],
           state=_RECORDS, daemon=_ALL),
    *_each("one", ["-m session -r 1", "-m session -r 1 -P 0", "-m session -r 1 -P 1",
                   "-m session -r 1 -P 3", "-m session -r 1 -P 4", "-m session -r 2 -P 2",
                   "-m session -r 2 -P 2 -S", "-m session -r 10 -P 1", "-m session -r 3 -P 1",
                   "-m session -r 2 -S", "-m session -r 1 -o show", "-m session -r 1 -s",
                   "-m session -r 1 -u", "-m session -r 1 -R", "-m session -r 1 -o new",
                   "-m session -r 1 -o update -n node.startup -v automatic",
                   "-m session -r 1 -o update", "-m session -r 1 -o delete",
                   "-m session -r 1 -o update -n node.bogus -v 1",
                   "-m session -r 1 -o update -n iface.mtu -v 1",
                   "-m session -r 1 -o update -n iface.transport_name -v iser",
                   "-m session -r 1 -o apply", "-m session -r 1 -o new -o show",
                   "-m session -r 9", "-m session -r 9 -u", "-m session -r 9 -P 1",
                   "-m session -r 1 -u -o show", "-m session -r 1 -R -s"],
           state=_RECORDS, daemon=_ALL),
    *_each("recordless", ["-m session -r 1", "-m session -r 1 -o delete", "-m session -r 1 -u",
                          "-m session -r 1 -o update -n node.startup -v manual",
                          "-m session -r 1 -o new", "-m node -U all", "-m node -u"],
           daemon=_JUST_ONE),
    *_each("stats", ["-m session -s", "-m node -s", f"-m node -T {_A} -s", "-m session -r 2 -s",
                     f"-m node -T {_A} -p 10.0.0.2 -s", "-m node -p 10.0.0.9 -s"],
           state=_RECORDS, daemon=_ALL),
    *_each("stats extended", ["-m session -r 1 -s"],
           daemon=Script(sessions=(_S1,), extended=("tx_sendpage_failures", "eh_abort_cnt"))),
    *_each("stats failing", ["-m session -r 1 -s", "-m session -s"],
           daemon=Script(sessions=(_S1, _S2), stats_errors={1: 9})),
    *_each("rescan", ["-m session -R", "-m node -R", f"-m node -T {_A} -R", "-m session -r 2 -R",
                      f"-m node -T {_A} -p 10.0.0.2:3260 -R", "-m node -p 10.0.0.9 -R",
                      "-m node -I default -R", "-m node -I iser -R"],
           state=_RECORDS, daemon=Script(sessions=(_S1, _S2)), unordered=True),
    *[Case(f"logout {line}", [f"iscsiadm {line}", "iscsiadm -m session"], state=_RECORDS,
           daemon=_ALL)
      for line in ("-m session -u", "-m node -u", f"-m node -T {_A} -u",
                   f"-m node -T {_A} -p 10.0.0.2 -u", f"-m node -p 10.0.0.1 -u",
                   f"-m node -T {_C} -p [fe80::1]:3261 -u",
                   f"-m node -T {_C} -p [fe80:0:0:0:0:0:0:1]:3261,5 -u", "-m node -I default -u",
                   "-m node -I iser -u", f"-m node -T {_C} -p fe80::1 -u",
                   "-m node -U all", "-m node -U manual", "-m node -U automatic",
                   "-m session -r 2 -u", f"-m node -T iqn.none -u")],
    Case("logout of what firmware booted is left out",
         ["iscsiadm -m node -U all", "iscsiadm -m node -u", "iscsiadm -m session"],
         state=[node(_A, "10.0.0.1", startup="onboot"),
                node(_B, "10.0.0.1", source="fw"),
                node(_C, "fe80::1", 3261, 5, keys={"iface.transport_name": "iser"})],
         daemon=_ALL),
    Case("logout by connection startup", ["iscsiadm -m node -U automatic", "iscsiadm -m session"],
         state=[node(_A, "10.0.0.1", keys={"node.conn[0].startup": "automatic"})],
         daemon=_JUST_ONE),
    *[Case(f"logout refused with {code}", [f"iscsiadm -m node -T {_A} -u", "iscsiadm -m session"],
           state=_ONE, daemon=Script(sessions=(_S1,), logout_errors={1: code}))
      for code in (2, 9, 10, 28, 32)],
    Case("logout refused for one of two", ["iscsiadm -m session -u", "iscsiadm -m session"],
         daemon=Script(sessions=(_S1, _S2), logout_errors={1: 28})),
    Case("logout refused for both", ["iscsiadm -m session -u"],
         daemon=Script(sessions=(_S1, _S2), logout_errors={1: 28, 2: 9})),

    # login
    # Nobody knows how far logins are that nobody waits for: no list after -W.
    *[Case(f"login {line}", [f"iscsiadm -m node {line}"] + ["iscsiadm -m session"] * ("-W" not in line),
           state=_RECORDS)
      for line in ("-l", f"-T {_A} -l", f"-T {_A} -p 10.0.0.2 -l", "-p 10.0.0.1 -l",
                   "-I default -l", "-I iser -l", f"-T {_C} -p [fe80::1]:3261 -l", "-l -W",
                   "-L all", "-L manual", "-L automatic", "-L onboot", "-L all -W",
                   f"-T {_A} --login", f"-T {_A} -p 10.0.0.2:3260,1 --login", "-T iqn.none -l")],
    Case("login twice", [f"iscsiadm -m node -T {_A} -l"] * 2, state=_ONE),
    Case("login with some there already", ["iscsiadm -m node -l"], state=_RECORDS,
         daemon=Script(sessions=(_S1,))),
    Case("login to all, all there already", ["iscsiadm -m node -L all"], state=_RECORDS,
         daemon=_ALL),
    Case("login and logout", [f"iscsiadm -m node -T {_A} -l", "iscsiadm -m session",
                              f"iscsiadm -m node -T {_A} -u", "iscsiadm -m session"], state=_ONE),
    Case("three sessions", ["iscsiadm -m node -l", "iscsiadm -m session", "iscsiadm -m node -l",
                            "iscsiadm -m session -P 1", "iscsiadm -m node -u"],
         state=[node(_A, "10.0.0.1", session__nr_sessions=3)]),
    Case("two more to three", ["iscsiadm -m node -l"],
         state=[node(_A, "10.0.0.1", session__nr_sessions=3)], daemon=_JUST_ONE),
    Case("nr_sessions 0", ["iscsiadm -m node -l"],
         state=[node(_A, "10.0.0.1", session__nr_sessions=0)]),
    *[Case(f"login failing with {code}", [f"iscsiadm -m node -T {_A} -l"], state=_ONE,
           daemon=Script(login_errors={_A: code}))
      for code in (1, 2, 4, 5, 8, 11, 12, 15, 19, 24, 33)],
    Case("login failing for one of two", ["iscsiadm -m node -l", "iscsiadm -m session"],
         state=_TWO,
         daemon=Script(login_errors={_A: 24})),
    Case("login failing for the other of two", ["iscsiadm -m node -l", "iscsiadm -m session"],
         state=_TWO,
         daemon=Script(login_errors={_B: 24})),
    Case("login failing for both", ["iscsiadm -m node -l"],
         state=_TWO,
         daemon=Script(login_errors={_A: 24, _B: 8})),
    Case("login to all failing for both", ["iscsiadm -m node -L all"],
         state=_TWO,
         daemon=Script(login_errors={_A: 8, _B: 24})),
    Case("login with an iface", ["iscsiadm -m node -I if0 -l", "iscsiadm -m session -P 1",
                                 "iscsiadm -m node -I default -u", "iscsiadm -m node -I if0 -u"],
         state=[iface("if0"), node(_A, "10.0.0.1", iface_name="if0"), node(_A, "10.0.0.1")]),
    Case("leading login", ["iscsiadm -m node -L all", "iscsiadm -m session"],
         state=[iface("if1"), iface("if0"),
                node(_A, "10.0.0.1", iface_name="if0", leading_login="Yes"),
                node(_A, "10.0.0.1", iface_name="if1", leading_login="Yes"),
                node(_B, "10.0.0.2")]),
    Case("leading login failing", ["iscsiadm -m node -L all", "iscsiadm -m session"],
         state=[iface("if1"), iface("if0"),
                node(_A, "10.0.0.1", iface_name="if0", leading_login="Yes"),
                node(_A, "10.0.0.1", iface_name="if1", leading_login="Yes"),
                node(_B, "10.0.0.2")],
         daemon=Script(login_errors={_A: 8})),

    *[Case(f"start command, {line}", [f"iscsiadm {line}"] * 2,
           state=[*_ONE, conf({"iscsid.startup": "echo once >> /etc/iscsi/started"})], daemon=None)
      for line in ("-m node -l", "-m node -L all", "-m session", "-m node", "-k 0")],

    # records in use
    Case("delete in use", [f"iscsiadm -m node -T {_A} -o delete", "iscsiadm -m node -o delete"],
         state=_RECORDS, daemon=_JUST_ONE),
    Case("update in use", [f"iscsiadm -m node -T {_A} -o update -n node.startup -v automatic",
                           f"iscsiadm -m node -T {_A} -o update -n node.transport_name -v iser",
                           f"iscsiadm -m node -T {_A} -o update -n iface.transport_name -v iser"],
         state=_ONE, daemon=_JUST_ONE),
    Case("new in use", [f"iscsiadm -m node -T {_A} -p 10.0.0.1,1 -o new"], state=_ONE,
         daemon=_JUST_ONE),
    Case("iface in use", ["iscsiadm -m iface -I if0 -o update -n iface.mtu -v 9000",
                          "iscsiadm -m iface -I if0 -o delete", "iscsiadm -m iface -I if0 -o new"],
         state=[iface("if0"), node(_A, "10.0.0.1", iface_name="if0")],
         daemon=Script(sessions=(Session(1, _A, "10.0.0.1", iface="if0"),))),
    Case("stop", ["iscsiadm -k 0"]),
    Case("stop refused", ["iscsiadm -k 0"], daemon=Script(stop_error=13)),
    Case("os-brick's session", [
        f"iscsiadm -m node -T {_A} -p 10.0.0.1:3260", "iscsiadm -m session",
        f"iscsiadm -m node -T {_A} -p 10.0.0.1:3260 --login", "iscsiadm -m session",
        f"iscsiadm -m node -T {_A} -p 10.0.0.1:3260 --op update -n node.startup -v automatic",
        f"iscsiadm -m node -T {_A} -p 10.0.0.1:3260 --op update -n node.startup -v manual",
        f"iscsiadm -m node -T {_A} -p 10.0.0.1:3260 --logout",
        f"iscsiadm -m node -T {_A} -p 10.0.0.1:3260 --op delete"], state=_ONE),
]


def _in_user_space(case):
    """The same with sessions that iscsid runs itself: the lists must not tell them apart."""
    return dataclasses.replace(case, name=f"user space: {case.name}",
                               daemon=dataclasses.replace(case.daemon, kernel=False))


_DIFFERENCES = {
    "ports-after-redirect": [
        'stats -m session -s',
        'stats -m node -s',
        'logout -m session -u',
        'logout -m node -u',
        'logout -m node -T iqn.2026-11.test:c -p [fe80::1]:3261 -u',
        'logout -m node -T iqn.2026-11.test:c -p [fe80:0:0:0:0:0:0:1]:3261,5 -u',
        'logout -m node -I default -u',
        'logout -m node -U all',
        'logout -m node -U manual',
        'logout of what firmware booted is left out',
    ],
    "stats-go-on": [
        'stats failing -m session -s',
    ],
    "session-order": [
        'three sessions',
    ],
    "logout-comes-second": [
        'logout refused with 2',
    ],
}

_USER = [_in_user_space(case) for case in _CASES if case.daemon]
CASES = with_differences(_CASES + _USER, {
    identity: names + [f"user space: {name}" for name in names]
    for identity, names in _DIFFERENCES.items()})
