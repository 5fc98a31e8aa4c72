# SPDX-License-Identifier: GPL-3.0-or-later
"""A made-up shot of any size, and a lens that blurs it as much as asked for: what time and memory are measured with."""

import cv2
import numpy as np

from blender_rackfocus.core import Lens
from blender_rackfocus.core.lens import coc_px


def still_life(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """A made-up shot for timing: a sloping ground, a wall and 200 discs at every distance, with lamps in it."""
    rng = np.random.default_rng(7)
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    depth = np.broadcast_to(np.where(y < 0.4, 9.0, 1.0 / (0.11 + 0.9 * np.maximum(y - 0.4, 0))), (height, width))
    depth = np.ascontiguousarray(depth, np.float32)
    grain = cv2.GaussianBlur(rng.random((height, width, 3), np.float32), (0, 0), 1.2)
    rgba = np.dstack([grain, np.ones((height, width), np.float32)])
    for z in np.sort(rng.uniform(0.8, 8.0, 200))[::-1]:
        where = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        size = int(0.06 * width / z)
        cv2.circle(depth, where, size, float(z), -1)
        cv2.circle(rgba, where, size, (*rng.random(3), 1.0), -1)
        if z > 4:
            cv2.circle(rgba, where, max(size // 8, 1), (20.0, 16.0, 9.0, 1.0), -1)
    return rgba, depth


def lens_for(depth_m: np.ndarray, radius_px: float) -> Lens:
    """A lens focused in the middle of the shot (in dioptres) whose largest circle has the radius asked for."""
    width = depth_m.shape[1]
    focus_m = 2.0 / (1 / float(depth_m.min()) + 1 / float(depth_m.max()))
    open_lens = Lens(focal_mm=50.0, f_number=1.0, sensor_mm=36.0, focus_m=focus_m)
    widest = float(np.abs(coc_px(depth_m, open_lens, width)).max())
    return Lens(focal_mm=50.0, f_number=widest / radius_px, sensor_mm=36.0, focus_m=focus_m)
