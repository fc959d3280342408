# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our iscsid with iscsiadms that are not ours: Debian's 2.1.8, and the layouts of later releases."""

import json
import pathlib
import sys

import pytest

from beds import fixed_request
from beds.blockio import exercise
from beds.debian_adm import DebianAdm
from beds.proc import wait_for

WHERE = "[iface: default, target: {}, portal: 127.0.0.1,3260]"


@pytest.fixture
def debian(box):
    return DebianAdm(box)


@pytest.fixture
def kind():
    return "tgtd"


def shown(sid, target, **fields):
    """What the kernel would show of a session."""
    return [{"sid": sid, "target": target, "address": "127.0.0.1", **fields}]


def test_login_use_and_logout(box, initiator, new_peer, debian):
    peer = new_peer()
    assert debian.adm("-m", "discovery", "-t", "st", "-p", peer.portal).ok().out == \
        f"{peer.portal},1 {peer.name}\n"

    login = debian.node(peer.name, peer.portal, "--login").ok()

    where = WHERE.format(peer.name)
    assert login.out == f"Logging in to {where}\nLogin to {where} successful.\n"
    assert login.err == ""
    exercise(initiator.disk_now(peer.portal, peer.name, peer.first_lun))
    [(sid, session)] = initiator.sessions().items()
    assert session == ("tcp", peer.portal, peer.name)

    kernel = shown(sid, peer.name)
    assert debian.adm("-m", "session", sessions=kernel).ok().out == \
        f"tcp: [{sid}] {peer.portal},1 {peer.name} (non-flash)\n"
    logout = debian.node(peer.name, peer.portal, "--logout", sessions=kernel).ok()
    where = f"[sid: {sid}, target: {peer.name}, portal: 127.0.0.1,3260]"
    assert logout.out == f"Logging out of session {where}\nLogout of {where} successful.\n"
    assert initiator.sessions() == {}
    initiator.no_userds()


def test_states_and_statistics(initiator, new_peer, debian):
    peer = new_peer()
    initiator.open(peer.name, peer.portal, peer.first_lun)
    [sid] = initiator.sessions()
    kernel = shown(sid, peer.name)

    level1 = debian.adm("-m", "session", "-r", sid, "-P", 1, sessions=kernel).ok().out
    assert "\t\tiSCSI Connection State: LOGGED IN\n" in level1
    assert "\t\tInternal iscsid Session State: NO CHANGE\n" in level1

    # They count on meanwhile: pings and the commands of a scan.
    before = counters(initiator.adm("-m", "session", "-r", sid, "-s").ok().out)
    theirs = counters(debian.adm("-m", "session", "-r", sid, "-s", sessions=kernel).ok().out)
    after = counters(initiator.adm("-m", "session", "-r", sid, "-s").ok().out)
    assert list(theirs) == list(before)
    assert theirs["scsicmd_pdus"] > 0
    for name, value in theirs.items():
        assert before[name] <= value <= after[name], name

    peer.stop()

    def states():
        text = debian.adm("-m", "session", "-r", sid, "-P", 1, sessions=kernel).ok().out
        return [line.split(": ")[1] for line in text.splitlines()
                if "Connection State" in line or "Internal iscsid" in line]
    wait_for(lambda: states() == ["TRANSPORT WAIT", "REOPEN"], 10, states)


def counters(text):
    pairs = [line.rsplit(": ", 1) for line in text.splitlines() if ": " in line]
    return {name.strip(): int(value) for name, value in pairs if value.strip().isdigit()}


def test_errors_have_their_codes(initiator, new_peer, debian):
    peer = new_peer()
    debian.adm("-m", "discovery", "-t", "st", "-p", peer.portal).ok()

    # One session a record.
    debian.node(peer.name, peer.portal, "--login").ok()
    again = debian.node(peer.name, peer.portal, "--login")
    assert again.rc == 15, again
    assert f"iscsiadm: Could not login to {WHERE.format(peer.name)}.\n" in again.err
    assert "iscsiadm: initiator reported error (15 - session exists)\n" in again.err

    # A session that is none.
    gone = debian.adm("-m", "session", "-r", 4, "-u", sessions=shown(4, "iqn.x:gone"))
    assert gone.rc == 2, gone
    assert "initiator reported error (2 - session not found)\n" in gone.err
    stats = debian.adm("-m", "session", "-r", 4, "-s", sessions=shown(4, "iqn.x:gone"))
    assert stats.rc == 2, stats

    # A target that is none, a portal that is none: as our own iscsiadm is told.
    for target, portal in (("iqn.2026-11.test:none", peer.portal), (peer.name, "127.0.0.1:9")):
        debian.node(target, portal, "-o", "new").ok()
        debian.node(target, portal, "-o", "update", "-n", "node.session.initial_login_retry_max",
                    "-v", 1).ok()
        theirs = debian.node(target, portal, "--login")
        ours = initiator.login(target, portal)
        assert theirs.rc == ours.rc != 0, f"{theirs}\n{ours}"
        assert f"initiator reported error ({ours.rc} - " in theirs.err


def test_mutual_chap_out_of_the_request(initiator, new_peer, debian):
    account, mutual = ("inuser", "insecret123456"), ("outuser", "outsecret12345")
    peer = new_peer(incoming=account, outgoing=mutual)
    debian.adm("-m", "discovery", "-t", "st", "-p", peer.portal).ok()
    pairs = {"authmethod": "CHAP", "username": account[0], "password": account[1],
             "username_in": mutual[0], "password_in": mutual[1]}
    for key, value in pairs.items():
        debian.node(peer.name, peer.portal, "-o", "update", "-n", f"node.session.auth.{key}",
                    "-v", value).ok()
    debian.node(peer.name, peer.portal, "--login").ok()
    assert len(initiator.sessions()) == 1

    debian.node(peer.name, peer.portal, "-o", "update", "-n", "node.session.auth.password",
                "-v", "wrongwrongwrong").ok()
    [sid] = initiator.sessions()
    debian.adm("-m", "session", "-r", sid, "-u", sessions=shown(sid, peer.name)).ok()
    refused = debian.node(peer.name, peer.portal, "--login")
    assert refused.rc == 24, refused
    assert "(24 - iSCSI login failed due to authorization failure)" in refused.err


def test_stop_leaves_sessions_alone(initiator, new_peer, debian):
    peer = new_peer()
    device = initiator.open(peer.name, peer.portal, peer.first_lun)

    debian.adm("-k", 0).ok()
    initiator.iscsid.wait()

    assert len(initiator.userds()) == 1
    initiator.start()
    exercise(device)
    assert len(initiator.sessions()) == 1


@pytest.mark.parametrize("version", fixed_request.LAYOUTS)
def test_layouts_of_all_releases(box, initiator, new_peer, version):
    peer = new_peer()

    def ask(kind, *args, **values):
        """The client of fixed_request.py, inside the sandbox."""
        words = json.dumps([kind, version, args, values])
        out = box.run([sys.executable, "-c", _CLIENT, words],
                      env={"PYTHONPATH": str(pathlib.Path(__file__).parents[1])}).ok().out
        return json.loads(out)

    assert ask("about", fixed_request.INITIATOR_NAME)["text"] == initiator.name
    assert ask("login", peer.name, "127.0.0.1")["code"] == 0
    exercise(initiator.disk_now(peer.portal, peer.name, peer.first_lun))
    assert ask("login", peer.name, "127.0.0.1")["code"] == 15
    [sid] = initiator.sessions()
    assert ask("about", fixed_request.INFO, sid)["states"] == [0, 3]
    assert ask("about", fixed_request.LOGOUT, sid)["code"] == 0
    assert initiator.sessions() == {}
    assert ask("about", fixed_request.LOGOUT, sid)["code"] == 2
    # The field after the ones that only later releases have is where it is expected.
    assert ask("login", peer.name, "127.0.0.1", transport="warp")["code"] == 12


_CLIENT = """
import json, os, sys
from beds import fixed_request
if len(sys.argv) > 2:  # once all is imported: nobody may be unable to read the sources
    os.setgroups([])
    os.setuid(int(sys.argv[2]))
kind, version, args, values = json.loads(sys.argv[1])
reply = fixed_request.ask(getattr(fixed_request, kind)(version, *args, **values))
print(json.dumps({"code": reply.code, "text": reply.text if args == [8] else "",
                  "states": reply.states}))
"""


def test_others_than_root_are_refused(box, initiator):
    words = json.dumps(["about", "2.1.8", [fixed_request.STOP], {}])
    tests = pathlib.Path(__file__).parents[1]
    out = box.run([sys.executable, "-c", _CLIENT, words, 65534],
                  env={"PYTHONPATH": str(tests)}).ok().out

    assert json.loads(out)["code"] == 13
    assert initiator.iscsid.alive()
    assert initiator.sessions() == {}
