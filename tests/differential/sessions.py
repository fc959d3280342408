# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions that never were: as the kernel shows them in sysfs, and as iscsid describes them."""

import dataclasses
import os
import pathlib
import shutil

SYS = pathlib.Path("/sys")


@dataclasses.dataclass(frozen=True)
class Lun:
    number: int
    disk: str = ""         # name of its block device
    state: str = "running"


@dataclasses.dataclass(frozen=True)
class Session:
    sid: int
    target: str
    address: str
    port: int = 3260
    tpgt: int = 1
    iface: str = "default"
    transport: str = "tcp"
    current_address: str = ""   # empty: the same
    current_port: int = 0
    local_address: str = "10.0.0.99"
    state: str = "LOGGED_IN"
    connection_state: int = 3   # logged in
    internal_state: int = 0     # no change
    username: str = ""
    password: str = ""
    username_in: str = ""
    password_in: str = ""
    digests: bool = False
    luns: tuple = ()

    @property
    def host(self):
        return self.sid + 2

    # What the kernel would show ----------------------------------------------------------------

    def appear(self):
        """Makes the session's part of sysfs."""
        host = SYS / f"devices/platform/host{self.host}"
        session = host / f"session{self.sid}"
        connection = f"connection{self.sid}:0"
        _attributes(session / f"iscsi_session/session{self.sid}", {
            "targetname": self.target, "tpgt": self.tpgt, "username": self.username or "(null)",
            "password": self.password or "(null)", "username_in": self.username_in or "(null)",
            "password_in": self.password_in or "(null)", "recovery_tmo": 120, "lu_reset_tmo": 30,
            "tgt_reset_tmo": 30, "abort_tmo": 15, "ifacename": self.iface,
            "initiatorname": "iqn.2026-11.test:init", "state": self.state, "creator": 4711,
            "data_pdu_in_order": 1, "data_seq_in_order": 1, "erl": 0, "first_burst_len": 65536,
            "max_burst_len": 262144, "immediate_data": 1, "initial_r2t": 0,
            "max_outstanding_r2t": 1})
        _attributes(session / connection / f"iscsi_connection/{connection}", {
            "persistent_address": self.address, "persistent_port": self.port,
            "address": self.current_address or self.address,
            "port": self.current_port or self.port, "exp_statsn": 1, "ping_tmo": 5, "recv_tmo": 5,
            "header_digest": int(self.digests), "data_digest": int(self.digests),
            "max_recv_dlength": 262144, "max_xmit_dlength": 8192, "state": "up"})
        _attributes(host / f"iscsi_host/host{self.host}", {
            "ipaddress": self.local_address, "hwaddress": "(null)", "netdev": "(null)",
            "initiatorname": "(null)"})
        _attributes(host / f"scsi_host/host{self.host}", {
            "state": "running", "proc_name": f"iscsi_{self.transport}"})
        (host / f"scsi_host/host{self.host}/scan").write_text("")
        _attributes(SYS / "module/scsi_transport_iscsi", {"version": "2.0-870"})
        _link(SYS / f"bus/scsi/devices/host{self.host}", host)
        for lun in self.luns:
            self._lun(session, lun)
        self._links(host, session, connection)

    def _links(self, host, session, connection):
        # The session comes last: who sees it finds everything else.
        for kind, place, name in (("scsi_host", host, f"host{self.host}"),
                                  ("iscsi_host", host, f"host{self.host}"),
                                  ("iscsi_connection", session / connection, connection),
                                  ("iscsi_session", session, f"session{self.sid}")):
            _class_link(kind, place / kind / name, place)

    def _lun(self, session, lun):
        name = f"{self.host}:0:0:{lun.number}"
        device = session / f"target{self.host}:0:0" / name
        _attributes(device, {"state": lun.state, "type": 0})
        if lun.disk:
            _attributes(device / "block" / lun.disk, {"size": 2048})
        _link(SYS / "bus/scsi/devices" / name, device)
        _link(device / "subsystem", SYS / "bus/scsi")

    def vanish(self):
        for kind, name in (("iscsi_session", f"session{self.sid}"),
                           ("iscsi_connection", f"connection{self.sid}:0"),
                           ("iscsi_host", f"host{self.host}"), ("scsi_host", f"host{self.host}")):
            (SYS / "class" / kind / name).unlink()
        devices = SYS / "bus/scsi/devices"
        for path in [devices / f"host{self.host}", *devices.glob(f"{self.host}:*")]:
            path.unlink()
        shutil.rmtree(SYS / f"devices/platform/host{self.host}")

    # What iscsid would say ---------------------------------------------------------------------

    def described(self, request, is_kernels):
        """The answer of our iscsid about a session."""
        def secret(text):
            return text if request["secrets"] else ""
        return {
            "progress": "session", "sid": self.sid, "host_no": self.host,
            "transport": self.transport, "data_path": "kernel" if is_kernels else "", "target": self.target,
            "tpgt": self.tpgt, "persistent_address": self.address,
            "persistent_port": self.port,
            "current_address": self.current_address or self.address,
            "current_port": self.current_port or self.port, "iface_name": self.iface,
            "iface_initiatorname": "iqn.2026-11.test:init", "iface_ipaddress": self.local_address,
            "iface_hwaddress": "", "iface_netdev": "",
            "connection_state": self.connection_state, "session_state": self.state,
            "internal_state": self.internal_state, "recovery_timeout": 120,
            "target_reset_timeout": 30, "lu_reset_timeout": 30, "abort_timeout": 15,
            "username": self.username, "password": secret(self.password),
            "username_in": self.username_in, "password_in": secret(self.password_in),
            "header_digest": self.digests, "data_digest": self.digests,
            "max_recv_data_segment_length": 262144, "max_xmit_data_segment_length": 8192,
            "first_burst_length": 65536, "max_burst_length": 262144, "immediate_data": True,
            "initial_r2t": False, "max_outstanding_r2t": 1,
            "luns": [{"lun": lun.number, "block_device": lun.disk, "state": lun.state,
                      "peripheral_type": 0, "vendor": "", "product": "", "revision": "",
                      "block_count": 2048, "block_bytes": 512}
                     for lun in self.luns] if request["luns"] else []}


def _attributes(folder, values):
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        (folder / name).write_text(f"{value}\n")


def _link(path, to):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(path):
        path.symlink_to(os.path.relpath(to, path.parent))


def _class_link(kind, device, parent):
    _link(device / "device", parent)
    _link(device / "subsystem", SYS / "class" / kind)
    _link(SYS / "class" / kind / device.name, device)
