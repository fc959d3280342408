# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs many iscsiadm at once, inside a sandbox: one process a worker, each its list of commands.

stdin: {"workers": [{"program": path, "commands": [[word...]...], "own": {path: key} or null}...]}
stdout: one list a worker of {"rc", "err", "seconds"}, and what was lost, as JSON.

All workers start their first command at the same instant. With `watch` (path, key) a worker also
looks, before each of its updates, whether the value it wrote last is still there.
"""

import json
import multiprocessing
import subprocess
import sys
import time


def _value(path, key):
    """None: open-iscsi is just writing it."""
    with open(path, encoding="ascii") as file:
        text = file.read()
    if not text.endswith("# END RECORD\n"):
        return None
    return next((line.split(" = ", 1)[1] for line in text.splitlines()
                 if line.startswith(f"{key} = ")), "")


def _work(worker, barrier, results, index):
    done, lost, looked = [], [], 0
    watch = worker.get("watch")
    written = None
    barrier.wait()
    for command in worker["commands"]:
        if watch and written is not None:
            found = _value(*watch)
            looked += found is not None
            if found not in (None, written):
                lost.append(f"{watch[1]} should be {written} and is {found}")
        began = time.monotonic()
        child = subprocess.run([worker["program"], *command], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               check=False)
        done.append({"rc": child.returncode, "err": child.stderr, "out": child.stdout,
                     "seconds": time.monotonic() - began})
        written = command[-1]
    results.put((index, {"commands": done, "lost": lost, "looked": looked}))


def main():
    workers = json.load(sys.stdin)["workers"]
    barrier = multiprocessing.Barrier(len(workers))
    results = multiprocessing.Queue()
    children = [multiprocessing.Process(target=_work, args=(worker, barrier, results, index))
                for index, worker in enumerate(workers)]
    for child in children:
        child.start()
    found = dict(results.get() for _ in children)
    for child in children:
        child.join()
    json.dump([found[index] for index in range(len(workers))], sys.stdout)


if __name__ == "__main__":
    main()
