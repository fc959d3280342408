# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private istgt in a sandbox. It reads everything from files at its start.

istgt's CHAP knows MD5 only; its digests are "Auto" (what the initiator asks for) or demanded.
"""

import dataclasses

from beds.proc import BedError, wait_for
from beds.tgtd import Lun, size_in_bytes


@dataclasses.dataclass
class IstgtTarget:
    name: str
    luns: list = dataclasses.field(default_factory=list)  # of Lun, numbered from 0
    incoming: tuple = None  # (user, secret) the initiator must know
    outgoing: tuple = None  # (user, secret) the target proves itself with; needs `incoming`
    digests: str = "Auto"   # or "Header", "Data", "Header Data": demanded
    params: dict = dataclasses.field(default_factory=dict)


class Istgt:
    def __init__(self, box, targets, portal="127.0.0.1:3260"):
        self.box = box
        self.targets = list(targets)
        self.portal = portal
        # (user, secret), or (user, secret, target's user, target's secret), for SendTargets.
        self.discovery_account = None
        self.params = {}
        self.process = None
        self._dir = box.dir / f"istgt-{portal.rpartition(':')[2]}"

    @property
    def name(self):
        return self.targets[0].name

    def start(self):
        self._dir.mkdir(exist_ok=True)
        for target in self.targets:
            for lun in target.luns:
                lun.create_file()
        (self._dir / "auth.conf").write_text(self._auth(), encoding="ascii")
        (self._dir / "auth.conf").chmod(0o600)
        (self._dir / "istgt.conf").write_text(self._conf(), encoding="ascii")
        self.process = self.box.start(
            ["istgt", "-D", "-c", self._dir / "istgt.conf", "-p", self._dir / "pid"],
            log=f"{self._dir.name}.log")
        wait_for(self._listens, 10, lambda: f"istgt: {self.process.log()[-2000:]}")
        return self

    def _listens(self):
        if not self.process.alive():
            raise BedError(f"istgt ended: {self.process.log()[-2000:]}")
        address, _, port = self.portal.rpartition(":")
        return self.box.run(["ss", "-Hltn", f"src = {address}:{port}"]).out != ""

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        self.kill()
        return self.start()

    def stop(self):
        if self.process and self.process.alive():
            self.kill()

    def _auth(self):
        groups = []
        for number, target in enumerate(self.targets, 1):
            if target.incoming:
                groups.append((number, (*target.incoming, *(target.outgoing or ()))))
        if self.discovery_account:
            groups.append((9999, self.discovery_account))
        return "".join(f"[AuthGroup{number}]\n  Auth " + " ".join(f'"{w}"' for w in words) + "\n"
                       for number, words in groups)

    def _conf(self):
        parameters = {"MaxOutstandingR2T": 1, "DefaultTime2Wait": 2, "DefaultTime2Retain": 60,
                      "FirstBurstLength": 65536, "MaxBurstLength": 262144,
                      "MaxRecvDataSegmentLength": 65536, "InitialR2T": "Yes",
                      "ImmediateData": "Yes", "DataPDUInOrder": "Yes",
                      "DataSequenceInOrder": "Yes", "ErrorRecoveryLevel": 0, **self.params}
        address, _, port = self.portal.rpartition(":")
        text = f"""[Global]
  NodeBase "iqn.2026-11.test"
  PidFile {self._dir}/pid
  AuthFile {self._dir}/auth.conf
  LogFacility "local7"
  Timeout 30
  NopInInterval 20
  DiscoveryAuthMethod {self._discovery_method()}
  DiscoveryAuthGroup {"AuthGroup9999" if self.discovery_account else "None"}
  MaxSessions 128
  MaxConnections 4
  MaxR2T 32
{_lines(parameters)}
[UnitControl]
  AuthMethod CHAP
  AuthGroup None
  Portal UC1 {address}:{int(port) + 1}
  Netmask {address}
[PortalGroup1]
  Portal DA1 {self.portal}
[InitiatorGroup1]
  InitiatorName "ALL"
  Netmask ALL
"""
        return text + "".join(self._unit(n, t) for n, t in enumerate(self.targets, 1))

    def _discovery_method(self):
        if not self.discovery_account:
            return "None"
        return "CHAP Mutual" if len(self.discovery_account) == 4 else "CHAP"

    @staticmethod
    def _unit(number, target):
        method = "None"
        if target.incoming:
            method = "CHAP Mutual" if target.outgoing else "CHAP"
        text = f"""[LogicalUnit{number}]
  TargetName {target.name}
  Mapping PortalGroup1 InitiatorGroup1
  AuthMethod {method}
  AuthGroup {f"AuthGroup{number}" if target.incoming else "None"}
  UseDigest {target.digests}
  UnitType Disk
  UnitInquiry "TEST" "istgt disk" "0001" "bed{number:08}"
  QueueDepth 64
  BlockLength {target.luns[0].block_size}
{_lines(target.params)}"""
        for index, lun in enumerate(target.luns):
            lun.number = index
            text += f"  LUN{index} Storage {lun.path} {size_in_bytes(lun.size)}B\n"
            if lun.readonly:
                text += f"  LUN{index} Option ReadOnly\n"
        return text


def _lines(pairs):
    return "".join(f"  {key} {value}\n" for key, value in pairs.items())
