# SPDX-License-Identifier: LGPL-2.1-or-later
"""The LIO bed holds what it promises, seen by libiscsi's tools and Debian's open-iscsi."""

import pathlib
import subprocess

import pytest

from beds.lio import Lio
from beds.initiator import SOCKET_NAME
from beds.proc import listens, wait_for
from beds.tgtd import Lun, Target

DISK = "iqn.2026-11.test:disk"
CHAP = "iqn.2026-11.test:chap"
IN = ("inuser", "insecret123456")
OUT = ("outuser", "outsecret12345")


@pytest.fixture
def lio(box):
    target = Target(DISK, [Lun(box.dir / "a"), Lun(box.dir / "b", "4T"),
                           Lun(box.dir / "c", "64M", 4096)],
                    params={"MaxBurstLength": 8192})
    secured = Target(CHAP, [Lun(box.dir / "d")], IN, OUT)
    lio = Lio(box, [target, secured]).start()
    yield lio
    lio.stop()


def capacity(box, target, lun, credentials="", options=""):
    result = box.run(["iscsi-readcapacity16",
                      f"iscsi://{credentials}127.0.0.1/{target}/{lun}{options}"])
    if result.rc != 0:
        return result.err
    fields = dict(line.split(":", 1) for line in result.out.splitlines() if ":" in line)
    return int(fields["Total size"]), int(fields["LOGICAL BLOCK LENGTH IN BYTES"])


def test_sizes_chap_growth_and_portals(box, lio):
    assert capacity(box, DISK, 0) == (64 << 20, 512)
    assert capacity(box, DISK, 1) == (4 << 40, 512)
    assert capacity(box, DISK, 2) == (64 << 20, 4096)
    good, mutual = f"{IN[0]}%{IN[1]}@", f"?target_user={OUT[0]}&target_password={OUT[1]}"
    assert capacity(box, CHAP, 0, good, mutual) == (64 << 20, 512)
    assert "Authentication failure" in capacity(box, CHAP, 0, "inuser%wrongsecret@")

    target = lio.targets[0]
    lio.grow_lun(target.luns[0], "128M")
    lio.add_lun(target, Lun(box.dir / "e", "8M"))
    assert capacity(box, DISK, 0) == (128 << 20, 512)
    assert capacity(box, DISK, 3) == (8 << 20, 512)

    lio.enable(target, False)
    assert "Service unavailable" in capacity(box, DISK, 0)
    lio.enable(target, True)
    assert capacity(box, DISK, 0) == (128 << 20, 512)

    lio.close_portal()
    assert "refused" in box.run(["iscsi-ls", "iscsi://127.0.0.1"]).err
    lio.open_portal()
    assert capacity(box, DISK, 0) == (128 << 20, 512)


def test_debians_initiator_logs_in_by_the_kernel(box):
    """iSCSI netlink exists in the first network namespace only: no sandbox for the initiator."""
    del box
    first = FirstNamespace()
    lio = Lio(first, [Target("iqn.2026-11.test:kernel", [Lun(pathlib.Path("/dev/shm/k"))])],
              portal="127.0.0.1:3299").start()
    for module in ("sd_mod", "iscsi_tcp"):
        subprocess.run(["modprobe", module], check=True)
    etc = pathlib.Path("/etc/iscsi")
    (etc / "initiatorname.iscsi").write_text("InitiatorName=iqn.2026-11.test:kernel-initiator\n")
    (etc / "iscsid.conf").write_text("node.startup = manual\n")
    daemon = subprocess.Popen(["/usr/sbin/iscsid", "-f"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    wait_for(lambda: listens(SOCKET_NAME), 20, "iscsid")

    def adm(*args):
        return subprocess.run(["/usr/sbin/iscsiadm", *args], check=True, capture_output=True,
                              text=True).stdout
    assert "iqn.2026-11.test:kernel" in adm("-m", "discovery", "-t", "st", "-p", "127.0.0.1:3299")
    assert "successful" in adm("-m", "node", "-l")
    wait_for(lambda: "LIO-ORG" in subprocess.run(["lsblk", "-ndo", "VENDOR"], check=True,
                                                 capture_output=True, text=True).stdout,
             20, "the disk")
    adm("-m", "node", "-u")
    daemon.kill()
    daemon.wait()
    lio.stop()


class FirstNamespace:
    """Stands for a sandbox where only its network namespace is asked for."""
    init_pid = 1
