# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the end-to-end tests: our programs against real targets on this host."""

import os

import pytest

from beds.initiator import Initiator, build_dir, have_programs
from beds.peers import Peer


@pytest.fixture(autouse=True)
def _programs_exist():
    if not have_programs():
        message = f"no iscsid, iscsiadm and iscsi-userd in {build_dir()}: run ./do build"
        # Who names a build directory, as ./do test does, wants these tests to run.
        if "BUILD" in os.environ:
            pytest.fail(message)
        pytest.skip(message)


@pytest.fixture
def initiator(box):
    """iscsid with short timeouts, running."""
    return Initiator(box).start()


@pytest.fixture
def new_initiator(box):
    """Makes one with settings of the test's own: new_initiator({"key": value})."""
    return lambda conf=None: Initiator(box, conf=conf).start()


@pytest.fixture(params=["tgtd", "istgt"])
def kind(request):
    return request.param


@pytest.fixture
def new_peer(box, kind):
    """Makes a target of the test's kind; it ends with the sandbox."""
    def make(**options):
        peer = Peer(kind, box, **options)
        box.at_close(peer.stop)
        return peer
    return make


@pytest.fixture
def new_tgtd(box):
    return lambda **options: Peer("tgtd", box, **options)


@pytest.fixture
def silent_host(box):
    """An address that swallows every packet."""
    for command in ("ip link add here type veth peer name there",
                    "ip addr add 192.0.2.1/24 dev here",
                    "ip link set here up", "ip link set there up",
                    "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev here"):
        box.run(command.split()).ok()
    return "192.0.2.2:3260"
