# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth as files store it, to metres along the camera's axis."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

FAR_LIMIT_M = 1e9
"""From here on there is nothing: becomes +inf (Blender's Depth pass says 1e10 for empty)."""

KINDS = ("METRES", "INVERSE", "NORMALISED")
RAMPS = ("INVERSE_Z", "LINEAR_Z")


@dataclass(frozen=True)
class DepthConvention:
    """How raw depth numbers are to be read.

    kind: 'METRES' (raw * scale = metres); 'INVERSE' (1 / (raw * scale) = metres, raw 0 is infinitely far);
    'NORMALISED' (0..1 between near_m and far_m). near_m, far_m: metres; far_m may be inf with ramp
    'INVERSE_Z'. white_near: NORMALISED only, 1 is near_m (else 1 is far_m). ramp: NORMALISED only, what
    runs evenly between the two: 'INVERSE_Z' (1/z; the default: what depth networks, disparity and most depth movies
    give) or 'LINEAR_Z' (z itself: Blender's Normalize or Map Range, a mist pass). scale: METRES: metres per raw unit,
    0.01 for centimetres, negative where values run away from the camera below zero; INVERSE: raw * scale is 1/metres;
    1.0 as a rule. low, high: NORMALISED only, the raw values that stand for 0 and 1. Raises ValueError naming the
    argument.
    """

    kind: str = "METRES"
    near_m: float = 1.0
    far_m: float = 100.0
    white_near: bool = True
    ramp: str = "INVERSE_Z"
    scale: float = 1.0
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.ramp not in RAMPS:
            raise ValueError(f"ramp must be one of {', '.join(RAMPS)}, not {self.ramp!r}")
        if not np.isfinite(self.scale) or self.scale == 0 or (self.scale < 0 and self.kind != "METRES"):
            raise ValueError(f"scale must be a positive number, not {self.scale!r}")
        if not self.low < self.high or not np.isfinite(self.high - self.low):
            raise ValueError(f"low and high must be finite numbers, low the smaller, not {self.low!r}, {self.high!r}")
        if not (0 < self.near_m < self.far_m):
            raise ValueError(f"near_m and far_m must be 0 < near_m < far_m, not {self.near_m!r} and {self.far_m!r}")
        if self.kind == "NORMALISED" and self.ramp == "LINEAR_Z" and not np.isfinite(self.far_m):
            raise ValueError("far_m must be finite where z runs evenly (ramp 'LINEAR_Z')")


def to_metres(raw: np.ndarray, convention: DepthConvention) -> np.ndarray:
    """Raw depth to metres along the camera's axis.

    raw: (H, W) of any type, numbers as a file stores them. Returns (H, W) float32, metres, a new array, everywhere >
    0; +inf where nothing is there (>= 1e9 m; raw 0 of INVERSE). Pixels that say nothing (not a number; negative;
    zero metres or less; an infinite 1/z) take the farther of their neighbours' depths. Raises ValueError for another
    shape, and where no pixel says anything.
    """
    values = _plane(raw)
    metres = _metres(values, convention)
    missing = ~(metres > 0) | np.isnan(values)
    metres = np.where(metres >= FAR_LIMIT_M, np.float32(np.inf), metres)
    return _fill(metres, missing) if missing.any() else metres


def _plane(raw: np.ndarray) -> np.ndarray:
    values = np.asarray(raw, np.float32)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"raw must be (H, W) and not empty, not {values.shape}")
    return values


def _metres(values: np.ndarray, convention: DepthConvention) -> np.ndarray:
    """The formula alone; holes come out as NaN, zero or negative numbers."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if convention.kind == "METRES":
            metres = values * np.float32(convention.scale)
            # Where z runs below zero, the empty pixels' large number is still written as it always is.
            return np.where(values >= FAR_LIMIT_M, np.float32(np.inf), metres) if convention.scale < 0 else metres
        if convention.kind == "INVERSE":
            metres = 1.0 / (values * np.float32(convention.scale))
            return np.where(values == 0, np.float32(np.inf), metres)  # also for a zero with a minus sign
        if (convention.low, convention.high) != (0.0, 1.0):
            values = (values - np.float32(convention.low)) / np.float32(convention.high - convention.low)
        nearness = values if convention.white_near else np.float32(1.0) - values
        if convention.ramp == "LINEAR_Z":
            span = np.float32(convention.far_m - convention.near_m)
            metres = np.float32(convention.far_m) - span * np.minimum(nearness, np.float32(1.0))
        else:
            far, near = np.float32(1.0 / convention.far_m), np.float32(1.0 / convention.near_m)
            inverse = far + (near - far) * nearness
            # Darker than the far end (noise, a network's overshoot) cannot be farther than infinity.
            metres = np.where(inverse > 0, 1.0 / inverse, np.float32(np.inf))
        return np.where(np.isfinite(values), metres, np.float32(np.nan)).astype(np.float32)


def _fill(metres: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Holes take the farther of the nearest depths left and right; rows without any, those above and below.

    What an edge hides or a matcher cannot see mostly belongs to the background, hence the farther one.
    """
    if missing.all():
        raise ValueError("raw holds no depth: every pixel is empty, negative or not a number")
    filled = metres.copy()
    rows = missing.any(axis=1) & ~missing.all(axis=1)
    filled[rows] = _fill_rows(filled[rows], missing[rows])
    empty = np.repeat(missing.all(axis=1)[:, None], metres.shape[1], axis=1)
    if empty.any():
        filled = _fill_rows(filled.T, empty.T).T
    return np.ascontiguousarray(filled)


def _fill_rows(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Every row must have something."""
    width = values.shape[1]
    columns = np.broadcast_to(np.arange(width), values.shape)
    left = np.maximum.accumulate(np.where(missing, -1, columns), axis=1)
    right = np.minimum.accumulate(np.where(missing, width, columns)[:, ::-1], axis=1)[:, ::-1]
    from_left = np.take_along_axis(values, np.maximum(left, 0), axis=1)
    from_right = np.take_along_axis(values, np.minimum(right, width - 1), axis=1)
    farther = np.where(left < 0, from_right, np.where(right == width, from_left, np.maximum(from_left, from_right)))
    return np.where(missing, farther, values)


def fit_to_picture(depth: np.ndarray, height: int, width: int, even: bool = False) -> np.ndarray:
    """Depth at the picture's size. Never averages across an edge: a depth between two objects belongs to neither.

    depth: (H, W) float32, metres, +inf allowed. Of the same shape: itself. Smaller or larger with the same
    proportions (within 2 %, networks round their sizes): nearest neighbour, and between neighbours that lie on one
    surface a straight line in 1/z, which is what a flat surface is. even: that line between all neighbours of a
    smaller depth, for whoever parts its edges afterwards. Returns (H, W) float32, metres. Raises ValueError naming
    both sizes where the proportions differ.
    """
    rows, columns = depth.shape
    if (rows, columns) == (height, width):
        return depth
    if abs(columns * height / (rows * width) - 1.0) > 0.02:
        raise ValueError(
            f"the depth is {columns}x{rows} pixels and the picture {width}x{height}: their proportions differ,"
            " so the depth cannot be fitted"
        )
    y = np.minimum(((np.arange(height) + 0.5) * rows / height).astype(int), rows - 1)
    x = np.minimum(((np.arange(width) + 0.5) * columns / width).astype(int), columns - 1)
    nearest = np.asarray(depth, np.float32)[y[:, None], x]
    if height <= rows:
        return nearest
    inverse = (1.0 / np.maximum(depth, np.float32(1e-6))).astype(np.float32)
    smooth = cv2.resize(inverse, (width, height), interpolation=cv2.INTER_LINEAR)
    if even:
        return np.divide(1, smooth, out=np.full_like(smooth, np.inf), where=smooth > 0)
    around = np.ones((3, 3), np.uint8)
    most, least = cv2.dilate(inverse, around), cv2.erode(inverse, around)
    # On a plane 1/z is linear, so the middle is half way between the extremes; at an edge it is one of them.
    flat = (np.abs(most + least - 2 * inverse) <= 0.05 * inverse) & (most - least <= 0.5 * inverse)
    one_surface = flat[y[:, None], x]
    with np.errstate(divide="ignore"):
        return np.where(one_surface & (smooth > 0), 1.0 / smooth, nearest).astype(np.float32)
