# SPDX-License-Identifier: LGPL-2.1-or-later
"""The login tests of the host, against LIO."""

from e2e.test_login import *  # noqa: F401,F403
