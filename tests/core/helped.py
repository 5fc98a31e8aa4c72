# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames with a helper at work for sure."""

import time
from contextlib import contextmanager

import cv2

from blender_rackfocus.core.crew import crew

PIXELS = 1_000_000
"""Of a picture that is large enough to be helped with."""


@contextmanager
def helped(count=2):
    """OpenCV is set to so many threads, and all helpers but this process are ready: they are of a new crew."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    crew.crew.go()
    crew.crew = crew.Crew()
    try:
        until = time.monotonic() + 30
        while crew.crew.take(count - 1) is None:
            assert time.monotonic() < until, "no helper has started"
            time.sleep(0.02)
        crew.crew.leave()
        yield crew.crew
    finally:
        cv2.setNumThreads(before)
        crew.crew.go()
