# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs os-brick's connector (Debian's python3-os-brick) inside a sandbox; PATH names our iscsiadm.

stdin: {"lock_path": directory, "actions": [...]}; each action is [method of the connector, argument]
or a list of such that run at the same time, a thread for each. stdout: what they returned, as JSON.
"""

import concurrent.futures
import json
import sys

from os_brick.initiator.connectors.iscsi import ISCSIConnector
from os_brick import privileged
from os_brick.privileged import rootwrap
from oslo_concurrency import lockutils


def new_connector(lock_path):
    """What os-brick does as root; without its privileged helper, since root runs this."""
    lockutils.set_defaults(lock_path)
    privileged.default.set_client_mode(False)
    return ISCSIConnector(None, execute=lambda *words, **options: rootwrap.custom_execute(
        *words, **{key: value for key, value in options.items()
                   if key not in ("root_helper", "run_as_root")}))


def main():
    job = json.load(sys.stdin)
    connector = new_connector(job["lock_path"])

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
