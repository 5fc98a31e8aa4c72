# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards one behind the other, for what ray tracing is too slow for: truth without noise for every step of a rack, and a
camera that moves.

A lens sees each card shifted by its circle of confusion times the place on the lens, so the mean over many places is
what it sees, exactly as far as there are places enough.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from blender_rackfocus.core import Lens
from blender_rackfocus.core.lens import coc_px

from .measure import srgb

WIDTH, HEIGHT = 400, 224
LENS_MM, SENSOR_MM, F_NUMBER = 50.0, 36.0, 0.9
NEAREST_M, FARTHEST_M = 1.2, 6.0
_FINENESS, _AROUND_PX = 2, 40
_PLACES = 128


@dataclass(frozen=True)
class Card:
    """(h, w, 3) float32 light and (h, w) float32 coverage, finer than the picture and wider on every side."""

    depth_m: float
    light: np.ndarray
    cover: np.ndarray


def world() -> list[Card]:
    """A wall with lamps, things halfway, and a head and rods in front; from far to near."""
    wall, middle, front = (
        _texture(seed, base) for seed, base in ((1, (0.8, 0.8, 1.0)), (2, (1, 0.6, 0.4)), (3, (0.5, 1, 0.6)))
    )
    whole, half, near = np.ones(wall.shape[:2], np.float32), *np.zeros((2, *wall.shape[:2]), np.float32)
    rng = np.random.default_rng(9)
    for _ in range(14):
        place = int(rng.uniform(0, wall.shape[1])), int(rng.uniform(0, wall.shape[0]))
        cv2.circle(wall, place, 3, (12, 9, 6), -1)
    cv2.rectangle(half, (330, 170), (520, 700), 1, -1)
    cv2.circle(half, (760, 250), 70, 1, -1)
    cv2.circle(near, (260, 200), 90, 1, -1)
    for rod in range(4):
        cv2.line(near, (620 + rod * 40, 0), (560 + rod * 60, 700), 1, 7)
    return [Card(FARTHEST_M, wall, whole), Card(2.2, middle, half), Card(NEAREST_M, front, near)]


def _texture(seed: int, base: tuple[float, float, float]) -> np.ndarray:
    rng = np.random.default_rng(seed)
    height, width = ((length + 2 * _AROUND_PX) * _FINENESS for length in (HEIGHT, WIDTH))
    light = np.zeros((height, width, 3), np.float32)
    for cell, share in ((4, 0.5), (16, 0.5), (48, 0.4)):
        grain = rng.random((height // cell, width // cell, 3), np.float32)
        light += share * cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(light / 1.4, 0.01, 1) * np.float32(base)


def _over(cards: list[Card], shift_px: Callable[[Card], tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """The cards, each shifted (right, down): light and 1 / depth, as fine as they are."""
    light = near = np.zeros(0, np.float32)
    for number, card in enumerate(cards):
        right, down = (one * _FINENESS for one in shift_px(card))
        matrix, size = np.array([[1, 0, right], [0, 1, down]]), card.cover.shape[::-1]
        moved = cv2.warpAffine(card.light, matrix, size, borderMode=cv2.BORDER_REFLECT)
        if number == 0:
            light, near = moved, np.full(card.cover.shape, 1 / card.depth_m, np.float32)
            continue
        cover = cv2.warpAffine(card.cover, matrix, size)
        light += cover[..., None] * (moved - light)
        near = np.where(cover > 0.5, np.float32(1 / card.depth_m), near)
    return light, near


def _picture(light: np.ndarray) -> np.ndarray:
    around = _AROUND_PX * _FINENESS
    return cv2.resize(light[around:-around, around:-around], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def pinhole(cards: list[Card], camera_m: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Picture (H, W, 3) float32 and depth in metres (H, W) float32 from a camera so far to the right."""
    light, near = _over(cards, lambda card: (-camera_m * WIDTH * LENS_MM / SENSOR_MM / card.depth_m, 0.0))
    around = _AROUND_PX * _FINENESS
    depth_m = 1 / near[around:-around, around:-around][_FINENESS // 2 :: _FINENESS, _FINENESS // 2 :: _FINENESS]
    return _picture(light), np.ascontiguousarray(depth_m)


def lens_at(focus_m: float) -> Lens:
    """The lens that looks at the cards, focused."""
    return Lens(focal_mm=LENS_MM, f_number=F_NUMBER, sensor_mm=SENSOR_MM, focus_m=focus_m)


def rack(steps: int) -> list[float]:
    """Focus distances in metres, even in dioptres, from the nearest card to the farthest."""
    return [1 / dioptres for dioptres in np.linspace(1 / NEAREST_M, 1 / FARTHEST_M, steps)]


def truth(cards: list[Card], focus_m: float) -> np.ndarray:
    """What the lens sees: (H, W, 3) float32, scene-linear."""
    circle = {card.depth_m: float(coc_px(np.float32(card.depth_m), lens_at(focus_m), WIDTH)) for card in cards}
    number = np.arange(_PLACES) + 0.5
    radius, angle = np.sqrt(number / _PLACES), number * np.pi * (3 - np.sqrt(5))
    total = np.zeros_like(cards[0].light)
    for u, v in zip(radius * np.cos(angle), radius * np.sin(angle), strict=True):
        total += _over(cards, lambda card: (circle[card.depth_m] * u, circle[card.depth_m] * v))[0]  # noqa: B023
    return _picture(total / np.float32(_PLACES))


def truths(cards: list[Card], steps: int, folder: str) -> np.ndarray:
    """The rack through the lens, (steps, H, W, 3) float32, display-encoded; kept in the folder."""
    path = os.path.join(folder, f"cards_{steps}.npy")
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        made = np.stack([srgb(truth(cards, focus_m)) for focus_m in rack(steps)]).astype(np.float16)
        np.save(path + ".part.npy", made)
        os.replace(path + ".part.npy", path)
    return np.load(path).astype(np.float32)
