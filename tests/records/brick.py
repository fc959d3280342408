# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs os-brick's connector (Debian's python3-os-brick) inside a sandbox; PATH names our iscsiadm.

stdin: {"lock_path": directory, "actions": [...]}; each action is [method of the connector, argument]
or a list of such that run at the same time, a thread for each. stdout: what they returned, as JSON.
"""

import concurrent.futures
import json
import sys

from os_brick.initiator.connectors.iscsi import ISCSIConnector
from oslo_concurrency import lockutils, processutils


def main():
    job = json.load(sys.stdin)
    lockutils.set_defaults(job["lock_path"])
    # What os-brick does as root; without its privileged helper, since root runs this.
    connector = ISCSIConnector(None, execute=lambda *words, **options: processutils.execute(
        *words, **{key: value for key, value in options.items()
                   if key not in ("root_helper", "run_as_root")}))

    def call(action):
        name, *arguments = action
        return getattr(connector, name)(*arguments)

    results = []
    for action in job["actions"]:
        if isinstance(action[0], str):
            results.append(call(action))
            continue
        with concurrent.futures.ThreadPoolExecutor(len(action)) as pool:
            results.append(list(pool.map(call, action)))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
