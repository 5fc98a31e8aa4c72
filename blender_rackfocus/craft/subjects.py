# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands out of a depth: the subjects of a picture, its foreground and its background.

A floor or a wall that runs away from the camera is a plane, and on planes 1/z is linear over the picture: it changes
from row to row. What stands upright keeps its distance, and ends where something farther begins. A wall behind
everything keeps its distance too, but nothing farther is beside it: where its outline is not the picture's edge,
something nearer covers it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

_WIDTH = 320
"""Pixels across at which subjects are looked for."""
_STEP = 0.06
"""Share of its distance by which what lies beside a subject is another thing."""
_UPRIGHT = 1.2
"""Change of 1/z, as a share of itself, over the picture's height, up to which something stands upright."""
_LEAST_AREA = 0.004
"""Share of the picture that a subject covers at least."""
_CLEAR = 0.45
"""Share of a subject's outline behind which it is farther, at least."""
_APART = 1.25
"""The background is farther than the foreground by this factor at least."""
_MIDDLE = 0.35
"""What comes nearer than this to the picture's middle, as a share of its sides, is near it."""
_CUT = 0.2
"""Share of its outline that the picture's edge may cut off from what is near the middle."""


@dataclass(frozen=True)
class Subject:
    """Something that stands out. distance_m: its median. x, y: its middle, shares of width and height from the top left
    corner. area: share of the picture. clear: share of its outline behind which it is farther. reach: how near it comes
    to the picture's middle, as a share of the picture's sides. cut: share of its outline that is the picture's edge."""

    distance_m: float
    x: float
    y: float
    area: float
    clear: float
    reach: float = 0.0
    cut: float = 0.0

    @property
    def off_middle(self) -> float:
        """How far its middle is from the picture's, as a share of the picture's sides."""
        return math.hypot(self.x - 0.5, self.y - 0.5)

    @property
    def is_central(self) -> bool:
        """Whether it is near the picture's middle, and not what the picture's edge cuts through."""
        return self.off_middle <= _MIDDLE or (self.reach <= _MIDDLE and self.cut <= _CUT)


def subjects(depth_m: np.ndarray) -> list[Subject]:
    """What stands out of a depth, the nearest first; may be empty.

    depth_m: (H, W) float32, metres, > 0; inf = nothing there.
    """
    return [subject for subject, _ in outlined(depth_m)]


def outlined(depth_m: np.ndarray) -> list[tuple[Subject, np.ndarray]]:
    """`subjects`, each with where it is.

    depth_m: (H, W) float32, metres, > 0; inf = nothing there. Returns masks, (h, w) bool, of the depth's size, a larger
    one's at 320 pixels across.
    """
    depth = np.asarray(depth_m)
    size = (_WIDTH, max(8, round(depth.shape[0] * _WIDTH / depth.shape[1])))
    small = depth.astype(np.float32)
    if depth.shape[1] > _WIDTH:
        small = cv2.resize(small, size, interpolation=cv2.INTER_NEAREST)
    known = np.isfinite(small) & (small > 0)
    far = np.where(known, np.log(np.where(known, small, 1.0)), 20.0).astype(np.float32)  # nothing there: beyond all
    square = np.ones((3, 3), np.uint8)
    standing = cv2.morphologyEx((known & _upright(far)).astype(np.uint8), cv2.MORPH_OPEN, square)
    standing = cv2.morphologyEx(standing, cv2.MORPH_CLOSE, square) & known
    outlines = [(_subject(part, far), part) for part in _parts(standing, far)]
    return sorted(
        (outline for outline in outlines if outline[0].clear >= _CLEAR), key=lambda outline: outline[0].distance_m
    )


def _upright(far: np.ndarray) -> np.ndarray:
    """Where the distance (its logarithm) stays from a row to the next, above or below."""
    step = np.abs(np.diff(far, axis=0))
    above = np.pad(step, ((1, 0), (0, 0)), constant_values=np.inf)
    below = np.pad(step, ((0, 1), (0, 0)), constant_values=np.inf)
    return np.minimum(above, below) * far.shape[0] < _UPRIGHT


def _parts(standing: np.ndarray, far: np.ndarray) -> list[np.ndarray]:
    """Masks of what hangs together without a step in distance, large enough to be a subject."""
    free, filled, counted = 0, 2, 3
    mask = np.pad(np.where(standing > 0, free, 1).astype(np.uint8), 1, constant_values=1)
    inside = mask[1:-1, 1:-1]
    parts = []
    for y, x in zip(*np.nonzero(standing), strict=True):
        if inside[y, x] != free:
            continue
        flags = 4 | cv2.FLOODFILL_MASK_ONLY | (filled << 8)
        area, _, _, (left, top, wide, high) = cv2.floodFill(far, mask, (int(x), int(y)), 0, _STEP / 2, _STEP / 2, flags)
        box = inside[top : top + high, left : left + wide]
        if area >= _LEAST_AREA * far.size:
            part = np.zeros(far.shape, bool)
            part[top : top + high, left : left + wide] = box == filled
            parts.append(part)
        box[box == filled] = counted
    return parts


def _subject(part: np.ndarray, far: np.ndarray) -> Subject:
    middle = float(np.median(far[part]))
    outline = (cv2.dilate(part.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) & ~part
    clear = float((far[outline] > middle + _STEP).mean()) if outline.any() else 0.0
    rows, columns = np.nonzero(part)
    height, width = part.shape
    reach = float(np.hypot((columns + 0.5) / width - 0.5, (rows + 0.5) / height - 0.5).min())
    ends = [part[0], part[-1], part[:, 0], part[:, -1]]
    cut = sum(int(np.count_nonzero(end)) for end in ends)
    around = cut + int(np.count_nonzero(outline)) / 2  # the outline is two pixels wide
    x, y = (float(columns.mean()) + 0.5) / width, (float(rows.mean()) + 0.5) / height
    return Subject(math.exp(middle), x, y, float(part.mean()), clear, reach, cut / around)


def middle_subject(depth_m: np.ndarray) -> float:
    """Distance in metres of the nearest clear subject near the picture's middle; without one there, of the nearest
    subject, else of the nearest mode.

    depth_m: (H, W) float32, metres, > 0; inf = nothing there. Raises ValueError if nothing is at a finite distance.
    """
    standing = subjects(depth_m)
    central = [subject for subject in standing if subject.is_central] or standing
    return central[0].distance_m if central else histogram_modes(depth_m)[0]


def depth_modes(depth_m: np.ndarray) -> tuple[float, float]:
    """Distances of the foreground and of the background, metres; the latter may be inf.

    depth_m: (H, W) float32, metres, > 0; inf = nothing there. The foreground is the nearest subject, the background
    the one behind it that stands out most: clear, large, and near the middle. Where no subject stands out, the
    nearest and farthest mode of the histogram stand in. Raises ValueError if nothing is at a finite distance.
    """
    near_m, far_m = histogram_modes(depth_m)
    standing = subjects(depth_m)
    if standing:
        near_m = standing[0].distance_m
    behind = [subject for subject in standing if subject.distance_m >= _APART * near_m]
    if behind:
        far_m = max(behind, key=lambda subject: _weight(subject, near_m)).distance_m
    return near_m, max(far_m, near_m)


def _weight(subject: Subject, near_m: float) -> float:
    """How much a subject counts as the background of what is near."""
    central = math.exp(-((subject.off_middle / _MIDDLE) ** 2))
    return subject.clear**2 * subject.area * central * math.sqrt(1 - near_m / subject.distance_m)


def histogram_modes(depth_m: np.ndarray, bins: int = 160) -> tuple[float, float]:
    """Nearest and farthest mode of the depth histogram, metres.

    depth_m: (H, W) float32, metres, > 0; inf = nothing there. The histogram is over dioptres: there a floor or wall
    that runs away from the camera is a plain (1/z is linear over the picture for every plane), and what stands on it
    is a hill. A hill counts if it rises above the saddle beside it by a tenth of the highest. Without two hills the
    ends of the histogram (2 % of the pixels cut off) stand in; with a single finite depth and sky, the sky is the
    background (inf). Raises ValueError if nothing is at a finite distance.
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
