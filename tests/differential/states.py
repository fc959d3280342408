# SPDX-License-Identifier: LGPL-2.1-or-later
"""States from which scenarios start, as functions of the Machine. They compose:

    state=[node("iqn.a:1", "10.0.0.1", 3260, 1), iface("if0", net_ifacename="eth0")]
"""

import os
import pathlib

from differential.records import IFACE, NODE, SENDTARGETS, ISNS, record_text

ETC = pathlib.Path("/etc/iscsi")

# The active lines of the configuration that 2.1.8 ships; no start command.
CONF = {
    "node.startup": "manual",
    "node.leading_login": "No",
    "node.session.timeo.replacement_timeout": 120,
    "node.conn[0].timeo.login_timeout": 15,
    "node.conn[0].timeo.logout_timeout": 15,
    "node.conn[0].timeo.noop_out_interval": 5,
    "node.conn[0].timeo.noop_out_timeout": 5,
    "node.session.err_timeo.abort_timeout": 15,
    "node.session.err_timeo.lu_reset_timeout": 30,
    "node.session.err_timeo.tgt_reset_timeout": 30,
    "node.session.err_timeo.host_reset_timeout": 60,
    "node.session.initial_login_retry_max": 8,
    "node.session.cmds_max": 128,
    "node.session.queue_depth": 32,
    "node.session.xmit_thread_priority": -20,
    "node.session.iscsi.InitialR2T": "No",
    "node.session.iscsi.ImmediateData": "Yes",
    "node.session.iscsi.FirstBurstLength": 262144,
    "node.session.iscsi.MaxBurstLength": 16776192,
    "node.conn[0].iscsi.MaxRecvDataSegmentLength": 262144,
    "node.conn[0].iscsi.MaxXmitDataSegmentLength": 0,
    "discovery.sendtargets.iscsi.MaxRecvDataSegmentLength": 32768,
    "node.session.nr_sessions": 1,
    "node.session.reopen_max": 0,
    "node.session.iscsi.FastAbort": "Yes",
    "node.session.scan": "auto",
}


class Machine:
    """The files of the private machine, before the first step."""

    def __init__(self):
        self.conf = dict(CONF)

    def write(self, path, text, mode=0o600):
        path = pathlib.Path(path)
        self.folder(path.parent)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        path.chmod(mode)

    def folder(self, path):
        missing = []
        while not path.exists():
            missing.append(path)
            path = path.parent
        for path in reversed(missing):
            path.mkdir(mode=0o700)

    def link(self, path, to):
        self.folder(pathlib.Path(path).parent)
        os.symlink(to, path)


def base(machine):
    for module in ("tcp", "iser"):
        folder = pathlib.Path("/sys/class/iscsi_transport", module)
        machine.write(folder / "handle", "18446744072100000000\n")
        machine.write(folder / "caps", "0x39\n")
    pathlib.Path("/run/lock/iscsi").mkdir(parents=True)
    pathlib.Path("/sys/firmware").mkdir()
    machine.write(ETC / "initiatorname.iscsi", "InitiatorName=iqn.2026-11.test:init\n")
    write_conf(machine)


def write_conf(machine):
    text = "".join(f"{key} = {value}\n" for key, value in machine.conf.items())
    machine.write(ETC / "iscsid.conf", text)


def conf(changes):
    """Other or further lines of iscsid.conf."""
    def build(machine):
        machine.conf.update(changes)
        write_conf(machine)
    return build


def file(path, text, mode=0o600):
    return lambda machine: machine.write(ETC / path, text, mode)


def link(path, to):
    return lambda machine: machine.link(ETC / path, to)


def folder(path, mode=0o700):
    def build(machine):
        machine.folder(ETC / path)
        (ETC / path).chmod(mode)
    return build


def node(target, address, port=3260, tpgt=1, iface_name="default", source="static", **changes):
    """A node record and its link. `source`: static, "st:ADDR,PORT", "isns:ADDR,PORT", fw, or ""
    for none. Changes are record keys with dots written `__` ("session__queue_depth" is below
    node.), or any key through keys={...}."""
    keys = {"node.name": target, "node.tpgt": tpgt, "node.conn[0].address": address,
            "node.conn[0].port": port, "iface.iscsi_ifacename": iface_name,
            **changes.pop("keys", {})}
    keys.update({"node." + name.replace("__", "."): value for name, value in changes.items()})
    kind, _, where = source.partition(":")
    if where:
        source_address, source_port = where.rsplit(",", 1)
        keys["node.discovery_address"] = source_address
        keys["node.discovery_port"] = source_port
    keys["node.discovery_type"] = {"st": "send_targets", "": "static"}.get(kind, kind)
    portal = f"{address},{port},{tpgt}"
    directory = {"st": f"send_targets/{where}", "isns": f"isns/{where}"}.get(kind, kind)

    def build(machine):
        text = record_text(NODE, keys)
        if tpgt == -1:
            machine.write(ETC / "nodes" / target / f"{address},{port}", text)
            return
        machine.write(ETC / "nodes" / target / portal / iface_name, text)
        if directory:
            machine.link(ETC / directory / f"{target},{portal},{iface_name}",
                         str(ETC / "nodes" / target / portal))
    return build


def iface(name, **changes):
    keys = {"iface.iscsi_ifacename": name,
            **{"iface." + key: value for key, value in changes.items()}}
    return lambda machine: machine.write(ETC / "ifaces" / name, record_text(IFACE, keys))


def st_config(address, port=3260, keys=None):
    keys = {"discovery.sendtargets.address": address, "discovery.sendtargets.port": port,
            **(keys or {})}
    path = ETC / "send_targets" / f"{address},{port}" / "st_config"
    return lambda machine: machine.write(path, record_text(SENDTARGETS, keys))


def isns_config(address, port=3205, keys=None):
    keys = {"discovery.sendtargets.address": address, "discovery.sendtargets.port": port,
            **(keys or {})}
    path = ETC / "isns" / f"{address},{port}" / "isns_config"
    return lambda machine: machine.write(path, record_text(ISNS, keys))
