# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input: one clear line that names the thing and the remedy, the right code, no change."""

import json
import os
import re
import signal
import socket
import stat

import pytest

from beds.initiator import SOCKET_NAME, Initiator, find_program
from beds.proc import listens, wait_for

TARGET = "iqn.2026-11.test:disk"
PORTAL = "127.0.0.1:3260"


def tree(box):
    """Every file below /etc/iscsi with its content."""
    root = box.path("/etc/iscsi")
    return {str(p.relative_to(root)): p.read_bytes() if p.is_file() else None
            for p in sorted(root.rglob("*"))}


def clear(result, rc, *words):
    """Exit code, few lines, and all the words in them; no trace of an abort."""
    assert result.rc == rc, result
    assert 1 <= len(result.err.splitlines()) <= 4, result
    for word in words:
        assert word in result.err, result


FAKE_ISCSID = """
import json, socket, sys
answers = json.loads(sys.argv[1])
s = socket.socket(socket.AF_UNIX)
s.bind("\\0" + sys.argv[2])
s.listen(8)
while True:
    client = s.accept()[0]
    if client.recv(1, socket.MSG_PEEK) != b"{":
        # The question by which iscsiadm finds out who we are, and our mark in the answer.
        client.sendall(bytes([10]).ljust(2448, b"\\0") + b"+json/1".ljust(16, b"\\0"))
        client.close()
        continue
    request = json.loads(client.makefile().readline())["request"]
    for line in answers.get(request, []) + [{"done": True, "code": 0}]:
        client.sendall(json.dumps(line).encode() + b"\\n")
    client.close()
"""


def fake_iscsid(box, **answers):
    """Somebody who answers as iscsid does: `answers` by request, before the closing line."""
    box.start(["/usr/bin/python3", "-c", FAKE_ISCSID, json.dumps(answers), SOCKET_NAME])
    wait_for(lambda: listens(SOCKET_NAME, box.init_pid), 5, "the socket")


def test_second_iscsid(box, initiator):
    result = box.run([find_program("iscsid"), "-f"], timeout=10)

    clear(result, 1, "iscsid")
    holder = re.search(r"Can not bind IPC socket: process (\d+) is listening", result.err)
    assert holder and int(holder[1]) > 1 and "iscsiadm -k 0" in result.err, result
    assert initiator.iscsid.alive()
    initiator.discover(PORTAL)  # the first one still answers
    assert initiator.listening()


def test_iscsid_without_initiator_name_says_so_and_discovery_is_refused(box):
    initiator = Initiator(box)
    name_file = box.path("/etc/iscsi/initiatorname.iscsi")
    name_file.unlink()
    initiator.start()

    result = initiator.discover(PORTAL)

    assert "/etc/iscsi/initiatorname.iscsi" in initiator.iscsid.log()
    assert result.rc == 7, result
    assert result.err == (
        "iscsiadm: Cannot perform discovery. Invalid Initiatorname.\n"
        "iscsiadm: Could not perform SendTargets discovery: invalid parameter\n"
        "iscsiadm: hint: iscsid has found no InitiatorName in /etc/iscsi/initiatorname.iscsi: write "
        "one there (see iscsi-iname), then send iscsid a SIGHUP\n")


@pytest.mark.parametrize("content", ["", "InitiatorName=\n", "garbage\n", "\0\1\2" * 100,
                                     "InitiatorName=" + "x" * 5000 + "\n"],
                         ids=["empty", "no-name", "garbage", "binary", "endless"])
def test_malformed_initiator_name_file(box, content):
    initiator = Initiator(box)
    box.path("/etc/iscsi/initiatorname.iscsi").write_text(content)
    initiator.start()

    wait_for(lambda: "/etc/iscsi/initiatorname.iscsi" in initiator.iscsid.log(), 5, "the warning")
    assert initiator.discover(PORTAL).rc == 7


@pytest.mark.parametrize("device", ["/dev/fuse", "/dev/loop-control"])
def test_login_without_a_driver_names_it_at_once(box, new_tgtd, device):
    """A socket in the place of the device: opening that fails, as without the module."""
    peer = new_tgtd()
    initiator = Initiator(box)
    initiator.start()
    initiator.discover(peer.portal).ok()
    in_the_way = box.path("/run/in-the-way")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(in_the_way))
        box.run(["mount", "--bind", "/run/in-the-way", device]).ok()

        result = initiator.login(peer.name, peer.portal)

        assert result.rc == 9 and device in result.err and result.seconds < 5, result
        box.run(["umount", device]).ok()
    assert initiator.sessions() == {}
    initiator.no_userds()
    initiator.open(peer.name, peer.portal)


@pytest.mark.parametrize("device, number", [("/dev/fuse", 229), ("/dev/loop-control", 237)])
def test_login_says_what_has_the_name_of_a_device(box, initiator, new_tgtd, device, number):
    peer = new_tgtd()
    initiator.discover(peer.portal).ok()
    box.run(["mount", "--bind", "/dev/null", device]).ok()

    result = initiator.login(peer.name, peer.portal)

    box.run(["umount", device]).ok()
    clear(result, 9, f"{device}, which", "character device 1:3",
          f"(rm {device}; mknod -m 600 {device} c 10 {number})")
    initiator.no_userds()
    initiator.open(peer.name, peer.portal, peer.first_lun)


# Nodes of loop devices that are none.
NO_LOOPS = """
mount -t tmpfs none /mnt
for name in null zero random urandom fuse loop-control; do cp -a /dev/$name /mnt/; done
for n in $(seq 0 999); do mknod /mnt/loop$n c 1 3; done
mkdir -p /mnt/disk
mount --move /mnt /dev
"""


def test_login_that_can_make_no_disk_fails_with_the_reason(box, initiator, new_tgtd):
    peer = new_tgtd()
    initiator.discover(peer.portal).ok()
    box.run(["sh", "-c", NO_LOOPS]).ok()

    result = initiator.login(peer.name, peer.portal)

    box.run(["umount", "--lazy", "/dev"]).ok()
    assert result.rc == 9 and result.seconds < 10, result
    assert f"LUN {peer.first_lun}: loop" in result.err and "LOOP_CONFIGURE" in result.err, result
    assert initiator.sessions() == {}
    initiator.no_userds()
    initiator.open(peer.name, peer.portal, peer.first_lun)


def test_login_without_a_run_directory_names_it(box, initiator, new_tgtd):
    peer = new_tgtd()
    initiator.discover(peer.portal).ok()
    box.run(["mkdir", "-p", "/run/iscsi"]).ok()
    box.run(["mount", "-t", "tmpfs", "-o", "ro", "none", "/run/iscsi"]).ok()

    result = initiator.login(peer.name, peer.portal)

    box.run(["umount", "/run/iscsi"]).ok()
    assert result.rc == 9 and result.seconds < 5, result
    assert "/run/iscsi/userd: Read-only file system" in result.err and "writable" in result.err
    initiator.open(peer.name, peer.portal, peer.first_lun)


def test_log_of_the_data_process_reaches_the_terminal_of_iscsid(initiator, new_tgtd):
    peer = new_tgtd()
    initiator.open(peer.name, peer.portal, peer.first_lun)
    [sid] = initiator.sessions()

    wait_for(lambda: f"iscsid: iscsi-userd: session {sid}: LUN {peer.first_lun} is loop"
             in initiator.iscsid.log(), 5, "what userd has logged")


def test_login_tells_of_a_disk_that_could_not_be_made(box):
    """Of two disks one is there: the login is a success, and the other one is named."""
    initiator = Initiator(box)
    initiator.node(TARGET, f"{PORTAL},1", "-o", "new").ok()
    fake_iscsid(box, login=[{"progress": "item", "index": 0, "sid": 1000001, "code": 0,
                             "message": "no disk for LUN 2: no free loop device: Device busy"}])

    result = initiator.login(TARGET, PORTAL).ok()

    assert result.out.endswith("successful.\n")
    assert result.err == ("iscsiadm: session 1000001: no disk for LUN 2: no free loop device: "
                          "Device busy\n")


def test_iscsid_with_a_config_file_that_is_not_there(box):
    Initiator(box)
    result = box.run(["timeout", "3", find_program("iscsid"), "-f", "-c", "/nowhere/iscsid.conf"],
                     timeout=10)

    assert "/nowhere/iscsid.conf" in result.err
    assert len(result.err.splitlines()) <= 2, result


def test_malformed_config_lines_are_named_and_others_hold(box, new_tgtd):
    peer = new_tgtd()
    initiator = Initiator(box)
    conf = box.path("/etc/iscsi/iscsid.conf")
    conf.write_text("node.session.timeo.replacement_timeout=7\n"   # no blank before "="
                    "node.startup = bogus\n"
                    "node.conn[0].timeo.login_timeout = 4\n"
                    "no.such.key = 1\n"
                    "node.session.queue_depth\n")
    initiator.start()

    result = initiator.discover(peer.portal)

    assert result.rc == 0, result
    everything = result.err + initiator.iscsid.log()
    assert ("/etc/iscsi/iscsid.conf: Config file line 1 does not have '=' separator\n"
            in everything)
    assert "bogus" in everything and "node.startup" in everything
    record = initiator.node(peer.name, peer.portal).ok().out
    assert "node.session.timeo.replacement_timeout = 120\n" in record
    assert "node.startup = manual\n" in record
    assert "node.conn[0].timeo.login_timeout = 4\n" in record


NONSENSE = """\
iscsid.user_fallback = maybe
iscsid.safe_logut = Yes
iscsid.safe_logout = Banana
node.bogus.key = 1
node.conn[0].timeo.login_timout = 3
node.session.auth.pasword = hunter2
node.startup = automatic
"""
NONSENSE_SAID = [
    "line 1: iscsid.user_fallback = maybe is not one of No, Yes; Yes is used",
    "line 2: iscsid.safe_logut = Yes: unknown key, did you mean iscsid.safe_logout? No is used",
    "line 3: iscsid.safe_logout = Banana is not one of No, Yes; No is used",
    "line 4: node.bogus.key = 1: unknown key, the line is passed over",
    "line 5: node.conn[0].timeo.login_timout = 3: unknown key, did you mean "
    "node.conn[0].timeo.login_timeout? 30 is used",
    "line 6: node.session.auth.pasword = ********: unknown key, did you mean "
    "node.session.auth.password?",
]


def test_iscsid_names_each_line_of_nonsense_when_it_reads_it(box):
    initiator = Initiator(box)
    path = "/etc/iscsi/iscsid.conf"
    box.path(path).write_text(NONSENSE)
    box.path(path).chmod(0o600)

    def said():
        return [line.split(f"{path}: ", 1)[1] for line in initiator.iscsid.log().splitlines()
                if f"{path}: " in line]

    initiator.start()

    wait_for(lambda: sorted(said()) == NONSENSE_SAID, 5, said)
    initiator.iscsid.kill(signal.SIGHUP)
    wait_for(lambda: sorted(said()) == sorted(2 * NONSENSE_SAID), 5, said)


def test_iscsiadm_says_nothing_of_keys_that_a_newer_version_may_have(box, new_tgtd):
    peer = new_tgtd()
    initiator = Initiator(box, conf={"node.bogus.key": 1, "iscsid.safe_logut": "Yes"}).start()

    assert initiator.discover(peer.portal).ok().err == ""


@pytest.mark.parametrize("kind", ["fifo", "socket"])
def test_what_is_no_file_in_the_place_of_a_record_is_called_so(box, initiator, kind):
    initiator.node(TARGET, f"{PORTAL},1", "-o", "new").ok()
    path = box.path(f"/etc/iscsi/nodes/{TARGET}/127.0.0.1,3260,1/default")
    path.unlink()
    os.mknod(path, 0o600 | (stat.S_IFIFO if kind == "fifo" else stat.S_IFSOCK))

    result = initiator.node(TARGET, PORTAL)

    clear(result, 6, f"/127.0.0.1,3260,1/default is no file but a {kind}. Delete the record")
    initiator.node(TARGET, PORTAL, "-o", "delete").ok()
    assert not path.exists()


@pytest.mark.parametrize("key, value, words", [
    ("node.bogus", "1", ["Cannot modify node.bogus. Invalid param name."]),
    ("node.name", "x", ["Cannot modify node.name. It is used to look up the record and cannot "
                        "be changed."]),
    ("node.startup", "bogus", ["bogus", "node.startup"]),
    ("iface.mtu", "9000", ["Cannot modify iface.mtu. Use iface mode to update this value."]),
])
def test_refused_updates_change_nothing(box, initiator, key, value, words):
    initiator.node(TARGET, f"{PORTAL},1", "-o", "new").ok()
    before = tree(box)

    result = initiator.node(TARGET, PORTAL, "-o", "update", "-n", key, "-v", value)

    clear(result, 7, *words)
    assert tree(box) == before


@pytest.mark.parametrize("content", [b"", b"\0\xff" * 3000, b"node.name\n", b"x" * 100000],
                         ids=["empty", "binary", "cut", "endless"])
def test_damaged_record_does_not_take_the_others_along(box, initiator, content):
    initiator.node("iqn.2026-11.test:bad", f"{PORTAL},1", "-o", "new").ok()
    initiator.node(TARGET, f"{PORTAL},1", "-o", "new").ok()
    path = box.path("/etc/iscsi/nodes/iqn.2026-11.test:bad/127.0.0.1,3260,1/default")
    path.write_bytes(content)

    result = initiator.adm("-m", "node")

    assert f"{PORTAL},1 {TARGET}\n" in result.out, result
    assert result.rc >= 0 and len(result.err.splitlines()) < 5
    assert path.read_bytes() == content


def test_file_where_a_directory_should_be(box, initiator):
    box.path("/etc/iscsi/nodes").write_text("in the way")
    before = tree(box)

    result = initiator.node(TARGET, f"{PORTAL},1", "-o", "new")

    assert result.rc == 6, result
    assert "/etc/iscsi/nodes" in result.err and len(result.err.splitlines()) <= 4
    assert tree(box) == before


def test_full_or_readonly_database(box, initiator):
    initiator.node(TARGET, f"{PORTAL},1", "-o", "new").ok()
    before = tree(box)
    box.run(["mount", "-o", "remount,ro", "/etc/iscsi"]).ok()

    result = initiator.node(TARGET, PORTAL, "-o", "update", "-n", "node.startup", "-v",
                            "automatic")

    assert result.rc == 6, result
    assert "Read-only file system" in result.err and len(result.err.splitlines()) <= 4
    assert tree(box) == before


def test_full_disk_keeps_the_old_record(box, initiator):
    initiator.node(TARGET, f"{PORTAL},1", "-o", "new").ok()
    before = tree(box)
    box.run(["mount", "-o", "remount,size=64k", "/etc/iscsi"]).ok()
    box.run(["sh", "-c", "cat /dev/zero > /etc/iscsi/filler"])

    result = initiator.node(TARGET, PORTAL, "-o", "update", "-n", "node.startup", "-v",
                            "automatic")
    box.path("/etc/iscsi/filler").unlink()

    assert result.rc == 6, result
    assert "No space left on device" in result.err
    assert tree(box) == before


def test_without_permission(box, initiator):
    initiator.node(TARGET, f"{PORTAL},1", "-o", "new").ok()
    program = find_program("iscsiadm")

    listing = box.run([*AS_NOBODY, program, "-m", "node"])
    login = box.run([*AS_NOBODY, program, "-m", "node", "-T", TARGET, "-p", PORTAL, "-l"])

    for result in (listing, login):
        assert result.rc in (6, 13), result
        assert 1 <= len(result.err.splitlines()) <= 4, result
        assert "ermission denied" in result.err or "root" in result.err


AS_NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


@pytest.mark.parametrize("options", [[], ["-f"]], ids=["daemon", "foreground"])
def test_iscsid_of_an_ordinary_user_does_not_start(box, options):
    Initiator(box)

    result = box.run([*AS_NOBODY, find_program("iscsid"), *options], timeout=10)

    assert (result.rc, result.err) == (1, "iscsid: must be run by root\n")
    assert not listens(SOCKET_NAME, box.init_pid)


def test_secrets_are_not_told_to_somebody_who_took_the_name_of_the_socket(box):
    initiator = Initiator(box)
    initiator.node(TARGET, f"{PORTAL},1", "-o", "new").ok()
    # It writes what it hears into its log.
    stranger = box.start([*AS_NOBODY, "/usr/bin/python3", "-I", "-c",
                          "import os, socket\n"
                          "s = socket.socket(socket.AF_UNIX)\n"
                          f"s.bind('\\0{SOCKET_NAME}')\n"
                          "s.listen(8)\n"
                          "while True:\n"
                          "    with s.accept()[0] as client:\n"
                          "        os.write(1, client.recv(65536))\n"], log="stranger.log")
    wait_for(lambda: listens(SOCKET_NAME, box.init_pid), 5, stranger.log)

    result = initiator.login(TARGET, PORTAL)

    assert result.rc == 13, result
    assert "of user 65534 listens on" in result.err
    assert stranger.alive() and stranger.log() == ""


def test_iscsid_without_descriptors_says_so(box):
    Initiator(box)
    # Root of a container may not raise the limit; where it may, iscsid has what it needs.
    result = box.run(["sh", "-c", f"ulimit -n 9; exec {find_program('iscsid')}"], timeout=10)

    if result.rc == 0:
        limit = box.run(["sh", "-c", "grep files /proc/$(cat /run/iscsid.pid)/limits"]).ok().out
        assert int(limit.split()[3]) >= 16384, limit
    else:
        assert result.rc == 1 and "Too many open files" in result.err, result
        assert len(result.err.splitlines()) == 1 and result.err.startswith("iscsid: ")


def test_iscsiadm_without_iscsid(box):
    initiator = Initiator(box)
    initiator.node(TARGET, f"{PORTAL},1", "-o", "new").ok()

    result = initiator.login(TARGET, PORTAL)

    assert result.rc == 20, result
    assert "iscsid is not running." in result.err
    assert "initiator reported error (20 - could not connect to iscsid)\n" in result.err


def test_iscsid_that_hangs_up_or_stays_silent_is_an_error_not_a_hang(box):
    """Somebody else holds the socket's name."""
    Initiator(box)
    box.start(["/usr/bin/python3", "-c",
               "import socket, time\n"
               "s = socket.socket(socket.AF_UNIX)\n"
               "s.bind('\\0ISCSIADM_ABSTRACT_NAMESPACE')\n"
               "s.listen(8)\n"
               "while True: s.accept()[0].close()\n"])
    wait_for(lambda: listens(SOCKET_NAME, box.init_pid), 5, "the socket")

    stop = box.run([find_program("iscsiadm"), "-k", "0"], timeout=20)
    listing = box.run([find_program("iscsiadm"), "-m", "session"], timeout=20)

    assert stop.rc == 0, stop  # whatever happens, as open-iscsi has it
    assert "Could not stop iscsid." in stop.err
    assert listing.rc == 18, listing
    for result in (stop, listing):
        assert result.seconds < 15
        assert 1 <= len(result.err.splitlines()) <= 4


def test_control_socket_survives_garbage(box, initiator):
    sender = """
import os, socket, sys
for data in (b'', b'{', b'{}\\n', b'not json\\n', b'{"command": 1}\\n', b'\\0' * 16104,
             b'{' * 1000000 + b'\\n', b'[' * 100000 + b'\\n', b'{"a":"' + b'x' * 5000000,
             os.urandom(20000), b'\\xff\\xfe{\\n'):
    s = socket.socket(socket.AF_UNIX)
    s.connect('\\0' + sys.argv[1])
    s.settimeout(3)
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        s.recv(100000)
    except OSError:
        pass
    s.close()
"""
    box.run(["/usr/bin/python3", "-c", sender, SOCKET_NAME], timeout=60).ok()

    assert initiator.iscsid.alive()
    assert initiator.discover(PORTAL).rc == 11  # nothing listens there; the daemon answered


def test_silent_client_does_not_block_others(box, initiator):
    box.start(["/usr/bin/python3", "-c",
               "import socket, time\n"
               "s = socket.socket(socket.AF_UNIX)\n"
               "s.connect('\\0ISCSIADM_ABSTRACT_NAMESPACE')\n"
               "s.send(b'{')\n"
               "time.sleep(1000)\n"])

    result = initiator.discover(PORTAL, timeout=10)

    assert result.rc == 11, result
