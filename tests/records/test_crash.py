# SPDX-License-Identifier: LGPL-2.1-or-later
"""A command killed at any system call that changes a file leaves each record whole, old or new.

The same is done to Debian's iscsiadm; what it loses is printed (pytest -s), and only counted.
"""

import dataclasses

import pytest

from beds.tgtd import Lun, Target, Tgtd
from records import crash
from records.lab import is_whole

# The longest that the next command may take. It has nobody to wait for.
NEXT_MAX = 0.8
PORTAL = "127.0.0.1:3260"
NODE = f"-m node -T iqn.2026-11.test:disk0 -p {PORTAL}"


@dataclasses.dataclass
class Scenario:
    line: str
    before: tuple = ()
    stale: bool = False  # with a record that the target does not report any more
    seconds: float = NEXT_MAX

    @property
    def words(self):
        return self.line.split()


SCENARIOS = {
    "new": Scenario("-m node -T iqn.2026-11.test:new -p 10.0.0.1:3260,1 -o new"),
    "new-again": Scenario(f"{NODE},1 -o new",
                          (f"-m discovery -t st -p {PORTAL}",
                           f"{NODE} -o update -n node.startup -v automatic")),
    "update": Scenario(f"{NODE} -o update -n node.startup -v automatic",
                       (f"-m discovery -t st -p {PORTAL}",)),
    "delete": Scenario(f"{NODE} -o delete", (f"-m discovery -t st -p {PORTAL}",)),
    # One record is found again, one is new, one is stale.
    "discovery": Scenario(
        f"-m discovery -t st -p {PORTAL}",
        (f"-m discovery -t st -p {PORTAL}",
         "-m node -T iqn.2026-11.test:disk1 -o delete",
         f"{NODE} -o update -n node.startup -v automatic"), stale=True, seconds=2.0),
    "discovery-update": Scenario(
        f"-m discoverydb -t st -p {PORTAL} -o update -n discovery.sendtargets.reopen_max -v 7",
        (f"-m discovery -t st -p {PORTAL}",)),
    "discovery-delete": Scenario(f"-m discoverydb -t st -p {PORTAL} -o delete",
                                 (f"-m discovery -t st -p {PORTAL}",)),
    "iface-update": Scenario("-m iface -I if0 -o update -n iface.mtu -v 9000",
                             ("-m iface -I if0 -o new",
                              f"-m discovery -t st -p {PORTAL} -I if0")),
    "iface-delete": Scenario("-m iface -I if0 -o delete",
                             ("-m iface -I if0 -o new",
                              f"-m discovery -t st -p {PORTAL} -I if0")),
}


@pytest.fixture
def disks(lab):
    lun = Lun(lab.box.dir / "disk", "1M")
    return Tgtd(lab.box, [Target(f"iqn.2026-11.test:disk{i}", [lun]) for i in range(2)]).start()


def add_stale(lab):
    name, portal = "iqn.2026-11.test:gone", "127.0.0.1,3260,1"
    old = lab.record("iqn.2026-11.test:disk0", portal)
    new = lab.record(name, portal)
    new.parent.mkdir(parents=True, mode=0o700)
    new.write_text(old.read_text().replace("iqn.2026-11.test:disk0", name))
    new.chmod(0o600)
    link = lab.etc / "send_targets/127.0.0.1,3260" / f"{name},{portal},default"
    link.symlink_to(f"/etc/iscsi/nodes/{name}/{portal}")


def prepare(lab, who, scenario):
    """Snapshots before and after the undisturbed command, and its steps."""
    for line in scenario.before:
        lab.adm(who, line).ok()
    if scenario.stale:
        add_stale(lab)
    before = crash.snapshot(lab)
    steps = crash.Crash(lab, who).steps(scenario.words)
    return before, crash.snapshot(lab), steps


@pytest.mark.limit(240)
@pytest.mark.usefixtures("disks")
@pytest.mark.parametrize("name", SCENARIOS)
def test_ours_killed_at_any_change_loses_nothing(lab, name):
    scenario = SCENARIOS[name]
    before, after, steps = prepare(lab, "ours", scenario)
    assert len(steps) >= 5, steps
    killer = crash.Crash(lab, "ours")

    for step in steps:
        crash.restore(lab, before)
        assert killer.run(scenario.words, step), f"not killed at {step.text}"
        left = crash.snapshot(lab)
        listing = lab.ours("-m node -o show")
        sources = [lab.ours(line) for line in ("-m discovery", "-m discoverydb -P 1")]
        again = lab.ours(scenario.words)

        assert not crash.damage(left, before, after), step.text
        assert listing.rc in (0, 21) and "empty" not in listing.err, (step.text, listing)
        for listed in sources:
            assert listed.rc in (0, 21) and listed.err == "", (step.text, listed)
        # What a delete had done before it died need not be done again.
        done = scenario.line.endswith("delete") and again.rc in (6, 7, 21)
        assert again.rc == 0 or done, (step.text, again)
        assert again.seconds < scenario.seconds, (step.text, again)
        assert crash.records(crash.snapshot(lab)) == crash.records(after), step.text
    print(f"{name}: {len(steps)} kills")


@pytest.mark.limit(300)
@pytest.mark.usefixtures("disks")
def test_debian_killed_the_same_way_does_lose_records(lab):
    """The net holds: what is never found in ours is found in the reference, and counted."""
    damaged, locked = {}, {}
    for name, scenario in SCENARIOS.items():
        lab.forget()
        crash.free_the_lock(lab)
        before, after, steps = prepare(lab, "debian", scenario)
        killer = crash.Crash(lab, "debian")
        damaged[name] = locked[name] = 0
        for step in steps:
            crash.restore(lab, before)
            killer.run(scenario.words, step)
            damaged[name] += bool(crash.damage(crash.snapshot(lab), before, after))
            locked[name] += crash.free_the_lock(lab)
        print(f"{name}: of {len(steps)} kills {damaged[name]} leave a damaged record, "
              f"{locked[name]} a lock that blocks it for 30 s")

    assert all(damaged[name] for name in ("new", "new-again", "update", "discovery"))
    assert all(locked.values())
