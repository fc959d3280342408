# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do compare [--retake|--accept] [TABLE[/NAME]]...        kernel sessions against open-iscsi's, in a guest
set -euo pipefail
exec /usr/bin/python3 tests/guest/compare/run.py "$@"
