# SPDX-License-Identifier: GPL-3.0-or-later
"""The largest circle of confusion that is drawn, and where a frame's circles are larger.

A depth of almost nothing (an edge blended into 0, millimetres read as metres) asks for circles of thousands of pixels.
One larger than the picture covers all of it with next to no light: it is cut to one as large as the picture, which
bounds the work of any frame.
"""

from dataclasses import dataclass

import numpy as np

from .aperture import Aperture
from .lens import Lens, coc_px

LEAST_PX = 80.0
"""Circles up to this radius are always drawn, in the smallest picture too."""


@dataclass(frozen=True)
class Cut:
    """Where circles are cut.

    share     of the frame's pixels, 0 < share <= 1
    depth_m   depth of the nearest and of the farthest of them, metres (inf: the far background)
    limit_px  the radius that they are cut to
    """

    share: float
    depth_m: tuple[float, float]
    limit_px: float


def largest_px(shape: tuple[int, int], aperture: Aperture) -> float:
    """Radius of the largest circle of confusion drawn in a picture of (height, width) pixels.

    The opening's image is then as large as the picture's shorter side; one squeezed to be wider reaches that wide.
    """
    return max(min(shape) / 2 * min(aperture.squeeze, 1.0), LEAST_PX)


def circles_cut(depth_m: np.ndarray, lens: Lens, aperture: Aperture) -> Cut | None:
    """Where `defocus_frame` cuts circles, None if nowhere. depth_m: (H, W) float32, metres, > 0; +inf allowed."""
    limit_px = largest_px(depth_m.shape, aperture)
    nearest, farthest = float(depth_m.min()), float(depth_m.max())
    ends = np.abs(coc_px(np.array([nearest, farthest], np.float32), lens, depth_m.shape[1]))
    if ends.max() <= limit_px:  # circles grow towards both ends
        return None
    cut = np.abs(coc_px(depth_m, lens, depth_m.shape[1])) > limit_px
    own = depth_m[cut]
    return Cut(own.size / depth_m.size, (float(own.min()), float(own.max())), limit_px)
