# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tree keeps its own rules, and the checker notices when one is broken."""
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import check_tree  # noqa: E402

LICENCE = "// SPDX-License-Identifier: LGPL-2.1-or-later\n"


def findings_for(tmp_path, name, text):
    path = tmp_path / "src" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return check_tree.check(tmp_path)


def test_the_tree_is_clean():
    assert check_tree.check(ROOT) == []


@pytest.mark.parametrize("name, line, expected", [
    ("proto/a.cpp", '#include "os/fd.hpp"', "proto/ may not include os/"),
    ("session/a.cpp", '#include "store/database.hpp"', "session/ may not include store/"),
    ("userd/a.cpp", '#include "store/database.hpp"', "userd/ may not include store/"),
    ("iscsiadm/a.cpp", '#include "iscsid/daemon.hpp"', "iscsiadm/ may not include iscsid/"),
    ("session/a.cpp", "#include <sys/socket.h>", "may not include <sys/socket.h>"),
    ("session/a.cpp", "#include <thread>", "may not include <thread>"),
    ("base/a.cpp", '#include "nowhere/x.hpp"', "no such folder"),
    ("nowhere/a.cpp", "", "not in the layer table"),
    ("iscsid/a.cpp", "int f() { return ::poll(nullptr, 0, 1); }", "blocking call outside os/"),
    ("iscsid/a.cpp", "void f() { std::this_thread::sleep_for(1s); }", "sleeps are not"),
    ("session/a.cpp", "auto now = std::chrono::steady_clock::now();", "clock read outside os/"),
    ("session/a.cpp", "auto p = reinterpret_cast<int*>(q);", "reinterpret_cast"),
    ("session/a.cpp", "void f() { throw 1; }", "exceptions"),
    ("session/a.cpp", "// TODO later", "TODO without"),
    ("session/a.cpp", "void f() {\n" + "    g();\n" * 80 + "}", "function of"),
    ("session/a.cpp", "int x;\n" * 900, "file of"),
    ("session/a.hpp", "int x;", "#pragma once"),
])
def test_a_planted_violation_is_found(tmp_path, name, line, expected):
    assert any(expected in f for f in findings_for(tmp_path, name, LICENCE + line + "\n"))


def test_a_missing_licence_line_is_found(tmp_path):
    assert any("SPDX" in f for f in findings_for(tmp_path, "base/a.cpp", "int x;\n"))


@pytest.mark.parametrize("name, line", [
    ("os/a.cpp", "int f() { return ::poll(nullptr, 0, 1); }"),
    ("session/a.cpp", '#include "proto/pdu.hpp"'),
    ("session/a.cpp", "auto n = poll_count(1);"),
    ("session/a.cpp", "// see poll(2) and throw nothing"),
    ("session/a.cpp", "// TODO(#7) later"),
])
def test_what_is_allowed_passes(tmp_path, name, line):
    assert findings_for(tmp_path, name, LICENCE + line + "\n") == []


FINDING = "crash-0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("place, refused", [
    (FINDING, True), ("src/session/oom-1", True), ("slow-unit-1", True), ("leak-1", True),
    ("timeout-1", True), (f"tests/corpus/record/{FINDING}", False),
    (f"build-sanitize/found/record/{FINDING}", False), ("src/session/crash", False),
])
def test_findings_of_a_fuzzer_belong_into_the_corpus(tmp_path, place, refused):
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")

    assert [f.partition(":")[0] for f in check_tree.check(tmp_path)] == ([place] if refused else [])
