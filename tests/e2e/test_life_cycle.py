# SPDX-License-Identifier: LGPL-2.1-or-later
"""iscsid as a service: units, the socket it inherits, readiness, pid file, signals, memory."""

import configparser
import fcntl
import os
import pathlib
import subprocess
import sys

import pytest

from beds import fixed_request
from beds.blockio import exercise
from beds.initiator import SOCKET_NAME, Initiator, build_dir, find_program
from beds.proc import listens, wait_for

TESTS = pathlib.Path(__file__).parents[1]
UNITS = ("iscsid.service", "iscsid.socket", "iscsi.service")

# Plays the service manager: makes the socket, queues a question in it, becomes iscsid, and tells
# what was answered and what iscsid has said of itself. Arguments: seconds, then iscsid's command.
MANAGER = """
import os, socket, sys
from beds import fixed_request
listener = socket.socket(socket.AF_UNIX)
listener.bind("\\0ISCSIADM_ABSTRACT_NAMESPACE")
listener.listen(32)
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind("\\0notify")
child = os.fork()
if child == 0:
    os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", NOTIFY_SOCKET="@notify")
    os.execv(sys.argv[1], sys.argv[1:])
listener.close()
print(fixed_request.ask(fixed_request.about("2.1.8", fixed_request.CONFIG_FILE)).text)
said = []
while "READY=1" not in "".join(said):
    said.append(notify.recv(4096).decode())
print(" ".join("".join(said).split("\\n")))
print(fixed_request.ask(fixed_request.about("2.1.8", fixed_request.STOP)).code)
said = ""
while "STOPPING=1" not in said:
    said = notify.recv(4096).decode()
print(said)
os.waitpid(child, 0)
"""


def client(box, command):
    """What iscsid answers to a question about nothing in particular."""
    code = ("import sys; from beds import fixed_request as f; "
            "print(f.ask(f.about('2.1.8', int(sys.argv[1]))).text)")
    return box.run([sys.executable, "-c", code, command],
                   env={"PYTHONPATH": str(TESTS)}).ok().out.strip()


@pytest.mark.parametrize("options", [["-f"], ["-p", "/run/iscsid.pid"]], ids=["front", "back"])
def test_inherited_socket_and_readiness(box, options):
    Initiator(box)
    result = box.run([sys.executable, "-c", MANAGER, find_program("iscsid"), *options],
                     timeout=20, env={"PYTHONPATH": str(TESTS)}).ok()

    config, ready, stopped, stopping = result.out.splitlines()
    assert config == "/etc/iscsi/iscsid.conf"
    assert "STATUS=Ready to process requests" in ready
    assert stopped == "0"
    assert stopping == "STOPPING=1"


def test_a_descriptor_meant_for_another_process_is_left_alone(box):
    Initiator(box)
    daemon = box.start([find_program("iscsid"), "-f"], log="iscsid.log",
                       env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
    wait_for(lambda: listens(SOCKET_NAME, box.init_pid), 10, daemon.log)
    assert client(box, fixed_request.CONFIG_FILE) == "/etc/iscsi/iscsid.conf"
    assert daemon.stop() == 0


def test_pid_file_is_locked_by_the_one_that_serves(box):
    Initiator(box)
    # In the background: it returns when requests are answered.
    box.run([find_program("iscsid")], timeout=20).ok()

    assert client(box, fixed_request.CONFIG_FILE) == "/etc/iscsi/iscsid.conf"
    [pid] = box.pids("iscsid")
    pid_file = box.path("/run/iscsid.pid")
    inside = pathlib.Path(f"/proc/{pid}/status").read_text().split("NSpid:")[1].split("\n")[0]
    assert pid_file.read_text() == f"{inside.split()[-1]}\n"
    with open(pid_file, "r+", encoding="ascii") as file, pytest.raises(BlockingIOError):
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    os.kill(pid, 15)
    wait_for(lambda: not box.pids("iscsid"), 10, "iscsid to end")
    with open(pid_file, "r+", encoding="ascii") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def mappings(pid):
    """What /proc tells about each, sizes in KiB; `file` is empty where there is none."""
    parts = []
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            parts.append({"rights": words[1],
                          "file": words[5] if len(words) > 5 and words[5][0] == "/" else ""})
        elif words[-1] == "kB":
            parts[-1][words[0][:-1]] = int(words[1])
        else:
            parts[-1][words[0][:-1]] = " ".join(words[1:])
    return parts


def test_ready_for_memory_pressure(box, initiator):
    folder = pathlib.Path(f"/proc/{initiator.iscsid.pid}")
    # As far as it may: not every container lets root do that.
    may = box.run(["sh", "-c", "echo -1000 > /proc/self/oom_score_adj"]).rc == 0
    assert (folder / "oom_score_adj").read_text() == ("-1000\n" if may else "0\n")
    # Also what has not run yet: it may have to get the disk back that it would be read from.
    parts = [part for part in mappings(initiator.iscsid.pid)
             if part["file"] and part["rights"].startswith("r")]
    assert any(part["file"].endswith("/iscsid") for part in parts)
    assert any("libc" in part["file"] for part in parts)
    for part in parts:
        assert part["Rss"] == part["Size"] and "lo" in part["VmFlags"].split(), part


# A log daemon that has stopped to read, with all that it can be sent already in its socket.
DEAF_LOG = """
import signal, socket
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
sender.connect("/dev/log")
try:
    while True:
        sender.send(b"x")
except BlockingIOError:
    open("/run/deaf", "w").close()
signal.pause()
"""


def test_a_log_daemon_that_does_not_read_holds_up_nothing(box):
    initiator = Initiator(box)
    box.run(["sh", "-ec", "mkdir /run/dev; mount --bind /dev /run/dev; mount -t tmpfs tmpfs /dev;"
             "ln -s /run/dev/* /dev/; rm -f /dev/log"]).ok()
    box.start([sys.executable, "-c", DEAF_LOG])
    wait_for(box.path("/run/deaf").exists, 10, "the log to be full")
    box.run([find_program("iscsid")], timeout=20).ok()
    [pid] = box.pids("iscsid")

    # It says that it does.
    initiator.name = "iqn.2026-11.test:renamed"
    initiator.write_conf()
    os.kill(pid, 1)

    wait_for(lambda: client(box, fixed_request.INITIATOR_NAME) == initiator.name, 10,
             "an answer")
    os.kill(pid, 15)
    wait_for(lambda: not box.pids("iscsid"), 10, "iscsid to end")


def test_sighup_reads_the_configuration_again(box, initiator):
    assert client(box, fixed_request.INITIATOR_NAME) == initiator.name

    initiator.name = "iqn.2026-11.test:renamed"
    initiator.write_conf()
    assert client(box, fixed_request.INITIATOR_NAME) != initiator.name
    initiator.iscsid.kill(1)

    wait_for(lambda: client(box, fixed_request.INITIATOR_NAME) == initiator.name, 10,
             initiator.iscsid.log)


def test_sigterm_leaves_sessions_alone(initiator, new_tgtd):
    peer = new_tgtd()
    device = initiator.open(peer.name, peer.portal, peer.first_lun)

    assert initiator.iscsid.stop() == 0

    assert len(initiator.userds()) == 1
    exercise(device)
    initiator.start()
    assert len(initiator.sessions()) == 1
    initiator.logout(peer.name, peer.portal).ok()


def units():
    parsed = {}
    for name in UNITS:
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str
        parser.read_string((build_dir() / "dist" / name).read_text(encoding="utf-8"))
        parsed[name] = parser
    return parsed


def test_units_say_what_the_programs_do():
    parsed = units()
    assert parsed["iscsid.socket"]["Socket"]["ListenStream"] == f"@{SOCKET_NAME}"
    service = parsed["iscsid.service"]["Service"]
    assert (service["Type"], service["PIDFile"]) == ("forking", "/run/iscsid.pid")
    # The processes of sessions in user space are in its control group.
    assert service["KillMode"] == "process"
    assert "@" not in service["ExecStart"]
    login = parsed["iscsi.service"]
    assert login["Service"]["SuccessExitStatus"].split() == ["15", "21"]
    assert "iscsid.socket" in login["Unit"]["Requires"]
    assert "iscsid.service" in login["Unit"]["After"]


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_the_units(name, tmp_path):
    """Copies whose programs are those just built."""
    for unit in UNITS:
        text = (build_dir() / "dist" / unit).read_text(encoding="utf-8")
        for program in ("iscsid", "iscsiadm"):
            text = text.replace(f"/usr/sbin/{program}", str(find_program(program)))
        (tmp_path / unit).write_text(text, encoding="utf-8")
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / name], check=False,
                            capture_output=True, text=True,
                            env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
    about_ours = [line for line in result.stderr.splitlines() if str(tmp_path) in line
                  or any(unit in line for unit in UNITS)]
    assert not about_ours
