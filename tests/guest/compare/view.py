# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions as sysfs shows them, under names that do not depend on what ran before.

The kernel counts sessions and hosts up; here the first session of a scenario is session 1, and its
host and disks are named after it. A session is shown by the attributes that differ from USUAL:

    + session 1: targetname=iqn.2026-11.test:disk conn.address=127.0.0.1
    ~ session 1: recovery_tmo=30
    - session 1
"""

import os
import pathlib
import re

from beds.proc import processes

SYS = pathlib.Path("/sys/class")
# What a session of a plain record to LIO shows.
USUAL = {
    "abort_tmo": "15", "creator": "PID", "data_pdu_in_order": "0", "data_seq_in_order": "0",
    "erl": "0", "fast_abort": "1", "first_burst_len": "65536", "ifacename": "default",
    "immediate_data": "1", "initial_r2t": "1", "initiatorname": "iqn.2026-11.test:init",
    "lu_reset_tmo": "30", "max_burst_len": "262144", "max_outstanding_r2t": "1",
    "password": "(null)", "password_in": "(null)", "recovery_tmo": "120", "state": "LOGGED_IN",
    "target_id": "0", "target_state": "SCANNED", "tgt_reset_tmo": "30", "tpgt": "1",
    "username": "(null)", "username_in": "(null)",
    "conn.data_digest": "0", "conn.exp_statsn": "N", "conn.header_digest": "0",
    "conn.local_port": "N", "conn.max_recv_dlength": "262144",
    "conn.max_xmit_dlength": "262144", "conn.persistent_port": "3260", "conn.ping_tmo": "5",
    "conn.port": "3260", "conn.recv_tmo": "5", "conn.state": "up",
    "host.hwaddress": "(null)", "host.initiatorname": "(null)", "host.ipaddress": "127.0.0.1",
    "host.netdev": "(null)", "host.can_queue": "113", "host.nice": "-20",
    "lun0.state": "running", "lun0.queue_depth": "32",
}
_COUNTED = {"creator": "PID", "conn.exp_statsn": "N", "conn.local_port": "N"}


def _attributes(folder, prefix):
    """{prefix + name: text}; one that vanishes or refuses to be read is left out."""
    found = {}
    try:
        names = os.listdir(folder)
    except OSError:
        return found
    for name in names:
        if name == "uevent":
            continue
        try:
            with open(folder / name, encoding="utf-8", errors="backslashreplace") as file:
                found[prefix + name] = _COUNTED.get(prefix + name) or file.read().strip()
        except OSError:
            pass  # a directory, or gone
    return found


def _nice_of_queues():
    """{host: nice value of the thread that sends for it}"""
    return {int(queue[1]): fields[16] for _, name, fields in processes()
            if (queue := re.fullmatch(r"iscsi_q_(\d+)", name))}


class Session:
    def __init__(self, sid, nice):
        self.sid = sid
        folder = SYS / f"iscsi_session/session{sid}"
        device = pathlib.Path(os.path.realpath(folder / "device"))
        self.host = int((re.findall(r"/host(\d+)/", str(device)) or [-1])[0])
        self.attributes = _attributes(folder, "")
        self.attributes |= _attributes(SYS / f"iscsi_connection/connection{sid}:0", "conn.")
        self.attributes |= _attributes(SYS / f"iscsi_host/host{self.host}", "host.")
        queue = _attributes(SYS / f"scsi_host/host{self.host}", "host.")
        self.attributes["host.can_queue"] = queue.get("host.can_queue", "")
        self.attributes["host.nice"] = nice.get(self.host, "none")
        self.disks = {}
        for lun in sorted(device.glob("target*/*:*:*:*")):
            number = lun.name.rpartition(":")[2]
            blocks = sorted(path.name for path in lun.glob("block/*"))
            self.disks[int(number)] = blocks[0] if blocks else ""
            for name in ("state", "queue_depth"):
                value = _attributes(lun, "").get(name)
                if value is not None:
                    self.attributes[f"lun{number}.{name}"] = value

    def order(self):
        keys = ("targetname", "conn.persistent_address", "conn.persistent_port", "ifacename")
        return tuple(self.attributes.get(key, "") for key in keys) + (self.sid,)


def sessions():
    """{sid: Session}"""
    try:
        names = os.listdir(SYS / "iscsi_session")
    except OSError:
        return {}
    nice = _nice_of_queues() if names else {}
    return {sid: Session(sid, nice) for sid in sorted(int(name[7:]) for name in names)}


def snapshot():
    """{sid: its attributes}"""
    return {sid: session.attributes for sid, session in sessions().items()}


class Names:
    """The scenario's numbers for the kernel's: sessions in the order of their appearance, those
    that appear together by target, portal and iface."""

    def __init__(self):
        self._ordinals = {}  # sid: ours
        self._hosts = {}     # host: ours
        self._disks = {}     # block device: (ours, lun)
        self._now = {}

    def look(self):
        """Text of the changes since the last look."""
        before, self._now = self._now, sessions()
        for session in sorted(self._now.values(), key=Session.order):
            self._ordinals.setdefault(session.sid, len(self._ordinals) + 1)
            self._hosts[session.host] = self._ordinals[session.sid]
            for lun, disk in session.disks.items():
                self._disks[disk] = f"disk{self._ordinals[session.sid]}.{lun}"
        by_name = {self._ordinals[sid]: sid for sid in before.keys() | self._now.keys()}
        lines = [self._change(name, before.get(sid), self._now.get(sid))
                 for name, sid in sorted(by_name.items())]
        return "".join(line + "\n" for line in lines if line)

    def seen(self):
        """The snapshot of the last look."""
        return {sid: session.attributes for sid, session in self._now.items()}

    def _change(self, name, old, new):
        if new is None:
            return f"- session {name}"
        base, mark = (USUAL, "+") if old is None else (old.attributes, "~")
        changed = [f"{key}={new.attributes.get(key, 'none')}"
                   for key in sorted(base.keys() | new.attributes.keys())
                   if base.get(key) != new.attributes.get(key)]
        return f"{mark} session {name}: {' '.join(changed)}" if changed or not old else ""

    def words(self):
        """What {…} in a step stands for."""
        table = {str(ours): str(sid) for sid, ours in self._ordinals.items()}
        table |= {f"host{ours}": str(host) for host, ours in self._hosts.items()}
        for session in self._now.values():
            if session.disks:
                ours = self._ordinals[session.sid]
                table[f"disk{ours}"] = f"/dev/{session.disks[min(session.disks)]}"
        return table

    def ready(self, count):
        """Whether so many sessions are logged in and have disks."""
        now = [s for s in sessions().values()
               if s.attributes.get("state") == "LOGGED_IN" and any(s.disks.values())]
        return len(now) == count

    def normalise(self, text, hosts_in_brackets):
        def sid(match):
            return match[1] + str(self._ordinals.get(int(match[2]), "?"))

        def host(match):
            return match[1] + str(self._hosts.get(int(match[2]), "?"))
        text = re.sub(r"(?m)^((?:tcp|iser): \[)(\d+)(?=\])", host if hosts_in_brackets else sid,
                      text)
        text = re.sub(r"((?:sid: |SID: |\b[Ss]ession ?|[Cc]onnection))(\d+)\b", sid, text)
        text = re.sub(r"(Host Number: |\bhost ?|\bscsi)(\d+)\b", host, text)
        return re.sub(r"\bsd[a-z]+\b", lambda m: self._disks.get(m[0], m[0]), text)
