# SPDX-License-Identifier: LGPL-2.1-or-later
"""One boot for all tests of this folder: sessions are the kernel's, programs are installed."""

import pytest

from beds.lio import load_modules
from guest.inside.kernel import machine as bed


@pytest.fixture(autouse=True, scope="session")
def _installed():
    load_modules()
    for module in ("sd_mod", "iscsi_tcp"):
        bed.run(["modprobe", module]).ok()
    bed.install()
    bed.start_udev()
    bed.make_targets()


@pytest.fixture
def bare():
    """Nothing runs yet."""
    machine = bed.Machine()
    yield machine
    machine.stop()


@pytest.fixture
def machine(bare):
    """iscsid runs."""
    return bare.start()


@pytest.fixture
def found(machine):
    """Records of all targets at the first portal, and of nothing else."""
    machine.discover()
    for line in machine.adm("-m node").ok().out.splitlines():
        portal, target = line.split(" ")
        if not portal.startswith(bed.PORTAL + ","):
            machine.adm(f"{bed.node(target, portal)} -o delete").ok()
    return machine
