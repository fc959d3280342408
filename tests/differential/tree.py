# SPDX-License-Identifier: LGPL-2.1-or-later
"""Snapshots of /etc/iscsi, and the change between two of them as readable text.

A new record is shown as its difference from a template (templates/), line numbers included, so the
text stays short and still says every byte:

    + nodes/iqn.a:1/10.0.0.1,3260,2/default 0600 like node
      @@ -2 +2 @@
      -node.name = NAME
      +node.name = iqn.a:1
"""

import difflib
import os
import pathlib
import stat

ROOT = pathlib.Path("/etc/iscsi")
_TEMPLATES = pathlib.Path(__file__).with_name("templates")


def snapshot(root=ROOT):
    """{relative path: (kind, mode, content)}; the database lock is part of it."""
    found = {}
    for folder, names, files in os.walk(root):
        for name in names + files:
            path = pathlib.Path(folder, name)
            found[str(path.relative_to(root))] = _entry(path)
    if os.path.lexists("/run/lock/iscsi/lock.write"):
        found["(lock.write)"] = ("file", "", "")
    return found


def _entry(path):
    info = path.lstat()
    mode = f"{stat.S_IMODE(info.st_mode):04o}"
    if stat.S_ISLNK(info.st_mode):
        return "link", "", os.readlink(path)
    if stat.S_ISDIR(info.st_mode):
        return "dir", mode, ""
    return "file", mode, path.read_bytes().decode("utf-8", "backslashreplace")


def changes(before, after):
    """Text that names each path that came, went or changed. Empty when nothing did."""
    lines = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        if new is None:
            lines.append(f"- {path}{'/' if old[0] == 'dir' else ''}")
        elif old is None or old[0] != new[0]:
            lines += _added(path, new)
        else:
            lines.append(f"~ {path} {new[1]}".rstrip())
            lines += _difference(old[2], new[2])
    return "".join(line + "\n" for line in lines)


def _added(path, entry):
    kind, mode, content = entry
    if kind == "dir":
        return [f"+ {path}/ {mode}"]
    if kind == "link":
        return [f"+ {path} -> {content}"]
    template = _nearest_template(content)
    if template:
        difference = _difference(template.read_text(encoding="utf-8"), content)
        return [f"+ {path} {mode} like {template.name}"] + difference
    return [f"+ {path} {mode}"] + [f"  |{line}" for line in content.splitlines()]


def _nearest_template(content):
    """The template that has most lines in common with it; none for a text of another kind."""
    lines = set(content.splitlines())
    best, best_count = None, 0
    for template in sorted(_TEMPLATES.iterdir()):
        wanted = template.read_text(encoding="utf-8").splitlines()
        count = sum(line in lines for line in wanted)
        if count > 0.7 * len(wanted) and count > best_count:
            best, best_count = template, count
    return best


def _difference(old, new):
    lines = difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), n=0)
    shown = []
    for line in list(lines)[2:]:
        shown.append("  " + line.rstrip("\n"))
        if not line.endswith("\n"):
            shown.append("  \\ no newline at the end")
    return shown
