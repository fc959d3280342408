# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: ./do differential [--retake|--accept] [TABLE[/NAME]]...   compare with open-iscsi 2.1.8
set -euo pipefail
exec python3 tests/differential/run.py "$@"
