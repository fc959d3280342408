# SPDX-License-Identifier: LGPL-2.1-or-later
"""./do says what it takes before it installs or builds anything."""

import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def do(*args):
    return subprocess.run([ROOT / "do", *args], capture_output=True, text=True, check=False,
                          timeout=20)


@pytest.mark.parametrize("args, reason", [
    (["nonsense"], "no such command: nonsense"),
    (["check", "extra"], "what is 'extra'?"),
    (["demo", "extra"], "what is 'extra'?"),
    (["deps", "--tests"], "what is '--tests'? There are: --test"),
    (["format", "--chekc"], "what is '--chekc'? There are: --check"),
    (["test", "hous"], "what is 'hous'? There are: house unit "),
    (["test", "house", "hous"], "what is 'hous'?"),
    (["fuzz", "chp"], "what is 'chp'? There are: all "),
    (["fuzz", "chap", "1m"], "'1m' is no number"),
    (["sim", "first"], "'first' is no number"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_what_nobody_can_mean_is_refused_at_once(args, reason):
    result = do(*args)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"do: {reason}")


@pytest.mark.parametrize("command", sorted(
    path.stem.removeprefix("do-") for path in (ROOT / "scripts").glob("do-*.sh")))
def test_each_command_tells_its_usage(command):
    result = do(command, "--help")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"./do {command}")
