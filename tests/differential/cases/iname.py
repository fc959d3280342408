# SPDX-License-Identifier: LGPL-2.1-or-later
"""iscsi-iname, where its output is not random."""

from differential.case import Case

CASES = [Case(line or "plain", [f"iscsi-iname {line}".strip()])
         for line in ("-h", "--help", "-p", "x", "-p a b", "-Z", "--bogus", "--prefix",
                      f"-p {'x' * 211}", f"--prefix={'x' * 300}", "-g x", "--generate x")] + [
    # The random part replaced by its pattern.
    Case(f"name {line}", [f"sh:iscsi-iname {line} | sed -E 's/:[0-9a-f]{{6,12}}$/:HEX/'"])
    for line in ("", "-p iqn.1993-08.org.debian:01", "-g", "-gp abc", "-p ''", f"-p {'x' * 210}",
                 "--prefix=abc --generate-iname-prefix")]
