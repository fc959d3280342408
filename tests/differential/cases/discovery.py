# SPDX-License-Identifier: LGPL-2.1-or-later
"""Modes discovery and discoverydb, against a scripted target."""

from differential.case import Case, with_differences
from differential.daemon import Script
from differential.states import conf, file, iface, isns_config, link, node, st_config
from differential.target import Portal

_A, _B = "iqn.2026-11.test:a", "iqn.2026-11.test:b"
_P = "127.0.0.1"
_ANSWER = (f"TargetName={_A}", "TargetAddress=127.0.0.1:3260,1", "TargetAddress=10.9.9.1:3260,1",
           f"TargetName={_B}", "TargetAddress=127.0.0.1:3260,2")
_TARGET = [Portal(answer=_ANSWER)]
_FAST = conf({"discovery.sendtargets.reopen_max": 0})
_STALE = [st_config(_P), node("iqn.stale", "10.8.8.8", source=f"st:{_P},3260"),
          node(_A, _P, source=f"st:{_P},3260", session__queue_depth=77),
          node("iqn.other", "10.8.8.8", source="st:10.0.0.5,3260")]
_OPS = ("", "-o new", "-o update", "-o delete", "-o nonpersistent", "-o new -o delete",
        "-o new -o update", "-o update -o delete", "-o new -o update -o delete",
        "-o nonpersistent -o new", "-o show", "-o apply", "-o login")


def _each(prefix, mode, lines, **kwargs):
    return [Case(f"{prefix} {line}".strip(), [f"iscsiadm -m {mode} {line}".strip()], **kwargs)
            for line in lines]


CASES = with_differences([
    # records
    *_each("none", "discovery", ["", "-P 0", "-P 1", "-o show", "-o delete", "-o new", "-o update",
                                 f"-p {_P}", f"-p {_P} -o delete", f"-p {_P} -o new",
                                 f"-p {_P} -o update", f"-p {_P} -D", f"-p {_P} -o show", "-D",
                                 "-l", "-I default", f"-p {_P} -n a -v b", "-o nonpersistent",
                                 f"-p {_P} -o nonpersistent", f"-p {_P}:3999 -P 1"],
           state=[_FAST]),
    *_each("none db", "discoverydb", ["", "-P 0", "-P 1", "-o show", "-o delete", "-o new",
                                      "-o update", f"-p {_P}", f"-p {_P} -o delete",
                                      f"-p {_P} -o new", f"-p {_P} -D", "-t st",
                                      f"-t st -p {_P}", f"-t isns -p {_P}",
                                      f"-t st -p {_P} -o new", f"-t isns -p {_P} -o new",
                                      f"-t st -p {_P}:3261 -o new", f"-t isns -p {_P}:3261 -o new",
                                      f"-t st -p {_P} -o delete", f"-t isns -p {_P} -o delete",
                                      f"-t st -p {_P} -o update",
                                      f"-t isns -p {_P} -o update",
                                      f"-t st -p {_P} -o update -n discovery.startup -v manual",
                                      f"-t isns -p {_P} -o update -n discovery.startup -v manual",
                                      f"-t st -p {_P} -o nonpersistent", f"-t st -p {_P} -o apply",
                                      f"-t fw -p {_P}", f"-t st -p {_P} -o new -o delete",
                                      f"-t st -p [fe80::1]:3261 -o new",
                                      "-t st -p storage.example -o new",
                                      f"-t st -p {_P},5 -o new", "-D", "-t bogus",
                                      f"-t st -p {_P} -o new -n discovery.startup -v automatic"],
           state=[_FAST]),
    *[Case(f"records {line}", [f"iscsiadm {line}"],
           state=[isns_config(_P), st_config(_P, 3261), st_config("10.0.0.1"),
                  node(_A, "10.0.0.2", source="st:10.0.0.1,3260"),
                  node(_B, "10.0.0.3", source=f"isns:{_P},3205"), node("iqn.static", "10.0.0.4"),
                  node("iqn.fw", "10.0.0.5", source="fw")])
      for line in ("-m discovery", "-m discovery -P 1", "-m discoverydb", "-m discoverydb -P 1",
                   "-m discoverydb -t st -p 10.0.0.1", f"-m discoverydb -t st -p {_P}",
                   f"-m discoverydb -t st -p {_P}:3261", f"-m discoverydb -t isns -p {_P}",
                   f"-m discoverydb -t isns -p {_P}:3205", "-m discovery -p 10.0.0.1",
                   "-m discoverydb -t st -p 10.0.0.1 -o show",
                   "-m discoverydb -t st -p 10.0.0.1 -o delete", "-m discovery -p 10.0.0.1 -o delete",
                   f"-m discoverydb -t isns -p {_P} -o delete",
                   f"-m discovery -p {_P}:3261 -o delete",
                   f"-m discoverydb -t isns -p {_P} -o new", "-m discoverydb -t st -p 10.0.0.1 -o new",
                   "-m discoverydb -t st", "-m discovery -t st -o show")],
    *[Case(f"sources: {name}", ["iscsiadm -m discovery -P 1", "iscsiadm -m discoverydb -P 1"],
           state=state)
      for name, state in (
          ("no tag", [node(_A, "10.0.0.1", tpgt=-1)]),
          ("with and without a tag", [node(_A, "10.0.0.2"), node(_A, "10.0.0.1", tpgt=-1)]),
          ("no tag, from firmware", [node(_A, "10.0.0.1", tpgt=-1, source="fw")]),
          ("no tag, of a discovery", [node(_A, "10.0.0.1", tpgt=-1, source="st:10.0.0.5,3260")]),
          ("no link", [node(_A, "10.0.0.1", source="")]),
          ("a link to a record of a discovery", [
              st_config("10.0.0.5"), node(_A, "10.0.0.1", source="st:10.0.0.5,3260"),
              link(f"static/{_A},10.0.0.1,3260,1,default",
                   f"/etc/iscsi/nodes/{_A}/10.0.0.1,3260,1")]))],
    Case("sources: a record made without a tag",
         [f"iscsiadm -m node -o new -T {_A} -p 10.0.0.1", "iscsiadm -m discovery -P 1"]),
    *[Case(f"update st {name} {value}",
           [f"iscsiadm -m discoverydb -t st -p {_P} -o update -n {name} -v {value}"],
           state=[st_config(_P)])
      for name, value in (("discovery.startup", "automatic"), ("discovery.startup", "onboot"),
                          ("discovery.type", "isns"), ("discovery.sendtargets.address", "x"),
                          ("discovery.sendtargets.port", "1"), ("discovery.bogus", "1"),
                          ("node.startup", "manual"), ("node.session.auth.chap_algs", "SHA256"),
                          ("discovery.sendtargets.auth.authmethod", "CHAP"),
                          ("discovery.sendtargets.auth.username", "me"),
                          ("discovery.sendtargets.auth.password", "secret"),
                          ("discovery.sendtargets.auth.password", "''"),
                          ("discovery.sendtargets.timeo.login_timeout", "3"),
                          ("discovery.sendtargets.reopen_max", "abc"),
                          ("discovery.sendtargets.use_discoveryd", "Yes"),
                          ("discovery.sendtargets.use_discoveryd", "yes"),
                          ("discovery.isns.use_discoveryd", "Yes"),
                          ("discovery.sendtargets.iscsi.MaxRecvDataSegmentLength", "4096"))],
    *[Case(f"update isns {name} {value}",
           [f"iscsiadm -m discoverydb -t isns -p {_P} -o update -n {name} -v {value}"],
           state=[isns_config(_P)])
      for name, value in (("discovery.startup", "automatic"), ("discovery.isns.use_discoveryd", "Yes"),
                          ("discovery.isns.discoveryd_poll_inval", "60"),
                          ("discovery.sendtargets.address", "x"),
                          ("discovery.sendtargets.use_discoveryd", "Yes"), ("bogus", "1"))],
    Case("update st several", [f"iscsiadm -m discoverydb -t st -p {_P} -o update "
                               "-n discovery.sendtargets.auth.authmethod -v CHAP "
                               "-n discovery.sendtargets.auth.username -v me "
                               "-n discovery.sendtargets.auth.password -v secret",
                               f"iscsiadm -m discoverydb -t st -p {_P}",
                               f"iscsiadm -m discoverydb -t st -p {_P} -S"],
         state=[st_config(_P)]),
    Case("secret is shown on request", [f"iscsiadm -m discoverydb -t st -p {_P} -S",
                                        f"iscsiadm -m discovery -p {_P} -S"],
         state=[st_config(_P, keys={"discovery.sendtargets.auth.password": "secret"})]),
    Case("old plain file", ["iscsiadm -m discovery", f"iscsiadm -m discoverydb -t st -p {_P}",
                            f"iscsiadm -m discoverydb -t st -p {_P} -o update "
                            "-n discovery.startup -v automatic"],
         state=[file(f"send_targets/{_P},3260",
                     "discovery.type = sendtargets\n"
                     f"discovery.sendtargets.address = {_P}\ndiscovery.sendtargets.port = 3260\n")]),
    Case("empty config", ["iscsiadm -m discovery", f"iscsiadm -m discoverydb -t st -p {_P}",
                          f"iscsiadm -m discoverydb -t st -p {_P} -o delete"],
         state=[file(f"send_targets/{_P},3260/st_config", "")]),

    # discovery
    *_each("run", "discovery", [f"-t st -p {_P} {ops}".strip() for ops in _OPS],
           state=[_FAST, *_STALE], target=_TARGET),
    *_each("run db", "discoverydb", [f"-t st -p {_P} -D {ops}".strip() for ops in _OPS],
           state=[_FAST, *_STALE], target=_TARGET),
    *_each("first", "discovery", [f"-t st -p {_P}", f"-t st -p {_P} -P 1", f"-t st -p {_P} -P 2",
                                  f"-t st -p {_P} -P 0", f"-t sendtargets -p {_P}:3260",
                                  f"-t st -p {_P}:3260,5", f"-t st -p {_P} -D", f"-p {_P} -D",
                                  f"-t st -p {_P} -o nonpersistent", f"-t st -p {_P} -I default",
                                  f"-t st -p {_P} -I nosuch", f"-t st -p {_P} -I iser",
                                  f"-t st -p {_P} -I default -I default",
                                  f"-t st -p {_P} -S", f"-t st -p {_P} -n a -v b",
                                  "-t st -p localhost", "-t st -p nosuch.invalid"],
           state=[_FAST], target=_TARGET),
    *_each("first db", "discoverydb", [f"-t st -p {_P} -D", f"-t st -p {_P} -D -P 1",
                                       f"-t st -p {_P} -D -o nonpersistent",
                                       f"-t st -p {_P} -D -o new", f"-t st -p {_P} -l",
                                       f"-t st -p {_P} -D -I default"],
           state=[_FAST], target=_TARGET),
    Case("discovery uses iscsid.conf, not the record",
         [f"iscsiadm -m discovery -t st -p {_P}"],
         state=[_FAST, st_config(_P, keys={"discovery.sendtargets.auth.username": "old",
                                           "discovery.sendtargets.reopen_max": 9})],
         target=_TARGET),
    Case("discoverydb uses the record", [f"iscsiadm -m discoverydb -t st -p {_P} -D"],
         state=[_FAST, st_config(_P, keys={"discovery.sendtargets.reopen_max": 9})],
         target=_TARGET),
    Case("with a tcp iface", [f"iscsiadm -m discovery -t st -p {_P}", "iscsiadm -m node -P 1"],
         state=[_FAST, iface("if0", initiatorname="iqn.own")], target=_TARGET),
    Case("with two tcp ifaces", [f"iscsiadm -m discovery -t st -p {_P}", "iscsiadm -m node -P 1",
                                 f"iscsiadm -m discovery -t st -p {_P} -P 1"],
         state=[_FAST, iface("if1"), iface("if0")], target=_TARGET),
    Case("with two given ifaces", [f"iscsiadm -m discovery -t st -p {_P} -I if1 -I if0",
                                   "iscsiadm -m node -P 1"],
         state=[_FAST, iface("if1"), iface("if0")], target=_TARGET),
    Case("a given iface leaves nothing of the others",
         [f"iscsiadm -m discovery -t st -p {_P} -I if0"],
         state=[_FAST, iface("if0"), node(_A, _P, source=f"st:{_P},3260")], target=_TARGET),
    Case("an offload iface is passed over", [f"iscsiadm -m discovery -t st -p {_P}"],
         state=[_FAST, iface("hba", transport_name="cxgb3i")], target=_TARGET),
    Case("no address", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(answer=(f"TargetName={_A}",))]),
    Case("two names, one address", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(answer=(f"TargetName={_A}", f"TargetName={_B}",
                                "TargetAddress=127.0.0.1:3260,2"))]),
    Case("no target", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST, *_STALE],
         target=[Portal(answer=())]),
    Case("no target, again", [f"iscsiadm -m discoverydb -t st -p {_P} -D"], state=[_FAST],
         target=[Portal(answer=())]),
    Case("v6 portals", [f"iscsiadm -m discovery -t st -p {_P}", "iscsiadm -m node"], state=[_FAST],
         target=[Portal(answer=(f"TargetName={_A}", "TargetAddress=[fe80::1]:3260,1",
                                "TargetAddress=[2001:db8::1]:3261,2"))]),
    Case("v6 discovery address", ["iscsiadm -m discovery -t st -p [::1]:3260",
                                  "iscsiadm -m discovery", "iscsiadm -m node"],
         state=[_FAST], target=[Portal(address="::1", answer=(
             f"TargetName={_A}", "TargetAddress=[::1]:3260,1"))]),
    Case("bare v6 discovery address", ["iscsiadm -m discovery -t st -p ::1"],
         state=[_FAST], target=[Portal(address="::1", answer=(
             f"TargetName={_A}", "TargetAddress=[::1]:3260,1"))]),
    Case("address without port", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(answer=(f"TargetName={_A}", "TargetAddress=10.1.1.1,1"))]),
    Case("address without tag", [f"iscsiadm -m discovery -t st -p {_P}", "iscsiadm -m node"],
         state=[_FAST], target=[Portal(answer=(f"TargetName={_A}", "TargetAddress=10.1.1.1:3260"))]),
    Case("host name as address", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(answer=(f"TargetName={_A}", "TargetAddress=localhost:3260,1"))]),
    Case("the same portal twice", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(answer=(f"TargetName={_A}", "TargetAddress=10.1.1.1:3260,1",
                                "TargetAddress=10.1.1.1:3260,1"))]),
    Case("in pieces", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(answer=_ANSWER, chunk=30)]),
    Case("refused: authentication", [f"iscsiadm -m discovery -t st -p {_P}"],
         state=[_FAST, *_STALE], target=[Portal(status=0x0201)]),
    Case("refused: authorization", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(status=0x0202)]),
    Case("refused: not found", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(status=0x0203)]),
    Case("refused: removed", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(status=0x0204)]),
    Case("refused: version", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(status=0x0205)]),
    Case("refused: target error", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(status=0x0301)]),
    Case("refused: unknown class", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(status=0x0401)]),
    Case("redirected for now", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(status=0x0101, keys=("TargetAddress=127.0.0.1:3270",)),
                 Portal(port=3270, answer=_ANSWER)]),
    Case("redirected for good", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         target=[Portal(status=0x0102, keys=("TargetAddress=127.0.0.1:3270",)),
                 Portal(port=3270, answer=_ANSWER)]),
    Case("closed port", [f"iscsiadm -m discovery -t st -p {_P}:3999"], state=[_FAST]),
    Case("closed port, two tries", [f"iscsiadm -m discovery -t st -p {_P}:3999"],
         state=[conf({"discovery.sendtargets.reopen_max": 1})]),
    Case("closed port, db", [f"iscsiadm -m discoverydb -t st -p {_P}:3999 -D"], state=[_FAST]),
    Case("without an initiator name", [f"iscsiadm -m discovery -t st -p {_P}"], state=[_FAST],
         daemon=Script(name=""), target=_TARGET),
    *_each("empty portal", "discovery", [f"-p '' {op}".strip() for op in (
        "", "-o show", "-o delete", "-o new", "-l", "-t st", "-t isns")], state=[_FAST]),
    *_each("empty portal db", "discoverydb", [f"-p '' {op}".strip() for op in (
        "", "-o show", "-o delete", "-t st", "-t st -o show", "-t st -o new", "-t st -o delete",
        "-t st -o update -n discovery.startup -v manual", "-t isns -o delete", "-t isns -o new",
        "-t st -D")], state=[_FAST]),
    *_each("found without a tag", "discovery", ["-P 1", "-p 10.0.0.9 -o delete"], state=[
        st_config("10.0.0.9"), node(_A, "10.0.0.1", tpgt=-1, source="st:10.0.0.9,3260"),
        node(_B, "10.0.0.1", tpgt=-1, source="st:10.0.0.8,3260")]),
    Case("two tags of a portal", ["iscsiadm -m discovery -P 1"], state=[
        st_config("10.0.0.9"), node(_A, "10.0.0.1", tpgt=1, source="st:10.0.0.9,3260"),
        node(_A, "10.0.0.1", tpgt=2, source="st:10.0.0.9,3260")]),
    *_each("no type", "discoverydb", ["-p 10.0.0.1 -o show", "-p 10.0.0.1"]),
    Case("name that is none, with an iface", ["iscsiadm -m discovery -t st -p nosuch.invalid"],
         state=[_FAST, iface("if0")]),
    Case("hardware address that is none", [f"iscsiadm -m discovery -t st -p {_P} -I if0"],
         state=[_FAST, iface("if0", hwaddress="00:11:22:33:44:55")]),
    *_each("nodes alone", "discovery", [f"-t st -p {_P} -o nonpersistent -o new",
                                        f"-t st -p {_P} -o nonpersistent -o update -P 1"],
           state=[_FAST], target=_TARGET),
    Case("iface that is none", [f"iscsiadm -m discoverydb -t st -p {_P} -D -I nosuch"],
         state=[_FAST]),
    # Of several ifaces those are used that exist.
    *_each("missing ifaces", "discovery", [
        f"-t st -p {_P} {rest}".strip() for rest in (
            "-I default -I nosuch", "-I nosuch -I default", "-I nosuch -I none", "-I nosuch",
            "-I if0 -I nosuch -I default", "-I nosuch -I if0 -P 1", "-I nosuch -I default -l",
            "-I nosuch -I nosuch -I iser", "-I default -I nosuch -o new",
            "-I default -I nosuch -o delete", "-I default -I nosuch -o nonpersistent",
            "-I nosuch -I none -o nonpersistent", "-I nosuch -o new")],
           state=[_FAST, iface("if0")], target=_TARGET),
    *_each("missing ifaces db", "discoverydb", [
        f"-t st -p {_P} -D {rest}".strip() for rest in (
            "-I default -I nosuch", "-I nosuch -I default", "-I nosuch -I none", "-I nosuch",
            "-I if0 -I nosuch -I default", "-I nosuch -I if0 -P 1", "-I nosuch -I default -l",
            "-I default -I nosuch -o new", "-I default -I nosuch -o delete",
            "-I default -I nosuch -o nonpersistent", "-I nosuch -o nonpersistent",
            "-I nosuch -o delete")],
           state=[_FAST, iface("if0")], target=_TARGET),
    *_each("missing ifaces, known", "discoverydb", [
        f"-t st -p {_P} -D {rest}".strip() for rest in (
            "-I default -I nosuch", "-I nosuch -I none", "-I if0 -I nosuch -o new -o delete",
            "-I if0 -I nosuch -o update")],
           state=[_FAST, iface("if0"), *_STALE], target=_TARGET),
    Case("missing ifaces, no initiator name",
         [f"iscsiadm -m discovery -t st -p {_P} -I nosuch -I default"], state=[_FAST],
         daemon=Script(name=""), target=_TARGET),
    Case("missing ifaces, closed port",
         [f"iscsiadm -m discovery -t st -p {_P}:3999 -I nosuch -I default"], state=[_FAST]),
    Case("Kubernetes' discovery", [
        f"iscsiadm -m discoverydb -t sendtargets -p {_P}:3260 -I default -o new",
        f"iscsiadm -m discoverydb -t sendtargets -p {_P}:3260 -I default -o update "
        "-n discovery.sendtargets.auth.authmethod -v CHAP",
        f"iscsiadm -m discoverydb -t sendtargets -p {_P}:3260 -I default --discover",
        f"iscsiadm -m discoverydb -t sendtargets -p {_P}:3260 -I default -o delete"],
        state=[_FAST], target=_TARGET),
    Case("libvirt's discovery", [
        f"iscsiadm --mode discovery --type sendtargets --portal {_P}:3260 --op nonpersistent",
        f"iscsiadm --mode node --portal {_P}:3260,1 --targetname {_A} --op new"],
        state=[_FAST], target=_TARGET),
], {
    "damaged-records": [
        'empty config',
    ],
    "said-once": [
        'first -t st -p nosuch.invalid',
        'name that is none, with an iface',
        'hardware address that is none',
    ],
    "malformed-portal": [
        "empty portal -p '' -t st",
        "empty portal -p '' -t isns",
        "empty portal db -p '' -t st -o new",
        "empty portal db -p '' -t isns -o new",
        "empty portal db -p '' -t st -D",
    ],
    "two-tags-of-a-portal": [
        'two tags of a portal',
    ],
    "nonpersistent-nodes": [
        f"nodes alone -t st -p {_P} -o nonpersistent -o new",
        f"nodes alone -t st -p {_P} -o nonpersistent -o update -P 1",
    ],
    "no-modules-for-listing": [
        'an offload iface is passed over',
    ],
    "ports-after-redirect": [
        'redirected for now',
        'redirected for good',
    ],
})
