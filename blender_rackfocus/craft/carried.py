# SPDX-License-Identifier: GPL-3.0-or-later
"""A stroke held through a shot: where what was under it lies on every frame.

From frame to frame the picture under the stroke moves by dense flow (Kroeger, Timofte, Dai, Van Gool, "Fast Optical
Flow using Dense Inverse Search", ECCV 2016), forward and back, of which only what returns counts; the shift, turn and
scale that most of it agrees on is taken (RANSAC). Small errors would add up: each frame is also laid over the one that
was drawn on, and what is left between them is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from .touch import Touch, area_of

_RETURN_PX = 1.0
_AGREE_PX = 1.5
_LEAST = 12
"""Places of the flow that have to agree."""
_SHARE = 0.35
"""Of the places under the stroke that are in the picture: as many have to return and to agree."""
_SEEDS = 600
_DRIFT_PX = 4.0
"""What lies between a frame and the drawn one is drift up to here; beyond, the two no longer look alike."""
_IN_PICTURE = 0.2
"""A stroke of which less than this share is in the picture has left it."""

Matrix = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f): a point (x, y) of the drawn frame, in shares of width and height, lies at (a x + b y + c,
d x + e y + f) on another one."""

STILL: Matrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True)
class Carried:
    """Where a stroke lies on a frame. matrix: None from where it is lost, and `why`, for the user."""

    frame: int
    matrix: Matrix | None
    why: str = ""


def moved(touch: Touch, matrix: Matrix) -> Touch:
    """A stroke as it lies on another frame."""
    a, b, c, d, e, f = matrix
    points = tuple((a * x + b * y + c, d * x + e * y + f) for x, y in touch.points)
    scale = abs(a * e - b * d) ** 0.5
    return replace(touch, points=points, radius=min(max(touch.radius * scale, 1e-4), 1.0))


def carry(look: Callable[[int], np.ndarray], frames: Sequence[int], drawn: int, touch: Touch) -> Iterator[Carried]:
    """Where a stroke lies on every frame of a shot, from the drawn one outwards; each frame once.

    look: frame -> (h, w, 3) uint8, as `guided.small` gives. frames: rising; drawn is one of them. On either side it
    ends where the stroke is lost: that frame is told with matrix None, those beyond it not at all. Raises ValueError
    where drawn is not among the frames, or the stroke lies outside the picture.
    """
    if drawn not in frames:
        raise ValueError(f"frame {drawn} is none of those that are followed")
    first = look(drawn)
    area = area_of(first, touch)
    if area is None:
        raise ValueError("the stroke lies outside the picture")
    seeds = _seeds(area.weight) + np.array((area.columns.start, area.rows.start))
    yield Carried(drawn, STILL)
    at = list(frames).index(drawn)
    for others in (frames[at + 1 :], frames[:at][::-1]):
        yield from _one_way(look, first, seeds, others)


def _one_way(
    look: Callable[[int], np.ndarray], first: np.ndarray, seeds: np.ndarray, frames: Sequence[int]
) -> Iterator[Carried]:
    reference = before = cv2.cvtColor(first, cv2.COLOR_RGB2GRAY)
    known = np.eye(3)
    for frame in frames:
        here = cv2.cvtColor(look(frame), cv2.COLOR_RGB2GRAY)
        step, why = _motion(before, here, _through(known, seeds))
        if step is None:
            yield Carried(frame, None, why)
            return
        known = step @ known
        known = known @ _drift(reference, here, known, seeds)
        yield Carried(frame, _in_shares(known, here.shape))
        before = here


def _motion(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> tuple[np.ndarray | None, str]:
    """The (3, 3) similarity that points of a picture move by to the next one; or None, and why."""
    height, width = before.shape
    inside = ((points >= 0) & (points <= (width - 1, height - 1))).all(1)
    if inside.mean() < _IN_PICTURE:
        return None, "it leaves the picture"
    points = points[inside].astype(np.float32)
    there = _flowed(before, after, points)
    back = _flowed(after, before, there)
    returned = np.hypot(*(back - points).T) < _RETURN_PX
    if returned.sum() < max(_LEAST, _SHARE * len(points)):
        return None, "it is hidden, leaves the picture, or the shot is cut"
    cv2.setRNGSeed(1)  # the same strokes lie at the same places
    found, agreed = cv2.estimateAffinePartial2D(
        points[returned], there[returned], method=cv2.RANSAC, ransacReprojThreshold=_AGREE_PX
    )
    if found is None or agreed.sum() < max(_LEAST, _SHARE * len(points)):
        return None, "what is under it does not move as one"
    return np.vstack((found, (0, 0, 1))), ""


def _drift(reference: np.ndarray, here: np.ndarray, known: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """What is left between the drawn frame and this one laid over it: (3, 3); none where they no longer look alike."""
    laid = cv2.warpAffine(
        here,
        known[:2],
        reference.shape[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    left, _why = _motion(reference, laid, seeds)
    if left is None or np.hypot(*(_through(left, seeds) - seeds).T).max() > _DRIFT_PX:
        return np.eye(3)
    return left


def _flowed(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where points of a picture, (n, 2) float32 x and y in pixels, lie in another one."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(before, after, None)
    at = points[:, None, 0], points[:, None, 1]
    by = [cv2.remap(flow[..., axis], *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0] for axis in (0, 1)]
    return points + np.stack(by, axis=1)


def _seeds(weight: np.ndarray) -> np.ndarray:
    """Places under a stroke, (n, 2) x and y in pixels; evenly spread, `_SEEDS` at most."""
    rows, columns = np.nonzero(weight >= min(0.5, float(weight.max())))
    step = max(1, int(np.ceil(len(rows) / _SEEDS)))
    return np.stack((columns, rows), axis=1).astype(np.float64)[::step]


def _through(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def _in_shares(known: np.ndarray, shape: tuple[int, int]) -> Matrix:
    """A (3, 3) matrix of pixels, whose centres are whole numbers, as one of shares."""
    height, width = shape
    to_pixels = np.array([[width, 0, -0.5], [0, height, -0.5], [0, 0, 1.0]])
    whole = np.linalg.inv(to_pixels) @ known @ to_pixels
    return tuple(round(float(value), 7) for value in whole[:2].reshape(-1))  # type: ignore[return-value]
