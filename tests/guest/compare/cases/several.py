# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several sessions at once: portals, ifaces bound to devices, IPv6, groups of records; and what
is set for a session: queue, priority, timeouts, scan, safe logout."""

from differential.case import with_differences
from guest.compare.case import Case

LOGIN = "iscsiadm -m node -l"
LOGOUT = "iscsiadm -m node -u"
SESSION = "iscsiadm -m session"
DISK = "iqn.2026-11.test:disk"
ONE = ["disk@127.0.0.1"]
THREE = [f"{name}@127.0.0.2" for name in ("one", "two", "three")]
WIRES = {"wire0": {"net_ifacename": "w0"}, "wire1": {"net_ifacename": "w1"}}
QUICK = {"node.session.initial_login_retry_max": 1, "node.conn[0].timeo.login_timeout": 3}


def with_key(key, *values):
    for value in values:
        yield Case(f"{key} {value}", [LOGIN, LOGOUT], ONE, keys={key: value})


def update(key, value):
    return f"iscsiadm -m node -T iqn.2026-11.test:one -o update -n {key} -v {value}"


CASES = [
    Case("two portals of a target", [
        LOGIN, SESSION, SESSION + " -P 1", "iscsiadm -m node -p 127.0.0.3 -u", SESSION,
        "iscsiadm -m node -p 127.0.0.3 -l", "iscsiadm -m node -T iqn.2026-11.test:paths -R",
        "iscsiadm -m host", SESSION + " -R", SESSION + " -u",
    ], ["paths@127.0.0.3", "paths@127.0.0.4"], unordered=True),
    Case("three targets", [
        LOGIN, SESSION, "iscsiadm -m node -T iqn.2026-11.test:two -u", SESSION, LOGIN, LOGOUT,
    ], THREE, unordered=True),
    Case("groups of records", [
        update("node.startup", "automatic"), update("node.conn[0].startup", "automatic"),
        "iscsiadm -m node -L automatic", SESSION, "iscsiadm -m node -U manual",
        "iscsiadm -m node --loginall=manual", "iscsiadm -m node --logoutall=automatic", SESSION,
        "iscsiadm -m node -L all", "iscsiadm -m node -L onboot", "iscsiadm -m node -L nonsense",
        "iscsiadm -m node -U all", SESSION,
    ], THREE, unordered=True),
    Case("ifaces bound to devices", [
        LOGIN, SESSION, SESSION + " -P 1", "iscsiadm -m node -I wire1 -u", "iscsiadm -m iface -P 1",
        "iscsiadm -m host -P 1", "iscsiadm -m node -I wire1 -l", LOGOUT,
    ], ["wire@10.77.0.1,3260,1,wire0", "wire@10.77.0.1,3260,1,wire1"], ifaces=WIRES,
         unordered=True),
    Case("discovery through bound ifaces", [
        "iscsiadm -m discovery -t st -p 10.77.0.1 -I wire0 -I wire1 -o new",
        "iscsiadm -m node -T iqn.2026-11.test:wire -p 10.77.0.1 -I wire0 -l", SESSION,
        LOGOUT,
    ], ifaces=WIRES),
    Case("an iface whose device is not there", [LOGIN, SESSION],
         ["wire@10.77.0.1,3260,1,none"], ifaces={"none": {"net_ifacename": "nodev0"}}, keys=QUICK),
    Case("an iface with an initiator name", [LOGIN, SESSION + " -P 1", LOGOUT],
         ["disk@127.0.0.1,3260,1,named"],
         ifaces={"named": {"initiatorname": "iqn.2026-11.test:other"}}),
    Case("an iface of another transport", [LOGIN],
         ["disk@127.0.0.1,3260,1,nic"], ifaces={"nic": {"transport_name": "bnx2i"}}, keys=QUICK),
    Case("IPv6", [LOGIN, SESSION, SESSION + " -P 1", "iscsiadm -m host", LOGOUT], ["six@::1"]),
    Case("IPv6 over a wire", [LOGIN, SESSION, "iscsiadm -m node -p [fd77::1] -u"],
         ["wire@fd77::1"]),
    Case("discovery over IPv6", [
        "iscsiadm -m discovery -t st -p [::1]",
        "iscsiadm -m node -T iqn.2026-11.test:six -l", LOGOUT]),
    Case("three sessions of a record", [
        LOGIN, SESSION, LOGIN, "iscsiadm -m session -r {2} -u", LOGIN, LOGOUT,
    ], ONE, keys={"node.session.nr_sessions": 3}, unordered=True),
    Case("leading login", [
        "iscsiadm -m node -L all", SESSION, "iscsiadm -m node -L all", "iscsiadm -m node -U all",
    ], ["wire@10.77.0.1,3260,1,wire0"], ifaces=WIRES, keys={"node.leading_login": "Yes"}),
    # The order in which files of ifaces are found is the file system's: there is one of them.
    Case("leading login over two ifaces", [
        "iscsiadm -m node -L all", SESSION, "iscsiadm -m node -L all", "iscsiadm -m node -I wire0 -u",
        "iscsiadm -m node -I default -l", SESSION, "iscsiadm -m node -L all",
        "iscsiadm -m node -U all",
    ], ["wire@10.77.0.1,3260,1,wire0", "wire@10.77.0.1"], ifaces={"wire0": WIRES["wire0"]},
         keys={"node.leading_login": "Yes"}),
    Case("leading login to a portal that nobody has", [
        "iscsiadm -m node -T iqn.2026-11.test:wire -p 10.77.0.1:3299,1 -I wire0 -o new",
        "iscsiadm -m node -o update -n node.leading_login -v Yes",
        "iscsiadm -m node -o update -n node.session.initial_login_retry_max -v 1",
        "iscsiadm -m node -L all", SESSION, "iscsiadm -m node -L all", LOGOUT,
    ], ["wire@10.77.0.1,3260,1,wire0"], ifaces={"wire0": WIRES["wire0"]}, unordered=True),
    Case("a record without a tag", [
        f"iscsiadm -m node -T {DISK} -p 127.0.0.1 -o new", LOGIN, SESSION + " -r {1}",
        SESSION + " -r {1} -o update -n node.session.queue_depth -v 16",
        SESSION + " -r {1} -o delete", SESSION + " -r {1} -R", SESSION + " -r {1} -o new",
        SESSION, "iscsiadm -m node -U manual",
    ]),
    Case("a session's record, a logout and an operation", [
        LOGIN, SESSION + " -r {1} -o new -u", SESSION + " -r {1} -o update -u", LOGOUT], ONE),
    Case("a disk that was taken offline by hand", [
        LOGIN, "sh: echo offline > /sys/block/$(basename {disk1})/device/state",
        SESSION + " -R", SESSION + " -P 3", LOGOUT], ONE),
    Case("login without waiting", [
        "quiet: iscsiadm -m node -l -W", "await: 1", SESSION, LOGOUT], ONE),
    *with_key("node.session.queue_depth", 1, 8, 128, 1024),
    *with_key("node.session.cmds_max", 2, 3, 64, 1000, 2048, 4096),
    *with_key("node.session.xmit_thread_priority", 0, 5, -5),
    *with_key("node.session.timeo.replacement_timeout", 0, 1, -1, 5),
    *with_key("node.session.err_timeo.abort_timeout", 1),
    *with_key("node.session.err_timeo.lu_reset_timeout", 2),
    *with_key("node.session.err_timeo.tgt_reset_timeout", 3),
    *with_key("node.conn[0].timeo.noop_out_interval", 0, 60),
    *with_key("node.conn[0].timeo.noop_out_timeout", 0, 60),
    *with_key("node.session.initial_cmdsn", 17),
    *with_key("node.conn[0].tcp.window_size", 0, 65536),
    Case("no pings", [LOGIN, SESSION + " -P 2", LOGOUT], ONE, keys={
        "node.conn[0].timeo.noop_out_interval": 0, "node.conn[0].timeo.noop_out_timeout": 0}),
    Case("scan by hand", [LOGIN, SESSION + " -P 3", SESSION + " -R", SESSION + " -P 3", LOGOUT],
         ONE, keys={"node.session.scan": "manual"}),
    Case("safe logout", [
        LOGIN, "sh: mkfs.ext2 -q {disk1} && mkdir -p /run/m && mount {disk1} /run/m",
        LOGOUT, SESSION + " -r {1} -u", SESSION, "sh: umount /run/m", LOGOUT,
    ], ONE, conf={"iscsid.safe_logout": "Yes"}),
    # As btrfs does: the number of the mount is nobody's, its source is the disk.
    Case("safe logout of a file system with a number of its own", [
        LOGIN, "sh: mkdir -p /run/m && mount -t tmpfs {disk1} /run/m",
        LOGOUT, SESSION, "sh: umount /run/m", LOGOUT,
    ], ONE, conf={"iscsid.safe_logout": "Yes"}),
    Case("safe logout of a disk below a mapping", [
        LOGIN, "sh: dmsetup create held --table '0 1024 linear {disk1} 0' && dmsetup mknodes",
        "sh: mkfs.ext2 -q /dev/mapper/held && mkdir -p /run/m && mount /dev/mapper/held /run/m",
        LOGOUT, SESSION, "sh: umount /run/m && dmsetup remove held", LOGOUT,
    ], ONE, conf={"iscsid.safe_logout": "Yes"}),
]

CASES = with_differences(CASES, {
    "reason-named": ["an iface whose device is not there", "an iface of another transport",
                     "node.session.cmds_max 2", "node.session.cmds_max 3", "safe logout",
                     "safe logout of a disk below a mapping",
                     "safe logout of a file system with a number of its own",
                     "leading login to a portal that nobody has"],
})
