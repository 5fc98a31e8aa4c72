# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth fitted to its picture: soft steps parted, misplaced ones put where the picture has its edge.

A lens needs one surface in each pixel. Renderers average depth where surfaces meet, other tools blur it, scale it up,
move it by a pixel, or let near things swell or shrink. All of that shows along the steps of the depth: steps are cut
across, and the cuts of the whole frame together say how many pixels a step takes, and how far from it the picture's
own edge is. One number for the frame is sure where a single edge is not: texture, and sides that look alike, put no
more weight on one distance than on another. Exact depth has steps of no width at the picture's edges, and is left alone
to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

_FAR_M = 1e4
_STEP = 0.06  # of the frame's range in dioptres: less is no step
_ARM_PX = 8  # of a cut, to either side of the step
_CUTS = 4000  # for each direction: more say nothing new
_FEWEST = 100
_LEVEL = 0.05  # of a step: its sides change by less at the ends of a cut
_BETWEEN = 0.08  # of a step: a pixel so far from both sides belongs to neither
_HARD = 0.5  # share of cuts without such a pixel from which the depth's steps count as hard
_EVEN_PX = 0.05  # steps are mixed in metres if they are evener so by this: in dioptres they are more often
_RINGS = 0.02  # of a step, by which it goes beyond its sides where a sharpening filter or a codec was at work
_SOFTEST_PX = 10  # more is a slope
_STEEP, _STEEPEST = 0.8, 0.45  # of a step by its pixels, from one to the next, where it is steepest: a slope is even
_FARTHEST_PX = 4  # how far from its step the picture's edge is looked for
_SIDE_PX = 4  # how much of the picture is taken for a side of its edge
_PARTED = 4.0  # squared distance of two sides' colours by their scatter, from which an edge is one
_CLEARLY = 1.5  # times as much of an edge as at the step itself, else the step is where the edge is: pictures are soft
_GROWN_PX = 3  # near surfaces swell or shrink by no more; thin ones look as if they did
_MIXED_PX = 0.15  # exact near surfaces look so much too small: half of what a pixel shows of both counts for them
_AGREE = 0.5  # share of the edges that must lie where all of them together say, to a pixel
_BETTER = 1.3  # times as many edges must lie at steps once the depth was moved, else it stays
_MOVED_PX = 0.75  # edges nearer than this to their steps are in place
_SWOLLEN_PX = 0.6  # less is no pixel too large or small


@dataclass(frozen=True)
class Fit:
    """What was done to a depth, in pixels. soft_px: how many pixels its steps took, 0 where they were hard.
    right_px, down_px: how far it was moved. swollen_px: by how much near surfaces were made smaller, negative: larger.
    changed: share of the pixels that have another depth now."""

    soft_px: int = 0
    right_px: int = 0
    down_px: int = 0
    swollen_px: int = 0
    changed: float = 0.0

    def __bool__(self) -> bool:
        return self != Fit()

    def sentence(self) -> str:
        """For the panel."""
        if not self:
            return "Depth fits the picture: used as it is"
        done = []
        if self.soft_px:
            done.append(f"soft edges ({_pixels(self.soft_px)}) parted")
        if self.right_px or self.down_px:
            ways = ((self.right_px, "right", "left"), (self.down_px, "down", "up"))
            done.append("moved " + " and ".join(f"{_pixels(abs(n))} {a if n > 0 else b}" for n, a, b in ways if n))
        if self.swollen_px:
            way = "too large" if self.swollen_px > 0 else "too small"
            done.append(f"near surfaces were {_pixels(abs(self.swollen_px))} {way}")
        return f"Depth fitted to the picture: {', '.join(done)}; {100 * self.changed:.1f} % of the pixels changed"


def _pixels(count: int) -> str:
    return f"{count} pixel" if count == 1 else f"{count} pixels"


def fitted(rgba: np.ndarray, depth_m: np.ndarray) -> tuple[np.ndarray, Fit]:
    """Depth that fits its picture, and what was done for it.

    rgba: (H, W, 3 or 4) float32 scene-linear. depth_m: (H, W) float32 metres, > 0, +inf allowed. Returns depth_m itself
    where nothing is to be done, else a new (H, W) float32 array; the inputs are never written.
    """
    dioptres = _dioptres(depth_m)
    least = _STEP * _range(dioptres)
    if not least > 0 or min(depth_m.shape) <= 2 * _ARM_PX:
        return depth_m, Fit()
    cuts = _all_cuts(rgba, dioptres, least)
    made, soft_px = depth_m, _softness(cuts)
    if soft_px:
        plain_m = cv2.medianBlur(depth_m, 5) if _ringing(cuts) > _RINGS else depth_m
        made = _parted(plain_m, _dioptres(plain_m), least, soft_px, _in_metres(cuts))
        cuts = _all_cuts(rgba, _dioptres(made), least)  # where a step is shows once it is one
    made, way = _placed(rgba, made, least, cuts)
    if made is depth_m:
        return depth_m, Fit()
    changed = float(np.count_nonzero(made != depth_m)) / made.size
    return made, Fit(soft_px, *way, changed)


def _dioptres(depth_m: np.ndarray) -> np.ndarray:
    return cv2.divide(1.0, cv2.min(depth_m, _FAR_M))


def _range(dioptres: np.ndarray) -> float:
    low, high = np.percentile(dioptres[::16, ::8], (1, 99))
    return float(high - low)


@dataclass(frozen=True)
class _Cut:
    """Cuts through steps of one direction. axis: 1 across columns, 0 across rows. nearer: +1 where the nearer side is
    right or below. places: (N, 2 * _ARM_PX) of the way from the far to the near side, or the other way round, in
    dioptres. ends: (N, 2) dioptres of the sides. offset: (M,) pixels from the step to the picture's edge, towards the
    nearer side, of those cuts that show one. each: how many cuts every one stands for."""

    axis: int
    nearer: int
    places: np.ndarray
    ends: np.ndarray
    offset: np.ndarray
    each: int


def _all_cuts(rgba: np.ndarray, dioptres: np.ndarray, least: float) -> list[_Cut]:
    return [cut for axis in (1, 0) for cut in _cuts(rgba, dioptres, least, axis)]


def _cuts(rgba: np.ndarray, dioptres: np.ndarray, least: float, axis: int) -> Iterator[_Cut]:
    """Cuts through the steps along an axis, far side to near side being one way, then the other."""
    depth = dioptres if axis == 1 else cv2.transpose(dioptres)
    steep = cv2.absdiff(depth[:, 1:], depth[:, :-1])
    crest = (steep > 0.12 * least) & (steep >= cv2.dilate(steep, np.ones((1, 7), np.uint8)))
    crest[:, :_ARM_PX] = crest[:, -_ARM_PX:] = False
    places = np.flatnonzero(crest)
    each = max(1, places.size // _CUTS)
    places = places[::each]
    y, x = np.divmod(places, crest.shape[1])
    across = x[:, None] + np.arange(1 - _ARM_PX, 1 + _ARM_PX)
    cut = depth[y[:, None], across]
    step = cut[:, -1] - cut[:, 0]
    size = np.abs(step)
    way = (cut - cut[:, :1]) / np.where(size > 0, step, 1)[:, None]
    ends = np.concatenate([way[:, :3], 1 - way[:, -3:]], axis=1)
    level = (size > least) & (np.abs(ends[:, [1, 4]]) < _LEVEL).all(axis=1) & (np.abs(ends) < 3 * _LEVEL).all(axis=1)
    level &= (np.abs(way - 0.5) < 0.6).all(axis=1)
    for nearer in (1, -1):
        kept = np.flatnonzero(level & (np.sign(step) == nearer))
        rows, columns = (y[kept, None], across[kept]) if axis == 1 else (across[kept], y[kept, None])
        offset = nearer * _picture_edges(rgba[rows, columns, :3])
        yield _Cut(axis, nearer, way[kept], cut[kept][:, [0, -1]], offset, each)


def _picture_edges(colours: np.ndarray) -> np.ndarray:
    """How far from the middle of each cut the picture's edge lies: (M,) pixels, for the M cuts that show one.

    colours: (N, 2 * _ARM_PX, 3) scene-linear. The edge is where the two sides' colours differ most for their scatter.
    """
    colours = np.sqrt(np.clip(colours, 0, 1.5))
    zero = np.zeros((len(colours), 1, 3), colours.dtype)
    sums = np.concatenate([zero, colours], axis=1).cumsum(axis=1)
    squares = np.concatenate([zero, colours * colours], axis=1).cumsum(axis=1).sum(axis=2)
    tried = np.arange(_ARM_PX - _FARTHEST_PX, _ARM_PX + _FARTHEST_PX + 1)
    before, after = tried - _SIDE_PX, tried + _SIDE_PX
    left, right = (sums[:, tried] - sums[:, before]) / _SIDE_PX, (sums[:, after] - sums[:, tried]) / _SIDE_PX
    spread = (squares[:, after] - squares[:, before]) / _SIDE_PX - (left * left + right * right).sum(axis=2)
    apart = ((left - right) ** 2).sum(axis=2) / (np.maximum(spread, 0) + 2e-3)
    best, most = apart.argmax(axis=1), apart.max(axis=1, initial=0)
    best[most < _CLEARLY * apart[:, _FARTHEST_PX]] = _FARTHEST_PX
    return (best - _FARTHEST_PX)[most > _PARTED].astype(np.float32)


def _softness(cuts: list[_Cut]) -> int:
    """How many pixels most steps take that belong to neither side; 0 where most take none."""
    places = np.concatenate([cut.places for cut in cuts])
    if len(places) < _FEWEST:
        return 0
    between = _between(places)
    usual = int(np.median(between))
    return usual if (between == 0).mean() < _HARD and usual <= _SOFTEST_PX else 0


def _between(way: np.ndarray) -> np.ndarray:
    """How many pixels of each cut belong to neither side."""
    return ((way > _BETWEEN) & (way < 1 - _BETWEEN)).sum(axis=1)


def _ringing(cuts: list[_Cut]) -> float:
    """How far steps overshoot their sides, as a share of the step."""
    places = np.concatenate([cut.places for cut in cuts])
    return float(np.median(np.maximum(places.max(axis=1) - 1, -places.min(axis=1))))


def _misplaced(cuts: list[_Cut]) -> tuple[int, int, int]:
    """Pixels that the picture's edges lie to the right of the depth's steps, below them, and towards nearer sides."""
    shown = [cut for cut in cuts if cut.offset.size >= _FEWEST]
    if not shown:
        return 0, 0, 0
    rows = np.array([(cut.nearer * (cut.axis == 1), cut.nearer * (cut.axis == 0), 1) for cut in shown], np.float64)
    there = np.array([_most(cut.offset) for cut in shown])
    weight = np.sqrt([cut.offset.size for cut in shown])
    way = np.linalg.lstsq(rows * weight[:, None], there * weight, rcond=None)[0]
    way[2] += _MIXED_PX
    whole = np.where(np.abs(way) < (_MOVED_PX, _MOVED_PX, _SWOLLEN_PX), 0, np.round(way))
    off = np.concatenate([cut.offset - at for cut, at in zip(shown, rows @ whole, strict=True) if at] or [np.ones(0)])
    if not off.size or (np.abs(off) < 1.5).mean() < _AGREE:
        return 0, 0, 0
    return int(whole[0]), int(whole[1]), int(np.clip(whole[2], -_GROWN_PX, _GROWN_PX))


def _in_place(cuts: list[_Cut], axes: set[int]) -> int:
    """How many of the picture's edges across these axes lie at steps of the depth."""
    return sum(cut.each * int((np.abs(cut.offset) < _MOVED_PX).sum()) for cut in cuts if cut.axis in axes)


def _most(offset: np.ndarray) -> float:
    """Where most edges are, to a part of a pixel: the mean about the commonest distance."""
    counts = np.bincount((offset + _FARTHEST_PX).astype(int), minlength=2 * _FARTHEST_PX + 1)
    mode = int(np.argmax(np.convolve(counts, (0.5, 1, 0.5), "same"))) - _FARTHEST_PX
    return float(offset[np.abs(offset - mode) < 1.5].mean())


def _in_metres(cuts: list[_Cut]) -> bool:
    """Whether soft steps are mixed in metres, as renderers filter them, and not in dioptres. A step that was made soft
    evenly is the same from both ends, so as many pixels' worth of it are near as far."""
    metres = np.concatenate([1 / (cut.ends[:, :1] + cut.places * np.diff(cut.ends)) for cut in cuts])
    way = (metres - metres[:, :1]) / (metres[:, -1:] - metres[:, :1])
    nearer = np.concatenate([cut.nearer * np.ones(len(cut.places)) for cut in cuts])
    soft = np.median(_between(way)) > 0  # before what is far beyond, all but the step's last pixel is near in metres
    straight = np.concatenate([cut.places for cut in cuts])
    return bool(soft) and _lopsided(way, nearer) < _lopsided(straight, nearer) - _EVEN_PX


def _lopsided(way: np.ndarray, nearer: np.ndarray) -> float:
    """By how many pixels' worth one side of steps outweighs the other, seen from where they are steepest."""
    steep = np.diff(way, axis=1) ** 4
    after = way.shape[1] - 1 - (steep @ np.arange(steep.shape[1])) / steep.sum(axis=1)
    return abs(float(np.median(nearer * (way.sum(axis=1) - after))))


def _parted(depth_m: np.ndarray, dioptres: np.ndarray, least: float, soft_px: int, in_metres: bool) -> np.ndarray:
    """Every pixel of a soft step given to the side it is nearer to."""
    reach = -(-4 * soft_px // 5)  # a smooth step is nine tenths of the way this far from its middle
    far, near, step = _sides(depth_m, least, cv2.MORPH_RECT, reach)  # quick, and as good as a disc here
    step &= _steep(dioptres, reach) > min(_STEEPEST, _STEEP / soft_px) * (_dioptres(near) - _dioptres(far))
    bounded = cv2.min(depth_m, _FAR_M)
    nearer = bounded + bounded < near + cv2.min(far, _FAR_M) if in_metres else 2 / bounded > 1 / near + 1 / far
    return np.where(step, np.where(nearer, near, far), depth_m)


def _steep(dioptres: np.ndarray, reach_px: int) -> np.ndarray:
    """The greatest change from one pixel to the next within reach, dioptres."""
    around = np.ones((2 * reach_px + 1,) * 2, np.uint8)
    change = np.zeros_like(dioptres)
    change[:, 1:] = cv2.absdiff(dioptres[:, 1:], dioptres[:, :-1])
    change[1:] = cv2.max(change[1:], cv2.absdiff(dioptres[1:], dioptres[:-1]))
    return cv2.dilate(change, around)


def _sides(depth_m: np.ndarray, least: float, shape: int, reach_px: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The farthest and the nearest depth within reach of each pixel, metres, and whether a step is between them."""
    around = cv2.getStructuringElement(shape, (2 * reach_px + 1,) * 2)
    far, near = cv2.dilate(depth_m, around), cv2.erode(depth_m, around)
    return far, near, _dioptres(near) - _dioptres(far) > least


def _placed(
    rgba: np.ndarray, depth_m: np.ndarray, least: float, cuts: list[_Cut]
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Depth with its steps where the picture has its edges, if clearly more of them then are at steps; and by how many
    pixels it was moved to the right and down, and made smaller."""

    def put(right_px: int, down_px: int, by_px: int) -> tuple[np.ndarray, list[_Cut]]:
        placed = _moved(depth_m, right_px, down_px) if right_px or down_px else depth_m
        placed = _shrunk(placed, least, by_px) if by_px else placed
        return placed, _all_cuts(rgba, _dioptres(placed), least)

    right_px, down_px, swollen_px = _misplaced(cuts)
    axes = {0, 1} if swollen_px else {axis for axis, way in ((1, right_px), (0, down_px)) if way}
    way, there, most = (0, 0, 0), (depth_m, cuts), _BETTER * _in_place(cuts, axes)
    less_px = swollen_px - int(np.sign(swollen_px))  # along a row, a slanting edge is farther off than across itself
    for by_px in dict.fromkeys((swollen_px, less_px, 0)) if axes else ():
        tried = put(right_px, down_px, by_px)
        if (count := _in_place(tried[1], axes)) > most:
            way, there, most = (right_px, down_px, by_px), tried, count
    for axis, grown in ((1, 1), (0, 1), (1, 0), (0, 0)):  # either way has to be better by itself
        less = way[0] * (1 - axis), way[1] * axis, way[2] * grown
        if way[1 - axis] and any(less):
            without = put(*less)
            if _in_place(there[1], {axis}) <= _BETTER * _in_place(without[1], {axis}):
                way, there = less, without
    return there[0], way


def _moved(depth_m: np.ndarray, right_px: int, down_px: int) -> np.ndarray:
    """Depth moved by whole pixels; at the frame's edges goes on what is there."""
    way = np.array([[1, 0, right_px], [0, 1, down_px]], np.float32)
    size = depth_m.shape[::-1]
    return cv2.warpAffine(depth_m, way, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)


def _shrunk(depth_m: np.ndarray, least: float, by_px: int) -> np.ndarray:
    """Near surfaces made smaller by so many pixels, or larger where negative; slopes stay."""
    far, near, step = _sides(depth_m, least, cv2.MORPH_ELLIPSE, abs(by_px))
    return np.where(step, far if by_px > 0 else near, depth_m)
