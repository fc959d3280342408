# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test beds: real targets, private machines-in-a-namespace, and load with verification."""
