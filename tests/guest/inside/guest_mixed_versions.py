# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's iscsiadm with our iscsid and the reverse, on the kernel's sessions: both mixed pairs say
in all steps what Debian's pair says. And each iscsid takes over what the other one has left.

In the guest's first network namespace, the only one with iSCSI netlink.
"""

import pathlib
import re
import subprocess

import pytest

from beds.initiator import SOCKET_NAME, find_program
from beds.lio import Lio
from beds.proc import listens, wait_for
from beds.tgtd import Lun, Target

PORTAL = "127.0.0.1:3260"
TARGET = "iqn.2026-11.test:mixed"
THEIRS = {"iscsiadm": "/usr/sbin/iscsiadm", "iscsid": "/usr/sbin/iscsid"}
OURS = {name: str(find_program(name)) for name in THEIRS}

NODE = f"-m node -T {TARGET} -p {PORTAL}"
# Where nobody listens, and a target that is none.
CLOSED = f"-m node -T {TARGET} -p 127.0.0.1:9"
NONE = f"-m node -T iqn.2026-11.test:none -p {PORTAL}"
STEPS = [
    f"-m discovery -t st -p {PORTAL}",
    "-m session",
    f"{NODE} --login",
    "-m session",
    "-m session -P 1",
    "-m session -P 2",
    "-m session -P 3",
    "-m host -P 1",
    f"{NODE} --login",
    f"{NODE} --rescan",
    "-m session --rescan",
    "-m session -s",
    f"{NODE} -s",
    "-m session -r SID -P 0",
    "-m session -r 999 -P 1",
    "-m session -r SID -o update -n node.session.timeo.replacement_timeout -v 33",
    "-m session -r SID -o new",
    "-m session",
    f"{CLOSED} -o new",
    f"{CLOSED} -o update -n node.session.initial_login_retry_max -v 1",
    f"{CLOSED} -o update -n node.conn[0].timeo.login_timeout -v 2",
    f"{CLOSED} --login",
    f"{NONE} -o new",
    f"{NONE} -o update -n node.session.initial_login_retry_max -v 1",
    f"{NONE} -o update -n node.conn[0].timeo.login_timeout -v 2",
    f"{NONE} --login",
    f"{NONE} --logout",
    f"{NODE} --logout",
    "-m session",
    f"{NODE} --logout",
    "-k 0",
]


@pytest.fixture(scope="module", autouse=True)
def _kernel():
    for module in ("sd_mod", "iscsi_tcp"):
        subprocess.run(["modprobe", module], check=True)
    etc = pathlib.Path("/etc/iscsi")
    (etc / "initiatorname.iscsi").write_text("InitiatorName=iqn.2026-11.test:mixed-initiator\n")
    (etc / "iscsid.conf").write_text("node.startup = manual\nnode.session.cmds_max = 32\n")


@pytest.fixture(scope="module", autouse=True)
def lio(_kernel):
    class FirstNamespace:
        init_pid = 1
    target = Lio(FirstNamespace(), [Target(TARGET, [Lun(pathlib.Path("/dev/shm/mixed"))])],
                 portal=PORTAL).start()
    yield target
    target.stop()


class Pair:
    """An iscsid that runs, and the iscsiadm to ask it with."""

    def __init__(self, adm, iscsid):
        self._adm = adm["iscsiadm"]
        self._log = open("/out/iscsid.log", "ab")
        # A session of its own: the reference's signals its whole process group when it ends.
        self.iscsid = subprocess.Popen([iscsid["iscsid"], "-f", "-d", "1"], stdout=self._log,
                                       stderr=self._log, start_new_session=True)
        wait_for(self._answers, 20, "iscsid")

    def _answers(self):
        if not listens(SOCKET_NAME):
            return False
        asked = subprocess.run([THEIRS["iscsiadm"], "-m", "session"], check=False,
                               capture_output=True)
        return asked.returncode in (0, 21)

    def adm(self, line):
        words = line.replace("SID", str(min(sids(), default=0))).split()
        result = subprocess.run([self._adm, *words], check=False, capture_output=True, text=True,
                                timeout=60)
        return result.returncode, result.stdout, result.stderr

    def end(self):
        """SIGTERM: sessions stay."""
        self.iscsid.terminate()
        self.iscsid.wait(20)
        self._log.close()


def sids():
    return [int(path.name.removeprefix("session"))
            for path in pathlib.Path("/sys/class/iscsi_session").glob("session*")]


def transcript(adm, iscsid):
    """What all steps print, less what numbers each run has anew."""
    pair = Pair(adm, iscsid)
    try:
        lines = []
        for step in STEPS:
            code, out, err = pair.adm(step)
            lines += [f"$ {step} [{code}]", *normalised(out).splitlines(),
                      *(f"E|{line}" for line in normalised(err).splitlines())]
        pair.iscsid.wait(20)
        return lines
    finally:
        pair.end()
        clean_up()


def states(pair):
    """{sid: (connection's state, iscsid's own state)}"""
    code, out, err = pair.adm("-m session -P 1")
    assert code == 0, err
    return {int(sid): (connection, own) for sid, connection, own in re.findall(
        r"SID: (\d+)\n.*Connection State: (.*)\n.*\n.*Internal iscsid Session State: (.*)\n", out)}


def clean_up():
    """Nothing of a run is left for the next one."""
    if sids():
        pair = Pair(OURS, OURS)
        pair.adm("-m session -u")
        pair.end()
    assert not sids()
    subprocess.run(["rm", "-rf", "/etc/iscsi/nodes", "/etc/iscsi/send_targets"], check=True)


_NUMBERS = [
    (r"\[sid: \d+", "[sid: N"), (r"^(\w+: )\[\d+\]", r"\1[N]"), (r"SID: \d+", "SID: N"),
    (r"Host Number: \d+", "Host Number: N"), (r"scsi\d+ Channel", "scsiN Channel"),
    (r"\bsd[a-z]+\b", "sdX"), (r"^(\t\w+: )\d+$", r"\1N"), (r"\bsession\d+\b", "sessionN"),
    # Of the reference's library: the line in its sources.
    (r" +# \w+\.c:\w+\(\):\d+$", ""),
]


def normalised(text):
    for pattern, mark in _NUMBERS:
        text = re.sub(pattern, mark, text, flags=re.M)
    # What ours adds to errors; doc/differences.md.
    return "".join(line for line in text.splitlines(keepends=True)
                   if not line.startswith("iscsiadm: hint: "))


@pytest.fixture(scope="module")
def reference():
    return transcript(THEIRS, THEIRS)


@pytest.mark.parametrize("adm,iscsid", [(THEIRS, OURS), (OURS, THEIRS)],
                         ids=["theirs-ours", "ours-theirs"])
def test_pairs_say_the_same(reference, adm, iscsid):
    is_now = transcript(adm, iscsid)

    pathlib.Path("/out/transcript").write_text("\n".join(reference) + "\n")
    assert is_now == reference


@pytest.mark.parametrize("first,second", [(THEIRS, OURS), (OURS, THEIRS)],
                         ids=["theirs-ours", "ours-theirs"])
def test_a_session_goes_on_with_the_other_iscsid(first, second):
    pair = Pair(first, first)
    assert pair.adm(STEPS[0])[0] == 0
    assert pair.adm(f"{NODE} --login")[0] == 0
    [sid] = sids()
    pair.end()

    pair = Pair(second, second)
    oom = pathlib.Path(f"/proc/{pair.iscsid.pid}/oom_score_adj")
    assert second is THEIRS or oom.read_text() == "-1000\n"
    try:
        # The reference logs in again whatever it finds; ours only what has lost its connection.
        wait_for(lambda: states(pair) == {sid: ("LOGGED IN", "NO CHANGE")}, 30,
                 lambda: states(pair))
        assert pair.adm("-m session -s")[0] == 0
        code, out, err = pair.adm(f"{NODE} --logout")
        assert code == 0 and "successful" in out, err
        assert not sids()
    finally:
        pair.end()
        clean_up()
