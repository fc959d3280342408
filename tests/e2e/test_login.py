# SPDX-License-Identifier: LGPL-2.1-or-later
"""Discovery, login, digests, CHAP and their failures, against each kind of target."""

import itertools

import pytest

from beds.blockio import Device, exercise
from beds.peers import ALGORITHMS

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
