# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all tests against real peers share: `import beds`, the soak mark, sandboxes."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from beds.sandbox import Sandbox  # noqa: E402  (needs the path set above)


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: runs SOAK_SECONDS (default: a few seconds)")


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

    yield make
    for box in reversed(request.node.boxes):
        box.close(keep_logs=getattr(request.node, "failed", False))


@pytest.fixture
def box(new_box):
    return new_box()


@pytest.fixture(scope="session")
def soak_seconds():
    return float(os.environ.get("SOAK_SECONDS", "0"))
