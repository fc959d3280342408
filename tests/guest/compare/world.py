# SPDX-License-Identifier: LGPL-2.1-or-later
"""The targets of all scenarios, set up once in a guest. What answers depends on the address:

    127.0.0.1   disk         two LUNs
    127.0.0.2   one two three
    127.0.0.3, 127.0.0.4     paths: one target with two portals, of groups of its own each
    127.0.0.5   chap         one-way
    127.0.0.6   mutual       both ways
    127.0.0.7   tuned        for scenarios that set how it negotiates
    127.0.0.8   off          its portal group is disabled
    127.0.0.9   nobody listens
    127.0.0.10  accepts, reads, never answers
    127.0.0.11  accepts and closes
    127.0.0.12  reads a request and closes
    ::1         six
    10.77.0.1   wire         in a network namespace, behind veths w0 (10.77.0.2) and w1 (10.77.0.3)
"""

import pathlib
import selectors
import socket
import subprocess
import threading

from beds import lio
from beds.tgtd import Lun, Target

PREFIX = "iqn.2026-11.test:"
IN = ("inuser", "insecret123456")
OUT = ("outuser", "outsecret12345")
_ROOT = pathlib.Path("/sys/kernel/config/target/iscsi")


class FirstNamespace:
    """Stands for a sandbox where only its network namespace is asked for."""
    init_pid = 1


class World:
    def __init__(self):
        for module in ("sd_mod", "iscsi_tcp", "veth", "dm_mod"):
            subprocess.run(["modprobe", module], check=True)
        self._make("disk", "127.0.0.1:3260", luns=2)
        for name in ("one", "two", "three"):
            self._make(name, "127.0.0.2:3260")
        self._make("paths", "127.0.0.3:3260")
        self._second_portal("paths", "127.0.0.4:3260")
        self._make("chap", "127.0.0.5:3260", incoming=IN)
        self._make("mutual", "127.0.0.6:3260", incoming=IN, outgoing=OUT)
        self._make("tuned", "127.0.0.7:3260")
        self._make("off", "127.0.0.8:3260")
        (_ROOT / f"{PREFIX}off/tpgt_1/enable").write_text("0")
        self._make("six", "[::1]:3260")
        self._wire()
        Deaf("127.0.0.10", "never")
        Deaf("127.0.0.11", "at once")
        Deaf("127.0.0.12", "when asked")

    @staticmethod
    def _make(name, portal, luns=1, box=FirstNamespace, **credentials):
        disks = [Lun(pathlib.Path(f"/dev/shm/{name}-{number}"), "1M") for number in range(luns)]
        server = lio.Lio(box, [Target(PREFIX + name, disks, **credentials)], portal)
        return server.start()

    @staticmethod
    def _second_portal(name, portal):
        (_ROOT / f"{PREFIX}{name}/tpgt_1/np" / portal).mkdir()

    def _wire(self):
        """Two cables to one machine. The initiator stays where the kernel's iSCSI is."""
        holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])

        class Remote:
            init_pid = holder.pid
        lio.wait_for(lambda: pathlib.Path(f"/proc/{holder.pid}/ns/net").readlink()
                     != pathlib.Path("/proc/self/ns/net").readlink(), 10, "the namespace")
        script = f"""
            set -e
            for n in 0 1; do ip link add w$n type veth peer name r$n netns {holder.pid}; done
            far() {{ nsenter --net=/proc/{holder.pid}/ns/net ip "$@"; }}
            ip addr add 10.77.0.2/24 dev w0; ip addr add 10.77.0.3/24 dev w1
            ip -6 addr add fd77::2/64 dev w0 nodad
            far link add bridge type bridge
            for n in 0 1; do far link set r$n master bridge up; ip link set w$n up; done
            far addr add 10.77.0.1/24 dev bridge; far -6 addr add fd77::1/64 dev bridge nodad
            far link set bridge up; far link set lo up
        """
        subprocess.run(["bash", "-c", script], check=True)
        self._make("wire", "10.77.0.1:3260", box=Remote)
        subprocess.run(["nsenter", f"--net=/proc/{holder.pid}/ns/net", "mkdir",
                        _ROOT / f"{PREFIX}wire/tpgt_1/np/[fd77::1]:3260"], check=True)

    def tuned(self, targets):
        """Sets {target: {key: value}}; returns what undoes it. Keys: iSCSI's, as LIO spells
        them, and LIO's own as `attrib/...` and `auth/...`."""
        before = {}
        for name, settings in targets.items():
            for key, value in settings.items():
                path = _ROOT / f"{PREFIX}{name}/tpgt_1" / (key if "/" in key else f"param/{key}")
                before[path] = path.read_text(encoding="ascii").strip()
                path.write_text(str(value), encoding="ascii")
        return lambda: [path.write_text(value, encoding="ascii")
                        for path, value in before.items()]


class Deaf:
    """Accepts connections, never answers, and closes them, or does not."""

    def __init__(self, address, closes):
        self._closes = closes
        self._listener = socket.create_server((address, 3260), backlog=16)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        selector = selectors.DefaultSelector()
        selector.register(self._listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                self._on_readable(selector, key.fileobj)

    def _on_readable(self, selector, ready):
        if ready is self._listener:
            client, _ = ready.accept()
            if self._closes == "at once":
                client.close()
            else:
                selector.register(client, selectors.EVENT_READ)
            return
        try:
            ended = not ready.recv(65536) or self._closes == "when asked"
        except ConnectionError:
            ended = True
        if ended:
            selector.unregister(ready)
            ready.close()
