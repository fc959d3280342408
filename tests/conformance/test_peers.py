# SPDX-License-Identifier: LGPL-2.1-or-later
"""The target and its judge against initiators that are not ours: libiscsi's tools and Debian's iscsiadm.

What the judge says about them must be one of the few things that are known of them, else either is wrong.
"""

import shutil
import subprocess

import pytest
from beds.reference import Reference

from .case import fill, pattern
from .chap import Credentials
from .target import TARGET_NAME, Config, Target

SECRET = Credentials("alice", "alices-secret-0")

# Known of libiscsi 1.19: it offers operational keys in discovery sessions, where they have no meaning; it sets NSG
# without T while it authenticates; it takes the StatSN of an R2T for that of a status.
DISCOVERY, SECURITY, SOLICITED = {"key.discovery"}, {"login.nsg"}, {"seq.expstatsn"}


def run(*command, **more):
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **more)


def url(target, lun=0, credentials="", options=""):
    return f"iscsi://{credentials}127.0.0.1:{target.port}/{TARGET_NAME}/{lun}{options}"


def judge(target, allowed=frozenset()):
    assert not target.failures
    assert [str(violation) for violation in target.violations if violation.rule not in allowed] == []


def test_iscsi_ls():
    with Target(Config(luns=((4096, 512), (100, 4096)))) as target:
        result = run("iscsi-ls", "-s", f"iscsi://127.0.0.1:{target.port}")
        assert result.returncode == 0
        assert TARGET_NAME in result.stdout and "Lun:1" in result.stdout
        judge(target, DISCOVERY)


def test_many_targets():
    names = tuple(f"iqn.2026-01.test.conformance:disk{index}" for index in range(50))
    with Target(Config(names=names)) as target:
        result = run("iscsi-ls", f"iscsi://127.0.0.1:{target.port}")
        assert sorted(line.split()[0] for line in result.stdout.splitlines()) == sorted(f"Target:{name}" for name in names)
        judge(target, DISCOVERY)


@pytest.mark.parametrize("page", ["0x00", "0x80", "0x83", "0xb0", "0xb1", "0xb2"])
def test_iscsi_inq(page):
    with Target() as target:
        result = run("iscsi-inq", "-e", "1", "-c", page, url(target))
        assert result.returncode == 0, result.stderr
        judge(target)


def test_capacity():
    with Target(Config(luns=((1000, 4096),))) as target:
        result = run("iscsi-readcapacity16", url(target))
        assert "RETURNED LOGICAL BLOCK ADDRESS:999" in result.stdout
        assert "LOGICAL BLOCK LENGTH IN BYTES:4096" in result.stdout
        judge(target)


@pytest.mark.parametrize("credentials, good", [
    ("alice%alices-secret-0@", True), ("alice%another-secret0@", False), ("bob%alices-secret-0@", False), ("", False)])
def test_authentication(credentials, good):
    with Target(Config(chap=SECRET)) as target:
        result = run("iscsi-inq", url(target, credentials=credentials))
        assert (result.returncode == 0) == good, result.stderr
        judge(target, SECURITY)


def test_mutual_authentication():
    chap = Credentials("alice", "alices-secret-0", "target", "targets-secret-", algorithms=(5,))
    with Target(Config(chap=chap)) as target:
        result = run("iscsi-inq", url(target, credentials="alice%alices-secret-0@",
                                      options="?target_user=target&target_password=targets-secret-"))
        assert result.returncode == 0, result.stderr
        judge(target, SECURITY)


@pytest.mark.parametrize("digest", ["crc32c", "none"])
def test_header_digest(digest):
    with Target() as target:
        result = run("iscsi-inq", url(target, options=f"?header_digest={digest}"))
        assert result.returncode == 0, result.stderr
        judge(target)


@pytest.mark.parametrize("config", [
    Config(), Config(max_recv=512), Config(settings={"ImmediateData": "No", "InitialR2T": "Yes"}),
    Config(settings={"MaxBurstLength": "1024", "FirstBurstLength": "512"}), Config(collapse=False), Config(window=1),
], ids=["plain", "small-segments", "all-by-r2t", "small-bursts", "status-apart", "window-of-one"])
def test_writes_and_reads(config):
    """iscsi-test-cu writes, reads back and compares."""
    with Target(config) as target:
        fill(target)
        result = run("iscsi-test-cu", "--dataloss", "-t", "SCSI.Write16.Simple,SCSI.WriteSame10.Simple,SCSI.Unmap.Simple",
                     url(target))
        assert result.returncode == 0 and "FAILED" not in result.stdout, result.stdout
        judge(target, SOLICITED)


@pytest.mark.parametrize("chunk", [8192, 100])
def test_discovery_by_debians_iscsiadm(box, chunk):
    """Discovery runs inside iscsiadm and needs no kernel."""
    names = tuple(f"iqn.2026-01.test.conformance:disk{index}" for index in range(3))
    reference = Reference(box)
    with Target(Config(names=names, text_chunk=chunk), netns=box.init_pid) as target:
        result = reference.adm("-m", "discovery", "-t", "st", "-p", f"127.0.0.1:{target.port}")
        assert result.rc == 0, str(result)
        assert [line.split()[1] for line in result.out.splitlines()] == list(names)
        judge(target)
