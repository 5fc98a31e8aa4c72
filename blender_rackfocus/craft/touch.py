# SPDX-License-Identifier: GPL-3.0-or-later
"""Touch up: a stroke over the picture that corrects its depth.

A stroke reaches as far as its brush and no farther. Within that it grows from the line that was drawn up to the edges
of the picture: the way from the line to a pixel is longer where it crosses one (a geodesic distance: Bai, Sapiro, IJCV
2009, doi:10.1007/s11263-008-0191-z). All arithmetic is in dioptres, 1/m, in which a lens sees: what is infinitely far
counts 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from .guided import WORK_WIDTH, full

NEARER, FARTHER, AS_HERE, SMOOTH = KINDS = ("NEARER", "FARTHER", "AS_HERE", "SMOOTH")

_FULL_SHARE = 0.5
"""Of the brush's radius, up to which a stroke counts whole; from there it fades to nothing at the rim."""
_GRAIN, _EDGE = 6.0, 30.0
"""Of 255: a step in the picture that is none, and one above it that costs as much as the brush's whole radius."""
_BEND, _BREAK = 0.05, 0.15
"""The same of the depth, as shares of the dioptres on the nearer side."""
_COLOURS = 32
"""Of what is under a line, as many are looked at."""
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))
_FAR_DIOPTRES = np.float32(1e-9)


@dataclass(frozen=True)
class Touch:
    """A stroke on one frame's depth.

    kind: 'NEARER', 'FARTHER', 'AS_HERE' (as far as what lies under the stroke's first point) or 'SMOOTH'. points:
    (x, y) as shares of width and height from the top left; one point is a click. radius: of the brush, a share of the
    width. factor, dioptres: how much nearer or farther: the dioptres times, or through, the factor, and so many more,
    or less. edges: it ends at the picture's edges; else it fades to its rim alone. Raises ValueError naming the
    argument.
    """

    kind: str
    points: tuple[tuple[float, float], ...]
    radius: float = 0.03
    factor: float = 1.25
    dioptres: float = 0.0
    edges: bool = True

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if not self.points or not np.isfinite(self.points).all():
            raise ValueError("points must be one (x, y) or more, finite")
        if not (0 < self.radius <= 1):
            raise ValueError(f"radius must be above 0 and at most 1, not {self.radius!r}")
        if not (1 <= self.factor < np.inf and 0 <= self.dioptres < np.inf):
            raise ValueError(f"factor must be 1 or more, dioptres 0 or more, not {self.factor!r}, {self.dioptres!r}")


@dataclass(frozen=True)
class Area:
    """What a stroke reaches. rows, columns: of the picture. weight: (h, w) float32 there, 0 to 1."""

    rows: slice
    columns: slice
    weight: np.ndarray


def touched(depth_m: np.ndarray, picture: np.ndarray, touches: Sequence[Touch]) -> np.ndarray:
    """Depth with strokes on it, one after the other.

    depth_m: (H, W) float32 metres, +inf allowed. picture: (H, W, 3 or 4) float32 scene-linear, whose edges count.
    Returns (H, W) float32, metres; outside what the strokes reach every value is the one that was given, and with no
    strokes the array itself is. Raises ValueError where the two differ in size.
    """
    if picture.shape[:2] != depth_m.shape:
        raise ValueError(f"picture {picture.shape[:2]} and depth_m {depth_m.shape} must be of one size")
    touched_m = depth_m
    for touch in touches:
        area = area_of(picture, touch, depth_m)
        if area is None:
            continue
        touched_m = touched_m.copy() if touched_m is depth_m else touched_m
        there = touched_m[area.rows, area.columns]
        with np.errstate(divide="ignore"):
            changed = np.float32(1) / _changed(np.float32(1) / there, area.weight, touch, touched_m)
        touched_m[area.rows, area.columns] = np.where(area.weight > 0, changed, there)
    return touched_m


def on_wider(touch: Touch, size: tuple[int, int], margin: tuple[int, int]) -> Touch:
    """A stroke as it lies on a picture of a size (height, width) that has a margin (rows, columns) around its own."""
    (height, width), (rows, columns) = size, margin
    if not rows and not columns:
        return touch
    across, down = 1 - 2 * columns / width, 1 - 2 * rows / height
    points = tuple((x * across + columns / width, y * down + rows / height) for x, y in touch.points)
    return replace(touch, points=points, radius=touch.radius * across)


def area_of(picture: np.ndarray, touch: Touch, depth_m: np.ndarray | None = None) -> Area | None:
    """What a stroke reaches in a picture; None where it lies outside.

    picture: (H, W, 3 or 4) float32, scene-linear, or uint8 as a screen shows it. depth_m: (H, W) float32, metres;
    where given, what is pushed as it is (nearer, farther) also ends at the depth's own edges.
    """
    height, width = picture.shape[:2]
    points = np.array(touch.points) * (width, height)
    radius = touch.radius * width
    corners = np.floor(points.min(0) - radius - 1), np.ceil(points.max(0) + radius + 2)
    (left, top), (right, bottom) = (np.clip(corner, 0, (width, height)).astype(int) for corner in corners)
    if left >= right or top >= bottom:
        return None
    rows, columns = slice(top, bottom), slice(left, right)
    reach = _along(points - (left, top), radius, (bottom - top, right - left))
    if not touch.edges:
        weight = _faded(reach, radius)
        return Area(rows, columns, weight) if weight.any() else None
    crop = _as_shown(picture[rows, columns])
    scale = min(1.0, WORK_WIDTH / width)
    size = max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale))
    look = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    depth = None
    if depth_m is not None and touch.kind in (NEARER, FARTHER):
        depth = cv2.resize(depth_m[rows, columns], size, interpolation=cv2.INTER_NEAREST)
    here = (points - (left, top)) * (size[0] / crop.shape[1], size[1] / crop.shape[0])
    grown = _faded(_grown(look, depth, here, radius * scale), radius * scale)
    weight = np.where(reach < radius, full(crop, look, grown) if scale < 1 else grown, np.float32(0))
    return Area(rows, columns, weight) if weight.any() else None


def _changed(dioptres: np.ndarray, weight: np.ndarray, touch: Touch, depth_m: np.ndarray) -> np.ndarray:
    """Dioptres under a stroke, (h, w) float32. depth_m: of the whole frame."""
    if touch.kind == NEARER:
        return dioptres * np.float32(touch.factor) ** weight + np.float32(touch.dioptres) * weight
    if touch.kind == FARTHER:
        less = dioptres * np.float32(touch.factor) ** -weight - np.float32(touch.dioptres) * weight
        return np.maximum(less, np.float32(0))
    if touch.kind == AS_HERE:
        goal = np.float32(1 / _depth_under(depth_m, touch))
    else:
        sigma = max(1.0, 0.5 * touch.radius * depth_m.shape[1])
        spread = cv2.GaussianBlur(weight, (0, 0), sigma)
        goal = cv2.GaussianBlur(dioptres * weight, (0, 0), sigma) / np.maximum(spread, _FAR_DIOPTRES)
    return dioptres + weight * (goal - dioptres)


def _depth_under(depth_m: np.ndarray, touch: Touch) -> float:
    """Metres under a stroke's first point, or the place of the picture that is nearest to it."""
    height, width = depth_m.shape
    x, y = (float(np.clip(share, 0, 1)) * size for share, size in zip(touch.points[0], (width, height), strict=True))
    radius = max(1, round(0.2 * touch.radius * width))
    column, row = min(int(x), width - 1), min(int(y), height - 1)
    there = depth_m[max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1]
    return float(np.sort(there, axis=None)[(there.size - 1) // 2])  # one that is there: no mean of two surfaces


def _along(points: np.ndarray, radius: float, shape: tuple[int, int]) -> np.ndarray:
    """How far every pixel's centre lies from a line, (h, w) float32 pixels; no less than radius beyond its brush."""
    far = np.full(shape, np.float32(radius))
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32) + np.float32(0.5)
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[-1]], strict=True):
        low, high = np.floor([min(ax, bx) - radius, min(ay, by) - radius]), [max(ax, bx) + radius, max(ay, by) + radius]
        at = tuple(slice(max(0, int(a)), max(0, int(b) + 1)) for a, b in zip(low[::-1], high[::-1], strict=True))
        x, y = columns[at] - np.float32(ax), rows[at] - np.float32(ay)
        dx, dy = bx - ax, by - ay
        share = np.clip((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        far[at] = np.minimum(far[at], np.hypot(x - share * dx, y - share * dy))
    return far


def _grown(look: np.ndarray, depth_m: np.ndarray | None, points: np.ndarray, radius: float) -> np.ndarray:
    """How far every pixel lies from a line, edges on the way counted: (h, w) float32 pixels, at most radius.

    Every step costs at least its length: after as many rounds as the radius has pixels nothing nearer comes.
    """
    smooth = cv2.bilateralFilter(look, 5, 20.0, 2.0).astype(np.float32)
    with np.errstate(divide="ignore"):
        dioptres = None if depth_m is None else (np.float32(1) / depth_m)
    far = np.minimum(_along(points, radius, look.shape[:2]), np.float32(radius))
    far = np.where(far <= max(0.75, 0.1 * radius), far, np.float32(radius))  # what the line itself covers
    strange = _strange(smooth, far < radius)
    ways = []
    for dy, dx in _STEPS:
        here, there = _beside(smooth.shape[:2], dy, dx)
        step = np.linalg.norm(smooth[here] - smooth[there], axis=2)
        edge = np.maximum(step - _GRAIN, 0) / _EDGE * np.maximum(strange[here], strange[there])
        cost = float(np.hypot(dy, dx)) + radius * edge
        if dioptres is not None:
            a, b = dioptres[here], dioptres[there]
            bend = np.abs(a - b) / np.maximum(np.maximum(a, b), _FAR_DIOPTRES)
            cost = cost + radius * np.maximum(bend - _BEND, 0) / _BREAK
        ways.append((here, there, cost.astype(np.float32)))
    for _ in range(int(np.ceil(radius)) + 1):
        before = far.copy()
        for here, there, cost in ways:
            far[there] = np.minimum(far[there], far[here] + cost)
            far[here] = np.minimum(far[here], far[there] + cost)
        if np.array_equal(before, far):
            break
    return far


def _strange(smooth: np.ndarray, line: np.ndarray) -> np.ndarray:
    """How unlike the colours under the line every pixel's is, (h, w) float32, 0 to 1: a pattern that was drawn over has
    edges, and ends at none of them."""
    colours = np.unique(smooth[line] // _GRAIN, axis=0) * np.float32(_GRAIN) + np.float32(_GRAIN / 2)
    if not len(colours):
        return np.ones(line.shape, np.float32)
    least = np.full(line.shape, np.float32(np.inf))
    for colour in colours[:: max(1, len(colours) // _COLOURS)]:
        least = np.minimum(least, np.linalg.norm(smooth - colour, axis=2))
    return np.clip((least - _GRAIN) / _EDGE, 0, 1).astype(np.float32)


def _beside(shape: tuple[int, int], dy: int, dx: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Two views of a plane, of pixels and those dy rows below and dx columns right of them; dx may be negative."""
    height, width = shape
    down = slice(0, height - dy), slice(dy, height)
    right = slice(max(0, -dx), width - max(0, dx)), slice(max(0, dx), width - max(0, -dx))
    return (down[0], right[0]), (down[1], right[1])


def _faded(far: np.ndarray, radius: float) -> np.ndarray:
    """1 near the line, evenly down to 0 at the rim, without a kink at either end."""
    share = np.clip((radius - far) / ((1 - _FULL_SHARE) * radius), 0, 1)
    return (share * share * (3 - 2 * share)).astype(np.float32)


def _as_shown(picture: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8, about as a screen shows it: steps in it are what an eye sees."""
    if picture.dtype == np.uint8:
        return np.ascontiguousarray(picture[..., :3])
    return np.rint(255 * np.sqrt(np.clip(picture[..., :3], 0, 1))).astype(np.uint8)
