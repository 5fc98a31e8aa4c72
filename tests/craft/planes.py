# SPDX-License-Identifier: GPL-3.0-or-later
"""A little world to look around in: textured cards that face a wall, seen by a pinhole anywhere before them.

Every card has its own texture in metres, so that what one camera sees and another does not is known exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from blender_rackfocus.craft.uncover import Sight

HEIGHT, WIDTH, FOCAL = 180, 320, 1.4
"""FOCAL: focal length as a share of the width."""
_FINENESS = 2
"""Rays for a pixel, each way."""


@dataclass(frozen=True)
class Card:
    """A rectangle across the view, (left, top, right, bottom) in metres, or all there is; texture: seed; cell: metres
    of a texture's cell."""

    depth_m: float
    box: tuple[float, float, float, float] | None
    seed: int
    cell_m: float = 0.1


WALL = Card(5.0, None, 1)
FRONT = Card(1.2, (-0.25, -1.0, 0.1, 0.12), 2, 0.03)
MIDDLE = Card(3.0, (0.1, -0.4, 0.7, 2.0), 3, 0.06)


def texture(x_m: np.ndarray, y_m: np.ndarray, card: Card) -> np.ndarray:
    """(..., 3) light of a card at places on it, smooth from cell to cell."""
    tile = np.random.default_rng(card.seed).uniform(0.03, 0.8, (64, 64, 3)).astype(np.float32)
    tile = cv2.resize(np.tile(tile, (2, 2, 1)), (512, 512), interpolation=cv2.INTER_CUBIC)[:256, :256]
    at = (np.float32(4) * plane / np.float32(card.cell_m) % 256 for plane in (x_m, y_m))
    ringed = cv2.copyMakeBorder(tile, 0, 1, 0, 1, cv2.BORDER_WRAP)
    return np.clip(cv2.remap(ringed, *(plane.astype(np.float32) for plane in at), cv2.INTER_LINEAR), 0.01, 1)


@lru_cache(maxsize=64)
def sight(
    cards: tuple[Card, ...], camera_m: tuple[float, float, float] = (0, 0, 0), pan_rad: float = 0.0, alpha: bool = False
) -> Sight:
    """The world from a camera: colour of several rays for a pixel, depth of the one through its middle."""
    fine = HEIGHT * _FINENESS, WIDTH * _FINENESS
    light, _ = _rays(cards, camera_m, pan_rad, fine)
    picture = cv2.resize(light, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    _, depth_m = _rays(cards, camera_m, pan_rad, (HEIGHT, WIDTH))
    return Sight(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA) if alpha else picture, depth_m)


def _rays(
    cards: Sequence[Card], camera_m: tuple[float, float, float], pan_rad: float, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    height, width = size
    y, x = np.mgrid[:height, :width]
    right, down = ((one - (n - 1) / 2) / (FOCAL * width) for one, n in ((x, width), (y, height)))
    ahead = np.cos(pan_rad) - np.sin(pan_rad) * right
    aside = np.sin(pan_rad) + np.cos(pan_rad) * right
    light, depth_m = np.zeros((*size, 3), np.float32), np.full(size, np.inf, np.float32)
    for card in sorted(cards, key=lambda one: -one.depth_m):
        away = (card.depth_m - camera_m[2]) / ahead
        x_m, y_m = camera_m[0] + away * aside, camera_m[1] + away * down
        inside = np.ones(size, bool)
        if card.box is not None:
            left, top, far_right, bottom = card.box
            inside = (x_m >= left) & (x_m < far_right) & (y_m >= top) & (y_m < bottom)
        light[inside] = texture(x_m, y_m, card)[inside]
        depth_m[inside] = away[inside]
    return light, depth_m


def moved(picture: np.ndarray, by_px: np.ndarray) -> np.ndarray:
    """A picture (H, W, C) moved right and down by parts of pixels; what comes in is as the border is."""
    matrix = np.array([[1, 0, by_px[0]], [0, 1, by_px[1]]])
    return cv2.warpAffine(picture, matrix, picture.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
