# SPDX-License-Identifier: GPL-3.0-or-later
"""One tile of a picture, taken apart by depth, blurred layer by layer and put together again.

Layers stand at fixed circles of confusion; a sample between two of them belongs to both, linearly, so a rack moves
samples from layer to layer without a jump. They are composited from near to far; each pixel is closed once it is full.
How a layer meets the nearer ones depends on what they are:

- Slices of one surface lie side by side: their coverages add up, A + B. Composited with 'over' a floor would come out
  too near and too thin: 1 - (1 - A)(1 - B) < A + B.
- Separate surfaces cover each other independently: 1 - (1 - A)(1 - B), Porter and Duff's 'over' (1984).

A stretch of empty layers turns one into the other: after a gap in depth of `SEPARATE_PX` and more, what is nearer
counts as a surface of its own.

Layers of large circles are worked at reduced size (levels). On the near side the way goes from small to large, and what
has been composited is enlarged with it. On the far side it goes back: each reduced pixel goes on with the mean of what
its pixels leave open, and what comes of it is dealt out to them by what each leaves open.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .aperture import Aperture
from .blur import Box, Field, Span, blurred, reach_px, reduced_radius
from .levels import Level, Sheet, Stand

SEPARATE_PX = 6.0
"""Gap in the circle of confusion, in pixels, over which surfaces grow independent of each other (1 - 1/e of it)."""

EMPTY = 0.06
"""Coverage below which a layer counts as a gap."""

FULL = 1e-3
"""A pixel with less than this left to cover is closed."""

_MOST = np.float32(1e30)
"""No bound: numpy's clip is quicker than its minimum and maximum."""

_INSIDE = 1 - 1e-4
"""A sample this far from a layer, in layers, no longer counts as one of its own."""

@dataclass(frozen=True)
class Lit:
    """How a tile's points spread: where layers stand, the opening, the kernels mixed at a place of the tile.

    fields(rows, columns, scale)  field positions and their shares, (h, 2 w), in a part of the tile within its rim
    """

    stand: Stand
    aperture: Aperture
    fields: Callable[[tuple[int, int], tuple[int, int], int], dict[Field, np.ndarray]]


@dataclass
class _Sum:
    """What has been composited so far, at 1 / scale of the size."""

    scale: int
    total: np.ndarray  # (P, h, 2 w) sum of pairs
    left: np.ndarray  # what the present surface leaves, 1 - its coverage
    through: np.ndarray  # what surfaces before it let through
    latest: np.ndarray  # circle of the last layer that came
    open: Box | None  # what is not yet closed lies in here

    @staticmethod
    def fresh(scale: int, pairs: int, height: int, width: int) -> "_Sum":
        one = np.ones((height, width), np.float32)
        total = np.zeros((pairs, height, 2 * width), np.float32)
        return _Sum(scale, total, one, one.copy(), np.zeros_like(one), _all(one))

    def enlarged(self, scale: int) -> "_Sum":
        ratio = self.scale // scale
        planes = (_larger(plane, ratio) for plane in (self.left, self.through, self.latest))
        left, through, latest = planes
        return _Sum(scale, _larger_pairs(self.total, ratio), left, through, latest, _all(left))


def render_tile(
    levels: Sequence[Level], place: tuple[int, int, int, int], light: Lit
) -> tuple[np.ndarray, np.ndarray] | None:
    """Blur and composite one tile.

    levels   from full size down, the first with layer 0; scales divide one another
    place    (top, bottom, left, right) of the tile with its rim, in full pixels, multiples of the largest scale; may
             reach over the picture, which is mirrored there. As many pixels as the largest scale are wrong at the rim
    returns  (sum of pairs (P, h, 2 w), coverage (h, w) reached by layers nearer than focus), the sum yet to be divided
             by its coverage; None where all is in focus
    """
    windows = [_Window(level, place, light) for level in levels]
    if all(window.numbers in ([], [0]) for window in windows):
        return None
    size = place[1] - place[0], place[3] - place[2]
    pairs = levels[0].sheets[0].pairs.shape[0]
    passes = [(window, -1) for window in windows[:0:-1]] + [(windows[0], 0)] + [(window, 1) for window in windows[1:]]
    now: _Sum | None = None
    before: np.ndarray | None = None
    waiting: list[tuple[_Sum, np.ndarray, np.ndarray]] = []
    for window, side in passes:
        numbers = [n for n in window.numbers if n * side > 0 or side == 0]
        scale = window.level.scale
        if now is None:
            if numbers:
                now = _Sum.fresh(scale, pairs, size[0] // scale, size[1] // scale)
        elif now.scale > scale and side <= 0:  # also past empty levels: tiles must not differ by it
            _settle(now, light.stand.radius(-window.level.last - 1))
            now = now.enlarged(scale)
        elif now.scale < scale and any(w.numbers and w.numbers[-1] > 0 for w in windows[1:]):
            _settle(now, light.stand.radius(window.level.first - 1))
            now = _suspended(now, scale, waiting)
        if now is None:  # no layer has come yet
            if side == 0:
                before = np.zeros(size, np.float32)
            continue
        for number in numbers:
            if number >= 0 and before is None:
                before = _covered(now)
            assert now.open is not None  # else the tile is done, see below
            came = window.layer(number, light, now.open)
            if came is not None:
                _add(now, *came, number, light.stand)
                now.open = _opening(now)
                if now.open is None:
                    return _resumed(now, waiting).total, before if before is not None else _covered(now)
        if side == 0 and before is None:
            before = _covered(now)
    assert now is not None  # some layer came, see above
    assert before is not None  # side 0 was passed
    return _resumed(now, waiting).total, before


def _all(plane: np.ndarray) -> Box:
    return (0, plane.shape[0]), (0, plane.shape[1])


def _opening(now: _Sum) -> Box | None:
    """Where there are pixels that are not yet closed."""
    x, y, columns, rows = cv2.boundingRect(cv2.compare(now.left * now.through, FULL, cv2.CMP_GT))
    return ((y, y + rows), (x, x + columns)) if rows else None


def _covered(now: _Sum) -> np.ndarray:
    return _larger(1 - now.through * now.left, now.scale)


def _suspended(fine: _Sum, scale: int, waiting: list[tuple[_Sum, np.ndarray, np.ndarray]]) -> _Sum:
    """Go on at a smaller size; what has been composited waits, with what it leaves open at either size."""
    ratio = scale // fine.scale
    opening = fine.left * fine.through
    small = _smaller(opening, ratio)
    waiting.append((fine, opening, small))
    now = _Sum.fresh(scale, len(fine.total), *small.shape)
    now.left, now.latest = _smaller(fine.left, ratio), _smaller(fine.latest, ratio)
    now.through = small / np.maximum(now.left, np.float32(1e-6))
    return now


def _resumed(now: _Sum, waiting: list[tuple[_Sum, np.ndarray, np.ndarray]]) -> _Sum:
    """Back to full size: what came at smaller sizes is dealt out by what each pixel left open."""
    for fine, opening, small in reversed(waiting):
        ratio = now.scale // fine.scale
        share = opening / np.maximum(_larger(small, ratio), np.float32(1e-6))
        for sums, came in zip(fine.total, _larger_pairs(now.total, ratio), strict=True):
            cv2.accumulateProduct(came, _double(share), sums)
        now = fine
    return now if now.scale == 1 else now.enlarged(1)


def _add(
    now: _Sum, rows: slice, columns: slice, came: np.ndarray, number: int, stand: Stand
) -> None:
    """Composite one blurred layer behind what is there."""
    here = rows, columns
    radius, below = stand.radius(number), stand.radius(number - 1)
    left, through, latest = now.left[here], now.through[here], now.latest[here]
    cover = cv2.extractChannel(came[-1].reshape(*left.shape, 2), 1).reshape(left.shape)
    np.clip(cover, 0, _MOST, out=cover)  # the transform leaves a grain of noise
    _separate(left, through, cover, latest, radius, below)
    latest[...] = radius
    share = np.clip(cover, np.float32(1e-6), _MOST)
    np.divide(left, share, out=share)
    np.clip(share, 0, 1, out=share)
    share *= through
    np.subtract(left, cover, out=left)
    np.clip(left, 0, 1, out=left)
    share = _double(share)
    for sums, plane in zip(now.total, came, strict=True):
        cv2.accumulateProduct(plane, share, sums[rows, 2 * columns.start : 2 * columns.stop])


def _separate(
    left: np.ndarray, through: np.ndarray, cover: np.ndarray, latest: np.ndarray, radius: float, below: float
) -> None:
    """Let the present surface become one of those before it, as far as there was a gap before the layer that comes."""
    gap = cover * np.float32((radius - below) / SEPARATE_PX / EMPTY)
    gap -= np.float32((radius - below) / SEPARATE_PX)
    np.clip(gap, -_MOST, 0, out=gap)
    earlier = latest - np.float32(below)
    np.clip(earlier, -_MOST, 0, out=earlier)
    earlier *= np.float32(1 / SEPARATE_PX)
    gap += earlier
    kept = cv2.exp(gap).reshape(left.shape)
    kept *= np.subtract(1, left, out=gap)
    moved = np.subtract(1, kept, out=kept)
    through *= np.divide(left, np.clip(moved, np.float32(1e-6), 1, out=gap), out=gap)
    left[...] = moved


def _settle(now: _Sum, radius: float) -> None:
    """Count the gap up to a circle for all pixels, also those that no layer has reached for long."""
    _separate(now.left, now.through, np.zeros_like(now.left), now.latest, radius, radius)
    now.latest[...] = radius


class _Window:
    """A tile's share of a level: its samples, with those around it that reach it, and the layers they belong to."""

    def __init__(self, level: Level, place: tuple[int, int, int, int], light: Lit) -> None:
        self.level = level
        self.rim = reach_px(light.stand.radius(level.last) / level.scale) if level.last else 0
        top, bottom, left, right = (n // level.scale for n in place)
        self.corner = top - place[0] // level.scale, left - place[2] // level.scale
        self.size = bottom - top, right - left
        self.sheets, numbers = [], set()
        for sheet in level.sheets:
            cut = _cutter(sheet.place.shape, top - self.rim, bottom + self.rim, left - self.rim, right + self.rim)
            own = cut(sheet.place)
            present = _numbers(own, level)
            if present:
                self.sheets.append(Sheet(_cut_pairs(sheet.pairs, cut), own))
                numbers |= present
        self.numbers = sorted(numbers)

    def layer(self, number: int, light: Lit, wanted: Box) -> tuple[slice, slice, np.ndarray] | None:
        """The samples that belong to a layer, blurred: (rows, columns, pairs) of what is wanted, or None."""
        scale, height, width = self.level.scale, *self.size
        radius = light.stand.radius(number)
        small = radius if scale == 1 else reduced_radius(radius, scale)
        reach = min(reach_px(small), self.rim)
        cut = self.rim - reach
        inner = slice(cut, cut + height + 2 * reach), slice(cut, cut + width + 2 * reach)
        boxes = [_box(sheet.place[inner], number) for sheet in self.sheets]
        lit = [box for box in boxes if box is not None]
        if not lit:
            return None
        out, seen = [], []  # what is reached of what is wanted; what reaches it
        for axis, (first, last) in enumerate(wanted):
            start, stop = min(box[axis][0] for box in lit), max(box[axis][1] for box in lit)
            out.append((max(start - reach, first + reach), min(stop + reach, last + reach)))
            seen.append((out[-1][0] - reach, out[-1][1] + reach))
            if out[-1][0] >= out[-1][1]:
                return None
        boxes = [None if box is None else _common(box, seen) for box in boxes]
        lit = [box for box in boxes if box is not None]
        if not lit:
            return None
        tall, wide = ((min(b[axis][0] for b in lit), max(b[axis][1] for b in lit)) for axis in (0, 1))
        box = tall, wide
        layer: np.ndarray | None = None
        for sheet, own in zip(self.sheets, boxes, strict=True):
            if own is None:
                continue
            (y, y_end), (x, x_end) = own
            rows, columns = slice(y + cut, y_end + cut), slice(2 * (x + cut), 2 * (x_end + cut))
            part = sheet.pairs[:, rows, columns] * _double(_weight(sheet.place[inner][y:y_end, x:x_end], number))
            if layer is None and own == box:
                layer = part
                continue
            if layer is None:
                layer = np.zeros((len(part), box[0][1] - box[0][0], 2 * (box[1][1] - box[1][0])), np.float32)
            top, left = y - box[0][0], 2 * (x - box[1][0])
            into = layer[:, top : top + part.shape[1], left : left + part.shape[2]]
            np.add(into, part, out=into)
        assert layer is not None  # one box at least is lit
        (top, bottom), (left, right) = ((start - reach, stop - reach) for start, stop in out)
        if radius:
            fields = light.fields((top, bottom), (left, right), scale)
            layer = blurred(layer, box, (out[0], out[1]), small, light.aperture, fields)
        return slice(top, bottom), slice(left, right), layer


def _numbers(place: np.ndarray, level: Level) -> set[int]:
    """Numbers of the level's layers that samples belong to."""
    last = level.last
    counts = cv2.calcHist([place], [0], None, [2 * last + 2], [-last - 1, last + 1]).ravel()
    lower = np.flatnonzero(counts) - last - 1
    both = {*lower.tolist(), *(lower + 1).tolist()}
    return {n for n in both if level.first <= abs(n) <= last}


def _box(place: np.ndarray, number: int) -> Box | None:
    """Where the samples lie that belong to a layer."""
    x, y, columns, rows = cv2.boundingRect(cv2.inRange(place, number - _INSIDE, number + _INSIDE))
    return ((y, y + rows), (x, x + columns)) if rows else None


def _common(a: Box, b: Sequence[Span]) -> Box | None:
    (top, bottom), (left, right) = ((max(p[0], q[0]), min(p[1], q[1])) for p, q in zip(a, b, strict=True))
    return ((top, bottom), (left, right)) if top < bottom and left < right else None


def _weight(place: np.ndarray, number: int) -> np.ndarray:
    """How far samples belong to a layer: 1 on it, falling to 0 at the next on either side."""
    weight = np.subtract(place, np.float32(number))  # OpenCV takes a box of four values for a scalar
    np.abs(weight, out=weight)
    np.subtract(1, weight, out=weight)
    return np.clip(weight, 0, 1, out=weight)


def _double(plane: np.ndarray) -> np.ndarray:
    """A plane's values twice side by side, to go with a pair: (h, 2 w)."""
    return cv2.merge((plane, plane)).reshape(plane.shape[0], -1)


def _larger(plane: np.ndarray, ratio: int) -> np.ndarray:
    if ratio == 1:
        return plane
    size = plane.shape[1] * ratio, plane.shape[0] * ratio
    return cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)


def _larger_pairs(pairs: np.ndarray, ratio: int) -> np.ndarray:
    large = [_larger(pair.reshape(pair.shape[0], -1, 2), ratio) for pair in pairs]
    return np.stack([pair.reshape(pair.shape[0], -1) for pair in large])


def _smaller(plane: np.ndarray, ratio: int) -> np.ndarray:
    return cv2.resize(plane, (plane.shape[1] // ratio, plane.shape[0] // ratio), interpolation=cv2.INTER_AREA)


def _cut_pairs(pairs: np.ndarray, cut: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    windows = [cut(pair.reshape(pair.shape[0], -1, 2)) for pair in pairs]
    return np.stack([np.ascontiguousarray(window).reshape(window.shape[0], -1) for window in windows])


def _cutter(
    shape: tuple[int, ...], top: int, bottom: int, left: int, right: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Cuts a window out of pictures; what lies over their border is mirrored."""
    height, width = shape
    inside = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    over = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    if not any(over):
        return lambda picture: np.ascontiguousarray(picture[inside])
    return lambda picture: cv2.copyMakeBorder(picture[inside], *over, cv2.BORDER_REFLECT)
