# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who waits at a terminal sees that something goes on; a script sees nothing of it."""

import re
import subprocess

from beds.initiator import find_program
from beds.terminal import Terminal

TARGET = "iqn.2026-11.test:deaf"


def on_terminal(box, *args, **kwargs):
    return Terminal(box.command([find_program("iscsiadm"), *args]), box.environment(), **kwargs)


def as_seen(text):
    """What is left on the screen: a carriage return starts the line again, from its beginning."""
    rows = []
    for line in text.replace("\r\n", "\n").split("\n"):
        row = ""
        for part in line.split("\r"):
            row = part + row[len(part):]
        rows.append(row.rstrip())
    return "\n".join(rows)


def test_a_login_that_takes_long(box, initiator, silent_host):
    initiator.adm("-m", "node", "-o", "new", "-T", TARGET, "-p", f"{silent_host},1").ok()

    with on_terminal(box, "-m", "node", "-T", TARGET, "-l") as terminal:
        terminal.wait_for("Logging in: 0 of 1 done, 1 s")
        terminal.wait_for("Logging in: 0 of 1 done, 2 s")
        assert terminal.finish() == 8

    screen = as_seen(terminal.text)
    assert "done" not in screen and screen.startswith("Logging in to [iface: default"), screen
    assert "iscsiadm: Could not login to" in screen
    for line in screen.splitlines():
        assert not line or line.startswith(("Logging in to [", "iscsiadm: ")), line


def test_a_discovery_that_takes_long(box, initiator, silent_host):
    with on_terminal(box, "-m", "discovery", "-t", "st", "-p", silent_host) as terminal:
        terminal.wait_for(f"Discovering at {silent_host}, 1 s")
        terminal.finish()

    screen = as_seen(terminal.text)
    assert not re.search(r"Discovering at .*, \d s", screen), screen
    assert "iscsiadm: connect to 192.0.2.2 timed out" in screen.splitlines(), screen


def test_results_go_elsewhere_and_stay_clean(box, initiator, silent_host):
    with on_terminal(box, "-m", "discovery", "-t", "st", "-p", silent_host,
                     out=subprocess.PIPE) as terminal:
        terminal.wait_for("Discovering at")
        terminal.finish()
        assert terminal.child.stdout.read() == b""


def test_scripts_see_nothing_of_it(box, initiator, silent_host):
    result = initiator.discover(silent_host)

    assert result.seconds > 2
    assert "Discovering" not in result.out + result.err and "\r" not in result.out + result.err


def test_what_is_quick_shows_nothing(box, new_tgtd, initiator):
    peer = new_tgtd()

    with on_terminal(box, "-m", "discovery", "-t", "st", "-p", peer.portal) as terminal:
        assert terminal.finish() == 0

    assert terminal.text == f"{peer.portal},1 {peer.name}\r\n"
