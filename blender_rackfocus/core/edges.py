# SPDX-License-Identifier: GPL-3.0-or-later
"""Edge pixels whose colour is a mixture of two depths while their depth is that of one.

A renderer or a camera filters colour over about 1.5 pixels, depth is a single ray. On the far side of an edge a pixel
then holds some of the near surface's colour at the far surface's depth: it would stay behind as a sharp line where the
near surface is out of focus, or spread as a smear where the far one is. With N the near neighbours' colour and F that
of the own surface two pixels further from the edge, a colour C = F + a (N - F) + rest loses a (N - F) and keeps the
rest, its texture. What is taken out is on average what the near side's edge pixels, kept whole, have too much.
"""

from functools import partial

import cv2
import numpy as np

from .crew.workers import Workers, bands

MIXED_FROM_PX = 1.0
"""Difference in the circle of confusion to a neighbour from which a far pixel's colour is taken for a mixture."""

SAME_SURFACE_PX = 0.5
"""Largest difference in the circle of confusion within which a pixel two further belongs to the same surface."""

_AROUND = ((-1, 0), (1, 0), (0, -1), (0, 1))


_REACH = 3
"""Rows around a pixel that decide about it."""


def unmixed(rgb: np.ndarray, coc: np.ndarray, work: Workers) -> np.ndarray:
    """The picture with the near surface's colour taken out of pixels on the far side of edges: a new array.

    rgb   (H, W, C) float32;  coc (H, W) float32 signed radius in pixels
    """
    out = work.empty(rgb.shape)
    work.each(partial(_unmix_band, rgb, coc, out), [(rows,) for rows in bands(*coc.shape)])
    return out


def _unmix_band(rgb: np.ndarray, coc: np.ndarray, out: np.ndarray, rows: slice) -> None:
    out[rows] = rgb[rows]
    around = slice(max(rows.start - _REACH, 0), rows.stop + _REACH)
    _unmix(rgb[around], coc[around], slice(rows.start - around.start, rows.stop - around.start), out[rows])


def _unmix(rgb: np.ndarray, coc: np.ndarray, rows: slice, out: np.ndarray) -> None:
    """Write pixels on the far side of edges into `out`, which holds these rows of the picture."""
    width = coc.shape[1]
    step = coc - cv2.erode(coc, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    mixed = np.flatnonzero(step[rows] > MIXED_FROM_PX)
    if mixed.size == 0:
        return
    wide = width + 4  # two pixels more on every side, so that neighbours need no bounds
    steps, circles, *planes = (_framed(plane) for plane in (step, coc, *cv2.split(rgb)))
    y, x = np.divmod(mixed, width)
    middle = (y + rows.start + 2) * wide + x + 2
    own, excess = circles.take(middle), steps.take(middle) - np.float32(MIXED_FROM_PX)
    far, near = np.zeros((2, len(planes), mixed.size), np.float32)
    far_count, near_count = np.zeros((2, mixed.size), np.float32)
    for down, right in _AROUND:
        at = middle + (down * wide + right)
        front = (own - circles.take(at) > MIXED_FROM_PX).astype(np.float32)
        _gather(planes, at, front, near)
        near_count += front
        at += down * wide + right
        pure = np.abs(circles.take(at) - own) < SAME_SURFACE_PX
        pure = (pure & (steps.take(at) <= MIXED_FROM_PX)).astype(np.float32)
        _gather(planes, at, pure, far)
        far_count += pure
    far /= np.maximum(far_count, 1)
    near /= np.maximum(near_count, 1)
    held = np.stack([plane.take(middle) for plane in planes])
    apart = near - far
    alpha = ((held - far) * apart).sum(0) / np.maximum((apart * apart).sum(0), 1e-6)
    share = np.clip(excess, 0, 1) * (far_count > 0)
    share *= np.clip(alpha, 0, 1)
    out.reshape(-1, len(planes))[mixed] = np.maximum(held - share * apart, 0).T


def _gather(planes: list[np.ndarray], at: np.ndarray, share: np.ndarray, total: np.ndarray) -> None:
    """Add a share of what planes hold somewhere to their totals."""
    for plane, sums in zip(planes, total, strict=True):
        found = plane.take(at)
        found *= share
        sums += found


def _framed(picture: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(picture, 2, 2, 2, 2, cv2.BORDER_REPLICATE)
