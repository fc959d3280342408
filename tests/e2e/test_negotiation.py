# SPDX-License-Identifier: LGPL-2.1-or-later
"""The extremes of what can be negotiated, each with verified I/O."""

import itertools

import pytest

from beds.fio import Load, fio

CONN = "node.conn[0].iscsi."
SESSION = "node.session.iscsi."
LARGEST = 16777215


def open_with(initiator, peer, pairs):
    device = initiator.open(peer.name, peer.portal, peer.first_lun, pairs)
    return device, initiator.session_state(next(iter(initiator.sessions())))


def verified(box, device, **changes):
    load = Load(**{"rw": "randwrite", "bs_range": "4k-1m", "depth": 16, "size": "8m", **changes})
    fio(box, device, load, timeout=120).ok()


@pytest.mark.parametrize("length", [512, 8192, LARGEST])
def test_max_recv_data_segment_length(box, initiator, new_tgtd, length):
    peer = new_tgtd(params={"MaxRecvDataSegmentLength": length})
    device, state = open_with(initiator, peer, {CONN + "MaxRecvDataSegmentLength": length})

    # Lengths are rounded down to whole words, as open-iscsi does.
    assert int(state["MaxRecvDataSegmentLength"]) == length // 4 * 4
    assert int(state["MaxXmitDataSegmentLength"]) <= length
    verified(box, device, size="2m" if length == 512 else "8m")


@pytest.mark.parametrize("first, maximum", [(512, 512), (512, LARGEST), (LARGEST, LARGEST),
                                            (4096, 65536)])
def test_burst_lengths(box, initiator, new_tgtd, first, maximum):
    peer = new_tgtd(params={"MaxBurstLength": maximum, "FirstBurstLength": first,
                            "InitialR2T": "No"})
    device, state = open_with(initiator, peer, {
        SESSION + "MaxBurstLength": maximum, SESSION + "FirstBurstLength": first,
        SESSION + "InitialR2T": "No"})

    assert int(state["MaxBurstLength"]) in (maximum, maximum // 4 * 4)
    assert int(state["FirstBurstLength"]) in (first, first // 4 * 4)
    verified(box, device, size="2m" if maximum == 512 else "8m")


@pytest.mark.parametrize("immediate, initial_r2t", itertools.product(("Yes", "No"), repeat=2))
def test_immediate_data_and_initial_r2t(box, initiator, new_tgtd, immediate, initial_r2t):
    peer = new_tgtd(params={"ImmediateData": immediate, "InitialR2T": initial_r2t})
    device, state = open_with(initiator, peer, {
        SESSION + "ImmediateData": immediate, SESSION + "InitialR2T": initial_r2t})

    assert (state["ImmediateData"], state["InitialR2T"]) == (immediate, initial_r2t)
    verified(box, device)


@pytest.mark.parametrize("depth", [1, 128])
def test_queue_depth(box, initiator, new_tgtd, depth):
    peer = new_tgtd(params={"MaxQueueCmd": max(depth, 2)})
    device, _ = open_with(initiator, peer, {
        "node.session.cmds_max": max(depth, 2), "node.session.queue_depth": depth})
    verified(box, device, depth=depth)


def test_istgt_with_small_bursts(box, initiator):
    from beds.peers import Peer
    peer = Peer("istgt", box, params={"MaxBurstLength": 4096, "FirstBurstLength": 1024})
    device, state = open_with(initiator, peer, {})

    assert state["MaxBurstLength"] == "4096" and state["FirstBurstLength"] == "1024"
    verified(box, device, size="2m")
