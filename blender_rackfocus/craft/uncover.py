# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frame's near surfaces hide, looked for in the frames beside it.

Where the camera moved, or what stands before it, frames beside a frame see past its near surfaces. Their depth says
where what they see lies, the picture's motion how the camera went (`camera_step`). So each frame's far surfaces are
placed in the frame in hand: those that land behind something clearly nearer are candidates for what it hides. A
candidate is kept where no frame sees through it, and where the frames that see it show the same; one that a single
frame shows, where this frame agrees with what is seen all around.

Nothing here depends on the focus: what was found for a frame holds for all of a rack.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from ..core import Behind
from .camera_step import FLOW_WIDTH_PX, CameraStep, fitted_step, grey, grid
from .guided import small

APART = 1.15
"""What is hidden is at least so many times as far as what hides it."""
_SAME = 1.06
"""Two distances are those of one surface up to this ratio."""
_SEARCH_WIDTH_PX = 640
"""Candidates are looked for at this width at most; what they look like comes from the whole picture."""
_ALIKE = 0.07
"""Display-encoded (square root) difference up to which two frames show the same."""
_SURE = 0.6
"""Share of what is seen around that has to agree before a single frame is believed."""
_ROUGHEST = 0.02
"""Noise in depth, as a share of it, above which nothing is looked for: a noisy surface in focus has gaps between its
pixels' circles, and what is known behind would shine through. Measured in focus: at 1.5 % a gain of 1.2 dB, at 3 % of
0.1."""
_NO_CUT = 0.85
"""Share of what two frames both see that has to agree: in one shot, and with the camera's way found right. Measured: a
way that took a fence's next slat for the same 0.57 to 0.81, right ones 0.98 and more."""
_LEAST_COMMON = 0.05
"""Share of the picture that two frames of one shot both see, at least."""
_LEAST_FOR_GAIN, _MOST_FOR_GAIN = 100, 4000
_LEAST_PARALLAX = 0.4 / 640
"""Parallax below this is the flow's own error in a picture at rest, as a share of its width."""
_LEAST_FREED = 3e-4
_AROUND = 1 / 40
"""Of the picture's width: how far around is looked."""
_WIDE = 1024
_FAR = np.float32(1e-6)
"""1 / distance of what is infinitely far: 0 says that there is nothing."""


@dataclass(frozen=True)
class Sight:
    """A frame: picture (H, W, 3 or 4) float32, scene-linear and premultiplied, and depth_m (H, W) float32 metres."""

    picture: np.ndarray
    depth_m: np.ndarray


@dataclass(frozen=True)
class Glance:
    """A frame made small, to be compared. grey (h, w) uint8; light (h, w, 3) float32; near (h, w) float32 1 / depth;
    clear (h, w) bool: as `_clear`. rough: noise of its depth, as a share of it. size: the frame's own (height,
    width)."""

    grey: np.ndarray
    light: np.ndarray
    near: np.ndarray
    clear: np.ndarray
    rough: float
    size: tuple[int, int]

    @property
    def size_bytes(self) -> int:
        """Of its pictures."""
        return self.grey.nbytes + self.light.nbytes + self.near.nbytes + self.clear.nbytes


@dataclass(frozen=True)
class Link:
    """A frame beside the one in hand. step: from the frame in hand to it. gain: (3,) float32 that makes its light that
    of the frame in hand. sure: (h, w) float32 0..1 how far it agrees with what is seen around, at search size.
    parallax: how far near and far moved apart, as a share of the picture's width. freed: share of the pixels where it
    shows something else, farther away, though nothing moved but what stood there."""

    step: CameraStep
    gain: np.ndarray
    sure: np.ndarray
    parallax: float
    freed: float

    @property
    def moves(self) -> bool:
        """Whether it can show anything that the frame in hand hides."""
        return self.parallax > _LEAST_PARALLAX or self.freed > _LEAST_FREED


@dataclass(frozen=True)
class Neighbour:
    """A frame beside the one in hand, and how it is linked to it."""

    sight: Sight
    link: Link


def glance(sight: Sight) -> Glance:
    """A frame made small."""
    picture = small(sight.picture, FLOW_WIDTH_PX, 16)
    near = _nearness(sight.depth_m, picture.shape[:2])
    light = cv2.max(np.ascontiguousarray(picture[..., :3]), 0.0)
    return Glance(grey(picture), light, near, _clear(near), _rough(near), sight.depth_m.shape)


def link(here: Glance, beside: Glance, focal: float, guess: CameraStep | None = None) -> Link | None:
    """How a frame beside shows what the frame in hand does; None where it is of another shot or size, too little is
    there to be followed, or depth is too noisy.

    focal: the lens's focal length as a share of the sensor's (and the picture's) width. guess: about the camera's step,
    where that is known: finds it quicker, and is no more than a guess.
    """
    if here.size != beside.size or max(here.rough, beside.rough) > _ROUGHEST:
        return None
    step = fitted_step(here.grey, beside.grey, here.near, focal, guess)
    if step is None:
        return None
    gain, sure, share, freed = _compared(here, beside, step)
    if share >= _NO_CUT:
        return Link(step, gain, sure, _parallax(step, here.near), freed)
    return None if guess is None else link(here, beside, focal)


def _parallax(step: CameraStep, near: np.ndarray) -> float:
    """How far near and far move apart, as a share of the picture's width: the mean over the picture. In its middle they
    do not where a camera goes ahead."""
    size = near.shape
    nearest, farthest = np.percentile(near[::4, ::4], (95, 5)).astype(np.float32)
    right, down = (np.linspace(0.1, 0.9, 5, dtype=np.float32) * np.float32(length - 1) for length in size[::-1])
    right, down = np.meshgrid(right, down)
    (near_x, near_y, _), (far_x, far_y, _) = (step.places(right, down, one, size) for one in (nearest, farthest))
    return float(np.hypot(near_x - far_x, near_y - far_y).mean()) / size[1]


def uncovered(here: Sight, neighbours: Sequence[Neighbour]) -> Behind | None:
    """What the frame in hand hides and its neighbours show; None where they show nothing of it."""
    if not neighbours:
        return None
    size = here.depth_m.shape
    search = _search_size(size)
    front = _nearness(here.depth_m, search)
    with ThreadPoolExecutor(2, "rackfocus-uncover") as both:
        near = _candidates(front, list(both.map(lambda one: _placed(one, front, search), neighbours)))
        rows, columns = _pixels(near, here.depth_m)
        if rows.size == 0:
            return None
        spots = _Spots.of(near, rows, columns, size)
        looks = list(both.map(lambda one: _look(one, spots, size), neighbours))
    return _agreed(looks, spots, rows, columns, search, here)


@dataclass(frozen=True)
class _Spots:
    """Pixels of the frame in hand that hide something, in rows of _WIDE. x, y: pixels; near: 1 / distance of what may
    be behind; cell: flat index into what has search size."""

    x: np.ndarray
    y: np.ndarray
    near: np.ndarray
    cell: np.ndarray
    count: int

    @staticmethod
    def of(near: np.ndarray, rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]) -> _Spots:
        cell = rows * near.shape[0] // size[0] * near.shape[1] + columns * near.shape[1] // size[1]
        over = -rows.size % _WIDE
        x, y, cells = (np.pad(one, (0, over), mode="edge").reshape(-1, _WIDE) for one in (columns, rows, cell))
        return _Spots(x.astype(np.float32), y.astype(np.float32), near.ravel()[cells], cells, rows.size)


@dataclass(frozen=True)
class _Look:
    """What a neighbour shows at spots, in rows of _WIDE. light: (r, w, 3) float32; near: (r, w) 1 / distance in the
    frame in hand; shows, through: (r, w) bool: it sees the candidate; it sees something farther in its place; sure: as
    the neighbour's."""

    light: np.ndarray
    near: np.ndarray
    shows: np.ndarray
    through: np.ndarray
    sure: np.ndarray


def _nearness(depth_m: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """1 / depth at a size, of one pixel in each cell: (h, w) float32."""
    if depth_m.shape != size:
        depth_m = cv2.resize(depth_m, size[::-1], interpolation=cv2.INTER_NEAREST)
    return np.maximum(1 / depth_m, _FAR)


def _search_size(size: tuple[int, int]) -> tuple[int, int]:
    height, width = size
    return size if width <= _SEARCH_WIDTH_PX else (round(height * _SEARCH_WIDTH_PX / width), _SEARCH_WIDTH_PX)


def _compared(here: Glance, beside: Glance, step: CameraStep) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Gain, how far the two agree around each pixel (search size), which share of what both see does, and which share
    of the pixels was freed."""
    size = here.near.shape
    there_x, there_y, near = step.places(*grid(*size), here.near, size)
    seen = _sampled(beside.near, there_x, there_y, cv2.INTER_NEAREST, -1)
    freed = (seen > 0) & (seen * APART < near)
    both = (seen > 0) & (seen < near * _SAME) & (near < seen * _SAME)
    both &= here.clear & (_sampled(beside.clear.view(np.uint8), there_x, there_y, cv2.INTER_NEAREST, 0) > 0)
    light = cv2.remap(beside.light, there_x, there_y, cv2.INTER_LINEAR)
    gain = _gain(here.light, light, both)
    off = _unlike(cv2.sqrt(here.light), cv2.sqrt(light * gain))
    alike = both & (_mean(off, both, 3) < _ALIKE)
    seen_by_both = int(both.sum())
    freed &= _mean(off, freed, 3) > _ALIKE
    share = int(alike.sum()) / seen_by_both if seen_by_both > _LEAST_COMMON * both.size else 0.0
    reach = 2 * max(1, round(_AROUND * size[1])) + 1
    # What lies behind an edge is told by the far side of it.
    far = both & (here.near * APART < cv2.dilate(here.near, np.ones((reach, reach), np.uint8)))
    sure = _mean(alike, far, reach, _mean(alike, far, 4 * reach + 1, share))
    return gain, cv2.resize(sure, _search_size(here.size)[::-1]), share, float(freed.mean())


def _gain(here: np.ndarray, there: np.ndarray, both: np.ndarray) -> np.ndarray:
    """(3,) float32: what makes the light of one picture that of another where both see the same."""
    here, there = here[::2, ::2][both[::2, ::2]], there[::2, ::2][both[::2, ::2]]
    every = max(1, len(here) // _MOST_FOR_GAIN)
    here, there = here[::every], there[::every]
    low, high = np.minimum(here, there), np.maximum(here, there)
    usable = (low > 0.01).all(-1) & (high < 0.95).all(-1)
    if usable.sum() < _LEAST_FOR_GAIN:
        return np.ones(3, np.float32)
    return np.exp(np.median(np.log(here[usable] / there[usable]), axis=0)).astype(np.float32)


def _candidates(front: np.ndarray, placed: Sequence[np.ndarray]) -> np.ndarray:
    """(h, w) float32 at search size: 1 / distance of what neighbours show behind the frame's surfaces, 0 where they
    show nothing.

    Of several it is the nearest, but for what lies close behind the surface in front, as strands do in a head of hair:
    to the lens these are one, and what counts is behind them.
    """
    farthest = np.full_like(front, np.inf)
    for _, least in placed:
        cv2.min(farthest, np.where(least > 0, least, np.float32(np.inf)), dst=farthest)
    limit = (front + farthest) / 2
    near = np.zeros_like(front)
    for plane in (plane for both in placed for plane in both):
        cv2.max(near, plane * (plane <= limit), dst=near)
    return near


def _placed(beside: Neighbour, front: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A neighbour's surfaces in the frame in hand where they lie behind it: (2, h, w), 1 / distance of the nearest and
    the farthest that land on a pixel, 0 where none do."""
    own = _nearness(beside.sight.depth_m, size)
    here_x, here_y, near = beside.link.step.inverse().places(*grid(*size), own, size)
    before = _sampled(front, here_x, here_y, cv2.INTER_NEAREST, 0)
    at = np.flatnonzero(_clear(own) & (near >= 0) & (before > near * APART))
    spots = np.rint(here_y.ravel()[at]).astype(np.int64) * size[1] + np.rint(here_x.ravel()[at]).astype(np.int64)
    values = np.maximum(near.ravel()[at], _FAR)
    order = np.argsort(values)
    out = np.zeros((2, *size), np.float32)
    for plane, way in zip(out, (order, order[::-1]), strict=True):
        plane.ravel()[spots[way]] = values[way]  # the last one stays
    # Between the points that land, where a surface comes closer, are gaps of a pixel.
    points = cv2.blur((out[0] > 0).astype(np.float32), (3, 3))
    around = cv2.dilate(out[0], np.ones((3, 3), np.uint8))
    gap = (out[0] == 0) & (points > 0.5) & (front > around * APART)
    out[:, gap] = around[gap]
    return out


def _rough(near: np.ndarray) -> float:
    """Noise of 1 / depth, as a share of it: how far half of the pixels are from those around them."""
    return float(1.4826 * np.median(np.abs(near / cv2.medianBlur(near, 3) - 1)[::2, ::2]))


def _clear(near: np.ndarray) -> np.ndarray:
    """(h, w) bool: what does not touch something nearer, which would have its share in its colour."""
    return cv2.dilate(near, np.ones((3, 3), np.uint8)) < near * APART


def _unlike(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """(h, w) float32: how far each pixel is from what the other picture has within a pixel of its place, so that fine
    detail may lie between its pixels otherwise (after Birchfield and Tomasi, PAMI 20, 1998)."""
    square = np.ones((3, 3), np.uint8)
    return _largest(
        cv2.max(cv2.subtract(here, cv2.dilate(there, square)), cv2.subtract(cv2.erode(there, square), here))
    )


def _largest(planes: np.ndarray) -> np.ndarray:
    """(h, w): the largest of three channels."""
    first, second, third = cv2.split(planes)
    return cv2.max(cv2.max(first, second), third)


def _mean(values: np.ndarray, counts: np.ndarray, edge: int, otherwise: np.ndarray | float = 0.0) -> np.ndarray:
    """Means of what counts (bool) in boxes around each pixel; otherwise: where nothing does. (h, w) float32."""
    least = np.float32(1e-3)
    total = cv2.blur(np.where(counts, values, 0).astype(np.float32), (edge, edge)) + least * otherwise
    return total / (cv2.blur(counts.astype(np.float32), (edge, edge)) + least)


def _pixels(near: np.ndarray, depth_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the whole picture's pixels that have a candidate behind them."""
    whole = cv2.resize(near, depth_m.shape[::-1], interpolation=cv2.INTER_NEAREST)
    times = cv2.multiply(whole, depth_m, scale=APART)  # how far the pixel is, of the candidate's distance, and APART
    return np.nonzero((whole > 0) & (times < 1))


def _look(beside: Neighbour, spots: _Spots, size: tuple[int, int]) -> _Look:
    """What a neighbour shows at spots, its own depth saying precisely where."""
    sight, link = beside.sight, beside.link
    there_x, there_y, near = link.step.places(spots.x, spots.y, spots.near, size)
    seen = np.maximum(1 / _sampled(sight.depth_m, there_x, there_y, cv2.INTER_NEAREST, np.inf), _FAR)
    nearest_m = cv2.erode(sight.depth_m, np.ones((3, 3), np.uint8))
    clear = _sampled(nearest_m, there_x, there_y, cv2.INTER_NEAREST, 0) * seen * np.float32(APART) > 1
    clear &= (there_x >= 0) & (there_y >= 0) & (there_x <= size[1] - 1) & (there_y <= size[0] - 1) & (near > 0)
    shows = clear & (seen < near * _SAME) & (near < seen * _SAME)
    through = clear & (seen * APART < near)
    light = _sampled(sight.picture, there_x, there_y, cv2.INTER_CUBIC, 0)
    if light.shape[-1] == 4:
        shows &= light[..., 3] > 0.999
        light = cv2.cvtColor(light, cv2.COLOR_BGRA2BGR)  # drops alpha, keeps the order
    light = cv2.max(light, 0.0) * link.gain
    # What was seen there lies on the same ray of the frame in hand, as near as this.
    own = spots.near * seen / np.maximum(near, _FAR)
    return _Look(light, own, shows, through, link.sure.ravel()[spots.cell])


def _sampled(plane: np.ndarray, x: np.ndarray, y: np.ndarray, way: int, beyond: float) -> np.ndarray:
    return cv2.remap(plane, x, y, way, borderMode=cv2.BORDER_CONSTANT, borderValue=[beyond] * 4)


def _agreed(
    looks: Sequence[_Look],
    spots: _Spots,
    rows: np.ndarray,
    columns: np.ndarray,
    search: tuple[int, int],
    here: Sight,
) -> Behind | None:
    """What the looks at the spots agree on, as a layer behind the frame in hand."""
    count = np.sum([one.shows for one in looks], axis=0, dtype=np.float32)
    light, near = np.zeros_like(looks[0].light), np.zeros_like(looks[0].near)
    for one in looks:
        cv2.accumulate(one.light, light, one.shows.view(np.uint8))
        cv2.accumulate(one.near, near, one.shows.view(np.uint8))
    share = 1 / np.maximum(count, 1)
    light, near = cv2.multiply(light, cv2.merge([share] * 3)), near * share
    root = cv2.sqrt(light)
    off = np.zeros_like(near)
    for one in looks:
        differ = _largest(cv2.absdiff(cv2.sqrt(one.light), root))
        cv2.max(off, differ * one.shows, dst=off)
    alike = _around(off, count > 1, spots, search) < _ALIKE
    sure = np.logical_or.reduce([one.shows & (one.sure > _SURE) for one in looks])
    kept = np.where(count > 1, alike, sure & (count == 1)) & ~np.logical_or.reduce([one.through for one in looks])
    # Where what is in front looks the same, depth errs rather than that anything was hidden.
    front = here.picture[spots.y.astype(np.intp), spots.x.astype(np.intp)]
    front = front if front.shape[2] == 3 else cv2.cvtColor(front, cv2.COLOR_BGRA2BGR)
    other = _largest(cv2.absdiff(cv2.sqrt(cv2.max(front, 0.0)), root))
    kept &= _around(other, count > 0, spots, search, 9) > _ALIKE
    kept = kept.ravel()
    kept[spots.count :] = False
    if not kept.any():
        return None
    picture = np.zeros((*here.depth_m.shape, 3), np.float32)
    depth_m = np.full(here.depth_m.shape, np.inf, np.float32)
    known = np.zeros(here.depth_m.shape, np.float32)
    at = rows[kept[: spots.count]], columns[kept[: spots.count]]
    picture[at], known[at] = light.reshape(-1, 3)[kept], 1
    depth_m[at] = 1 / np.maximum(near.ravel()[kept], _FAR)
    return Behind(picture, depth_m, known)


def _around(values: np.ndarray, counts: np.ndarray, spots: _Spots, size: tuple[int, int], edge: int = 3) -> np.ndarray:
    """Means of values of those that count, over the neighbouring cells of each spot, edge in all."""
    counted = np.flatnonzero(counts)
    cells = spots.cell.ravel()[counted]
    total, number = (
        np.bincount(cells, weights, size[0] * size[1]).astype(np.float32).reshape(size)
        for weights in (values.ravel()[counted], None)
    )
    return _mean(total / np.maximum(number, 1), number > 0, edge).ravel()[spots.cell]
