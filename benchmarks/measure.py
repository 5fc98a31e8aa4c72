# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a defocused picture is from the ray-traced one, and how long it takes: the figures of the tables."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

EDGE_RADIUS_PX = 12  # how far from a depth step a pixel still counts as edge
STEP_SHARE = 0.06  # a jump in 1/depth by this share of the nearest 1/depth is a step


@dataclass(frozen=True)
class Figures:
    """`psnr_db` of the sRGB-encoded picture, noise taken off; `edge` mean absolute error x1000 near depth steps;
    `bright` relative error of the light above 1 (nan where there is next to none)."""

    psnr_db: float
    edge: float
    bright: float


def srgb(linear: np.ndarray) -> np.ndarray:
    """Encode scene-linear values, clipped to 0-1, with the sRGB curve (IEC 61966-2-1)."""
    x = np.clip(linear, 0.0, 1.0)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.power(np.maximum(x, 1e-9), 1 / 2.4) - 0.055)


def near_steps(depth_m: np.ndarray) -> np.ndarray:
    """(H, W) bool: within EDGE_RADIUS_PX of a jump in depth."""
    inverse = 1.0 / np.minimum(depth_m, 1e4)
    square = np.ones((3, 3), np.uint8)
    jump = cv2.dilate(inverse, square) - cv2.erode(inverse, square) > STEP_SHARE * inverse.max()
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * EDGE_RADIUS_PX + 1,) * 2)
    return cv2.dilate(jump.astype(np.uint8), disc).astype(bool)


def compare(picture: np.ndarray, truth: np.ndarray, noise_mse: float, edges: np.ndarray) -> Figures:
    """Figures of a scene-linear (H, W, 3) picture against truth."""
    error = srgb(picture[..., :3]) - srgb(truth)
    mse = max(float(np.mean(error**2)) - noise_mse, 1e-9)
    edge = 1000 * float(np.abs(error)[edges].mean()) if edges.any() else 0.0
    light, wanted = (float(np.maximum(p[..., :3] - 1, 0).sum()) for p in (picture, truth))
    bright = abs(light - wanted) / wanted if wanted > 50 else float("nan")
    return Figures(-10 * float(np.log10(mse)), edge, bright)


def median_seconds(job: Callable[[], object], repeat: int) -> float:
    """The median time of `repeat` runs after one that does not count."""
    times = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])
