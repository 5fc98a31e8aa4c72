# SPDX-License-Identifier: GPL-3.0-or-later
"""One image says both what our pixels are and where they count: the alpha of those that do is raised by TOUCHED."""

from __future__ import annotations

import cv2
import numpy as np

from ..media.rounding import ALPHA_OFFSET

TOUCHED = ALPHA_OFFSET
"""Added to the alpha of every pixel that replaces the strip's own."""
TOUCHED_ABOVE = 1.5
"""Between the largest alpha of an untouched pixel (1) and the smallest of a touched one (2)."""
UNTOUCHED = -1.0
"""Minus its own alpha, the alpha of a live pixel that leaves the strip's own alone. 0, as in an image never filled, has
no say at all: a baked frame, if there is one, decides."""


def encode(result: np.ndarray, source: np.ndarray) -> np.ndarray | None:
    """What the node group wants of a refocused picture.

    result, source: (H, W, 4) float32, top row first. Pixels that differ get their alpha raised by TOUCHED; that of
    the others becomes UNTOUCHED minus it. Returns (H * W * 4,) float32, bottom row first, or None when nothing
    differs.
    """
    height, width = result.shape[:2]
    rows = (height, width * 4)
    differ = cv2.compare(
        np.ascontiguousarray(result).reshape(rows), np.ascontiguousarray(source).reshape(rows), cv2.CMP_NE
    )
    changed = differ.view(np.uint32) != 0  # the four bytes of a pixel at once
    if not changed.any():
        return None
    flat = cv2.flip(result, 0)
    alpha = cv2.min(cv2.max(cv2.extractChannel(flat, 3), 0.0), 1.0)
    cv2.insertChannel(np.where(changed[::-1], alpha + np.float32(TOUCHED), np.float32(UNTOUCHED) - alpha), flat, 3)
    return flat.reshape(-1)


def whole(flat: np.ndarray) -> np.ndarray:
    """An encoded picture of which every pixel counts: also those that were left alone are its own, not those of
    whatever frame it is shown at. flat: (H * W * 4,) float32, as `encode` gives it, left as it is. Returns (H * W *
    4,) float32, as well."""
    pixels = flat.reshape(-1, 4).copy()
    alpha = pixels[:, 3]
    np.copyto(alpha, np.float32(TOUCHED + UNTOUCHED) - alpha, where=alpha < TOUCHED_ABOVE)
    return pixels.reshape(-1)


def decode(flat: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """`encode` undone: a picture, and where it counts.

    flat: (H * W * 4,) float32, as `encode` gives it. Returns (H, W, 4) float32, top row first, and (H, W) bool.
    """
    picture = flat.reshape(height, width, 4)[::-1].copy()
    counts = picture[..., 3] > TOUCHED_ABOVE
    picture[..., 3] -= np.float32(TOUCHED)
    return picture, counts


def encoded(picture: np.ndarray, counts: np.ndarray) -> np.ndarray | None:
    """A picture as the node group wants it; None where nothing counts.

    picture: (H, W, 4) float32, top row first. counts: (H, W) bool, where it counts. Returns (H * W * 4,) float32,
    bottom row first.
    """
    if not counts.any():
        return None
    coded = np.array(picture, np.float32)
    coded[..., 3] = np.where(counts, coded[..., 3] + np.float32(TOUCHED), np.float32(UNTOUCHED))
    return np.ascontiguousarray(coded[::-1]).reshape(-1)
