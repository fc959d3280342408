# SPDX-License-Identifier: LGPL-2.1-or-later
"""fio with verification: what was written is read again and compared by CRC32C."""

import dataclasses
import json
import os
import re

from beds.proc import BedError


@dataclasses.dataclass
class Load:
    """Random writes of mixed sizes, the load of the fault tests. Sizes in fio's spelling."""

    rw: str = "randwrite"
    bs_range: str = "4k-1m"
    depth: int = 32
    size: str = "100%"
    seconds: int = 0         # 0: once over `size`
    verify: bool = True
    extra: tuple = ()


@dataclasses.dataclass
class Report:
    rc: int
    text: str
    data: dict

    @property
    def job(self):
        return self.data["jobs"][0]

    @property
    def error(self):
        """errno of the first failed I/O, 0 without one."""
        return self.job["error"]

    @property
    def written(self):
        return self.job["write"]["io_bytes"]

    @property
    def longest_write_seconds(self):
        return self.job["write"]["clat_ns"]["max"] / 1e9

    def ok(self):
        # "verify: bad header", "crc32c: verify failed"; fio also speaks of a "verification phase".
        found = re.search(r"verify(:| failed)", self.text)
        if self.rc != 0 or self.error != 0 or found:
            # Only the first finding counts: at an error fio takes back what is in flight, and
            # then compares buffers that no read has filled.
            raise BedError(f"fio: rc {self.rc}, error {self.error}\n{self.text[:2000]}")
        return self


def fio(box, device, load, timeout=300):
    state = box.dir / f"fio-{os.path.basename(device)}"
    state.mkdir(exist_ok=True)
    out = state / "report.json"
    args = ["fio", "--name=load", f"--filename={device}", "--ioengine=libaio", "--direct=1",
            f"--rw={load.rw}", f"--bsrange={load.bs_range}", f"--iodepth={load.depth}",
            f"--size={load.size}", "--randrepeat=0", "--output-format=json", f"--output={out}",
            f"--aux-path={state}", "--allow_file_create=0"]
    if load.verify:
        # The job verifies all it wrote when it ends. A bsrange with a common minimum keeps
        # blocks from overlapping partly, which fio could not verify.
        args += ["--verify=crc32c", "--verify_fatal=1", "--verify_dump=1",
                 "--do_verify=1", "--serialize_overlap=1"]
    if load.seconds:
        args += ["--time_based", f"--runtime={load.seconds}"]
    result = box.run([*args, *load.extra], timeout)
    if result.rc == 124:
        raise BedError(f"fio did not end: {result}")
    text = out.read_text(errors="replace") if out.exists() else ""
    try:
        data = json.loads(text[text.index("{"):text.rindex("}") + 1])
    except ValueError:
        raise BedError(f"fio wrote no report: {result}\n{text[-2000:]}") from None
    return Report(result.rc, result.err + text[:text.index("{")] + result.out, data)
