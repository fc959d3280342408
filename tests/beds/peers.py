# SPDX-License-Identifier: LGPL-2.1-or-later
"""One way to ask for any target: the same test runs against each of them."""

from beds.istgt import Istgt, IstgtTarget
from beds.lio import Lio
from beds.tgtd import Lun, Target, Tgtd

NAME = "iqn.2026-11.test:disk"

# What CHAP algorithms each target knows, by their names in node.session.auth.chap_algs.
# tgtd has SHA1 too, but under number 7, which is SHA256's: no initiator can use it.
ALGORITHMS = {"tgtd": ["MD5"], "istgt": ["MD5"], "lio": ["MD5", "SHA1", "SHA256", "SHA3-256"]}
FIRST_LUN = {"tgtd": 1, "istgt": 0, "lio": 0}


class Peer:
    """A running target of some kind with one LUN of 64 MiB, unless told otherwise."""

    def __init__(self, kind, box, **options):
        """Options: luns, incoming, outgoing (CHAP), params (iSCSI keys), header and data (digests
        that the target asks for), discovery (the account SendTargets needs)."""
        self.kind = kind
        self.box = box
        self.first_lun = FIRST_LUN[kind]
        luns = options.get("luns") or [Lun(box.dir / "disk0")]
        make = {"tgtd": self._tgtd, "istgt": self._istgt, "lio": self._lio}[kind]
        self.server = make(luns, options)
        self.target = self.server.targets[0]
        self.name = self.target.name
        self.portal = "127.0.0.1:3260"
        self.server.start()

    def restart(self):
        self.server.restart()

    def stop(self):
        self.server.stop()

    def _tgtd(self, luns, options):
        params = dict(options.get("params") or {})
        for key, wanted in (("HeaderDigest", "header"), ("DataDigest", "data")):
            if options.get(wanted):
                params[key] = "CRC32C"
        tgtd = Tgtd(self.box, [Target(NAME, luns, options.get("incoming"),
                                      options.get("outgoing"), params)])
        tgtd.discovery_incoming = options.get("discovery")
        return tgtd

    def _istgt(self, luns, options):
        istgt = Istgt(self.box, [IstgtTarget(NAME, luns, options.get("incoming"),
                                             options.get("outgoing"),
                                             params=options.get("params") or {})])
        istgt.discovery_account = options.get("discovery")
        return istgt

    def _lio(self, luns, options):
        params = dict(options.get("params") or {})
        for key, wanted in (("HeaderDigest", "header"), ("DataDigest", "data")):
            params[key] = "CRC32C" if options.get(wanted) else "CRC32C,None"
        lio = Lio(self.box, [Target(NAME, luns, options.get("incoming"),
                                    options.get("outgoing"), params)])
        lio.discovery_incoming = options.get("discovery")
        return lio
