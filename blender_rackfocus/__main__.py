# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m blender_rackfocus`: the extension's jobs without a window."""

import signal
import sys

noted: list[int] = []
"""An interrupt that came while what we need was loaded. numpy makes an ImportError of an exception there."""

before = signal.getsignal(signal.SIGINT)
if before is signal.default_int_handler:
    signal.signal(signal.SIGINT, lambda number, _frame: noted.append(number))
try:
    from .cli import run_process
finally:
    signal.signal(signal.SIGINT, before)

if __name__ == "__main__":
    try:
        status = 130 if noted else run_process(sys.argv[1:])
    except KeyboardInterrupt:  # before the verb has begun
        status = 130
    sys.exit(status)
