# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boot targets of the firmware: mode fw and `-t fw`, over trees as the kernel makes them from an iBFT."""

import pathlib

from differential.case import Case, with_differences
from differential.states import iface, node

_T = "iqn.2026-11.test:boot"

_INITIATOR = {"flags": 3, "index": 0, "initiator-name": "iqn.2026-11.test:ibft"}
_NIC = {"flags": 3, "index": 0, "mac": "52:54:00:12:34:56", "ip-addr": "10.0.2.15", "vlan": 0,
        "subnet-mask": "255.255.255.0", "prefix-len": 24, "gateway": "10.0.2.2",
        "primary-dns": "10.0.2.3", "origin": 3, "hostname": "bedhost"}
_TARGET = {"flags": 3, "index": 0, "target-name": _T, "ip-addr": "10.0.2.2", "port": 13260,
           "lun": "01000000", "nic-assoc": 0, "chap-type": 0}
_CHAP = {"chap-type": 2, "chap-name": "bootuser", "chap-secret": "bootsecret1234",
         "rev-chap-name": "tgtuser", "rev-chap-name-secret": "tgtsecret12345"}


def _tree(root="ibft", **folders):
    """A folder of attributes for each; an attribute None is left out."""
    def build(machine):
        base = pathlib.Path("/sys/firmware", root)
        machine.folder(base)
        # The directory then lists them by name (tmpfs puts the newest first).
        for folder, attributes in sorted(folders.items(), reverse=True):
            machine.folder(base / folder)
            for name, value in attributes.items():
                if value is not None:
                    machine.write(base / folder / name, f"{value}\n")
    return build


def _ibft(initiator=None, nic=None, target=None, **more):
    return _tree(initiator=_INITIATOR | (initiator or {}), ethernet0=_NIC | (nic or {}),
                 target0=_TARGET | (target or {}), **more)


def _netdev(name):
    def build(machine):
        machine.folder(pathlib.Path("/sys/firmware/ibft/ethernet0/device/net", name))
    return build


# How trees are shown; each with a line of its own in mode fw and in a discovery.
_TREES = {
    "plain": [_ibft()],
    "chap": [_ibft(target=_CHAP)],
    "chap one way": [_ibft(target=_CHAP | {"rev-chap-name": None, "rev-chap-name-secret": None})],
    "long secret": [_ibft(target=_CHAP | {"chap-secret": "s" * 200})],
    "no vlan": [_ibft(nic={"vlan": None})],
    "vlan": [_ibft(nic={"vlan": 7})],
    "static address": [_ibft(nic={"origin": 1})],
    "dhcp server": [_ibft(nic={"origin": 1, "dhcp": "10.0.2.1"})],
    "no dhcp server": [_ibft(nic={"origin": 1, "dhcp": "0.0.0.0"})],
    "no origin": [_ibft(nic={"origin": None})],
    "two name servers": [_ibft(nic={"secondary-dns": "10.0.2.4"})],
    "empty name server": [_ibft(nic={"secondary-dns": "0.0.0.0", "gateway": "0.0.0.0"})],
    "ipv6": [_ibft(nic={"ip-addr": "fe80::15", "prefix-len": 64, "subnet-mask": None,
                        "gateway": "fe80::1", "primary-dns": "fe80::3"},
                   target={"ip-addr": "fe80::2"})],
    "no prefix": [_ibft(nic={"prefix-len": None})],
    "prefix 0": [_ibft(nic={"prefix-len": 0})],
    "no port": [_ibft(target={"port": None})],
    "port 0": [_ibft(target={"port": 0})],
    "no lun": [_ibft(target={"lun": None})],
    "isid": [_ibft(initiator={"isid": "800000000001"})],
    "no initiator name": [_ibft(initiator={"initiator-name": None})],
    "no target name": [_ibft(target={"target-name": None})],
    "no address": [_ibft(target={"ip-addr": None})],
    "no nic index": [_ibft(nic={"index": None})],
    "nic index 1": [_ibft(nic={"index": 1}, target={"nic-assoc": 1})],
    "no nic-assoc": [_ibft(target={"nic-assoc": None})],
    "wrong nic-assoc": [_ibft(target={"nic-assoc": 5})],
    "no mac": [_ibft(nic={"mac": None})],
    "network device": [_ibft(), _netdev("eth7")],
    "nic not valid": [_ibft(nic={"flags": 0})],
    "nic without flags": [_ibft(nic={"flags": None})],
    "target not valid": [_ibft(target={"flags": 0})],
    "target not of this boot": [_ibft(target={"flags": 1})],
    "target without flags": [_ibft(target={"flags": None})],
    "no target": [_tree(initiator=_INITIATOR, ethernet0=_NIC)],
    "no nic": [_tree(initiator=_INITIATOR, target0=_TARGET)],
    "no initiator": [_tree(ethernet0=_NIC, target0=_TARGET)],
    "empty": [_tree()],
    "two targets": [_ibft(target1=_TARGET | {"index": 1, "target-name": f"{_T}2"})],
    "two targets, the second of this boot": [_ibft(
        target={"flags": 1}, target1=_TARGET | {"index": 1, "target-name": f"{_T}2"})],
    "two targets, one not valid": [_ibft(
        target={"flags": 0}, target1=_TARGET | {"index": 1, "target-name": f"{_T}2"})],
    "two nics": [_ibft(
        target1=_TARGET | {"index": 1, "target-name": f"{_T}2", "nic-assoc": 1},
        ethernet1=_NIC | {"index": 1, "mac": "52:54:00:12:34:57", "ip-addr": "10.0.3.15"})],
    "two targets, one nic missing": [_ibft(
        target1=_TARGET | {"index": 1, "target-name": f"{_T}2", "nic-assoc": 1})],
    "iscsi_boot": [_tree("iscsi_boot0", initiator=_INITIATOR, ethernet0=_NIC, target0=_TARGET)],
    "ibft and iscsi_boot": [_ibft(), _tree("iscsi_boot3", initiator=_INITIATOR, ethernet0=_NIC,
                                           target0=_TARGET | {"target-name": f"{_T}2"})],
}

_FULL = [_ibft(target=_CHAP)]


def _lines(prefix, state, lines, **kwargs):
    return [Case(f"{prefix} {line}", [f"iscsiadm {line}"], state=state, **kwargs) for line in lines]


CASES = with_differences([
    *[Case(f"tree: {name}", ["iscsiadm -m fw", "iscsiadm -m discovery -t fw"], state=state)
      for name, state in _TREES.items()],
    *_lines("none", [], [
        "-m fw", "-m fw -l", "-m fw -l -W", "-m fw -n node.startup -v manual",
        "-m fw -l -n iface.hwaddress -v x", "-m discovery -t fw", "-m discovery -t fw -l",
        "-m discoverydb -t fw", "-m discoverydb -t fw -D", "-m discoverydb -t fw -o new",
        "-m discoverydb -t fw -o show", "-m discovery -t fw -o delete",
        "-m discovery -t fw -o nonpersistent", "-m discoverydb -t fw -D -o update",
        "-m discovery -t fw -I nosuch", "-m discovery -t fw -I default",
        "-m discoverydb -t fw -D -I default -I nosuch", "-m discovery -t fw -p 10.0.0.1"]),
    *_lines("one", _FULL, [
        "-m fw", "-m fw -l", "-m fw -l -W", "-m fw -n node.startup -v manual", "-m fw -P 1",
        "-m fw -l -n node.session.queue_depth -v 7",
        "-m fw -l -n node.session.queue_depth -v 7 -n node.session.scan -v manual",
        "-m fw -l -n iface.hwaddress -v x", "-m fw -l -n iface.net_ifacename -v x",
        "-m fw -l -n iface.transport_name -v tcp", "-m fw -l -n iface.initiatorname -v x",
        "-m fw -l -n node.bogus -v x", "-m fw -l -n node.startup -v bogus",
        "-m fw -l -n node.name -v x", "-m fw -l -n node.session.initial_login_retry_max -v 2",
        "-m fw -l -n node.conn[0].timeo.noop_out_interval -v 9",
        "-m discovery -t fw", "-m discovery -t fw -P 0", "-m discovery -t fw -P 1",
        "-m discovery -t fw -P 2", "-m discovery -t fw -l", "-m discovery -t fw -D",
        "-m discovery -t fw -l -W", "-m discovery -t fw -p 10.0.0.1", "-m discovery -t fw -S",
        "-m discovery -t fw -I default", "-m discovery -t fw -I iser",
        "-m discovery -t fw -I nosuch", "-m discovery -t fw -I nosuch -I none",
        "-m discovery -t fw -I default -I nosuch",
        *[f"-m {mode} -o {op}" for mode in ("discovery -t fw", "discoverydb -t fw",
                                            "discoverydb -t fw -D", "discovery -t fw -o new")
          for op in ("new", "update", "delete", "nonpersistent", "show")],
        "-m discoverydb -t fw", "-m discoverydb -t fw -D", "-m discoverydb -t fw -D -P 1",
        "-m discoverydb -t fw -n node.startup -v manual",
        "-m discoverydb -t fw -D -n node.startup -v manual"]),
    Case("one, listed", ["iscsiadm -m discovery -t fw", "iscsiadm -m discovery", "iscsiadm -m node",
                         "iscsiadm -m discovery -P 1", "iscsiadm -m node -o show",
                         f"iscsiadm -m node -T {_T} -o delete"], state=_FULL),
    Case("one, with an iface", ["iscsiadm -m discovery -t fw", "iscsiadm -m node"],
         state=[*_FULL, iface("if0", net_ifacename="eth0")]),
    Case("one, with its iface named", ["iscsiadm -m discovery -t fw -I if0", "iscsiadm -m node"],
         state=[*_FULL, iface("if0", net_ifacename="eth0")]),
    *[Case(f"one that is known {op}".strip(),
           [f"iscsiadm -m discovery -t fw {op}".strip(), "iscsiadm -m node"],
           state=[*_FULL, node(_T, "10.0.2.2", 13260, 1, source="fw", session__queue_depth=7),
                  node("iqn.x:gone", "10.0.2.9", 3260, 1, source="fw"),
                  node("iqn.x:kept", "10.0.2.9", 3260, 1)])
      for op in ("", "-o new", "-o update", "-o delete", "-o nonpersistent", "-o new -o delete")],
    *_lines("no daemon", _FULL, ["-m fw", "-m discovery -t fw", "-m discoverydb -t fw -D -o new"],
            daemon=None),
], {
    "said-once": ["tree: two targets, one nic missing"],
    "adapter-without-driver": ["tree: iscsi_boot", "tree: ibft and iscsi_boot"],
    "no-daemon-needed": ["no daemon -m discovery -t fw", "no daemon -m discoverydb -t fw -D -o new"],
})
