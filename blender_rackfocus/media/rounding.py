# SPDX-License-Identifier: GPL-3.0-or-later
"""The half floats that frames are kept in: whoever computes, stores or bakes a frame gives the very same numbers."""

from __future__ import annotations

import numpy as np

HALF_MAX = 65504.0
"""The largest half float."""
ALPHA_OFFSET = 2.0
"""Added to the alpha (0..1) of a pixel that counts, before it becomes a half float."""


def quantised(picture: np.ndarray) -> np.ndarray:
    """The half floats that an EXR keeps of a picture; what is beyond their range becomes their largest.

    picture: (...) float32, scene-linear. Returns (...) float16, scene-linear.
    """
    return np.clip(picture, -HALF_MAX, HALF_MAX).astype(np.float16)


def rounded(picture: np.ndarray) -> np.ndarray:
    """A picture as a baked EXR gives it back where it counts; alpha cut to 0..1.

    picture: (H, W, 4) float32, scene-linear. Returns (H, W, 4) float32, scene-linear.
    """
    coded = np.array(picture, np.float32)
    coded[..., 3] = np.clip(coded[..., 3], 0.0, 1.0) + np.float32(ALPHA_OFFSET)
    coded = quantised(coded).astype(np.float32)
    coded[..., 3] -= np.float32(ALPHA_OFFSET)
    return coded
