# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m blender_rackfocus`: the extension's jobs without a window."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
