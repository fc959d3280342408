# SPDX-License-Identifier: LGPL-2.1-or-later
"""iscsi_discovery, with an iscsiadm that keeps what it is asked for below /etc/iscsi/kept."""

import pathlib

from differential.case import Case, with_differences

_ADM = r'''#!/bin/sh
cd /etc/iscsi/kept || exit 1
case "$*" in
    "-m session"*) [ ! -f /run/sessions ] || { cat /run/sessions; exit 0; }
        exit 21 ;;
    *sendtargets*) [ ! -f /run/deaf ] || exit 4
        echo "10.0.0.1:3260,1 iqn.x:a"; echo "10.0.0.1:3260,1 iqn.x:bad"; echo "10.0.0.2:3261,2 iqn.x:c"
        exit 0 ;;
esac
while [ $# -gt 0 ]; do
    case $1 in
        -T | --targetname) target=$2; shift ;;
        -p | --portal) portal=$2; shift ;;
        -n) name=$2; shift ;;
        -v) value=$2; shift ;;
        --login) [ "$target" != iqn.x:bad ] || exit 8
            echo "$portal" > "$target.session"; exit 0 ;;
        --logout) rm "$target.session"; exit 0 ;;
    esac
    shift
done
if [ -n "$value" ]; then echo "$portal = $value" > "$target $name"; else echo "iface.transport_name = tcp"; fi
'''
_PIDOF = "#!/bin/sh\n[ ! -f /run/stopped ]\n"
_SESSION = "tcp: [1] 10.0.0.1:3260,1 iqn.x:a (non-flash)\n"


def _fake(**others):
    def build(machine):
        machine.folder(pathlib.Path("/etc/iscsi/kept"))
        machine.write("/run/fake/iscsiadm", _ADM, 0o755)
        machine.write("/run/fake/pidof", _PIDOF, 0o755)
        for name, text in others.items():
            machine.write(f"/run/{name}", text)
    return build


def _case(line, **others):
    return Case(" ".join(filter(None, ("discovery", line, *others))), [
        f"sh:PATH=/run/fake:$PATH iscsi_discovery {line} >/run/said 2>&1; rc=$?; "
        "sed 's,/[^ ]*/iscsi_discovery,PATH,' /run/said; exit $rc"], state=[_fake(**others)])


CASES = with_differences([
    *[_case(line) for line in (
        "", "-h", "foo", "1.2.3.400", "1.2.3", "-p 3261 10.0.0.1", "10.0.0.1",
        "10.0.0.1 -l", "10.0.0.1 -m", "10.0.0.1 -l -m", "10.0.0.1 -t iser", "10.0.0.1 -t iser -f",
        "10.0.0.1 -t cxgb3i -f -m -p 3261", "10.0.0.1 -t bogus", "10.0.0.1 -d",
        "10.0.0.1 -d -t iser", "10.0.0.1 -x", "10.0.0.1 -p")],
    _case("10.0.0.1", stopped=""),
    _case("-h", stopped=""),
    _case("10.0.0.1", deaf=""),
    _case("10.0.0.1", sessions=_SESSION),
    _case("10.0.0.1 -p 3261", sessions=_SESSION),
], {"discovery-that-fails": ["discovery 10.0.0.1 deaf"]})
