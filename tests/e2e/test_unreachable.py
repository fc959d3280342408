# SPDX-License-Identifier: LGPL-2.1-or-later
"""Addresses where no target answers: the right code, the right message, in time."""

from e2e.test_login import failed_login

NAME = "iqn.2026-11.test:gone"


def test_discovery_at_a_closed_port(initiator):
    result = initiator.discover("127.0.0.1:3260")

    assert result.rc == 11, result
    assert "iscsiadm: cannot make connection to 127.0.0.1: Connection refused\n" in result.err
    assert "iscsiadm: connection login retries (reopen_max) 1 exceeded\n" in result.err
    assert result.err.endswith(
        "iscsiadm: Could not perform SendTargets discovery: iSCSI PDU timed out\n")
    assert result.seconds < 5


def test_login_at_a_closed_port(initiator):
    initiator.node(NAME, "127.0.0.1:3260,1", "-o", "new").ok()

    result = initiator.login(NAME, "127.0.0.1:3260")

    failed_login(result, NAME, 8, "connection timed out")
    assert result.seconds < 2 * 3 + 4  # initial_login_retry_max * login_timeout
    assert initiator.sessions() == {}
    initiator.no_userds()


def test_discovery_at_a_silent_host(initiator, silent_host):
    result = initiator.discover(silent_host)

    assert result.rc == 11, result
    assert "iscsiadm: connect to 192.0.2.2 timed out\n" in result.err
    assert result.seconds < 2 * (3 + 2)


def test_login_at_a_silent_host(initiator, silent_host):
    initiator.node(NAME, f"{silent_host},1", "-o", "new").ok()

    result = initiator.login(NAME, silent_host)

    assert result.rc == 8, result
    assert "initiator reported error (8 - connection timed out)\n" in result.err
    assert result.seconds < 2 * 3 + 4


def test_no_wait_returns_at_once(initiator, silent_host):
    initiator.node(NAME, f"{silent_host},1", "-o", "new").ok()

    result = initiator.node(NAME, silent_host, "--login", "-W", timeout=10)

    assert result.rc == 0 and result.seconds < 2, result


def test_a_name_that_does_not_resolve(initiator):
    result = initiator.discover("no-such-host.invalid")

    assert result.rc != 0
    assert "no-such-host.invalid" in result.err
    assert result.seconds < 15
