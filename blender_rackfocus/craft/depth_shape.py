# SPDX-License-Identifier: GPL-3.0-or-later
"""What a depth picture's numbers are, read from the planes in it.

A plane in perspective has 1/z linear along every line of the picture (Hartley and Zisserman, Multiple View Geometry,
2nd ed., 2004, ch. 8). Floors, walls and tables are everywhere, so the transform that makes most sloping lines straight
tells what was stored: v itself straight: 1/z. 1/(v - b) straight: z with an offset b; where 2 v'^2 / v'' = v - b is
negative, v falls as z grows: inverted. Straight only after undoing the sRGB curve: encoded. Straight only after
dividing by the ray's length: distance to the lens, not depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..core.depth import FAR_LIMIT_M

_LEAST_SAMPLES = 150


@dataclass(frozen=True)
class Lines:
    """Short straight runs of five samples inside smooth sloping surfaces: values (N, 5) float64, their columns and
    rows (N, 5); down: (N,) how the run goes down the picture (1) or across (0)."""

    values: np.ndarray
    x: np.ndarray
    y: np.ndarray
    down: np.ndarray


def sloping_lines(raw: np.ndarray, stepped: bool = False) -> Lines:
    """Collect runs along rows and columns that cross no edge and have a slope worth measuring.

    raw: (H, W) float32 of any unit, NaN/inf/>= 1e9 is left out. stepped: the values were smoothed out of coarse
    steps; use longer runs only.
    """
    values = np.where(np.isfinite(raw) & (raw < FAR_LIMIT_M), raw, np.nan).astype(np.float64)
    known = values[np.isfinite(values)]
    if known.size < 100:
        return Lines(np.zeros((0, 5)), np.zeros((0, 5)), np.zeros((0, 5)), np.zeros(0))
    spread = float(np.subtract(*np.percentile(known, (98, 2)))) or 1.0
    out = _runs(values, spread, (12, 24) if stepped else (24, 48), stepped)
    if sum(len(part[0]) for part in out) < _LEAST_SAMPLES and not stepped:
        out += _runs(values, spread, (120,), stepped)  # no floor or wall: leaves and faces are flat in the small
    return Lines(*(np.concatenate([part[k] for part in out]) for k in range(4)))


def _runs(values: np.ndarray, spread: float, shares: tuple[int, ...], stepped: bool) -> list[tuple]:
    """Runs of two half-lengths, given as shares of the width."""
    out = [(np.zeros((0, 5)), np.zeros((0, 5)), np.zeros((0, 5)), np.zeros(0))]
    for down in (0, 1):
        v = values.T if down else values
        for share in shares:
            half = max(4, 4 * round(values.shape[1] / share / 4))
            rows = np.arange(0, v.shape[0], max(1, v.shape[0] // 90))
            centres = np.arange(half, v.shape[1] - half, max(2, half // 3))
            if centres.size == 0:
                continue
            at = centres[:, None] + np.array([-half, -half // 2, 0, half // 2, half])
            runs = v[rows][:, at]
            steps = np.abs(np.diff(v[rows], axis=1))
            largest = _window_max(np.nan_to_num(steps, nan=np.inf), half)[:, centres]
            total = np.abs(runs[..., -1] - runs[..., 0])
            slope = total / (2 * half)
            # No edge inside: the largest step is not far from the mean one, and all five samples go one way.
            d = np.diff(runs, axis=-1)
            one_way = (np.sign(d) == np.sign(d[..., :1])).all(-1)
            jump = 4.0 if stepped else 2.5
            good = np.isfinite(runs).all(-1) & one_way & (largest < jump * slope) & (total > 0.006 * spread)
            r, c = np.nonzero(good)
            a, b = np.broadcast_to(rows[r][:, None], (r.size, 5)), at[c]
            out.append((runs[r, c], a if down else b, b if down else a, np.full(r.size, down)))
    return out


def _window_max(steps: np.ndarray, half: int) -> np.ndarray:
    kernel = np.ones((1, 2 * half), np.uint8)
    return cv2.dilate(np.minimum(steps, 1e30).astype(np.float32), kernel, anchor=(half, 0), borderValue=0)


def bend(lines: np.ndarray, rough: bool = False) -> float:
    """How far runs are from straight: |middle - mean of ends| over half the rise; the third that is straightest counts
    (planes among curved things). 0 = straight, 0.1 = plainly bent; inf for too few.

    lines: (N, 5) float64 of any unit, five places of each run. rough: values carry coarse rounding. Rounding bends
    either way, a wrong reading always one way: then the median of the signed bend counts, in each third of the
    values, since a wrong curve cannot be right in all three.
    """
    if len(lines) < _LEAST_SAMPLES or not np.isfinite(lines).all():
        return np.inf
    middle = lines[:, 2]
    # A run that the transform makes level is straight too: its rise must not divide the rounding errors.
    level = 0.004 * float(np.subtract(*np.percentile(middle, (95, 5))))
    rise = np.abs(lines[:, 4] - lines[:, 0]) / 2 + level + 1e-300
    signed = (middle - (lines[:, 0] + lines[:, 4]) / 2) / rise
    if rough:
        third = np.digitize(middle, np.percentile(middle, (33, 67)))
        parts = [signed[third == k] for k in range(3)]
        return float(np.mean([abs(np.median(part)) for part in parts if part.size > 20] or [np.inf]))
    inner = 2 * np.abs(lines[:, 1] - 2 * lines[:, 2] + lines[:, 3]) / rise
    return float(np.percentile(np.maximum(np.abs(signed), inner), 35))


def best_offset(
    values: np.ndarray, rough: bool = False, beyond: tuple[float, float] | None = None
) -> tuple[float, float]:
    """(b, bend of 1/(v - b)): the offset that makes most runs straight. v - b keeps one sign.

    values: (N, 5) float64 of any unit, five places of each run. rough: as for `bend`. beyond: lowest and highest value
    of the picture that the runs are from; v - b keeps its sign over all of them.
    """
    first = (values[:, 4] - values[:, 0]) / 4
    second = (values[:, 4] - 2 * values[:, 2] + values[:, 0]) / 4
    with np.errstate(divide="ignore", invalid="ignore"):
        guess = values[:, 2] - 2 * first**2 / second
    guess = guess[np.isfinite(guess)]
    low, high = float(values.min()), float(values.max())
    if beyond is not None:
        low, high = min(low, beyond[0]), max(high, beyond[1])
    spread = high - low
    guess = np.concatenate([[0.0], np.percentile(guess, np.arange(5, 96, 5))]) if guess.size else np.array([0.0])
    far = spread * 10 ** np.arange(-2.5, 1.6, 0.25)
    guess = np.concatenate([guess, low - far, high + far])
    best = (0.0, np.inf)
    for b in guess:
        if low - 50 * spread < b < low or high < b < high + 50 * spread:
            score = bend(1 / (values - b), rough)
            if score < best[1]:
                best = (float(b), score)
    if not np.isfinite(best[1]):
        return best
    reach = 0.5 * min(abs(best[0] - low), abs(best[0] - high)) + 1e-3 * spread
    for _ in range(14):
        for b in (best[0] - reach, best[0] + reach):
            if b < low or b > high:
                score = bend(1 / (values - b), rough)
                if score < best[1]:
                    best = (b, score)
        reach *= 0.6
    return best


def nearer_below(lines: Lines) -> float:
    """Share of the evidence that values rise towards the near parts of a usual picture (-1..1).

    Floors come nearer down the lower half; ceilings come nearer up the upper half.
    """
    pick = lines.down == 1
    if pick.sum() < _LEAST_SAMPLES // 3:
        return 0.0
    values, y = lines.values[pick], lines.y[pick][:, 2]
    height = lines.y.max() + 1
    rises = np.sign(values[:, 4] - values[:, 0])
    weight = np.where(y > height / 2, 1.0, -0.5)
    return float((rises * weight).sum() / np.abs(weight).sum())


def srgb_decode(values: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, continued above 1.

    values: (...) float32, display-encoded. Returns (...) float32, linear, >= 0.
    """
    v = np.maximum(values, 0)
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def ray_length(x: np.ndarray, y: np.ndarray, width: int, height: int, focal_mm: float, sensor_mm: float) -> np.ndarray:
    """Distance along the ray per unit of planar depth; the sensor spans the width.

    x, y: (...) float64, indices of pixels. Returns (...) float64, >= 1.
    """
    focal_px = focal_mm / sensor_mm * width
    return np.sqrt(1 + ((x + 0.5 - width / 2) / focal_px) ** 2 + ((y + 0.5 - height / 2) / focal_px) ** 2)
