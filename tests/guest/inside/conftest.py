# SPDX-License-Identifier: LGPL-2.1-or-later
"""In the guest the one kind of target is LIO; everything else is as on the host."""

import pathlib

import pytest

from beds.lio import load_modules
from e2e.conftest import (_programs_exist, initiator, new_initiator,  # noqa: F401
                          new_peer)


@pytest.fixture(autouse=True, scope="session")
def _modules():
    """Without the kernel's initiator, so that the sessions are iscsi-userd's."""
    pathlib.Path("/etc/modprobe.d").mkdir(exist_ok=True)
    pathlib.Path("/etc/modprobe.d/no-initiator.conf").write_text("blacklist iscsi_tcp\n")
    load_modules()


@pytest.fixture
def kind():
    return "lio"
