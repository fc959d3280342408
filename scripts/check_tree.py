#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks what no compiler checks: which folder may include which, calls that only src/os may make,
sizes of files and functions, the licence line, what fuzzers found and nobody put away. Prints one
line a finding and exits 1 if there is any.

    check_tree.py [ROOT]
"""
import pathlib
import re
import sys

PURE = {"base", "proto", "scsi", "record", "session", "control", "userlink"}

# Folder -> folders it may include besides itself. See doc/architecture.md for the reasons.
MAY_INCLUDE = {
    "base": set(),
    "proto": {"base"},
    "scsi": {"base"},
    "record": {"base"},
    "session": {"base", "proto", "scsi", "record"},
    "control": {"base", "record"},
    "userlink": {"base"},
    "os": {"base"},
    "store": {"base", "record", "os"},
    "firmware": {"base", "record", "os"},
    "discovery": {"base", "proto", "record", "session", "firmware", "os"},
    "datapath": {"base", "proto", "scsi", "record", "session", "os", "userlink"},
    "listing": {"base", "record", "session", "control", "datapath"},
    "userd": {"base", "proto", "scsi", "session", "os", "userlink"},
}
LIBRARIES = set(MAY_INCLUDE) - {"userd"}
for program in ("iscsid", "iscsiadm", "iscsistart", "tools", "uio"):
    MAY_INCLUDE[program] = LIBRARIES
MAY_INCLUDE["capi"] = {"base", "record", "store", "datapath", "os"}

# Libraries outside the project that a pure folder may use: no I/O, no clock, no threads.
PURE_SYSTEM_HEADERS = re.compile(
    r"^(fmt/|nlohmann/|isa-l/|nettle/|gtest/|gmock/)|^[a-z_0-9]+$"
    r"|^(cstddef|cstdint|cstdio|cstdlib|cstring|cerrno|cctype)$")
PURE_FORBIDDEN_STD = {"thread", "mutex", "fstream", "filesystem", "future", "condition_variable",
                      "iostream", "shared_mutex", "csignal", "ctime"}

BANNED = [
    (re.compile(r"\breinterpret_cast\b"), {"os", "capi"}, "reinterpret_cast outside os/ and capi/"),
    (re.compile(r"\bthrow\b(?!\s*\()"), set(), "exceptions are not thrown in src/"),
    (re.compile(r"(?<![\w:.>])(?:::)?(?:sleep|usleep|nanosleep|poll|ppoll|select)\s*\("), {"os"},
     "blocking call outside os/"),
    (re.compile(r"\bsleep_for\b|\bsleep_until\b"), set(), "sleeps are not synchronisation"),
    (re.compile(r"(?<![\w:.>])(?:::|std::)?time\s*\(\s*(?:NULL|nullptr|0|&)"), {"os"}, "time() outside os/"),
    (re.compile(r"_clock::now\s*\("), {"os"}, "clock read outside os/"),
    (re.compile(r"\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\))"), set(), "TODO without an issue number: TODO(#N)"),
    (re.compile(r"\bco_(?:await|return|yield)\b"), set(), "no coroutines while g++ 12 is supported"),
]

FUZZ_FINDING = re.compile(r"(?:crash|timeout|oom|slow-unit|leak)-")
NOT_SOURCE = {".git", "dist"}

FILE_LINES = 800
FUNCTION_LINES = 70
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def is_test(path):
    return re.search(r"_(test|fuzz)\.[ch]pp$", path.name) is not None or "testing" in path.parts


def strip_comments(text):
    """Blanks out comments and string literals, keeps the line structure."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'',
                         re.S)
    return pattern.sub(blank, text)


def check_includes(path, folder, lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, name = match.groups()
        if kind == '"':
            other = name.split("/")[0] if "/" in name else None
            if other is None:
                if name != "config.h":
                    yield number, f'include "{name}": write the path from src/'
                continue
            if other not in MAY_INCLUDE:
                yield number, f'include "{name}": no such folder in the layer table'
            elif other != folder and other not in MAY_INCLUDE[folder]:
                yield number, f"layer: {folder}/ may not include {other}/ ({name})"
        elif folder in PURE and not is_test(path):
            if not PURE_SYSTEM_HEADERS.match(name) or name in PURE_FORBIDDEN_STD:
                yield number, f"layer: {folder}/ is pure and may not include <{name}>"


def check_calls(path, folder, code_lines):
    for number, line in enumerate(code_lines, 1):
        for pattern, allowed_in, why in BANNED:
            if folder in allowed_in or (is_test(path) and "clock" in why):
                continue
            if pattern.search(line):
                yield number, why


def check_functions(code_lines):
    """A function body opens with a line that ends in '{' and closes at the same indentation."""
    opening = re.compile(r"^(?!\s*(?:namespace|class|struct|enum|union|extern|if|else|for|while|switch"
                         r"|do|try|catch|case|default|TEST|TYPED_TEST)\b)[\w:~<>,&*\s\[\]()=\"'.\-|]*\)"
                         r"[\w\s:<>,&*()\-{}.=]*\{\s*$")
    for number, line in enumerate(code_lines, 1):
        if not opening.match(line):
            continue
        indent = len(line) - len(line.lstrip())
        if indent > 4:
            continue
        for end in range(number, len(code_lines)):
            candidate = code_lines[end]
            if candidate.strip().startswith("}") and len(candidate) - len(candidate.lstrip()) <= indent:
                if end + 1 - number > FUNCTION_LINES:
                    yield number, f"function of {end + 1 - number} lines (at most {FUNCTION_LINES})"
                break


def check_file(path, folder):
    text = path.read_text()
    lines = text.split("\n")
    if "SPDX-License-Identifier: LGPL-2.1-or-later" not in lines[0]:
        yield 1, "first line must be the SPDX licence line"
    if path.suffix == ".hpp" and "#pragma once" not in text:
        yield 1, "header without #pragma once"
    if len(lines) > FILE_LINES and not is_test(path) and "// Data table:" not in text:
        yield len(lines), f"file of {len(lines)} lines (at most {FILE_LINES})"
    code = strip_comments(text).split("\n")
    yield from check_includes(path, folder, lines)
    # A comment may hold a TODO as well, so that rule reads the raw lines.
    yield from check_calls(path, folder, code)
    for number, line in enumerate(lines, 1):
        if re.search(r"//.*\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\))", line):
            yield number, "TODO without an issue number: TODO(#N)"
    yield from check_functions(code)


def check_fuzz_findings(root):
    """What a fuzzer found belongs into the corpus of its target, or nowhere."""
    for path in sorted(root.rglob("*-*")):
        parts = path.relative_to(root).parts
        if not FUZZ_FINDING.match(path.name) or parts[:2] == ("tests", "corpus"):
            continue
        if parts[0] not in NOT_SOURCE and not parts[0].startswith("build") and path.is_file():
            yield f"{path.relative_to(root)}:1: a fuzzer's finding outside tests/corpus"


def check(root):
    findings = list(check_fuzz_findings(root))
    source = root / "src"
    for path in sorted(source.rglob("*.[ch]pp")):
        folder = path.relative_to(source).parts[0]
        if folder not in MAY_INCLUDE:
            findings.append(f"{path.relative_to(root)}:1: folder {folder}/ is not in the layer table")
            continue
        findings += [f"{path.relative_to(root)}:{n}: {why}" for n, why in check_file(path, folder)]
    return findings


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    findings = check(root)
    print("\n".join(findings) if findings else "check_tree: clean")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
