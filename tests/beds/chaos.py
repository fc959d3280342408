# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills something again and again while a test runs.

    with Chaos(tgtd.restart, every=5) as chaos:
        chaos.during(lambda: fio(...), strikes=2)
"""

import threading


class Chaos:
    """Calls `action` every `every` seconds until the block ends. Its errors end the test."""

    def __init__(self, action, every):
        self._action = action
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._error = None
        self.count = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, value, traceback):
        self._over.set()
        self._thread.join()
        if self._error and kind is None:
            raise self._error

    def during(self, load, strikes):
        """Calls `load` until that many actions have begun and ended in it; its last result.

        How long an action takes is the machine's business, so no length of load promises a number.
        """
        while True:
            result = load()
            if self._error:
                raise self._error
            if self.count >= strikes:
                return result

    def _run(self):
        while not self._over.wait(self._every):
            try:
                self._action()
            except Exception as error:  # handed to the test
                self._error = error
                return
            self.count += 1
