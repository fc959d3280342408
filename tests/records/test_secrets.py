# SPDX-License-Identifier: LGPL-2.1-or-later
"""Secrets are shown only to who asks with -S, come in without a command line, and lie in files that
nobody else can read."""

import json
import os
import shlex
import stat
import subprocess

import pytest

from beds.proc import wait_for
from beds.terminal import Terminal
from records.lab import ours

T, P = "iqn.2026-11.test:disk", "10.0.0.1:3260"
NODE = f"-m node -T {T} -p {P}"
ST = f"-m discoverydb -t st -p {P}"
SECRETS = {"password": "never-shown-1", "password_in": "never-shown-2"}


@pytest.fixture
def secrets(lab):
    """A node and a discovery record with both secrets."""
    lab.ours(f"{NODE},1 -o new").ok()
    lab.ours(f"{ST} -o new").ok()
    for name, secret in SECRETS.items():
        lab.ours(f"{NODE} -o update -n node.session.auth.{name} -v {secret}").ok()
        lab.ours(f"{ST} -o update -n discovery.sendtargets.auth.{name} -v {secret}").ok()
    return lab


SHOWING = [NODE, f"{NODE} -o show", "-m node -o show", "-m node -P 1", ST, "-m discoverydb -P 1",
           f"{NODE} -d 8", f"{ST} -d 8", f"{NODE} -o update -n node.startup -v manual -d 8"]


@pytest.mark.parametrize("line", SHOWING)
@pytest.mark.parametrize("json_too", ["", " --json"], ids=["text", "json"])
def test_no_output_has_them(secrets, line, json_too):
    result = secrets.ours(line + json_too).ok()

    for secret in SECRETS.values():
        assert secret not in result.out + result.err


@pytest.mark.parametrize("line", [NODE, "-m node -o show", ST])
@pytest.mark.parametrize("how", [" -S", " --show"])
def test_who_asks_gets_them(secrets, line, how):
    text = secrets.ours(line + how).ok().out
    document = secrets.ours(line + how + " --json").ok().out

    for secret in SECRETS.values():
        assert f" = {secret}\n" in text
        assert json.dumps(secret) in document


@pytest.mark.parametrize("line", [
    f"{NODE} -o update -n node.session.auth.password -v never-shown-3 -n node.startup -v never",
    f"{NODE} -o update -n node.session.auth.pasword -v never-shown-3",
    f"{ST} -o update -n discovery.sendtargets.auth.pasword -v never-shown-3",
    "-m node -T iqn.absent -o update -n node.session.auth.password -v never-shown-3"])
def test_an_error_does_not_quote_them(secrets, line):
    result = secrets.ours(line)

    assert result.rc != 0 and result.err
    assert "never-shown" not in result.out + result.err


# Ways in --------------------------------------------------------------------------------------


def password(lab, mode):
    line = f"{NODE} -S" if mode == "node" else f"{ST} -S"
    lines = lab.ours(line).ok().out.splitlines()
    return next(line.split(" = ", 1)[1] for line in lines if ".auth.password = " in line)


UPDATES = {"node": [*NODE.split(), "-o", "update", "-n", "node.session.auth.password", "-v"],
           "discovery": [*ST.split(), "-o", "update", "-n",
                         "discovery.sendtargets.auth.password", "-v"]}


@pytest.mark.parametrize("mode", UPDATES)
@pytest.mark.parametrize("content", ["from a file", "with newline\n", "crlf\r\n",
                                     "first\nsecond\n", "= # odd one ", "@at", "-"])
def test_a_secret_comes_from_a_file(secrets, mode, content):
    path = secrets.box.dir / "secret"
    path.write_bytes(content.encode())

    secrets.ours([*UPDATES[mode], f"@{path}"]).ok()

    wanted = content.splitlines()[0]
    assert password(secrets, mode) == wanted.strip()


@pytest.mark.parametrize("mode", UPDATES)
def test_a_secret_comes_from_stdin(secrets, mode):
    secrets.ours([*UPDATES[mode], "-"], stdin="from stdin\n").ok()

    assert password(secrets, mode) == "from stdin"


def test_two_secrets_come_from_stdin_line_by_line(secrets):
    secrets.ours([*UPDATES["node"], "-", "-n", "node.session.auth.password_in", "-v", "-"],
                 stdin="one of them\nthe other\n").ok()

    shown = secrets.ours(NODE + " -S").ok().out
    assert "auth.password = one of them\n" in shown
    assert "auth.password_in = the other\n" in shown


@pytest.mark.parametrize("value, stdin", [("@/nonexistent", ""), ("@/dev/null", ""), ("-", "")])
def test_a_secret_that_is_not_there_changes_nothing(secrets, value, stdin):
    result = secrets.ours([*UPDATES["node"], value], stdin=stdin)

    assert result.rc == 7 and result.err
    assert password(secrets, "node") == SECRETS["password"]


@pytest.mark.parametrize("value", ["-", "@/etc/hostname"])
def test_other_values_are_taken_as_they_are(secrets, value):
    secrets.ours([*NODE.split(), "-o", "update", "-n", "node.session.auth.username", "-v",
                  value]).ok()

    assert f"node.session.auth.username = {value}\n" in secrets.ours(NODE).ok().out


def test_the_command_line_shows_no_more_than_was_typed(secrets):
    """Seen by another process while the command waits for the secret, and after it has it."""
    fifo = secrets.box.dir / "fifo"
    os.mkfifo(fifo)
    line = [ours(), *UPDATES["node"], f"@{fifo}"]
    running = secrets.box.start(["strace", "-f", "-o", "/dev/null", "-e", "trace=exit_group", "-e",
                                 "inject=exit_group:delay_enter=500000", *line])
    with open(fifo, "w", encoding="ascii") as pipe:  # opens when the command does
        pipe.write("only in the file\n")
    wait_for(lambda: password(secrets, "node") == "only in the file", 10, "the update")

    seen = [bytes_of(pid, name) for pid in secrets.box.pids("iscsiadm")
            for name in ("cmdline", "environ", "comm")]
    running.wait()

    assert any(f"@{fifo}".encode() in text for text in seen)
    assert not any(b"only in the file" in text for text in seen)


def bytes_of(pid, name):
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()


# Files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_everything_is_for_root_alone(lab, umask):
    lines = [f"{NODE},1 -o new", "-m iface -I if0 -o new", f"{ST} -o new",
             f"{NODE} -o update -n node.session.auth.password -v secretsecret",
             "-m discoverydb -t isns -p 10.0.0.2 -o new", f"{NODE},1 -I if0 -o new"]
    for line in lines:
        lab.box.run(["sh", "-c", f"umask {umask:o}; exec {ours()} {line}"]).ok()

    modes = {}
    for folder, names, files in os.walk(lab.etc):
        for name in names + files:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            if not stat.S_ISLNK(info.st_mode):
                modes[os.path.relpath(path, lab.etc)] = stat.S_IMODE(info.st_mode)
    for own in ("iscsid.conf", "initiatorname.iscsi"):  # the test's
        del modes[own]
    for path, mode in modes.items():
        assert mode == (0o700 if (lab.etc / path).is_dir() else 0o600), path
    assert len(modes) > 10


def warned(lab, line):
    """What a person is told. Programs take any word on standard error for a failure: they are
    told nothing, the system's log is."""
    assert lab.ours(line).ok().err == ""
    with Terminal(lab.box.command([ours(), *shlex.split(line)]), lab.box.environment(),
                  out=subprocess.PIPE) as terminal:
        assert terminal.finish() == 0
        return terminal.text.replace("\r\n", "\n")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
@pytest.mark.parametrize("line, path", [
    (NODE, f"nodes/{T}/10.0.0.1,3260,1/default"),
    (ST, "send_targets/10.0.0.1,3260/st_config")], ids=["node", "discovery"])
def test_a_looser_file_is_warned_of_once_and_an_update_mends_it(secrets, line, path, mode):
    file = secrets.etc / path
    file.chmod(mode)
    key = "node.startup" if line is NODE else "discovery.startup"

    shown = warned(secrets, line)
    secrets.ours(f"{line} -o update -n {key} -v manual").ok()
    again = warned(secrets, line)

    assert shown.count("\n") == 1
    assert f"/etc/iscsi/{path}" in shown and f"{mode:04o}" in shown
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert again == ""


@pytest.mark.parametrize("path,mode,usual,said", [
    (f"nodes/{T}/10.0.0.1,3260,1", 0o777, 0o700, "replace the records in it (mode 0777)"),
    (f"nodes/{T}", 0o770, 0o700, "replace the records in it (mode 0770)"),
    ("nodes", 0o777, 0o700, "replace the records in it (mode 0777)"),
    (f"nodes/{T}/10.0.0.1,3260,1", 0o755, 0o700, "see the records in it (mode 0755)"),
    ("", 0o777, 0o755, "replace the records in it (mode 0777)")])
def test_a_looser_directory_of_secrets_is_warned_of(secrets, path, mode, usual, said):
    directory = secrets.etc / path
    directory.chmod(mode)

    shown = warned(secrets, NODE)
    directory.chmod(usual)
    again = warned(secrets, NODE)

    name = f"/etc/iscsi/{path}".rstrip("/")
    remedy = f"run `chmod {usual:o} {name}`"
    assert shown == f"iscsiadm: {name}: others may {said}; {remedy}\n"
    assert again == ""


@pytest.mark.parametrize("path,said", [
    (f"nodes/{T}/10.0.0.1,3260,1/default", "read the secrets in it and change them"),
    (f"nodes/{T}", "replace the records in it")])
def test_a_strangers_file_or_directory_is_warned_of(secrets, path, said):
    os.chown(secrets.etc / path, 1000, 0)

    shown = warned(secrets, NODE)

    name = f"/etc/iscsi/{path}"
    assert shown == f"iscsiadm: {name}: user 1000 may {said}; run `chown root {name}`\n"


def test_the_modes_that_debian_makes_give_no_warning(lab):
    lab.etc.chmod(0o755)
    lab.debian(f"{NODE},1 -o new").ok()
    lab.debian(f"{NODE} -o update -n node.session.auth.password -v never-shown-1").ok()
    lab.debian(f"{ST} -o new").ok()
    lab.debian(f"{ST} -o update -n discovery.sendtargets.auth.password -v never-shown-1").ok()

    assert warned(lab, NODE) == ""
    assert warned(lab, ST) == ""


def test_a_loose_record_without_secrets_is_nobodys_business(lab):
    lab.ours(f"{NODE},1 -o new").ok()
    lab.record(T, "10.0.0.1,3260,1").chmod(0o644)

    assert warned(lab, NODE) == ""


def test_a_loose_iscsid_conf_with_secrets_is_warned_of(lab):
    conf = lab.etc / "iscsid.conf"
    conf.write_text(conf.read_text() + "node.session.auth.password = never-shown-1\n")
    conf.chmod(0o644)

    added = warned(lab, f"{NODE},1 -o new")

    assert "/etc/iscsi/iscsid.conf" in added and "chmod 600" in added
    assert "never-shown" not in added
