# SPDX-License-Identifier: LGPL-2.1-or-later
"""`./do demo` shows the main job, and leaves nothing behind however it ends."""

import os
import pathlib
import re
import signal
import subprocess

import pytest

from beds.initiator import SOURCE, build_dir

PASSED_THE_CRASH = "the writer saw nothing of it"
NOTHING_LEFT = "Nothing is left behind: no loop device, no process, no mount, no file."


@pytest.fixture
def demo(request):
    """Starts the demo as a terminal would, in a process group of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    # A suite that runs in the background ignores SIGINT, and so would the demo, unasked.
    process = subprocess.Popen(
        ["env", "--default-signal=INT", "bash", SOURCE / "scripts/demo.sh", build_dir()], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        env={**os.environ, "DEMO_MIB": "96"})
    request.addfinalizer(lambda: process.poll() is None and os.killpg(process.pid, signal.SIGKILL))
    return process


def read_until(process, text):
    """Output up to the line with the text. Each line is read as soon as it is there."""
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return "".join(seen)
    raise AssertionError(f"no {text!r} in:\n{''.join(seen)}")


def target_of(output):
    """The process of the demo's tgtd, as seen from outside its namespace."""
    [work] = set(re.findall(r"/tmp/iscsi-demo\.\w+", output))
    for environment in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            name = environment.with_name("comm").read_text().strip()
            if name == "tgtd" and f"{work}/tgtd".encode() in environment.read_bytes():
                return int(environment.parent.name)
        except OSError:  # another process that has just ended
            continue
    raise AssertionError(f"no tgtd of {work}")


def own_files_are_gone(output):
    for path in set(re.findall(r"/tmp/iscsi-demo\.\w+", output)):
        assert not pathlib.Path(path).exists()


def test_demo_goes_through(demo):
    output, _ = demo.communicate(timeout=120)

    assert demo.returncode == 0, output
    assert output.count("The checksums are equal.") == 3
    assert PASSED_THE_CRASH in output and NOTHING_LEFT in output
    own_files_are_gone(output)


@pytest.mark.parametrize("moment", ["successful.", "mkfs.ext4", "the writer waits"],
                         ids=["logged-in", "mkfs", "target-down"])
def test_ctrl_c_leaves_nothing_behind(demo, moment):
    before = read_until(demo, moment)

    os.killpg(demo.pid, signal.SIGINT)
    after, _ = demo.communicate(timeout=60)

    assert demo.returncode != 0
    assert NOTHING_LEFT in after, before + after
    own_files_are_gone(before)


def test_demo_does_not_wait_for_a_target_that_is_gone(demo):
    """A file system without a target would wait for replacement_timeout, two minutes."""
    before = read_until(demo, "The checksums are equal.")

    os.kill(target_of(before), signal.SIGKILL)
    os.killpg(demo.pid, signal.SIGINT)
    after, _ = demo.communicate(timeout=60)

    assert demo.returncode != 0
    assert NOTHING_LEFT in after, before + after
    own_files_are_gone(before)
