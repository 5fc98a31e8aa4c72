# SPDX-License-Identifier: GPL-3.0-or-later
"""Peak memory of 1080p final frames above their inputs, the helpers' included: `python -m benchmarks.memory`.

What the processes hold of the machine's memory (Pss, which counts what they share once) while frames are made, less
what they held before the first; in pictures' worth. Linux only.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2

from blender_rackfocus.core import defocus_frame
from blender_rackfocus.core.crew import crew

from .shot import lens_for, still_life

RADIUS_PX = 80


def measured() -> float:
    """The figure, taken in a process of its own."""
    ran = subprocess.run([sys.executable, "-m", __name__], capture_output=True, text=True, check=True)
    return float(ran.stdout)


def _held() -> int:
    """Bytes of this process and its helpers."""
    own = ["self", *(str(helper.pid) for helper in crew.crew.helpers)]
    rolls = (Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii") for pid in own)
    return sum(int(roll.partition("\nPss:")[2].split()[0]) * 1024 for roll in rolls)


def main() -> None:
    """Print the figure."""
    rgba, depth_m = still_life(1920, 1080)
    lens = lens_for(depth_m, RADIUS_PX)
    if crew.POSSIBLE and cv2.getNumThreads() > 1:
        while crew.crew.take(cv2.getNumThreads() - 1) is None:
            time.sleep(0.05)
        crew.crew.leave()
    before = most = _held()
    over = threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.002):
            most = max(most, _held())

    watching = threading.Thread(target=watch)
    watching.start()
    for _ in range(6):
        defocus_frame(rgba, depth_m, lens)
    over.set()
    watching.join()
    print((most - before) / rgba.nbytes)


if __name__ == "__main__":
    main()
