# SPDX-License-Identifier: GPL-3.0-or-later
"""What was decided on a small picture, at the size and the edges of the whole one: the guided filter (He, Sun, Tang,
ECCV 2010; its fast form, arXiv:1505.00996)."""

from __future__ import annotations

import cv2
import numpy as np

WORK_WIDTH = 480
_REACH = 0.008
"""Radius of the filter, as a share of the width."""
_EDGE = 1e-4
"""What counts as an edge, as a variance of values 0 to 1."""


def small(picture: np.ndarray, most_px: int = WORK_WIDTH, least_px: int = 1) -> np.ndarray:
    """A picture or a matte at most so many pixels across, as all decisions are made on, and at least so many high.

    picture: (H, W, ...) of any type and meaning. Returns (h, w, ...) of any type, picture's own.
    """
    height, width = picture.shape[:2]
    if width <= most_px:
        return picture
    size = most_px, max(least_px, round(height * most_px / width))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def to_edges(look: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """A matte, soft where the edges of its picture are.

    look: (h, w, 3) uint8 RGB. matte: (h, w) float32, 0 to 1. Returns (h, w) float32, 0 to 1.
    """
    slope, offset = _guided(look, matte, _radius(look))
    followed = np.einsum("ijk,ijk->ij", slope, look.astype(np.float32) / 255) + offset
    return np.clip(followed, 0, 1).astype(np.float32)


def full(picture: np.ndarray, look: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """A matte at the picture's size and edges.

    picture: (H, W, 3) uint8 RGB. look: (h, w, 3) uint8, what the matte was decided on. matte: (h, w) float32, 0 to
    1. Returns (H, W) float32, 0 to 1.
    """
    size = picture.shape[1::-1]
    slope, offset = (
        cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in _guided(look, matte, _radius(look))
    )
    followed = np.einsum("ijk,ijk->ij", slope, picture.astype(np.float32) / 255) + offset
    return _steep(np.clip(followed, 0, 1)).astype(np.float32)


def _radius(look: np.ndarray) -> int:
    return max(2, round(_REACH * look.shape[1]))


def _guided(look: np.ndarray, matte: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """The guided filter's (h, w, 3) slope and (h, w) offset: matte = slope . colour + offset within each window."""
    guide = look.astype(np.float32) / 255
    side = (2 * radius + 1,) * 2

    def mean(plane: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(plane, cv2.CV_32F, side, borderType=cv2.BORDER_REFLECT)

    middle, level = mean(guide), mean(matte)
    spread = {
        (i, j): mean(guide[..., i] * guide[..., j]) - middle[..., i] * middle[..., j]
        for i in range(3)
        for j in range(i, 3)
    }
    together = mean(guide * matte[..., None]) - middle * level[..., None]
    slope = _solved(spread, together)
    offset = level - np.einsum("ijk,ijk->ij", slope, middle)
    return mean(slope), mean(offset.astype(np.float32))


def _solved(spread: dict[tuple[int, int], np.ndarray], together: np.ndarray) -> np.ndarray:
    """(h, w, 3) float32: what each pixel's symmetric 3 x 3 matrix, given by its upper half, and an edge's least
    variance besides, makes `together` of. By cofactors: a general solver takes ten times as long."""
    a, d, f = (np.float64(_EDGE) + spread[i, i] for i in range(3))
    b, c, e = spread[0, 1], spread[0, 2], spread[1, 2]
    first, second, third = d * f - e * e, c * e - b * f, b * e - c * d
    scale = 1 / (a * first + b * second + c * third)
    x, y, z = cv2.split(together)
    return np.dstack((
        scale * (first * x + second * y + third * z),
        scale * (second * x + (a * f - c * c) * y + (b * c - a * e) * z),
        scale * (third * x + (b * c - a * e) * y + (a * d - b * b) * z),
    )).astype(np.float32)  # fmt: skip


def _steep(matte: np.ndarray) -> np.ndarray:
    """Nearly nothing is nothing, and nearly all is all: a filter's haze would put a veil of depth over the room."""
    return np.clip((matte - 0.1) / 0.8, 0, 1)
