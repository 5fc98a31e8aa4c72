# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's cores, as far as the user grants them: OpenCV's threads, helper processes, and the end of both."""

from __future__ import annotations

import cv2

from ...frame import make


def use_threads(count: int) -> None:
    """Let OpenCV, which does most of the work, use so many threads; 0 = as many as it likes."""
    cv2.setNumThreads(count if count > 0 else -1)


def complaint() -> str:
    """Why frames take longer than they need to, for the preferences; empty where nothing is in the way."""
    why = make.without_helpers()
    return f"No helper processes: {why}. Frames take longer" if why else ""


def close() -> None:
    """The end: no movie stays open, no helper process runs on."""
    make.close()
