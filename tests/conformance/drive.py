# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the initiator under test against a target, and tells whether what came of it is what a case expects."""

import errno
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import zlib
from dataclasses import dataclass, field

from .case import (INITIAL_SEED, Case, Discovers, DiscoveryFails, Drops, Either, Fails, LoginFails, LoginRetried, Survives,
                   Works, fill, pattern)
from .target import Target

LIMIT_SECONDS = 15
# No target may make it use more. Most is the sanitizers' own.
MEMORY_MIB_MAX, CPU_SECONDS_MAX = 256, 4
ROOT = pathlib.Path(__file__).resolve().parents[2]


def probe_path():
    """The probe that was built last, be it with sanitizers or without; None when there is none."""
    builds = [os.environ.get("SANITIZED_BUILD"), os.environ.get("BUILD"), ROOT / "build-sanitize", ROOT / "build"]
    paths = [pathlib.Path(build) / "tests/conformance/conformance_probe" for build in builds if build]
    return max((path for path in paths if path.exists()), key=lambda path: path.stat().st_mtime, default=None)


@dataclass
class Outcome:
    """What the initiator did, in words that both drivers share."""
    exit_code: int = 0
    login_code: int = None
    login_text: str = ""
    errors: list = field(default_factory=list)       # connection errors 1..22 in order
    results: dict = field(default_factory=dict)      # index of command -> (errno, crc)
    found: list = field(default_factory=list)        # (address, target) of discovery
    discovery_code: int = None
    transcript: str = ""
    memory_mib: int = 0
    cpu_seconds: float = 0.0


# -- the probe --------------------------------------------------------------------------------------------
def settings_of(case, target, address="127.0.0.1"):
    settings = {"address": "::1" if case.config.v6 else address, "port": target.port,
                "blocks": case.config.luns[0][0], "block_bytes": case.config.luns[0][1],
                "limit_ms": LIMIT_SECONDS * 1000, "login_timeout": "60"}
    if case.mode == "session":
        settings["target"] = case.config.names[0]
    if _may_retry(case.expect):
        settings["login_timeout"] = "25"
    settings.update(case.login)
    return settings


def _may_retry(expect):
    if isinstance(expect, Either):
        return any(_may_retry(outcome) for outcome in expect.outcomes)
    return isinstance(expect, LoginRetried)


def run_probe(case, target, prefix=()):
    settings = settings_of(case, target)
    command = [*prefix, str(probe_path()), *(f"{key}={value}" for key, value in settings.items())]
    script = "discover" if case.mode == "discover" else "\n".join(case.run)
    outcome, lines = _run(command, script)
    for line in lines.splitlines():
        _take(outcome, json.loads(line))
    return outcome


def _run(command, script):
    """Runs a program that ends by itself; what it used is part of the outcome."""
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        given.write(script)
        given.seek(0)
        process = subprocess.Popen(command, stdin=given, stdout=out, stderr=err)
        guard = threading.Timer(LIMIT_SECONDS + 10, process.kill)
        guard.start()
        _, status, used = os.wait4(process.pid, 0)
        guard.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        lines = out.read()
        return Outcome(process.returncode, transcript=lines + err.read(), memory_mib=used.ru_maxrss // 1024,
                       cpu_seconds=used.ru_utime + used.ru_stime), lines


def _take(outcome, event):
    kind = event["event"]
    if kind == "login":
        outcome.login_code, outcome.login_text = event["code"], event["text"]
    elif kind == "connerr":
        outcome.errors.append(event["number"])
    elif kind == "done":
        outcome.results[event["index"]] = (event["errno"], event["crc"])
    elif kind == "target":
        outcome.found.append((event["address"], event["name"]))
    elif kind == "discovery":
        outcome.discovery_code, outcome.login_text = event["code"], event["text"]


# -- judgement -----------------------------------------------------------------------------------------------
def problems(case, target, outcome):
    """Everything that is not as it should be, in sentences; empty when the case is passed."""
    found = []
    if outcome.exit_code != 0:
        found.append(f"the initiator ended with {outcome.exit_code}")
    if outcome.memory_mib > MEMORY_MIB_MAX or outcome.cpu_seconds > CPU_SECONDS_MAX:
        found.append(f"the initiator used {outcome.memory_mib} MiB and {outcome.cpu_seconds:.1f} s of CPU")
    found += [f"fault of the target: {failure}" for failure in target.failures]
    found += [f"initiator: {violation}" for violation in target.violations]
    found += [f"this deviation never happened: {step}" for step in target.script.untouched()]
    found += [f"no {name} was received" for name in case.seen if not _received(target, name)]
    found += _mismatches(case.expect, case, target, outcome)
    found += _wrong_data(case, target, outcome)
    if case.later:
        message = case.later(target)
        found += [message] if message else []
    return found


def _received(target, name):
    return any(f"< <{name} " in line for line in target.log)


def _mismatches(expect, case, target, outcome):
    if isinstance(expect, Either):
        each = [_mismatches(choice, case, target, outcome) for choice in expect.outcomes]
        if not all(each):
            return []
        return ["none of: " + " / ".join("; ".join(reasons) for reasons in each)]
    judge = {LoginFails: _login_fails, LoginRetried: _login_retried, Works: _works, Drops: _drops, Fails: _fails, Survives: _survives,
             Discovers: _discovers, DiscoveryFails: _discovery_fails}[type(expect)]
    return [text for wrong, text in judge(expect, case, target, outcome) if wrong]


def _login_fails(expect, case, target, outcome):
    yield outcome.login_code != expect.code, f"login code {outcome.login_code}, expected {expect.code}"
    for word in expect.words:
        yield word not in outcome.login_text, f"{word!r} is not in {outcome.login_text!r}"
    count = len(target.connections)
    yield expect.attempts is not None and count != expect.attempts, f"{count} connections, expected {expect.attempts}"
    yield not outcome.login_text, "the failure has no text"


def _login_retried(expect, case, target, outcome):
    yield outcome.login_code not in expect.codes, f"login code {outcome.login_code}, expected one of {expect.codes}"
    yield len(target.connections) < 2, "only one attempt was made"


def _commands(case):
    return [index for index, line in enumerate(case.run) if line.lstrip("&").split()[0] in ("read", "write", "flush")]


def _all_done(case, outcome, fails=()):
    yield outcome.login_code != 0, f"login code {outcome.login_code}: {outcome.login_text}"
    for index in _commands(case):
        code = outcome.results.get(index, (None,))[0]
        if index in fails:
            yield code in (0, None), f"command {index} ended with errno {code}, expected a failure"
        else:
            yield code != 0, f"command {index} ended with errno {code}"


def _leaves_in_order(case, target):
    """A session that is up in the end is logged out of."""
    last = [conn for conn in target.connections if conn.in_full_feature][-1:]
    yield bool(last) and last[0].checker.phase != "logout", "the session ended without a logout"


def _works(expect, case, target, outcome):
    yield from _all_done(case, outcome)
    yield bool(outcome.errors), f"connection errors {outcome.errors}"
    count = len(target.connections)
    yield count != expect.connections, f"{count} connections, expected {expect.connections}"
    yield from _leaves_in_order(case, target)


def _drops(expect, case, target, outcome):
    yield not outcome.errors and not expect.in_logout, "no connection error"
    if outcome.errors:
        yield outcome.errors[0] not in expect.errors, f"connection error {outcome.errors[0]}, expected {expect.errors}"
    yield from _all_done(case, outcome, expect.fails)
    yield target.logins < 2, "the session never came back"
    yield from _leaves_in_order(case, target)


def _fails(expect, case, target, outcome):
    yield outcome.login_code != 0, f"login code {outcome.login_code}: {outcome.login_text}"
    for index in _commands(case):
        code = outcome.results.get(index, (None,))[0]
        wanted = [getattr(errno, name) for name in expect.errnos] if index in expect.commands else [0]
        yield code not in wanted, f"command {index} ended with errno {code}, expected {wanted}"
    yield bool(set(outcome.errors) - set(expect.drops)), f"connection errors {outcome.errors}"


def _survives(expect, case, target, outcome):
    yield outcome.login_code is None, "the login has no outcome"
    if outcome.login_code == 0:
        for index in _commands(case):
            yield index not in outcome.results, f"command {index} has no outcome"


def _discovers(expect, case, target, outcome):
    yield outcome.discovery_code != 0, f"discovery code {outcome.discovery_code}: {outcome.login_text}"
    wanted = [(target.address(address or 0) if address in (None, 0, 1) else address, name)
              for address, name in expect.found]
    yield outcome.found != wanted, f"found {outcome.found}, expected {wanted}"


def _discovery_fails(expect, case, target, outcome):
    code = outcome.discovery_code
    yield code not in expect.codes, f"discovery code {code}, expected {expect.codes}"
    yield bool(outcome.found), f"found {outcome.found}"
    for word in expect.words:
        yield word not in outcome.login_text, f"{word!r} is not in {outcome.login_text!r}"


# -- data ------------------------------------------------------------------------------------------------------
def _wrong_data(case, target, outcome):
    """Replays the commands on a model of the disk. What a failed write touched may hold either."""
    unit = target.disks[0]
    size = unit.block_bytes
    model = bytearray(pattern(0, unit.blocks, INITIAL_SEED, size))
    unknown = set()
    for index in _commands(case):
        verb, *numbers = case.run[index].lstrip("&").split()
        code, crc = outcome.results.get(index, (None, None))
        if verb == "flush":
            continue
        lba, count = int(numbers[0]), int(numbers[1])
        extent = range(lba, lba + count)
        if verb == "write" and code == 0:
            model[lba * size:(lba + count) * size] = pattern(lba, count, int(numbers[2]), size)
            unknown -= set(extent)
        elif verb == "write":
            unknown |= set(extent)
        elif code == 0 and not unknown & set(extent):
            if crc != zlib.crc32(model[lba * size:(lba + count) * size]):
                yield f"command {index} read wrong data"
    for lba in range(unit.blocks):
        if lba not in unknown and unit.store[lba * size:(lba + 1) * size] != model[lba * size:(lba + 1) * size]:
            yield f"the disk holds wrong data at block {lba}"
            return


def run_case(case: Case, driver=run_probe):
    """(problems, transcript of both sides) of a case."""
    with Target(case.config, case.script) as target:
        fill(target)
        outcome = driver(case, target)
    return problems(case, target, outcome), outcome.transcript + "\n--\n" + "\n".join(target.log[-200:])
