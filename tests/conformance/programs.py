# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a case with the programs themselves: iscsiadm, iscsid, iscsi-userd and a real block device."""

import dataclasses
import re
import threading
import zlib

from beds.blockio import Device
from beds.initiator import Initiator

from .case import pattern
from .drive import Outcome

# The probe's names of settings -> names in a record. Times become real seconds.
_SESSION = ("MaxBurstLength", "FirstBurstLength", "InitialR2T", "ImmediateData", "MaxOutstandingR2T",
            "DefaultTime2Wait", "DefaultTime2Retain")
_CONNECTION = ("HeaderDigest", "DataDigest", "MaxRecvDataSegmentLength")
_AUTH = ("username", "password", "username_in", "password_in", "chap_algs")
_TIMES = {
    "login_timeout": ("node.conn[0].timeo.login_timeout", 2),
    "logout_timeout": ("node.conn[0].timeo.logout_timeout", 2),
    "noop_out_interval": ("node.conn[0].timeo.noop_out_interval", 1),
    "noop_out_timeout": ("node.conn[0].timeo.noop_out_timeout", 1),
    "replacement_timeout": ("node.session.timeo.replacement_timeout", 3),
    "abort_timeout": ("node.session.err_timeo.abort_timeout", 2),
    "lu_reset_timeout": ("node.session.err_timeo.lu_reset_timeout", 2),
    "tgt_reset_timeout": ("node.session.err_timeo.tgt_reset_timeout", 2),
}
IO_SECONDS = 40
PING_MILLISECONDS = 30   # the interval of pings in cases that sleep, a second here


def record_of(login):
    record = {}
    for name, value in login.items():
        if name in _SESSION:
            record[f"node.session.iscsi.{name}"] = value
        elif name in _CONNECTION:
            record[f"node.conn[0].iscsi.{name}"] = value
        elif name in _AUTH:
            record[f"node.session.auth.{name}"] = value
        elif name in _TIMES:
            key, seconds = _TIMES[name]
            record[key] = seconds
        else:
            raise ValueError(f"no record key for {name}")
    if "password" in login:
        record["node.session.auth.authmethod"] = "CHAP"
    return record


def discovery_conf(login):
    """The same credentials for discovery."""
    conf = {f"discovery.sendtargets.auth.{name}": value for name, value in login.items() if name in _AUTH}
    if conf:
        conf["discovery.sendtargets.auth.authmethod"] = "CHAP"
    return conf


def real_time(case):
    """The case with a second that lasts one."""
    return dataclasses.replace(case, config=dataclasses.replace(case.config, second=case.config.second * 100))


class Programs:
    def __init__(self, box, case, target):
        self.case, self.target = case, target
        self.portal = f"127.0.0.1:{target.port}"
        conf = {"node.session.initial_login_retry_max": 3, "node.conn[0].timeo.login_timeout": 2,
                **discovery_conf(case.login)}
        self.initiator = Initiator(box, conf=conf).start()
        self.outcome = Outcome()

    def run(self):
        if self.case.mode == "discover":
            self._discover()
        else:
            self._session()
        log = self.initiator.iscsid.log()
        self.outcome.login_text += log
        self.outcome.errors = [int(number) for number in re.findall(r"detected conn error \(10(\d\d)\)", log)]
        self.outcome.exit_code = 0 if self.initiator.iscsid.alive() else 1
        self.outcome.transcript += log
        return self.outcome

    def _discover(self):
        result = self.initiator.discover(self.portal)
        self.outcome.discovery_code, self.outcome.login_text = result.rc, result.err
        self.outcome.found = [tuple(line.split()) for line in result.out.splitlines()]
        self.outcome.transcript = str(result)

    def _session(self):
        name = self.case.config.names[0]
        self.initiator.node(name, f"{self.portal},1", "-o", "new").ok()
        record = record_of(self.case.login)
        if record:
            self.initiator.update(name, self.portal, record)
        result = self.initiator.login(name, self.portal)
        self.outcome.login_code, self.outcome.login_text = result.rc, result.err
        self.outcome.transcript = str(result)
        if result.rc:
            return
        device = self.initiator.disk(self.portal, name, 0)
        worker = threading.Thread(target=self._work, args=(device,), daemon=True)
        worker.start()
        worker.join(IO_SECONDS)
        if worker.is_alive():
            self.outcome.transcript += "the I/O hangs\n"
            return
        left = self.initiator.logout(name, self.portal)
        self.outcome.transcript += str(left)
        if left.rc:
            self.outcome.results.clear()

    def _work(self, path):
        size = self.case.config.luns[0][1]
        with Device(path) as device:
            for index, line in enumerate(self.case.run):
                verb, *numbers = line.lstrip("&").split()
                if verb == "sleep":
                    self.target.stopping.wait(int(numbers[0]) / PING_MILLISECONDS)
                if verb not in ("read", "write"):
                    continue
                lba, count = int(numbers[0]), int(numbers[1])
                data = b""
                try:
                    if verb == "read":
                        data = device.read(lba * size, count * size)
                    else:
                        device.write(lba * size, pattern(lba, count, int(numbers[2]), size))
                    self.outcome.results[index] = (0, zlib.crc32(data))
                except OSError as error:
                    self.outcome.results[index] = (error.errno, None)
