# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the tests of the record database."""

import os

import pytest

from records.lab import Lab, ours


@pytest.fixture(autouse=True)
def _programs_exist():
    if ours() is None:
        message = "no iscsiadm in the build directory: run ./do build"
        if "BUILD" in os.environ:
            pytest.fail(message)
        pytest.skip(message)


@pytest.fixture
def lab(box):
    return Lab(box)
