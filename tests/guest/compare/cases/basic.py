# SPDX-License-Identifier: LGPL-2.1-or-later
"""Discovery, login, print levels, session operations, logout: one target that grants all."""

from differential.case import with_differences
from guest.compare.case import Case

DISK = "iqn.2026-11.test:disk"
ONE = ["disk@127.0.0.1"]

# What is kept in adapters' own memory, which the host of a session in software has none of.
HOST_TABLES = [
    "-C flashnode", "-C flashnode -o show", "-C flashnode -x 1", "-C flashnode -o show -x 1",
    "-C flashnode -o new", "-C flashnode -o new -A ipv4", "-C flashnode -o delete -x 1",
    "-C flashnode -o update -x 1", "-C flashnode -o update -x 1 -n ipaddress -v 192.0.2.7",
    "-C flashnode -o login -x 1", "-C flashnode -o logout -x 1",
    "-C stats", "-C chap", "-C chap -o show", "-C chap -o show -x 1",
    "-C chap -o new -n username -v me", "-C chap -o new -n username -v me -n password -v secret",
    "-C chap -o update -x 1 -n username -v me -n password -v secret",
    "-C chap -o update -n username_in -v me -n password_in -v secret",
    "-C chap -o new -n username -v me -n username_in -v me",
    "-C chap -o new -n host.auth.username -v me -n host.auth.password -v secret",
    "-C chap -o update -x 1 -n host.auth.username_in -v me -n host.auth.password_in -v secret",
    "-C chap -o new -n host.auth.username -v me -n host.auth.password_in -v secret",
    "-C chap -o new -n host.auth.username -v me",
    "-C chap -o delete", "-C chap -o delete -x 1", "-C chap -o delete -x 5000",
]

CASES = [
    Case("discovery", [
        "iscsiadm -m discovery -t st -p 127.0.0.1",
        "iscsiadm -m node",
        "iscsiadm -m discovery",
    ]),
    Case("life of a session", [
        "iscsiadm -m session",
        f"iscsiadm -m node -T {DISK} -p 127.0.0.1 -o new",
        f"iscsiadm -m node -T {DISK} -p 127.0.0.1 -l",
        "iscsiadm -m session",
        f"iscsiadm -m node -T {DISK} -p 127.0.0.1 -l",
        "iscsiadm -m node -l",
        f"iscsiadm -m node -T {DISK} -p 127.0.0.1 -u",
        "iscsiadm -m session",
        f"iscsiadm -m node -T {DISK} -p 127.0.0.1 -u",
        "iscsiadm -m node -u",
        "iscsiadm -m session -u",
    ]),
    Case("print levels of sessions", [
        "iscsiadm -m node -l",
        "iscsiadm -m session -P 0",
        "iscsiadm -m session -P 1",
        "iscsiadm -m session -P 2",
        "iscsiadm -m session -P 3",
        "iscsiadm -m session -P 4",
        "iscsiadm -m session -r {1} -P 0",
        "iscsiadm -m session -r {1} -P 1",
        "iscsiadm -m session -r {1} -P 3",
        "iscsiadm -m session -r /sys/class/iscsi_session/session{1} -P 1",
        "iscsiadm -m session -r 4711 -P 1",
        "iscsiadm -m session -r /sys/class/iscsi_session/session4711",
        "iscsiadm -m session -S -P 2",
    ], records=ONE),
    Case("print levels of hosts", [
        "iscsiadm -m host",
        "iscsiadm -m node -l",
        "iscsiadm -m host",
        "iscsiadm -m host -P 0",
        "iscsiadm -m host -P 1",
        "iscsiadm -m host -P 2",
        "iscsiadm -m host -P 3",
        "iscsiadm -m host -P 4",
        "iscsiadm -m host -P 5",
        "iscsiadm -m host -H {host1}",
        "iscsiadm -m host -H {host1} -P 1",
        "iscsiadm -m host -H {host1} -P 4",
        "iscsiadm -m host -H 4711",
        "iscsiadm -m host -H 4711 -P 1",
    ], records=ONE),
    Case("tables of a session's host", [
        "iscsiadm -m node -l",
        *("iscsiadm -m host -H {host1} " + words for words in HOST_TABLES),
        *(f"iscsiadm -m host {words}" for words in ("-C flashnode", "-C stats", "-C chap -o show")),
        "iscsiadm -m host -H 4711 -C stats",
    ], records=ONE),
    Case("odd ways to name a session", [
        "iscsiadm -m node -l",
        *(f"iscsiadm -m session -r {name}" for name in (
            "4294967296", "2147483648", "18446744073709551617",
            "/dev/null", "/dev/sda", "/etc/passwd", "/sys/block", "/sys/block/sda/device",
            "/sys/class/iscsi_session", "/nowhere")),
    ], records=ONE),
    Case("questions about a session", [
        "iscsiadm -m node -l",
        "iscsiadm -m session -r {1}",
        "iscsiadm -m session -r {1} -o show",
        "iscsiadm -m session -r /sys/class/iscsi_session/session{1} -o show -S",
        "iscsiadm -m session -o show",
        "iscsiadm -m session -r {1} -s",
        "iscsiadm -m session -s",
        f"iscsiadm -m node -T {DISK} -s",
        "iscsiadm -m session -r 4711 -s",
        "iscsiadm -m node -P 1",
        "iscsiadm -m iface -P 1",
    ], records=ONE),
    Case("rescan", [
        "iscsiadm -m node -l",
        "iscsiadm -m session -r {1} -R",
        "iscsiadm -m session -R",
        f"iscsiadm -m node -T {DISK} -R",
        "iscsiadm -m session -r 4711 -R",
        "iscsiadm -m node -T iqn.none -R",
    ], records=ONE),
    Case("update and delete of a running session", [
        "iscsiadm -m node -l",
        "iscsiadm -m session -r {1} -o update -n node.session.timeo.replacement_timeout -v 33",
        "iscsiadm -m session -r {1} -o update -n node.session.nonsense -v 33",
        "iscsiadm -m session -o update -n node.session.timeo.replacement_timeout -v 34",
        f"iscsiadm -m node -T {DISK} -o delete",
        "iscsiadm -m session -r {1} -o delete",
        "iscsiadm -m session -r {1} -u",
        f"iscsiadm -m node -T {DISK} -o delete",
    ], records=ONE),
    Case("another session of the same record", [
        "iscsiadm -m node -l",
        "iscsiadm -m session -r {1} -o new",
        "iscsiadm -m session",
        "iscsiadm -m session -P 1",
        "iscsiadm -m session -r {2} -u",
        "iscsiadm -m session -r {1} -u",
        "iscsiadm -m session -r 4711 -u",
    ], records=ONE, unordered=True),
]

CASES = with_differences(CASES, {
    "no-useless-directories": ["update and delete of a running session"],
})
