# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m blender_rackfocus`: the extension's jobs without a window."""

import sys

try:
    from .cli import run_process
except KeyboardInterrupt:  # nothing has begun
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(run_process(sys.argv[1:]))
