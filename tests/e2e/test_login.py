# SPDX-License-Identifier: LGPL-2.1-or-later
"""Discovery, login, digests, CHAP and their failures, against each kind of target."""

import itertools

import pytest

from beds.blockio import Device, exercise
from beds.initiator import find_program
from beds.peers import ALGORITHMS
from beds.proc import wait_for

IN = ("inuser", "insecret123456")
OUT = ("outuser", "outsecret12345")


def credentials(account=None, mutual=None, algorithms=None):
    pairs = {"node.session.auth.authmethod": "CHAP"}
    if account:
        pairs["node.session.auth.username"], pairs["node.session.auth.password"] = account
    if mutual:
        pairs["node.session.auth.username_in"], pairs["node.session.auth.password_in"] = mutual
    if algorithms:
        pairs["node.session.auth.chap_algs"] = algorithms
    return pairs


def failed_login(result, name, code, text):
    """The lines of cli.md for a login that did not work; nothing else on stderr but warnings."""
    assert result.rc == code, result
    assert f"iscsiadm: Could not login to [iface: default, target: {name}, portal: " \
        "127.0.0.1,3260].\n" in result.err
    assert f"iscsiadm: initiator reported error ({code} - {text})\n" in result.err
    assert result.err.endswith("iscsiadm: Could not log into all portals\n")


def test_from_an_address_to_a_disk_and_back(box, initiator, new_peer):
    peer = new_peer()

    found = initiator.discover(peer.portal).ok()
    assert found.out == f"{peer.portal},1 {peer.name}\n"

    where = f"[iface: default, target: {peer.name}, portal: 127.0.0.1,3260]"
    login = initiator.login(peer.name, peer.portal).ok()
    assert login.out == f"Logging in to {where}\nLogin to {where} successful.\n"
    # Said to a terminal and in the log; clients take words on standard error for a failure.
    assert login.err == ""
    assert "using the data path in user space" in initiator.iscsid.log()
    # The disk is there when the command returns: nothing to wait for.
    device = initiator.disk_now(peer.portal, peer.name, peer.first_lun)
    assert device, box.logs()
    with Device(device) as disk:
        assert (disk.size(), disk.block_size(), disk.readonly()) == (64 << 20, 512, False)
    exercise(device)

    [(sid, session)] = initiator.sessions().items()
    assert session == ("tcp", peer.portal, peer.name)
    logout = initiator.logout(peer.name, peer.portal).ok()
    where = f"[sid: {sid}, target: {peer.name}, portal: 127.0.0.1,3260]"
    assert logout.out == f"Logging out of session {where}\nLogout of {where} successful.\n"
    initiator.no_disk(peer.portal, peer.name, peer.first_lun, seconds=2)
    assert initiator.sessions() == {}
    initiator.no_userds()
    assert box.loops() == []
    assert not any(" fuse" in line and "fusectl" not in line for line in box.mounts())


def test_session_is_listed_once_logged_in_and_not_twice(initiator, new_peer):
    peer = new_peer()
    initiator.open(peer.name, peer.portal, peer.first_lun)

    again = initiator.login(peer.name, peer.portal)

    assert again.rc == 15
    assert again.err == ("iscsiadm: default: 1 session requested, but 1 already present.\n"
                         "iscsiadm: Could not log into all portals\n")
    assert len(initiator.sessions()) == 1
    state = initiator.session_state(next(iter(initiator.sessions())))
    assert state["iSCSI Connection State"] == "LOGGED IN"
    assert state["iSCSI Session State"] == "LOGGED_IN"


def test_records_that_name_one_portal_in_two_ways_get_one_session(initiator, new_peer):
    peer = new_peer()
    for portal in ("127.0.0.1", "localhost"):
        initiator.node(peer.name, f"{portal},1", "-o", "new").ok()

    result = initiator.adm("-m", "node", "-T", peer.name, "-l")

    assert result.rc == 15, result
    assert result.out.splitlines() == [
        f"{doing} to [iface: default, target: {peer.name}, portal: {portal},3260]{end}"
        for doing, portal, end in [("Logging in", "127.0.0.1", ""),
                                   ("Login", "127.0.0.1", " successful."),
                                   ("Logging in", "localhost", "")]]
    assert "initiator reported error (15 - session exists)\n" in result.err
    assert len(initiator.sessions()) == 1


def test_sessions_are_told_of_without_iscsid(box, initiator, new_peer):
    peer = new_peer(incoming=IN)
    device = initiator.open(peer.name, peer.portal, peer.first_lun, credentials(IN))
    listing = initiator.adm("-m", "session").ok().out
    full = initiator.adm("-m", "session", "-P", 3, "-S").ok().out
    initiator.kill()

    flat = initiator.adm("-m", "session").ok()
    assert (flat.out, flat.err) == (listing, "")
    detailed = initiator.adm("-m", "session", "-P", 3, "-S").ok()
    assert detailed.out == full.replace("Connection State: LOGGED IN", "Connection State: Unknown"
                                        ).replace("State: NO CHANGE", "State: Unknown")
    assert f"\t\tpassword: {IN[1]}\n" in full and device.removeprefix("/dev/") in full
    assert detailed.err.splitlines() == [
        "iscsiadm: iscsid is not running. Could not start it up automatically using the startup "
        "command in the iscsid.conf iscsid.startup setting. Please check that the file exists or "
        "that your init scripts have started iscsid.",
        "iscsiadm: can not connect to iSCSI daemon (111)!"]
    stats = initiator.adm("-m", "session", "-s").ok()
    assert "scsicmd_pdus: " in stats.out and stats.err == ""
    rescan = initiator.adm("-m", "session", "-R").ok()
    assert rescan.err == "" and peer.name in rescan.out
    assert initiator.login(peer.name, peer.portal).rc == 15
    assert initiator.node(peer.name, peer.portal, "-o", "delete").rc == 15
    assert initiator.logout(peer.name, peer.portal).rc in (20, 21)

    initiator.start()
    exercise(device)
    assert initiator.adm("-m", "session", "-P", 3, "-S").ok().out == full
    assert initiator.logout(peer.name, peer.portal).ok().err == ""


def test_login_under_way_is_listed_kept_and_ended(box, initiator):
    """A target that accepts connections and says nothing; an iscsiadm that is interrupted."""
    name, portal = "iqn.2026-11.test:silent", "127.0.0.1:3999"
    where = f"[iface: default, target: {name}, portal: 127.0.0.1,3999]"
    initiator.node(name, f"{portal},1", "-o", "new").ok()
    initiator.update(name, portal, {"node.conn[0].timeo.login_timeout": 300})
    program = find_program("iscsiadm")
    login = [program, "-m", "node", "-T", name, "-p", portal, "-l"]
    box.start(["/usr/bin/python3", "-c",
               "import socket, time\n"
               "s = socket.create_server(('127.0.0.1', 3999))\n"
               "clients = [s.accept() for _ in range(9)]\n"])
    first = box.start(login)
    wait_for(initiator.sessions, 10, "the session is listed")
    first.kill()
    first.wait()

    [(sid, session)] = initiator.sessions().items()
    assert session == ("tcp", portal, name)
    assert initiator.session_state(sid)["iSCSI Connection State"] == "IN LOGIN"
    refused = initiator.node(name, portal, "-o", "delete")
    assert refused.rc == 15
    assert refused.err == (
        f"iscsiadm: This command will remove the record {where}, but a session is using it. Logout "
        "session then rerun command to remove record.\n"
        "iscsiadm: Could not execute operation on all records: session exists\n")
    assert initiator.node(name, portal, "-s").rc == 21
    again = box.start(login, log="again.log")
    wait_for(lambda: f"{name}: one more waits for the login under way" in initiator.iscsid.log(),
             10, "the second login waits for the first one")
    ended = initiator.logout(name, portal).ok()
    again.wait()

    assert ended.out.endswith("successful.\n")
    assert "a logout has ended the login" in again.log()
    assert initiator.sessions() == {}
    initiator.node(name, portal, "-o", "delete").ok()


def test_login_that_reaches_nobody_can_be_ended(box, initiator):
    """Not listed, since no target has been reached, but not out of reach either."""
    name, portal = "iqn.2026-11.test:nobody", "127.0.0.1:3998"
    initiator.node(name, f"{portal},1", "-o", "new").ok()
    initiator.update(name, portal, {"node.session.initial_login_retry_max": 100})
    initiator.node(name, portal, "-l", "-W").ok()

    assert initiator.sessions() == {}
    assert initiator.node(name, portal, "-o", "delete").rc == 15
    initiator.logout(name, portal).ok()
    assert initiator.logout(name, portal).rc == 21
    initiator.node(name, portal, "-o", "delete").ok()


@pytest.mark.parametrize("header, data", itertools.product(("None", "CRC32C"), repeat=2))
def test_digests(initiator, new_peer, header, data):
    peer = new_peer(header=header == "CRC32C", data=data == "CRC32C")
    device = initiator.open(peer.name, peer.portal, peer.first_lun,
                            {"node.conn[0].iscsi.HeaderDigest": header,
                             "node.conn[0].iscsi.DataDigest": data})

    state = initiator.session_state(next(iter(initiator.sessions())))
    assert (state["HeaderDigest"], state["DataDigest"]) == (header, data)
    exercise(device)


def test_chap_with_each_algorithm_of_the_target(initiator, new_peer, kind):
    peer = new_peer(incoming=IN, outgoing=OUT)
    initiator.discover(peer.portal).ok()
    for algorithm in ALGORITHMS[kind]:
        for mutual in (None, OUT):
            initiator.node(peer.name, peer.portal, "-o", "new").ok()
            initiator.update(peer.name, f"{peer.portal}", credentials(IN, mutual, algorithm))
            if kind == "istgt" and not mutual:
                # This istgt demands that the initiator asks back.
                continue
            initiator.login(peer.name, peer.portal).ok()
            exercise(initiator.disk(peer.portal, peer.name, peer.first_lun))
            initiator.logout(peer.name, peer.portal).ok()


def test_one_way_chap(initiator, new_peer):
    peer = new_peer(incoming=IN)
    exercise(initiator.open(peer.name, peer.portal, peer.first_lun, credentials(IN)))


def test_target_picks_the_algorithm_it_knows_from_a_list(initiator, new_peer):
    peer = new_peer(incoming=IN)
    exercise(initiator.open(peer.name, peer.portal, peer.first_lun,
                            credentials(IN, algorithms="SHA3-256,SHA1,MD5")))


@pytest.mark.parametrize("account", [(IN[0], "wrongsecret123"), ("nobody", IN[1]), None],
                         ids=["secret", "user", "nothing"])
def test_wrong_credentials_are_refused_at_once(initiator, new_peer, account):
    peer = new_peer(incoming=IN)
    initiator.discover(peer.portal).ok()
    if account:
        initiator.update(peer.name, peer.portal, credentials(account))

    result = initiator.login(peer.name, peer.portal)

    failed_login(result, peer.name, 24, "iSCSI login failed due to authorization failure")
    assert result.seconds < 3
    assert initiator.sessions() == {}
    initiator.no_userds()


def test_target_that_cannot_prove_itself_is_refused(initiator, new_peer):
    peer = new_peer(incoming=IN, outgoing=OUT)
    initiator.discover(peer.portal).ok()
    initiator.update(peer.name, peer.portal, credentials(IN, (OUT[0], "another-secret")))

    result = initiator.login(peer.name, peer.portal)

    failed_login(result, peer.name, 19, "encountered non-retryable iSCSI login failure")
    assert result.seconds < 3
    initiator.no_userds()


def test_unknown_target_fails_within_the_login_limit(initiator, new_peer, kind):
    peer = new_peer()
    name = "iqn.2026-11.test:nosuch"
    initiator.node(name, f"{peer.portal},1", "-o", "new").ok()

    result = initiator.login(name, peer.portal)

    # LIO calls it a passing trouble of its own (03/01), which is retried to the limit.
    if kind == "lio":
        assert result.rc in (5, 8, 11), result
    else:
        failed_login(result, name, 19, "encountered non-retryable iSCSI login failure")
    assert result.seconds < 2 * 3 + 4


def test_discovery_with_chap(new_initiator, new_peer, kind):
    peer = new_peer(discovery=IN)
    wrong = {"discovery.sendtargets.auth.authmethod": "CHAP",
             "discovery.sendtargets.auth.username": IN[0],
             "discovery.sendtargets.auth.password": "wrongsecret123"}
    initiator = new_initiator(wrong)

    refused = initiator.discover(peer.portal)
    initiator.set_conf({"discovery.sendtargets.auth.password": IN[1]})
    allowed = initiator.discover(peer.portal)

    assert refused.rc == 24, refused
    assert allowed.ok().out == f"{peer.portal},1 {peer.name}\n"
