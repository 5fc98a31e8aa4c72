# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands out of a depth: its foreground and its background."""

from __future__ import annotations

import cv2
import numpy as np


def depth_modes(depth_m: np.ndarray, bins: int = 160) -> tuple[float, float]:
    """Distances of the foreground and of the background: nearest and farthest mode of the depth histogram, metres.

    depth_m: (H, W) metres, > 0; inf = nothing there. The histogram is over dioptres: there a floor or wall that runs
    away from the camera is a plain (1/z is linear over the picture for every plane), and what stands on it is a hill. A
    hill counts if it rises above the saddle beside it by a tenth of the highest. Without two hills the ends of the
    histogram (2 % of the pixels cut off) stand in; with a single finite depth and sky, the sky is the background (inf).
    Raises ValueError if nothing is at a finite distance.
    """
    depth = np.asarray(depth_m)
    valid = np.isfinite(depth) & (depth > 0)
    if not valid.any():
        raise ValueError("depth_m holds nothing at a finite distance")
    dioptre = 1 / depth[valid].astype(np.float64)
    sky = 1 - dioptre.size / depth.size
    low, high = np.percentile(dioptre, [0.2, 99.8])
    if high - low < 1e-3 * high:  # one plane
        plane = float(1 / np.median(dioptre))
        return plane, (np.inf if sky > 0.02 else plane)
    counts, edges = np.histogram(dioptre, bins=bins, range=(low, high))
    smooth = cv2.GaussianBlur(np.pad(counts.astype(np.float64), 8)[None], (0, 0), 2.0)[0][8:-8]
    hills = _hills(smooth, 0.1 * smooth.max())
    if len(hills) < 2:
        far_d, near_d = np.percentile(dioptre, [2, 98])
        if len(hills) == 1 and sky > 0.02 and (near_d - far_d) < 0.3 * near_d:
            return float(1 / np.median(dioptre)), np.inf
        return float(1 / near_d), float(1 / far_d)
    width = edges[1] - edges[0]
    centres = (edges[:-1] + edges[1:]) / 2

    def settle(hill: int) -> float:
        around = dioptre[np.abs(dioptre - centres[hill]) <= 2.5 * width]
        return float(1 / np.median(around))

    return settle(hills[-1]), settle(hills[0])


def _hills(heights: np.ndarray, prominence: float) -> list[int]:
    """Indices of the maxima that stand above both saddles (or the ends) by `prominence`, in order."""
    hills, best, base = [], -1, 0.0
    for i, height in enumerate([*heights, 0.0]):
        if best >= 0 and height > heights[best]:
            best = i
        elif best >= 0 and heights[best] - height >= prominence:
            hills.append(best)
            best, base = -1, height
        elif best < 0:
            base = min(base, height)
            if height - base >= prominence:
                best = i
    return hills
