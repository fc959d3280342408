# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scenarios in tables (`cases/TABLE.py`), and what each must do: the reference's doing, kept in
`transcripts/TABLE.txt`, or what ours does where it means to differ, kept in `ours/TABLE.txt`."""

import argparse
import difflib
import importlib
import pathlib

from differential import transcript


class Collection:
    """Of a folder that is imported as `package`."""

    def __init__(self, package):
        self._package = package
        self.folder = pathlib.Path(importlib.import_module(package).__file__).parent

    def tables(self):
        return sorted(path.stem for path in (self.folder / "cases").glob("*.py")
                      if path.stem != "__init__")

    def cases(self, table):
        found = importlib.import_module(f"{self._package}.cases.{table}").CASES
        names = [case.name for case in found]
        assert len(set(names)) == len(names), f"{table}: a name is used twice"
        return found

    def all(self):
        return [(table, case) for table in self.tables() for case in self.cases(table)]

    def chosen(self, words):
        """(table, case) for each word TABLE or TABLE/NAME; all without words."""
        for word in words or self.tables():
            table, _, name = word.partition("/")
            for case in self.cases(table):
                if not name or case.name == name:
                    yield table, case

    def reference(self, table):
        """{name: text} of the table's scenarios, as the reference plays them."""
        return _read(self.folder / "transcripts" / f"{table}.txt")

    def ours(self, table):
        """{name: text} of those that are meant to differ."""
        return _read(self.folder / "ours" / f"{table}.txt")

    def expected(self, table, case):
        return (self.ours if case.differs else self.reference)(table).get(case.name, "")

    def difference(self, table, case, is_now):
        """Unified diff from what must be to what is; empty when they are equal."""
        must_be = self.expected(table, case)
        return "".join(difflib.unified_diff(must_be.splitlines(True), is_now.splitlines(True),
                                            "must be", "is", n=2))

    def keep(self, table, texts, meant_to_differ=False):
        """The file anew, in the table's order: these texts, and what it held of other scenarios."""
        held = (self.ours if meant_to_differ else self.reference)(table) | texts
        names = [c.name for c in self.cases(table) if c.name in held
                 and (c.differs or not meant_to_differ)]
        path = self.folder / ("ours" if meant_to_differ else "transcripts") / f"{table}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(held[name] for name in names), encoding="utf-8")


def _read(path):
    return transcript.split(path.read_text(encoding="utf-8")) if path.exists() else {}


def arguments(prog):
    """The command line of the programs that play a collection."""
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("--retake", action="store_true")
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("words", nargs="*")
    return parser.parse_args()
