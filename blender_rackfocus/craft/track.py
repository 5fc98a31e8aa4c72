# SPDX-License-Identifier: GPL-3.0-or-later
"""A point followed through a shot, and the depth under it.

From frame to frame a cloud of corners around the point moves by pyramidal Lucas-Kanade flow (Bouguet, "Pyramidal
Implementation of the Lucas Kanade Feature Tracker", 2001). Each corner is followed forward and back again and only
counts if it returns (Kalal, Mikolajczyk, Matas, "Forward-Backward Error", ICPR 2010, doi:10.1109/ICPR.2010.675); the
point moves by the similarity (shift, turn, scale) most corners agree on (RANSAC). Small errors would add up: on every
frame the patch from the first frame, turned and scaled as tracked, is searched for near the tracked place by normalised
correlation, and the point is drawn back to it. When too few corners return, or the patch no longer looks like itself,
the point is lost there: the track says so, looks for the patch (also a little turned or scaled) in a growing circle
around where it left, and goes on where it finds it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

RETURN_PX = 0.7
"""A corner that comes back farther from its start than this (pixels) was not followed."""
ALIKE = 0.6
"""Normalised correlation from which a patch is the patch of the first frame."""
FOUND_AGAIN = 0.75
"""The same for a point that was lost: a search sees many patches, so it has to be surer."""
RETRY_SCALES, RETRY_DEGREES = (1.0, 0.9, 1.11, 0.8, 1.25), (0, -8, 8)
"""How a lost patch may have grown and turned (degrees) before it is seen again."""
SPIKE, SPIKE_FRAMES = 0.14, 3
"""A depth apart by more than this share, for no more than this many frames, is no movement of the subject."""
JUMP, WALK_ON = 1.2, 1.03
"""A depth that changes by more than the first factor from frame to frame is another surface; the second is what a
subject may change by on each frame it is not seen."""
NEW_CORNERS_BELOW = 12
"""With fewer corners than this, new ones are looked for around the point."""


@dataclass(frozen=True)
class TrackPoint:
    """One frame of a track.

    frame: as given. x, y: pixels from the top left corner's outer edge (a pixel's centre is at 0.5), the last known
    where lost. confidence: correlation with the first frame's patch, 0..1. lost: not seen here, and `why`, for the
    user.
    """

    frame: float
    x: float
    y: float
    confidence: float
    lost: bool = False
    why: str = ""


def track_point(
    pictures: Iterable[tuple[float, np.ndarray]],
    x: float,
    y: float,
    *,
    radius_px: int | None = None,
    depth_at: Callable[[float], np.ndarray] | None = None,
) -> Iterator[TrackPoint]:
    """Follow a point, one `TrackPoint` for each picture, the first one included; stop asking to stop tracking.

    pictures: frames and their pictures in order, (H, W), (H, W, 3) or (H, W, 4) float32, scene-linear, all of one
    size. Give them backwards to track backwards. x, y: the point in the first picture, pixels. radius_px: half the
    patch's side, None = 3 % of the picture's width. depth_at: frame -> (H, W) float32, metres; where given, corners
    at another depth than the point (more than a fifth of its dioptres away) are not counted, so that the background
    does not pull at it. Raises ValueError for a point outside the picture, or a picture of another size.
    """
    state = None
    for frame, picture in pictures:
        grey = _grey(picture)
        depth = None if depth_at is None else depth_at(frame)
        if state is None:
            height, width = grey.shape
            if not (0 <= x < width and 0 <= y < height):
                raise ValueError(f"x, y must lie within the picture of {width} x {height} pixels, got {x:g}, {y:g}")
            state = _Track(grey, np.array([x - 0.5, y - 0.5]), radius_px or max(8, round(0.03 * width)), depth)
            yield TrackPoint(frame, x, y, 1.0)
            continue
        if grey.shape != state.grey.shape:
            raise ValueError(f"pictures must be of one size, got {grey.shape[::-1]} after {state.grey.shape[::-1]}")
        why = state.step(grey, depth)
        px, py = state.point + 0.5
        yield TrackPoint(frame, float(px), float(py), state.confidence, bool(why), why)


def depth_at_point(depth_m: np.ndarray, x: float, y: float, radius_px: int = 3, nearest: bool = False) -> float:
    """Distance in metres under a point, robustly; NaN where the patch holds nothing, inf for the sky.

    depth_m: (H, W) float32, metres. x, y: pixels, a pixel's centre at 0.5. radius_px: half the patch's side. The
    patch is a disc; its pixels are sorted into surfaces (a step of more than a tenth of the dioptres starts a new
    one) and the median of the surface that covers most of it is returned, weighted to the middle: a mean of two
    surfaces would focus between them, on nothing. nearest: the nearest surface that covers at least a tenth of the
    patch instead.
    """
    height, width = depth_m.shape
    if not (0 <= x < width and 0 <= y < height):
        return math.nan
    cx, cy = int(x), int(y)
    top, left = max(cy - radius_px, 0), max(cx - radius_px, 0)
    patch = depth_m[top : cy + radius_px + 1, left : cx + radius_px + 1]
    rows, columns = np.mgrid[top : top + patch.shape[0], left : left + patch.shape[1]]
    distance = np.hypot(rows + 0.5 - y, columns + 0.5 - x)
    inside = (distance <= radius_px + 0.5) & (patch > 0)  # drops NaN too
    if not inside.any():
        return math.nan
    metres = patch[inside].astype(np.float64)
    weight = np.exp(-0.5 * (distance[inside] / max(radius_px / 1.5, 0.5)) ** 2)
    order = np.argsort(metres)
    metres, weight = metres[order], weight[order]
    steps = np.flatnonzero(1 / metres[1:] < 1 / metres[:-1] / 1.1) + 1  # in dioptres, where the sky is 0
    surfaces = np.split(np.arange(metres.size), steps)
    shares = [weight[s].sum() / weight.sum() for s in surfaces]
    large_enough = [i for i, share in enumerate(shares) if share >= 0.1]
    chosen = surfaces[large_enough[0] if nearest and large_enough else int(np.argmax(shares))]
    half = np.searchsorted(np.cumsum(weight[chosen]), 0.5 * weight[chosen].sum())
    return float(metres[chosen[half]])


def track_depths(
    points: Iterable[TrackPoint], depth_at: Callable[[float], np.ndarray], nearest: bool = False
) -> tuple[list[float], list[float]]:
    """Frames and metres of a track, ready for `pull.Mark`: NaN where the point is lost or nothing lies under it.

    depth_at: frame -> (H, W) float32, metres. A subject does not jump to and fro: a depth that leaves its
    surroundings in time for up to `SPIKE_FRAMES` frames and comes back (somebody's hand passes, a hole in the depth)
    is taken out as well.
    """
    frames, metres = [], []
    for point in points:
        frames.append(point.frame)
        depth = math.nan if point.lost else depth_at_point(depth_at(point.frame), point.x, point.y, nearest=nearest)
        metres.append(depth if math.isfinite(depth) else math.nan)
    return frames, _without_spikes(metres)


def _without_spikes(metres: list[float]) -> list[float]:
    """The row with short runs set to NaN that lie outside what is between both neighbours."""
    known = [i for i, value in enumerate(metres) if math.isfinite(value)]
    row = [metres[i] for i in known]
    clean = list(metres)
    for length in range(1, SPIKE_FRAMES + 1):
        for start in range(1, len(row) - length):
            before, after = row[start - 1], row[start + length]
            run = row[start : start + length]
            low, high = min(before, after) / (1 + SPIKE), max(before, after) * (1 + SPIKE)
            one_way = high / low < (1 + SPIKE) ** (length + 3)  # a subject may walk on while it is hidden
            if one_way and all(not low <= value <= high for value in run):
                for i in known[start : start + length]:
                    clean[i] = math.nan
    return clean


class _Track:
    """What is carried from frame to frame: picture, corners, place, and how the patch has turned and grown."""

    def __init__(self, grey: np.ndarray, point: np.ndarray, radius: int, depth: np.ndarray | None):
        self.grey, self.point, self.radius = grey, point, radius
        self.first, self.first_point = grey, point.copy()
        self.turn = np.eye(2)  # first frame's offsets from the point -> this frame's
        self.confidence, self.lost_for = 1.0, 0
        self.depth_m = math.nan if depth is None else depth_at_point(depth, *(point + 0.5))
        self.corners = self._new_corners(depth)

    def step(self, grey: np.ndarray, depth: np.ndarray | None) -> str:
        """Move on to the next picture; returns why the point is lost there, or an empty string."""
        before = self.point, self.turn, self.confidence
        why = self._find_again(grey) if self.lost_for else self._flow(grey)
        if not why and depth is not None:
            why = self._hidden(depth)
            if why:
                self.point, self.turn, self.confidence = before
        self.grey = grey
        if why:
            self.lost_for += 1
            self.confidence = 0.0
            self.corners = np.empty((0, 2), np.float32)
            return why
        self.lost_for = 0
        if depth is not None:
            here = depth_at_point(depth, *(self.point + 0.5))
            self.depth_m = self.depth_m if math.isnan(here) else here
        self.corners = self._on_surface(self.corners, depth)
        if len(self.corners) < NEW_CORNERS_BELOW:
            self.corners = self._new_corners(depth)
        return ""

    def _hidden(self, depth: np.ndarray) -> str:
        """Why the surface under the point cannot be the one that was followed, or an empty string."""
        here = depth_at_point(depth, *(self.point + 0.5))
        if math.isnan(here) or math.isnan(self.depth_m):
            return ""
        here_d, last_d = 1 / here, 1 / self.depth_m
        allowed = JUMP * min(WALK_ON**self.lost_for, 2.0)  # while it is lost a subject may walk on
        if here_d > last_d * allowed:
            return "something passes in front"
        if here_d < last_d / allowed:
            return "the depth under the point jumps back"
        return ""

    def _flow(self, grey: np.ndarray) -> str:
        if len(self.corners) == 0:
            self.corners = self.point[None].astype(np.float32)
        start = self.corners[:, None]
        side = 2 * max(self.radius // 3, 5) + 1
        options: dict[str, Any] = {"winSize": (side, side), "maxLevel": 4}
        there, ok, _ = cv2.calcOpticalFlowPyrLK(self.grey, grey, start, None, **options)
        back, ok_back, _ = cv2.calcOpticalFlowPyrLK(grey, self.grey, there, None, **options)
        good = (ok.ravel() == 1) & (ok_back.ravel() == 1)
        good &= np.linalg.norm((back - start)[:, 0], axis=1) < RETURN_PX
        old, new = start[good, 0], there[good, 0]
        if len(new) == 0:
            return "no detail around the point could be followed"
        if len(new) >= 3:
            cv2.setRNGSeed(1)  # the same track every time
            move, agreed = cv2.estimateAffinePartial2D(old, new, ransacReprojThreshold=1.5)
            if move is None:
                return "the surroundings move in different ways"
            new = new[agreed.ravel() == 1]
        else:
            move = np.hstack([np.eye(2), np.median(new - old, axis=0)[:, None]])
        scale = math.sqrt(abs(np.linalg.det(move[:, :2])))
        if not 0.7 < scale < 1.4:
            return "the surroundings jump in size: a cut?"
        point = move[:, :2] @ self.point + move[:, 2]
        turn = move[:, :2] @ self.turn
        if not self._inside(point, grey):
            return "the point left the picture"
        place, alike = self._match(grey, point, turn, reach=max(3, self.radius // 6))
        if alike < ALIKE:
            return f"the patch no longer looks like itself (likeness {max(alike, 0):.2f})"
        self.point, self.turn, self.confidence = place, turn, alike
        # the cloud goes along with the correction, and stays with the point
        self.corners = (new + (place - point)).astype(np.float32)
        self.corners = self.corners[np.linalg.norm(self.corners - place, axis=1) < 2.0 * self.radius]
        return ""

    def _find_again(self, grey: np.ndarray) -> str:
        reach = min(self.radius * (2 + self.lost_for // 2), max(grey.shape) // 4)
        best = (self.point, -1.0, self.turn)
        for scale in RETRY_SCALES:
            for degrees in RETRY_DEGREES:
                turn = cv2.getRotationMatrix2D((0, 0), degrees, scale)[:, :2] @ self.turn
                place, alike = self._match(grey, self.point, turn, reach)
                if alike > best[1]:
                    best = (place, alike, turn)
        if best[1] < FOUND_AGAIN:
            return "lost, not found again yet"
        self.point, self.confidence, self.turn = best
        return ""

    def _match(self, grey: np.ndarray, point: np.ndarray, turn: np.ndarray, reach: int) -> tuple[np.ndarray, float]:
        """Best place of the first frame's patch within `reach` pixels of a point, and its likeness (-1..1)."""
        radius = self.radius
        inverse = np.linalg.inv(turn)
        # patch pixel -> first frame: undo the turn around the patch's middle
        to_first = np.hstack([inverse, (self.first_point - inverse @ [radius, radius])[:, None]])
        size = (2 * radius + 1, 2 * radius + 1)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        patch = cv2.warpAffine(self.first, to_first, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        wide = radius + reach
        shift = np.array([[1, 0, point[0] - wide], [0, 1, point[1] - wide]])
        window = cv2.warpAffine(grey, shift, (2 * wide + 1, 2 * wide + 1), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        if patch.std() < 1.0:  # nothing to compare: a flat patch looks like any other
            return point, 1.0
        scores = cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED)
        _, best, _, (column, row) = cv2.minMaxLoc(scores)
        offset = np.array([column + _peak(scores[row], column), row + _peak(scores[:, column], row)]) - reach
        place = point + offset
        return (place, float(best)) if self._inside(place, grey) else (point, float(best))

    def _new_corners(self, depth: np.ndarray | None) -> np.ndarray:
        mask = np.zeros(self.grey.shape, np.uint8)
        cv2.circle(mask, tuple(int(v) for v in np.round(self.point)), round(1.3 * self.radius), 255, -1)
        found = cv2.goodFeaturesToTrack(self.grey, 60, 0.02, max(2, self.radius // 6), mask=mask)
        corners = np.empty((0, 2), np.float32) if found is None else found[:, 0]
        return self._on_surface(corners, depth)

    def _on_surface(self, corners: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
        if depth is None or not math.isfinite(self.depth_m) or len(corners) == 0:
            return corners
        height, width = depth.shape
        columns = np.clip(np.round(corners[:, 0]).astype(int), 0, width - 1)
        rows = np.clip(np.round(corners[:, 1]).astype(int), 0, height - 1)
        return corners[np.abs(self.depth_m / np.maximum(depth[rows, columns], 1e-6) - 1) < 0.2]

    @staticmethod
    def _inside(point: np.ndarray, grey: np.ndarray) -> bool:
        return bool(0 <= point[0] <= grey.shape[1] - 1 and 0 <= point[1] <= grey.shape[0] - 1)


def _peak(values: np.ndarray, i: int) -> float:
    """Sub-pixel place of the maximum of three neighbours, by a parabola, -0.5..0.5."""
    if not 0 < i < len(values) - 1:
        return 0.0
    a, b, c = (float(v) for v in values[i - 1 : i + 2])
    bend = a - 2 * b + c
    return float(np.clip(0.5 * (a - c) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _grey(picture: np.ndarray) -> np.ndarray:
    """(H, W) uint8 of a scene-linear picture: flow wants even contrast, so the light is taken through a gamma of 2."""
    picture = np.asarray(picture)
    if picture.dtype.kind != "f" or not (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] in (3, 4))):
        kind = f"{picture.dtype} {picture.shape}"
        raise ValueError(f"pictures must be floats, (H, W), (H, W, 3) or (H, W, 4), got {kind}")
    if picture.ndim == 3:
        picture = picture[..., :3] @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return np.round(np.sqrt(np.clip(np.nan_to_num(picture), 0, 1)) * 255).astype(np.uint8)
