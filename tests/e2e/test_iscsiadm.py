# SPDX-License-Identifier: LGPL-2.1-or-later
"""iscsiadm and an iscsid that does not run: what is known, what is started, what is said."""

from beds.initiator import find_program

NOT_RUNNING = "iscsiadm: can not connect to iSCSI daemon (111)!\n"


def test_sessions_of_a_dead_iscsid_are_not_denied(initiator, new_tgtd):
    """Sessions live on without iscsid: "no sessions" would be a lie that deletes records."""
    peer = new_tgtd()
    initiator.discover(peer.portal).ok()
    initiator.login(peer.name, peer.portal).ok()
    initiator.kill()

    listing = initiator.adm("-m", "session")
    delete = initiator.node(peer.name, peer.portal, "-o", "delete")
    initiator.start()

    assert (listing.rc, listing.err) == (0, ""), listing
    assert peer.name in listing.out
    assert delete.rc == 15, delete
    assert len(initiator.sessions()) == 1


def test_iscsid_is_started_when_it_is_needed(initiator, new_tgtd):
    peer = new_tgtd()
    initiator.discover(peer.portal).ok()
    initiator.stop()
    log = initiator.box.dir / "started.log"
    initiator.set_conf({"iscsid.startup": f"{find_program('iscsid')} -n >> {log} 2>&1"})

    listing = initiator.adm("-m", "session")
    login = initiator.login(peer.name, peer.portal)

    assert (listing.rc, listing.err) == (21, "iscsiadm: No active sessions.\n"), listing
    assert login.rc == 0 and login.err == "", login
    assert len(initiator.sessions()) == 1


def test_a_start_command_that_fails_is_said(initiator, new_tgtd):
    peer = new_tgtd()
    initiator.discover(peer.portal).ok()
    initiator.stop()
    initiator.set_conf({"iscsid.startup": "/nonexistent/iscsid"})

    result = initiator.login(peer.name, peer.portal)

    assert result.rc == 20, result
    assert "iscsid.startup" in result.err and NOT_RUNNING in result.err
