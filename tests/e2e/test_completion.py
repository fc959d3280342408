# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tab in a real, interactive bash completes iscsiadm's command lines from the live state."""

import pathlib

import pytest

from beds.initiator import find_program
from beds.terminal import Terminal

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "dist/bash-completion/iscsiadm"
DISK, OTHER = "iqn.2026-11.test:disk", "iqn.2026-11.test:other"


@pytest.fixture
def bash(box):
    """An interactive bash that knows the completion, and a function that presses Tab in it."""
    for target, portal in ((DISK, "10.0.0.1:3260,1"), (OTHER, "[fe80::1]:3261,1"),
                           (OTHER, "10.0.0.2:3260,1")):
        box.run([find_program("iscsiadm"), "-m", "node", "-o", "new", "-T", target, "-p", portal]).ok()
    box.run([find_program("iscsiadm"), "-m", "iface", "-o", "new", "-I", "second"]).ok()
    environment = box.environment({
        "PATH": f"{pathlib.Path(find_program('iscsiadm')).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
        "PS1": "READY ", "INPUTRC": "/dev/null", "TERM": "dumb", "HISTFILE": ""})
    with Terminal(box.command(["bash", "--norc", "--noprofile", "-i"]), environment) as terminal:
        terminal.wait_for("READY ")
        terminal.type(f"bind 'set show-all-if-ambiguous on'; source {SCRIPT}; stty cols 500\n")
        terminal.wait_for("READY ")
        yield terminal


def press_tab(terminal, line, expected):
    """What bash shows after the line and a Tab, up to `expected`."""
    terminal.type(line)
    terminal.wait_for(line)
    terminal.type("\t")
    shown = terminal.wait_for(expected)
    terminal.type("\x15\n")  # kill the line, take the empty one
    terminal.wait_for("READY ")
    return shown


COMPLETED = [
    ("iscsiadm -m no", "de "),
    ("iscsiadm -m node --targ", "etname "),
    ("iscsiadm -m node -o upd", "ate "),
    ("iscsiadm -m discovery -t sendt", "argets "),
    ("iscsiadm -m node -T iqn.2026-11.test:d", "isk "),      # past a colon
    ("iscsiadm -m node --targetname=iqn.2026-11.test:o", "ther "),
    (f"iscsiadm -m node -T {DISK} -p 1", "0.0.0.1:3260 "),   # this target's alone
    (f"iscsiadm -m node -T {OTHER} -p [f", "e80::1]:3261 "),
    ("iscsiadm -m iface -I sec", "ond "),
    ("iscsiadm -m node -o update -n node.start", "up "),
    ("iscsiadm -m node -o update -n node.startup -v auto", "matic "),
    ("iscsiadm -m node -n node.conn[0].timeo.noop_out_i", "nterval "),
    ("iscsiadm -m node -n 'node.conn[0].timeo.noop_out_i", "nterval' "),
    ('iscsiadm -m node -n "node.conn[0].timeo.noop_out_i', 'nterval" '),
    ("iscsiadm -m node --name='node.conn[0].timeo.noop_out_i", "nterval' "),
    ("iscsiadm -m node -T 'iqn.2026-11.test:d", "isk' "),
    (f"iscsiadm -m node -T '{DISK}' -p 1", "0.0.0.1:3260 "),
]


def test_a_tab_completes_the_word(bash):
    for line, added in COMPLETED:
        assert press_tab(bash, line, added).endswith(added), line


def test_a_tab_lists_what_there_is(bash):
    shown = press_tab(bash, "iscsiadm -m node -T iqn.2026-11.test:", "other")

    assert "disk" in shown


def test_a_tab_on_what_is_not_there_adds_nothing(bash):
    assert press_tab(bash, "iscsiadm -m node --rea", "\x07") == "\x07"


def test_sessions_are_completed(box, bash, new_tgtd, initiator):
    peer = new_tgtd()
    initiator.discover(peer.portal).ok()
    initiator.open(peer.name, peer.portal)
    sid = str(next(iter(initiator.sessions())))

    assert press_tab(bash, f"iscsiadm -m session -r {sid[:-1]}", f"{sid[-1]} ")


def test_completing_starts_and_changes_nothing(box):
    box.run([find_program("iscsiadm"), "--complete", "-m", "session", "-r", ""]).ok()
    result = box.run([find_program("iscsiadm"), "--complete", "-m", "node", "-T", ""])

    assert (result.rc, result.out, result.err) == (0, "", ""), result
    assert not list(box.path("/etc/iscsi").iterdir())
