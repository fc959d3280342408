# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all tests against real peers share: `import beds`, the soak mark, sandboxes."""

import os
import pathlib
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from beds.sandbox import Sandbox  # noqa: E402  (needs the path set above)


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: runs SOAK_SECONDS (default: a few seconds)")
    config.addinivalue_line("markers", "limit(seconds): how long the test may take (default 90)")


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """On failure, what the programs in the test's sandboxes said is part of the report."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for box in getattr(item, "boxes", []):
            report.sections.append((f"logs of {box.dir.name}", box.logs()))
    item.failed = getattr(item, "failed", False) or report.failed


@pytest.fixture
def new_box(request):
    """Makes sandboxes that end with the test."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    request.node.boxes = []

    def make(name=request.node.name.split("[")[0][5:25]):
        box = Sandbox(name)
        request.node.boxes.append(box)
        return box

    # A test that waits for a device is deaf to signals: after the limit its world is taken away.
    limit = request.node.get_closest_marker("limit")
    seconds = (limit.args[0] if limit else 90) * float(os.environ.get("BED_PATIENCE", "1"))
    seconds += 2 * float(os.environ.get("SOAK_SECONDS", "0"))
    watchdog = threading.Timer(seconds, lambda: [box.destroy() for box in request.node.boxes])
    watchdog.start()
    yield make
    watchdog.cancel()
    for box in reversed(request.node.boxes):
        box.close(keep_logs=getattr(request.node, "failed", False))


@pytest.fixture
def box(new_box):
    return new_box()


@pytest.fixture(scope="session")
def soak_seconds():
    return float(os.environ.get("SOAK_SECONDS", "0"))
