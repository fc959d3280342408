# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills a command at each of its system calls that change a file, one run for each.

strace does the killing: SIGKILL at the entry of the Nth call of a set. The call is then not made,
so the runs show every state between two calls.
"""

import dataclasses
import pathlib
import re
import shutil

from differential import tree
from records.lab import program

_CALLS = ("open,openat,creat,write,writev,pwrite64,pwritev,sendfile,copy_file_range,"
          "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink,"
          "symlinkat,truncate,ftruncate,fallocate,fsync,fdatasync,syncfs,sync,sync_file_range,"
          "chmod,fchmod,fchmodat,chown,fchown,utimensat,flock")
_CALL = re.compile(r"^(?:\d+\s+)?(\w+)\((.*)")
# Output and sockets are no files: of the writes, those to files whose name is known count (-y).
_TO_A_FILE = re.compile(r"^\d+</(?!dev/|proc/|sys/)")


@dataclasses.dataclass
class Step:
    """A system call that changes a file: the `number`th of all calls named `name`."""

    name: str
    number: int
    text: str


def _changes_a_file(name, arguments):
    if name in ("open", "openat", "creat"):
        return any(flag in arguments for flag in ("O_CREAT", "O_TRUNC", "O_WRONLY", "O_RDWR"))
    if name in ("write", "writev", "pwrite64", "pwritev"):
        return _TO_A_FILE.match(arguments) is not None
    return True


class Crash:
    def __init__(self, lab, who):
        self.lab = lab
        self._program = program(who)
        self._trace = lab.box.dir / "trace"

    def _strace(self, options, words):
        return self.lab.box.run(["strace", "-y", "-o", self._trace, *options, self._program,
                                 *words])

    def steps(self, words):
        """The calls of an undisturbed run, which must succeed."""
        self._strace(["-e", f"trace={_CALLS}"], words).ok()
        seen, found = {}, []
        for line in self._trace.read_text(errors="replace").splitlines():
            match = _CALL.match(line)
            if not match:
                continue
            name, arguments = match.groups()
            seen[name] = seen.get(name, 0) + 1
            if _changes_a_file(name, arguments):
                found.append(Step(name, seen[name], line))
        return found

    def run(self, words, step):
        """Runs the command until the step; True when it died there."""
        inject = f"inject={step.name}:signal=SIGKILL:when={step.number}"
        result = self._strace(["-e", f"trace={_CALLS}", "-e", inject], words)
        return result.rc in (-9, 137)


def snapshot(lab):
    return tree.snapshot(pathlib.Path(lab.etc))


def restore(lab, files):
    """Makes /etc/iscsi what a snapshot says, and frees the lock."""
    for path in pathlib.Path(lab.etc).iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, (kind, mode, content) in sorted(files.items()):
        path = lab.etc / name
        if kind == "dir":
            path.mkdir(mode=int(mode, 8))
        elif kind == "link":
            path.symlink_to(content)
        elif kind == "file":
            path.write_text(content)
            path.chmod(int(mode, 8))
    free_the_lock(lab)


def free_the_lock(lab):
    """True when it was held."""
    path = lab.box.path("/run/lock/iscsi/lock.write")
    held = path.exists()
    path.unlink(missing_ok=True)
    return held


def records(files):
    """{path: text} of the records in a snapshot."""
    return {name: content for name, (kind, _, content) in files.items()
            if kind == "file" and name.split("/")[0] in ("nodes", "ifaces", "send_targets", "isns")}


def damage(now, before, after):
    """Names of records that are neither what they were nor what they should become."""
    now, before, after = records(now), records(before), records(after)
    return [name for name in sorted(before.keys() | after.keys() | now.keys())
            if now.get(name) not in (before.get(name), after.get(name))]
