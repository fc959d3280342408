# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private tgtd in a sandbox, described by data, so that it can be killed and put up again.

    target = Target("iqn.2026-11.test:disk", luns=[Lun(box.dir / "disk", "64M")])
    tgtd = Tgtd(box, [target])
    tgtd.start()

The portal opens only after everything is configured: to an initiator a restart looks like a
machine that comes back, never like one that has lost its targets.
"""

import dataclasses
import itertools
import os
import pathlib

from beds.proc import BedError, wait_for

_control_ids = itertools.count(1)
_UNITS = {"K": 10, "M": 20, "G": 30, "T": 40}


def size_in_bytes(text):
    """"64M" -> 67108864; numbers pass unchanged."""
    text = str(text)
    return int(text[:-1]) << _UNITS[text[-1]] if text[-1] in _UNITS else int(text)


@dataclasses.dataclass
class Lun:
    path: pathlib.Path
    size: object = "64M"  # the backing file is sparse; an existing, larger file is left alone
    block_size: int = 512
    thin: bool = True     # UNMAP punches holes into the backing file
    readonly: bool = False
    number: int = 0       # 0: the next free one, from 1 (tgtd's LUN 0 is its controller)

    def create_file(self):
        with open(self.path, "ab") as f:
            if f.tell() < size_in_bytes(self.size):
                os.truncate(self.path, size_in_bytes(self.size))

    def allocated_bytes(self):
        return os.stat(self.path).st_blocks * 512


@dataclasses.dataclass
class Target:
    name: str
    luns: list = dataclasses.field(default_factory=list)
    # CHAP: (user, secret) that the initiator must know / that the target proves itself with.
    incoming: tuple = None
    outgoing: tuple = None
    # iSCSI keys by their RFC names, and MaxQueueCmd.
    params: dict = dataclasses.field(default_factory=dict)


class Tgtd:
    def __init__(self, box, targets=(), portals=("127.0.0.1:3260",)):
        self.box = box
        self.targets = list(targets)
        self.portals = list(portals)
        # Accounts (user, secret) that SendTargets discovery asks for.
        self.discovery_incoming = None
        self.discovery_outgoing = None
        self.process = None
        self._control = next(_control_ids)
        self._env = {"TGT_IPC_SOCKET": f"{box.dir}/tgtd-{self._control}"}
        self.restarts = 0

    @property
    def portal(self):
        return self.portals[0]

    @property
    def name(self):
        return self.targets[0].name

    def start(self):
        """Starts the daemon, configures all, opens the portals. Returns itself."""
        for target in self.targets:
            for lun in target.luns:
                lun.create_file()
        # tgtd always opens one portal at its start: a spare one that nobody knows.
        self.process = self.box.start(
            ["tgtd", "-f", "-C", self._control, "--iscsi", "portal=127.0.0.1:1"],
            log=f"tgtd-{self._control}.log", env=self._env)
        wait_for(self._answers, 10, lambda: f"tgtd: {self.process.log()[-2000:]}")
        self._run_script(self._script())
        return self

    def _answers(self):
        if not self.process.alive():
            raise BedError(f"tgtd ended: {self.process.log()[-2000:]}")
        return os.path.exists(f"{self.box.dir}/tgtd-{self._control}.{self._control}") and \
            self.tgtadm("--op", "show", "--mode", "sys", check=False).rc == 0

    def kill(self):
        """SIGKILL: connections end with RST, nothing is flushed by tgtd (its files are)."""
        self.process.kill()
        self.process.wait()

    def restart(self):
        self.kill()
        self.restarts += 1
        return self.start()

    def stop(self):
        """Ends it for good; the same as a kill, since tgtd refuses to go while sessions are up."""
        if self.process and self.process.alive():
            self.kill()

    # Configuration ---------------------------------------------------------------------------

    def tgtadm(self, *args, check=True):
        result = self.box.run(["tgtadm", "-C", self._control, *args], env=self._env)
        return result.ok() if check else result

    def show(self):
        return self.tgtadm("--lld", "iscsi", "--op", "show", "--mode", "target").out

    def open_portal(self, portal):
        self._portal("new", portal)

    def close_portal(self, portal):
        """New connections are refused; those that stand are not touched."""
        self._portal("delete", portal)

    def _portal(self, op, portal):
        self.tgtadm("--lld", "iscsi", "--op", op, "--mode", "portal", "--param",
                    f"portal={portal}")

    def set_param(self, target, key, value):
        """Changes a key for logins to come, and after a restart too."""
        target.params[key] = value
        self._run_script([self._param(self._tid(target), key, value)])

    def add_target(self, target):
        self.targets.append(target)
        for lun in target.luns:
            lun.create_file()
        self._run_script(self._target_lines(target))

    def add_lun(self, target, lun):
        target.luns.append(lun)
        lun.create_file()
        self._number(target)
        self._run_script(self._lun_lines(self._tid(target), lun))

    def remove_lun(self, target, lun):
        target.luns.remove(lun)
        self._run_script([f"--op delete --mode logicalunit --tid {self._tid(target)} "
                          f"--lun {lun.number}"])

    def grow_lun(self, target, lun, size):
        """tgtd reads a size only when a LUN is made: the LUN is replaced, same number and file."""
        lun.size = size
        lun.create_file()
        tid = self._tid(target)
        self._run_script([f"--op delete --mode logicalunit --tid {tid} --lun {lun.number}",
                          *self._lun_lines(tid, lun)])

    def set_readonly(self, target, lun, readonly):
        lun.readonly = readonly
        self._run_script([f"--op update --mode logicalunit --tid {self._tid(target)} "
                          f"--lun {lun.number} --params readonly={int(readonly)}"])

    def bind_account(self, target, account, outgoing=False):
        tid = self._tid(target)
        self._run_script(self._account_lines(account)
                         + [self._bind_line(tid, account, outgoing)])

    def connections(self):
        """Number of TCP connections from initiators that tgtd holds."""
        lines = self.box.run(["ss", "-Htn", "state", "established"]).ok().out.splitlines()
        return sum(1 for line in lines if line.split()[2] in self.portals)

    def _tid(self, target):
        return self.targets.index(target) + 1

    def _run_script(self, lines):
        """Runs many tgtadm commands by one shell: a restart takes milliseconds."""
        script = "set -e\n" + "".join(f"tgtadm -C {self._control} --lld iscsi {line}\n"
                                      for line in lines)
        self.box.run(["sh", "-c", script], env=self._env).ok()

    def _script(self):
        lines = []
        accounts = {}
        for target in self.targets:
            for account in (target.incoming, target.outgoing):
                if account:
                    accounts[account[0]] = account
        for account in (self.discovery_incoming, self.discovery_outgoing):
            if account:
                accounts[account[0]] = account
        for account in accounts.values():
            lines += self._account_lines(account)
        for target in self.targets:
            lines += self._target_lines(target, accounts_exist=True)
        for account, outgoing in ((self.discovery_incoming, False),
                                  (self.discovery_outgoing, True)):
            if account:
                lines.append(self._bind_line(None, account, outgoing))
        lines += [f"--op new --mode portal --param portal={p}" for p in self.portals]
        return lines

    def _target_lines(self, target, accounts_exist=False):
        tid = self._tid(target)
        lines = [f"--op new --mode target --tid {tid} -T {target.name}"]
        lines += [self._param(tid, key, value) for key, value in target.params.items()]
        self._number(target)
        for lun in target.luns:
            lines += self._lun_lines(tid, lun)
        for account, outgoing in ((target.incoming, False), (target.outgoing, True)):
            if account:
                if not accounts_exist:
                    lines += self._account_lines(account)
                lines.append(self._bind_line(tid, account, outgoing))
        lines.append(f"--op bind --mode target --tid {tid} -I ALL")
        return lines

    @staticmethod
    def _number(target):
        taken = {lun.number for lun in target.luns}
        for lun in target.luns:
            if not lun.number:
                lun.number = next(n for n in itertools.count(1) if n not in taken)
                taken.add(lun.number)

    @staticmethod
    def _lun_lines(tid, lun):
        unit = f"--mode logicalunit --tid {tid} --lun {lun.number}"
        params = [f"thin_provisioning={int(lun.thin)}", f"scsi_sn=bed{tid:04}{lun.number:04}",
                  f"scsi_id=bed{tid:04}{lun.number:04}"]
        if lun.readonly:
            params.append("readonly=1")
        return [f"--op new {unit} --blocksize {lun.block_size} -b {lun.path}",
                f"--op update {unit} --params {','.join(params)}"]

    @staticmethod
    def _account_lines(account):
        user, secret = account
        return [f"--op new --mode account --user '{user}' --password '{secret}'"]

    @staticmethod
    def _bind_line(tid, account, outgoing):
        """Without a tid the account is the one for discovery."""
        return (f"--op bind --mode account --user '{account[0]}'"
                + (f" --tid {tid}" if tid else "") + (" --outgoing" if outgoing else ""))

    @staticmethod
    def _param(tid, key, value):
        return f"--op update --mode target --tid {tid} -n {key} -v {value}"
