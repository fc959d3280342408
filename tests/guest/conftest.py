# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests run side by side: those that take longest are started first."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name != "test_guest.py")
