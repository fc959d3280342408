# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linux's own target (LIO), set up through configfs. Runs where the kernel has it: in the guest.

The portal belongs to the sandbox that opens it; the configuration belongs to the kernel, so
names of targets and LUNs must be unique, and stop() takes everything down again.
"""

import os
import pathlib
import subprocess

from beds.proc import wait_for
from beds.tgtd import size_in_bytes

_ROOT = pathlib.Path("/sys/kernel/config/target")


def load_modules():
    for module in ("configfs", "target_core_mod", "target_core_file", "iscsi_target_mod", "loop",
                   "fuse", "sha3_generic"):
        subprocess.run(["modprobe", module], check=True, capture_output=True)
    if not os.path.ismount("/sys/kernel/config"):
        subprocess.run(["mount", "-t", "configfs", "configfs", "/sys/kernel/config"], check=True)


def _write(path, value):
    """Without a newline: LIO would make it a part of a name or secret."""
    path.write_text(str(value), encoding="ascii")


class Lio:
    """Takes the same descriptions as Tgtd (beds.tgtd.Target, Lun). LUNs count from 0."""

    def __init__(self, box, targets, portal="127.0.0.1:3260"):
        self.box = box
        self.targets = list(targets)
        self.portal = portal
        self.discovery_incoming = None
        self.discovery_outgoing = None
        self._next_core = 0
        self._cores = []

    @property
    def name(self):
        return self.targets[0].name

    def start(self):
        load_modules()
        (_ROOT / "iscsi").mkdir(exist_ok=True)
        self._discovery_auth()
        for target in self.targets:
            self._add(target)
        return self

    def stop(self):
        for target in self.targets:
            if not self._tpg(target).exists():
                continue
            self.enable(target, False)
            for lun in target.luns:
                self._unmap(target, lun)
            tpg = self._tpg(target)
            (tpg / "np" / self.portal).rmdir()
            tpg.rmdir()
            tpg.parent.rmdir()
        for core in self._cores:
            core.rmdir()
        self._cores.clear()
        for key in ("userid", "password", "userid_mutual", "password_mutual"):
            _write(_ROOT / "iscsi/discovery_auth" / key, "NULL")
        _write(_ROOT / "iscsi/discovery_auth/enforce_discovery_auth", 0)

    def enable(self, target, on):
        """Off: sessions of the target end and logins are refused, as if the machine went."""
        _write(self._tpg(target) / "enable", int(on))

    def restart(self):
        """What a kill and restart of a user-space target looks like to the initiator."""
        for on in (False, True):
            for target in self.targets:
                self.enable(target, on)

    def close_portal(self):
        for target in self.targets:
            (self._tpg(target) / "np" / self.portal).rmdir()

    def open_portal(self):
        for target in self.targets:
            self._make_portal(target)

    def _make_portal(self, target):
        """The network namespace of who makes the directory is the portal's."""
        subprocess.run(["nsenter", f"--net=/proc/{self.box.init_pid}/ns/net", "mkdir",
                        self._tpg(target) / "np" / self.portal], check=True)

    def set_param(self, target, key, value):
        target.params[key] = value
        _write(self._tpg(target) / "param" / key, value)

    def add_lun(self, target, lun):
        target.luns.append(lun)
        self._map(target, lun)

    def grow_lun(self, lun, size):
        lun.size = size
        lun.create_file()
        _write(lun.core / "control", f"fd_dev_size={size_in_bytes(size)}")

    def _tpg(self, target):
        return _ROOT / "iscsi" / target.name / "tpgt_1"

    def _add(self, target):
        tpg = self._tpg(target)
        tpg.mkdir(parents=True)
        attributes = {"authentication": int(target.incoming is not None), "generate_node_acls": 1,
                      "demo_mode_write_protect": 0, "cache_dynamic_acls": 1}
        for key, value in attributes.items():
            _write(tpg / "attrib" / key, value)
        self._credentials(tpg / "auth", target.incoming, target.outgoing)
        for key, value in target.params.items():
            _write(tpg / "param" / key, value)
        for lun in target.luns:
            self._map(target, lun)
        self._make_portal(target)
        self.enable(target, True)

    def _map(self, target, lun):
        """A fileio backstore and its LUN. lun.core is the backstore's directory."""
        lun.create_file()
        taken = [other.number for other in target.luns if hasattr(other, "core")]
        lun.number = max(taken, default=-1) + 1
        hba = _ROOT / "core/fileio_0"
        hba.mkdir(exist_ok=True)
        lun.core = hba / f"{target.name.rpartition(':')[2]}-{lun.number}"
        lun.core.mkdir()
        self._cores.append(lun.core)
        _write(lun.core / "control",
               f"fd_dev_name={lun.path},fd_dev_size={size_in_bytes(lun.size)}")
        _write(lun.core / "enable", 1)
        _write(lun.core / "attrib/block_size", lun.block_size)
        # Without a serial number LIO lists no VPD page at all, not even those it has.
        _write(lun.core / "wwn/vpd_unit_serial", f"bed-{lun.core.name}")
        _write(lun.core / "attrib/emulate_tpu", int(lun.thin))
        _write(lun.core / "attrib/emulate_tpws", int(lun.thin))
        directory = self._tpg(target) / "lun" / f"lun_{lun.number}"
        directory.mkdir()
        (directory / "store").symlink_to(lun.core)

    def _unmap(self, target, lun):
        directory = self._tpg(target) / "lun" / f"lun_{lun.number}"
        (directory / "store").unlink()
        directory.rmdir()
        del lun.core

    def _discovery_auth(self):
        directory = _ROOT / "iscsi/discovery_auth"
        self._credentials(directory, self.discovery_incoming, self.discovery_outgoing)
        _write(directory / "enforce_discovery_auth", int(self.discovery_incoming is not None))

    @staticmethod
    def _credentials(directory, incoming, outgoing):
        if incoming:
            _write(directory / "userid", incoming[0])
            _write(directory / "password", incoming[1])
        if outgoing:
            _write(directory / "userid_mutual", outgoing[0])
            _write(directory / "password_mutual", outgoing[1])

    def sessions(self, target):
        """Names of the initiators logged in."""
        acls = self._tpg(target) / "dynamic_sessions"
        return acls.read_text(encoding="ascii").replace("\0", "\n").split()

    def wait_no_sessions(self, target, seconds=10):
        wait_for(lambda: not self.sessions(target), seconds, "sessions to end")
