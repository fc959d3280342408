# SPDX-License-Identifier: LGPL-2.1-or-later
"""Targets that refuse, are not there, or say nothing; daemons that do not run."""

from differential.case import with_differences
from guest.compare.case import Case

LOGIN = "iscsiadm -m node -l"
DISK = "iqn.2026-11.test:disk"
QUICK = {"node.session.initial_login_retry_max": 1, "node.conn[0].timeo.login_timeout": 3}
QUICK_DISCOVERY = {"discovery.sendtargets.reopen_max": 0,
                   "discovery.sendtargets.timeo.login_timeout": 3,
                   "discovery.sendtargets.timeo.active_timeout": 3,
                   "node.conn[0].timeo.login_timeout": 3}
AUTH = "node.session.auth."
ONE_WAY = {AUTH + "authmethod": "CHAP", AUTH + "username": "inuser",
           AUTH + "password": "insecret123456"}
MUTUAL = ONE_WAY | {AUTH + "username_in": "outuser", AUTH + "password_in": "outsecret12345"}
DISCOVERY = "iscsiadm -m discovery -t st -p "


def refused(name, record):
    return Case(name, [LOGIN, "iscsiadm -m session", "iscsiadm -m host"], [record], keys=QUICK)


def chap(name, record, keys):
    return Case(name, [LOGIN, "iscsiadm -m session -P 2 -S", "iscsiadm -m session -P 2"],
                [record], keys=QUICK | keys)


CASES = [
    refused("nobody listens", "disk@127.0.0.9"),
    refused("an unknown target", "none@127.0.0.1"),
    refused("a disabled target", "off@127.0.0.1"),
    refused("a silent target", "disk@127.0.0.10"),
    refused("a target that closes", "disk@127.0.0.12"),
    refused("a port that is closed", "disk@127.0.0.1,3261"),
    refused("an address without a route", "disk@203.0.113.1"),
    refused("a name that cannot be resolved", "disk@no-such-host.invalid"),
    refused("another group than the target's", "disk@127.0.0.1,3260,7"),
    Case("one of three refuses", [LOGIN, "iscsiadm -m session", "iscsiadm -m node -u"],
         ["one@127.0.0.2", "two@127.0.0.9", "three@127.0.0.2"], keys=QUICK, unordered=True),
    Case("operations without a session", [
        "iscsiadm -m node -u", "iscsiadm -m node -R", "iscsiadm -m node -s",
        f"iscsiadm -m node -T {DISK} -u", "iscsiadm -m session -u", "iscsiadm -m session -R",
        "iscsiadm -m session -s", "iscsiadm -m session -P 3", "iscsiadm -m session -r 1",
        "iscsiadm -m node --logoutall=all", "iscsiadm -m node --loginall=automatic",
    ], ["disk@127.0.0.1"]),
    Case("discovery of who does not answer", [
        DISCOVERY + "127.0.0.9", DISCOVERY + "127.0.0.10", DISCOVERY + "127.0.0.1:3261",
    ], conf=QUICK_DISCOVERY),
    Case("discovery of who closes", [DISCOVERY + "127.0.0.11"], conf=QUICK_DISCOVERY),
    chap("one-way CHAP", "chap@127.0.0.5", ONE_WAY),
    chap("one-way CHAP, wrong secret", "chap@127.0.0.5", ONE_WAY | {AUTH + "password": "wrong"}),
    chap("one-way CHAP, wrong name", "chap@127.0.0.5", ONE_WAY | {AUTH + "username": "wrong"}),
    chap("CHAP wanted, none offered", "chap@127.0.0.5", {}),
    chap("CHAP offered, none wanted", "disk@127.0.0.1", ONE_WAY),
    chap("CHAP without a password", "chap@127.0.0.5", {AUTH + "authmethod": "CHAP",
                                                       AUTH + "username": "inuser"}),
    chap("mutual CHAP", "mutual@127.0.0.6", MUTUAL),
    chap("mutual CHAP, target's secret wrong", "mutual@127.0.0.6",
         MUTUAL | {AUTH + "password_in": "wrong"}),
    chap("mutual CHAP, target's name wrong", "mutual@127.0.0.6",
         MUTUAL | {AUTH + "username_in": "wrong"}),
    chap("mutual CHAP, our secret wrong", "mutual@127.0.0.6", MUTUAL | {AUTH + "password": "no"}),
    chap("mutual CHAP of a target that proves nothing", "chap@127.0.0.5", MUTUAL),
    chap("one-way CHAP of a target that could prove", "mutual@127.0.0.6", ONE_WAY),
    *[chap(f"CHAP with {algorithms}", "chap@127.0.0.5",
           ONE_WAY | {AUTH + "chap_algs": algorithms})
      for algorithms in ("SHA1", "SHA256", "SHA3-256", "SHA3-256,SHA256,SHA1,MD5")],
    Case("the daemon does not run", [
        "iscsiadm -m session", "iscsiadm -m session -P 1", "iscsiadm -m host", LOGIN,
        "iscsiadm -m node -u", "iscsiadm -m session -u",
    ], ["disk@127.0.0.1"], daemon=False),
    Case("the daemon stops under a session", [
        LOGIN, "daemon: stop",
        "iscsiadm -m session", "iscsiadm -m session -P 1", "iscsiadm -m session -P 3",
        "iscsiadm -m session -r {1} -P 1", "iscsiadm -m session -r {1} -o show -S",
        "iscsiadm -m host -P 1", "iscsiadm -m session -R", "iscsiadm -m session -s",
        f"iscsiadm -m node -T {DISK} -p 127.0.0.1 -l",
    ], ["disk@127.0.0.1", "one@127.0.0.2"], unordered=True),
    Case("logout without a daemon", [
        LOGIN, "daemon: stop", "iscsiadm -m node -u", "iscsiadm -m session -r {1} -u",
    ], ["disk@127.0.0.1"]),
    *[Case(f"a daemon that comes back after a {end}", [
        LOGIN, f"daemon: {end}", "daemon: start", "iscsiadm -m session",
        "iscsiadm -m session -P 1", "iscsiadm -m session -r {1} -u",
        "iscsiadm -m session",
    ], ["disk@127.0.0.1"]) for end in ("stop", "kill")],
]

CASES = with_differences(CASES, {
    "reason-named": [
        "nobody listens", "an unknown target", "a disabled target", "a silent target",
        "a target that closes", "a port that is closed", "an address without a route",
        "a name that cannot be resolved", "one of three refuses", "one-way CHAP, wrong secret",
        "one-way CHAP, wrong name", "CHAP wanted, none offered", "CHAP offered, none wanted",
        "CHAP without a password", "mutual CHAP, target's secret wrong",
        "mutual CHAP, target's name wrong", "mutual CHAP, our secret wrong",
        "mutual CHAP of a target that proves nothing",
    ],
    "closed-while-sending": ["discovery of who closes"],
    "logout-without-daemon": ["logout without a daemon"],
    "restart-keeps-sessions": ["a daemon that comes back after a stop",
                               "a daemon that comes back after a kill"],
})
