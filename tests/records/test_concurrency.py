# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many processes at the database at once, ours and Debian's: nothing lost, nothing torn, no waits.

RECORDS_UPDATES: how many updates each of the eight does (default 40).
"""

import json
import os

import pytest

from beds.tgtd import Lun, Target, Tgtd
from records.lab import is_whole, keys_of, program

UPDATES = int(os.environ.get("RECORDS_UPDATES", "40"))
# Of one command of ours, start and end of its process included, eight of them on two processors.
WAIT_MAX = 1.0
# One for each of the eight; none of them is limited in what it takes.
KEYS = ["node.session.timeo.replacement_timeout", "node.session.err_timeo.abort_timeout",
        "node.session.err_timeo.lu_reset_timeout", "node.session.err_timeo.tgt_reset_timeout",
        "node.session.err_timeo.host_reset_timeout", "node.conn[0].timeo.login_timeout",
        "node.conn[0].timeo.logout_timeout", "node.conn[0].timeo.auth_timeout"]
SHARED = ("iqn.2026-11.test:shared", "10.0.0.1:3260,1")


def crowd(lab, workers, timeout=600):
    workers = [{**worker, "program": str(program(worker["who"]))} for worker in workers]
    return json.loads(lab.python("records.crowd", stdin=json.dumps({"workers": workers}),
                                 timeout=timeout).out)


def new(lab, target, portal="10.0.0.1:3260,1"):
    lab.ours(["-m", "node", "-T", target, "-p", portal, "-o", "new"]).ok()


def update(target, portal, key, value):
    return ["-m", "node", "-T", target, "-p", portal, "-o", "update", "-n", key, "-v", str(value)]


def updates_of(target, portal, key, path):
    return {"commands": [update(target, portal, key, 1000 + i) for i in range(UPDATES)],
            "watch": (path, key)}


def failures(workers, results, who):
    return [each for worker, result in zip(workers, results) if worker["who"] == who
            for each in result["commands"] if each["rc"] or each["err"]]


def longest(workers, results, who="ours"):
    return max(each["seconds"] for worker, result in zip(workers, results)
               if worker["who"] == who for each in result["commands"])


@pytest.mark.limit(60 + UPDATES)
@pytest.mark.parametrize("programs", [["ours"] * 8, ["ours", "debian"] * 4], ids=["ours", "both"])
@pytest.mark.parametrize("where", ["shared", "distinct"])
def test_no_update_is_lost(lab, where, programs):
    targets = [SHARED[0] if where == "shared" else f"iqn.2026-11.test:own{i}" for i in range(8)]
    for target in dict.fromkeys(targets):
        new(lab, target)
    inside = "/etc/iscsi/nodes/{}/10.0.0.1,3260,1/default"
    workers = [{"who": who, **updates_of(target, SHARED[1], key, inside.format(target))}
               for who, target, key in zip(programs, targets, KEYS)]

    results = crowd(lab, workers)

    assert not failures(workers, results, "ours")
    assert not failures(workers, results, "debian")
    assert not [lost for result in results for lost in result["lost"]]
    for target, key in zip(targets, KEYS):
        text = lab.record(target, "10.0.0.1,3260,1").read_text()
        assert is_whole(text), text
        assert keys_of(text)[key] == str(1000 + UPDATES - 1), target
    assert all(result["looked"] for result in results)
    assert longest(workers, results) < WAIT_MAX


def delete(target):
    return ["-m", "node", "-T", target, "-p", SHARED[1], "-o", "delete"]


@pytest.mark.parametrize("programs", [["ours"] * 8, ["ours", "debian"] * 4], ids=["ours", "both"])
def test_parallel_deletes_of_different_records_all_succeed(lab, programs):
    rounds = 4
    workers = [{"who": who, "commands": [delete(f"iqn.2026-11.test:{i}-{j}") for j in range(rounds)]}
               for i, who in enumerate(programs)]
    for i in range(8):
        for j in range(rounds):
            new(lab, f"iqn.2026-11.test:{i}-{j}")

    results = crowd(lab, workers)

    assert not failures(workers, results, "ours")
    assert longest(workers, results) < WAIT_MAX
    if "debian" not in programs:
        assert os.listdir(lab.etc / "nodes") == []
        assert os.listdir(lab.etc / "static") == []


def test_parallel_deletes_of_one_record_have_one_winner(lab):
    new(lab, SHARED[0])
    workers = [{"who": "ours", "commands": [delete(SHARED[0])]} for _ in range(8)]

    results = crowd(lab, workers)

    codes = sorted(result["commands"][0]["rc"] for result in results)
    assert codes == [0] + [21] * 7


def test_new_over_delete_leaves_a_whole_record_or_none(lab):
    new_line = ["-m", "node", "-T", SHARED[0], "-p", SHARED[1], "-o", "new"]
    rounds = 20
    workers = [{"who": "ours", "commands": [line] * rounds}
               for line in [new_line, delete(SHARED[0])] * 2]

    results = crowd(lab, workers)
    last = lab.ours("-m node -o show")

    codes = {each["rc"] for result in results for each in result["commands"]}
    assert codes <= {0, 21}
    assert all(each["rc"] == 0 for result in results[::2] for each in result["commands"])
    assert last.rc in (0, 21) and last.out.count("# BEGIN") == last.out.count("# END"), last


@pytest.fixture
def tgtd(lab):
    """Six targets at 127.0.0.1:3260."""
    lun = Lun(lab.box.dir / "disk", "1M")
    return Tgtd(lab.box, [Target(f"iqn.2026-11.test:disk{i}", [lun]) for i in range(6)]).start()


@pytest.mark.parametrize("programs", [["ours"] * 4, ["ours", "debian"] * 2], ids=["ours", "both"])
def test_parallel_discoveries_all_succeed(lab, tgtd, programs):
    line = ["-m", "discovery", "-t", "sendtargets", "-p", tgtd.portal]
    rounds = 8
    workers = [{"who": who, "commands": [line] * rounds} for who in programs]
    wanted = sorted(f"{tgtd.portal},1 {target.name}" for target in tgtd.targets)

    results = crowd(lab, workers)

    assert not failures(workers, results, "ours")
    for worker, result in zip(workers, results):
        for each in result["commands"]:
            if worker["who"] == "ours":
                assert sorted(each["out"].splitlines()) == wanted
    assert longest(workers, results) < WAIT_MAX
    assert sorted(lab.ours("-m node").ok().out.splitlines()) == wanted
    for target in tgtd.targets:
        assert is_whole(lab.record(target.name, "127.0.0.1,3260,1").read_text())


def test_readers_never_see_a_record_in_pieces(lab):
    """Debian's empties a file and writes it anew; who reads it then must not believe it."""
    new(lab, SHARED[0])
    path = f"/etc/iscsi/nodes/{SHARED[0]}/10.0.0.1,3260,1/default"
    show = ["-m", "node", "-T", SHARED[0], "-p", SHARED[1]]
    lines = len(lab.ours(show).ok().out.splitlines())
    workers = [{"who": who, **updates_of(*SHARED, key, path)}
               for who, key in zip(["debian", "debian", "ours"], KEYS)]
    workers += [{"who": "ours", "commands": [show] * UPDATES} for _ in range(3)]

    results = crowd(lab, workers)

    assert not failures(workers, results, "ours")
    assert {len(each["out"].splitlines()) for result in results[3:]
            for each in result["commands"]} == {lines}


def test_many_kinds_of_changes_at_once(lab, tgtd):
    """Ifaces come and go, records are made and deleted, targets are found again and again.

    Discoveries bind targets to the iface while it is there; its deletion takes those records.
    """
    def rounds(*lines):
        return {"who": "ours", "commands": [line.split() for line in lines] * 10}
    node = f"-m node -T iqn.2026-11.test:own -p {SHARED[1]}"
    discovered = f"-m node -T {tgtd.name} -p {tgtd.portal}"
    lab.ours(f"-m discovery -t st -p {tgtd.portal}").ok()
    workers = [
        rounds(f"-m discovery -t st -p {tgtd.portal} -o new"),
        rounds(f"-m discoverydb -t st -p {tgtd.portal} -o new", f"-m discoverydb -t st "
               f"-p {tgtd.portal} -o update -n discovery.sendtargets.reopen_max -v 3"),
        rounds(f"{node} -o new", f"{node} -o update -n node.startup -v automatic",
               f"{node} -o delete"),
        rounds("-m iface -I crowd -o new", "-m iface -I crowd -o update -n iface.mtu -v 9000",
               "-m iface -I crowd -o delete"),
        rounds(f"{discovered} -o update -n node.startup -v automatic", discovered),
        rounds("-m node", "-m discovery", "-m iface", "-m node -P 1", "-m discoverydb -P 1")]

    results = crowd(lab, workers)

    assert not failures(workers, results, "ours")
    assert longest(workers, results) < WAIT_MAX
    assert keys_of(lab.record(tgtd.name, "127.0.0.1,3260,1"))["node.startup"] == "automatic"
