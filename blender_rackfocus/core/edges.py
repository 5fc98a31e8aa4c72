# SPDX-License-Identifier: GPL-3.0-or-later
"""Edge pixels whose colour is a mixture of two depths while their depth is that of one.

A renderer or a camera filters colour over about 1.5 pixels, depth is a single ray. On the far side of an edge a pixel
then holds some of the near surface's colour at the far surface's depth: it would stay behind as a sharp line where the
near surface is out of focus, or spread as a smear where the far one is. With N the near neighbours' colour and F that
of the own surface two pixels further from the edge, a colour C = F + a (N - F) + rest loses a (N - F) and keeps the
rest, its texture. What is taken out is on average what the near side's edge pixels, kept whole, have too much.
"""

import cv2
import numpy as np

from .workers import Each, bands

MIXED_FROM_PX = 1.0
"""Difference in the circle of confusion to a neighbour from which a far pixel's colour is taken for a mixture."""

SAME_SURFACE_PX = 0.5
"""Largest difference in the circle of confusion within which a pixel two further belongs to the same surface."""

_AROUND = ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


_REACH = 3
"""Rows around a pixel that decide about it."""


def unmixed(rgb: np.ndarray, coc: np.ndarray, each: Each) -> np.ndarray:
    """The picture with the near surface's colour taken out of pixels on the far side of edges: a new array.

    rgb   (H, W, C) float32;  coc (H, W) float32 signed radius in pixels
    """
    out = np.empty_like(rgb)

    def take(rows: slice) -> None:
        out[rows] = rgb[rows]
        around = slice(max(rows.start - _REACH, 0), rows.stop + _REACH)
        _unmix(rgb[around], coc[around], slice(rows.start - around.start, rows.stop - around.start), out[rows])

    each(take, [(rows,) for rows in bands(*coc.shape)])
    return out


def _unmix(rgb: np.ndarray, coc: np.ndarray, rows: slice, out: np.ndarray) -> None:
    """Write pixels on the far side of edges into `out`, which holds these rows of the picture."""
    height, width = coc.shape
    step = coc - cv2.erode(coc, np.ones((3, 3), np.uint8))
    mixed = np.flatnonzero(step[rows] > MIXED_FROM_PX) + rows.start * width
    if mixed.size == 0:
        return
    steps, circles, colours = step.ravel(), coc.ravel(), rgb.reshape(height * width, -1)
    y, x = np.divmod(mixed, width)
    own = circles[mixed]
    far, near = np.zeros((2, mixed.size, colours.shape[1]), np.float32)
    far_count, near_count = np.zeros((2, mixed.size, 1), np.float32)
    for down, right in _AROUND:
        at = np.clip(y + down, 0, height - 1) * width + np.clip(x + right, 0, width - 1)
        front = (own - circles[at] > MIXED_FROM_PX)[:, None]
        near += colours[at] * front
        near_count += front
        at = np.clip(y + 2 * down, 0, height - 1) * width + np.clip(x + 2 * right, 0, width - 1)
        pure = ((steps[at] <= MIXED_FROM_PX) & (np.abs(circles[at] - own) < SAME_SURFACE_PX))[:, None]
        far += colours[at] * pure
        far_count += pure
    far /= np.maximum(far_count, 1)
    near /= np.maximum(near_count, 1)
    held = colours[mixed]
    apart = near - far
    alpha = ((held - far) * apart).sum(1, keepdims=True) / np.maximum((apart * apart).sum(1, keepdims=True), 1e-6)
    share = np.clip(steps[mixed] - np.float32(MIXED_FROM_PX), 0, 1)[:, None] * (far_count > 0)
    share *= np.clip(alpha, 0, 1)
    out.reshape(-1, rgb.shape[2])[mixed - rows.start * width] = np.maximum(held - share * apart, 0)
