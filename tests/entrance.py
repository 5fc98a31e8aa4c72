# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot with an entrance: somebody stands at 2 m; between frames 16 and 30 somebody comes in from the right at 5 m."""

from collections.abc import Iterator

import cv2
import numpy as np

NEAR_M, FAR_M, WALL_M = 2.0, 5.0, 12.0
WIDE, HIGH, FRAMES = 128, 72, 48


def frames() -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Each frame's number from 1, its grey picture (HIGH, WIDE) uint8, and its depth (HIGH, WIDE) float32, metres."""
    rng = np.random.default_rng(1)
    wall, near, far = (
        cv2.resize(rng.integers(0, 255, size, np.uint8), to, interpolation=cv2.INTER_CUBIC)
        for size, to in (((18, 32), (WIDE, HIGH)), ((12, 6), (24, 48)), ((8, 4), (14, 28)))
    )
    for frame in range(1, FRAMES + 1):
        picture, depth_m = wall.copy(), np.full((HIGH, WIDE), WALL_M, np.float32)
        left = round(WIDE - 40 * min(max((frame - 16) / 14, 0), 1))
        seen = max(min(14, WIDE - left), 0)
        picture[20:48, left : left + seen], depth_m[20:48, left : left + seen] = far[:, :seen], FAR_M
        picture[14:62, 30:54], depth_m[14:62, 30:54] = near, NEAR_M
        yield frame, picture, depth_m
