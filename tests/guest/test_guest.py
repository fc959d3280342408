# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the tests of `inside/` in a user-mode-linux guest, one boot for each file or folder."""

import os
import pathlib

import pytest

from beds import uml

INSIDE = pathlib.Path(__file__).with_name("inside")
# The longest first: guests run side by side.
FILES = sorted([*INSIDE.glob("guest_*.py"), INSIDE / "kernel"],
               key=lambda path: (path.stem not in ("guest_recovery", "kernel"), path.stem))


@pytest.mark.skipif(not uml.available(), reason="no user-mode-linux")
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_in_guest(path, tmp_path):
    result = uml.run_in_guest(
        ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o",
         "python_files=guest_*.py", path],
        timeout=600, share=tmp_path, env=_passed_on())

    # The guest's own report tells which test failed and why.
    print(result)
    assert result.rc == 0, result.out[-15000:]


def _passed_on():
    names = ("BUILD", "SOAK_SECONDS", "BED_DEBUG")
    # A guest has one processor, and system calls take long in it.
    return {"BED_PATIENCE": "4"} | {key: os.environ[key] for key in names if key in os.environ}
