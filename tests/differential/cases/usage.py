# SPDX-License-Identifier: LGPL-2.1-or-later
"""Options: parsing, the set of each mode, help, and what main() refuses."""

from differential.case import Case, with_differences
from differential.states import node

_ONE_NODE = [node("iqn.a:1", "10.0.0.1")]


def _each(prefix, lines, **kwargs):
    return [Case(f"{prefix} {line}".strip(), [f"iscsiadm {line}".strip()], **kwargs)
            for line in lines]


CASES = with_differences([
    *_each("plain", ["", "-h", "--help", "-V", "--version", "-h -m node", "-V -m bogus",
                     "-m node -h", "-m node -V", "-d 8 -V", "--vers", "--he"]),
    *_each("mode", ["-m bogus", "-m", "-m Node", "-m nod", "-m ''", "--mode=node", "--mode node",
                    "--mod node", "--m node", "-mnode", "-m node -m session", "-m session -m node",
                    "-m node -m node"], state=_ONE_NODE),
    *_each("letter", ["-Z", "-m node -Z", "-Z -m node", "--bogus", "-m node --bogus",
                      "-m node --bogus=1", "--p 1", "-m node --port 10.0.0.1",
                      "-m node --portal", "-m node -p", "-m node -T", "-d", "-m node --login=x",
                      "--mode", "-m node extra words", "extra", "-m node -- -Z", "--", "-",
                      "-m node -lZ", "-m node -l-Z"], state=_ONE_NODE),
    *_each("op after op", ["-m node -o new -o bogus -T iqn.a -p 10.0.0.1", "-m node -o show -o ''",
                           "-m node -o bogus -o new -T iqn.a -p 10.0.0.1", "-m node -o ''"]),
    *_each("adapters", ["-m host -C chap", *(f"-m host -C chap {op}" for op in (
        "-o show", "-o login", "-o new", "-o update -n username -v x", "-o delete",
        "-o delete -x 1", "-H 0 -o login", "-H 3 -o show"))]),
    *_each("session id", [f"-m session -r {sid}" for sid in (
        "+1", "' 1'", "'1 '", "+-1", "++1", "0x1", "01", "/sys/class", "/sys/", "/", "/proc")]),
    *_each("discovery-set", [f"-m discovery {option}" for option in
                             ("-T x", "-W", "-u", "-R", "-s", "-r 1", "-L all", "-U all", "-H 0",
                              "-C ping", "-x 1", "-A ipv4", "-a 1", "-b 1", "-c 1", "-i 1", "-k 0")]),
    *_each("discoverydb-set", [f"-m discoverydb {option}" for option in
                               ("-T x", "-W", "-u", "-R", "-s", "-r 1", "-L all", "-U all",
                                "-H 0")]),
    *_each("node-set", [f"-m node {option}" for option in
                        ("-t st", "-D", "-r 1", "-H 0", "-C ping", "-x 1", "-A", "-a 1", "-b 1",
                         "-c 1", "-i 1", "-k 0")]),
    *_each("session-set", [f"-m session {option}" for option in
                           ("-T x", "-p 1.1.1.1", "-I default", "-l", "-L all", "-U all", "-t st",
                            "-D", "-W", "-H 0", "-C chap", "-x 1", "-a 1")]),
    *_each("host-set", [f"-m host {option}" for option in
                        ("-T x", "-p 1.1.1.1", "-I default", "-l", "-u", "-R", "-s", "-r 1",
                         "-S", "-D", "-W", "-t st", "-a 1")]),
    *_each("iface-set", [f"-m iface {option}" for option in
                         ("-T x", "-p 1.1.1.1", "-l", "-u", "-R", "-s", "-r 1", "-S", "-D", "-t st",
                          "-W", "-x 1")]),
    *_each("fw-set", [f"-m fw {option}" for option in
                      ("-T x", "-p 1.1.1.1", "-u", "-R", "-P 1", "-o show", "-I x", "-S", "-t fw")]),
    *_each("op", ["-m node -o bogus", "-m node -o", "-m node -o New", "-m node -o ''",
                  "-m node --op=show", "-m node -oshow", "-m node -o show -o show",
                  "-m node -o new -o delete", "-m node -o apply", "-m node -o applyall",
                  "-m node -o login", "-m node -o logout", "-m node -o nonpersistent",
                  "-m node -o bogus -Z"], state=_ONE_NODE),
    *_each("kill", ["-k 1", "-k -1", "-k", "-k abc", "-k 0 -m bogus", "-k 1 -m node"]),
    *_each("kill without daemon", ["-k 0"], daemon=None),
    *_each("numbers", ["-m node -P abc", "-m node -P -1", "-m node -P 2", "-m node -P 99999999999",
                       "-m node -P 1x", "-m node -d abc", "-m node -P ''", "-m session -P 4",
                       "-m session -P abc", "-m host -P 5", "-m host -P 4", "-m iface -P 2",
                       "-m discovery -P 2", "-m discovery -P 5", "-m discoverydb -P 2"],
           state=_ONE_NODE),
    *_each("sid", ["-m session -r 0", "-m session -r abc", "-m session -r 99",
                   "-m session -r /nonexistent", "-m session -r -1", "-m session -r 1x",
                   "-m session -r ''", "-m session -r /tmp", "-m session -r 99999999999999999999",
                   "-m session -r 99 -u", "-m session -r 99 -R", "-m session -r 99 -s",
                   "-m session -r 99 -P 1", "-m session -r 99 -o delete"]),
    *_each("host number", ["-m host -H abc", "-m host -H 99999999999999999999", "-m host -H 77",
                           "-m host -H 00:11:22:33:44:55", "-m host -H ''", "-m host -H -1",
                           "-m host -H 1 -C bogus", "-m host -C chap", "-m host -H 1 -C chap",
                           "-m host -H 1 -C chap -o show", "-m host -H 1 -C flashnode",
                           "-m host -H 1 -C stats", "-m host -C stats",
                           "-m host -H 1 -C flashnode -o bogus",
                           "-m host -H 1 -C flashnode -o new", "-m host -o new",
                           "-m host -H 1 -C ping", "-m host -A ipv4", "-m host --portal_type=ipv4",
                           "-m host -H 1 -C flashnode -o new --portal_type=ipv4",
                           "-m host -H 1 -C flashnode -o new -A bogus",
                           "-m host -H 1 -C flashnode -x 1 -o update",
                           "-m host -H 1 -C flashnode -o delete",
                           "-m host -H 1 -C chap -o new", "-m host -H 1 -C chap -o update",
                           "-m host -H 1 -C chap -o delete", "-m host -H 1 -C chap -o delete -x 1",
                           "-m host -H 1 -C chap -o delete -x 5000",
                           "-m host -H 1 -C chap -o apply"]),
    *_each("ping", ["-m iface -C ping", "-m iface -C ping -a 1.1.1.1",
                    "-m iface -C ping -I default", "-m iface -C ping -I default -a 127.0.0.1",
                    "-m iface -C ping -I default -a 127.0.0.1 -b 0",
                    "-m iface -C ping -I default -a 127.0.0.1 -b -1",
                    "-m iface -C ping -I default -a 127.0.0.1 -c 0",
                    "-m iface -C ping -I default -a 127.0.0.1 -c 2",
                    "-m iface -C ping -I default -a 127.0.0.1 -i -1",
                    "-m iface -C ping -I nosuch -a 127.0.0.1",
                    "-m iface -C ping -I default -a x.y",
                    "-m iface -C bogus", "-m iface -C chap", "-m iface -C ping -o new"]),
    *_each("iface name", [f"-m node -I {'x' * 65}", f"-m iface -I {'x' * 64}",
                          f"-m iface -I {'x' * 65}", "-m iface -I ''", "-m node -I ''",
                          "-m iface -I a -I b", "-m node -I a -I b -I c",
                          "-m iface -I a/b -o new", "-m iface -I .. -o new"]),
    *_each("pairs", ["-m node -n a", "-m node -v b", "-m node -o update -n a",
                     "-m node -o update -v b", "-m node -o update",
                     "-m node -n node.startup -v manual",
                     "-m node -o update -n node.startup -n node.startup -v automatic",
                     "-m node -o update -v automatic -n node.startup",
                     "-m node -o update -n node.startup -v automatic -v manual",
                     "-m node -o update -n node.startup -v automatic -n node.startup -v onboot",
                     "-m node -o update -n '' -v ''", "-m node -o update --name=node.startup "
                     "--value=automatic", "-m node --op=update --nam node.startup --val automatic"],
           state=_ONE_NODE),
    *_each("type", ["-m discovery -t st", "-m discovery -t bogus", "-m discovery -t slp",
                    "-m discovery -t slp -p 1.1.1.1", "-m discovery -t ''", "-m discovery -t isns",
                    "-m discovery -t fw", "-m discovery -t sendtargets", "-m discoverydb -t slp",
                    "-m discoverydb -t slp -p 1.1.1.1 -D", "-m discoverydb -t fw",
                    "-m discoverydb -t fw -D", "-m discoverydb -t bogus -p 1.1.1.1",
                    "-m discoverydb -t st", "-m discoverydb -t isns", "-m discoverydb -t st -D",
                    "-m discovery -t send", "-m discovery -t ST"]),
    *_each("no daemon", ["-m node", "-m session", "-m iface", "-m host", "-m discovery",
                         "-m discovery -t st -p 127.0.0.1", "-m node -T iqn.a:1",
                         "-m node -T iqn.a:1 -o update -n node.startup -v automatic",
                         "-m node -T iqn.b:1 -p 10.0.0.1 -o new", "-m node -l",
                         "-m node -T iqn.a:1 -o delete", "-m iface -I x -o new",
                         "-m discoverydb -t st -p 127.0.0.1 -o new", "-m fw", "-m node -u"],
           state=_ONE_NODE, daemon=None),
], {
    "ping-without-kernel": [
        'ping -m iface -C ping -I default -a 127.0.0.1',
        'ping -m iface -C ping -I default -a 127.0.0.1 -c 2',
    ],
    "messages-of-the-library": [
        f"iface name -m iface -I {'x' * 64}",
        'iface name -m iface -I a -I b',
    ],
    "first-iface-named": [
        'iface name -m node -I a -I b -I c',
    ],
    "bad-names": [
        'iface name -m iface -I a/b -o new',
        'iface name -m iface -I .. -o new',
        "pairs -m node -o update -n '' -v ''",
    ],
    "no-daemon-needed": [
        'no daemon -m discovery -t st -p 127.0.0.1',
        'no daemon -m node -T iqn.b:1 -p 10.0.0.1 -o new',
        'no daemon -m discoverydb -t st -p 127.0.0.1 -o new',
    ],
})
