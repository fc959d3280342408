# SPDX-License-Identifier: LGPL-2.1-or-later
"""In the guest the one kind of target is LIO; everything else is as on the host."""

import pytest

from beds.lio import load_modules
from e2e.conftest import (_programs_exist, initiator, new_initiator,  # noqa: F401
                          new_peer)


@pytest.fixture(autouse=True, scope="session")
def _modules():
    load_modules()


@pytest.fixture
def kind():
    return "lio"
