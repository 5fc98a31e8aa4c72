# SPDX-License-Identifier: GPL-3.0-or-later
"""One tile of a picture, taken apart by depth, blurred layer by layer and put together again.

A layer holds the samples whose circles of confusion are about equally large, and is blurred with one kernel. Layers
stand at fixed circles of confusion; a sample between two of them belongs to both (`Stand.at`), so a rack moves
samples from layer to layer without a jump. They are composited from near to far; each pixel is closed once it is full.
How a layer meets the nearer ones depends on what they are:

- Slices of one surface lie side by side: their coverages add up, A + B. Composited with 'over' a floor would come out
  too near and too thin: 1 - (1 - A)(1 - B) < A + B.
- Separate surfaces cover each other independently: 1 - (1 - A)(1 - B), Porter and Duff's 'over' (1984).

A gap between the circles of what is nearer and of what comes turns one into the other (`gaps`): after one of
`gaps.SEPARATE_PX` and more, what is nearer counts as a surface of its own.

Layers of large circles are worked at reduced size (levels). On the near side the way goes from small to large, and what
has been composited is enlarged with it. On the far side it goes back: each reduced pixel goes on with the mean of what
its pixels leave open, and what comes of it is dealt out to them by what each leaves open.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from .aperture import Aperture
from .blur import Box, Canvas, Field, Span, reach_px, reduced_radius
from .gaps import Gaps
from .lamps import Glow
from .levels import EMPTY_SLOT, FOCUS_SLOT, Level, Stand, slots_in
from .planes import at_least_zero, at_most, double

FULL = 1e-3
"""A pixel with less than this left to cover is closed."""

_CLOSED = 2e-5
"""Nothing is to be seen behind a surface that leaves less than this: as far as sums of coverages are exact."""


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
    taken: np.ndarray  # coverage of the present surface
    opening: np.ndarray  # what all surfaces together leave
    wanted: Box | None  # what is not yet closed lies in here
    last: tuple[int, Box, np.ndarray] | None = None  # the layer that came last, where, and its coverage

    @staticmethod
    def fresh(scale: int, pairs: int, height: int, width: int) -> "_Sum":
        none = np.zeros((height, width), np.float32)
        total = np.zeros((pairs, height, 2 * width), np.float32)
        return _Sum(scale, total, none, np.ones_like(none), _all(none))

    def enlarged(self, scale: int) -> "_Sum":
        ratio = self.scale // scale
        taken, opening = (_larger(plane, ratio) for plane in (self.taken, self.opening))
        return _Sum(scale, _larger_pairs(self.total, ratio), taken, opening, _all(taken))


def render_tile(
    levels: Sequence[Level], gaps: Gaps, place: tuple[int, int, int, int], light: Lit, glow: Glow | None = None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Blur and composite one tile.

    levels: from full size down, the first with layer 0; scales divide one another. gaps: between their layers.
    place: (top, bottom, left, right) of the tile with its rim, in full pixels, multiples of the largest scale; may
    reach over the picture, which is continued there. As many pixels as the largest scale are wrong at the rim.
    glow: the tile's lamps, given as much of their light as is seen.
    Returns (P, h, 2 w) float32, the sum of pairs, yet to be divided by its coverage, and (h, w) float32, 0 to 1,
    what layers nearer than focus cover of it; None where all is in focus.
    """
    lamps = glow.layers if glow else set[int]()
    windows = [_Window(level, gaps, place, light, lamps) for level in levels]
    if glow is None and all(window.numbers in ([], [0]) for window in windows):
        return None
    size = place[1] - place[0], place[3] - place[2]
    pairs = levels[0].sheets[0].pairs.shape[0]
    passes = [(window, -1) for window in windows[:0:-1]] + [(windows[0], 0)] + [(window, 1) for window in windows[1:]]
    now: _Sum | None = None
    before: np.ndarray | None = None
    waiting: list[tuple[_Sum, np.ndarray]] = []
    for window, side in passes:
        numbers = [n for n in window.numbers if n * side > 0 or side == 0]
        scale = window.level.scale
        if now is None:
            if numbers:
                now = _Sum.fresh(scale, pairs, size[0] // scale, size[1] // scale)
        elif now.scale > scale and side <= 0:  # also past empty levels: tiles must not differ by it
            now = now.enlarged(scale)
        elif now.scale < scale and any(w.numbers and w.numbers[-1] > 0 for w in windows[1:]):
            now = _suspended(now, scale, waiting)
            if glow:
                glow.goes_on_smaller(_dealt(*waiting[-1]))
        if now is None:  # no layer has come yet
            if side == 0:
                before = np.zeros(size, np.float32)
            continue
        for number in (n for n in window.layers if n * side > 0 or side == 0):
            if number >= 0 and before is None:
                before = _covered(now)
            assert now.wanted is not None  # else the tile is done, see below
            _parted(now, number, gaps, (place[0], place[2]))
            layer = window.layer(number, now.wanted) if number in numbers else None
            if glow and number in lamps:
                glow.come(number, _seen(now, layer))
            if layer is not None:
                _add(now, layer)
                now.wanted = _not_closed(now)
                if now.wanted is None:
                    return _resumed(now, waiting).total, before if before is not None else _covered(now)
        if side == 0 and before is None:
            before = _covered(now)
    assert now is not None  # some layer came, see above
    assert before is not None  # side 0 was passed
    return _resumed(now, waiting).total, before


def _all(plane: np.ndarray) -> Box:
    return (0, plane.shape[0]), (0, plane.shape[1])


def _not_closed(now: _Sum) -> Box | None:
    """Where there are pixels that are not yet full, of those that were not before."""
    assert now.wanted is not None  # else there is nothing to ask
    (top, bottom), (left, right) = now.wanted
    still = now.opening[top:bottom, left:right] > FULL  # cv2.compare trips over a box of one
    x, y, columns, rows = cv2.boundingRect(still.view(np.uint8))
    return ((top + y, top + y + rows), (left + x, left + x + columns)) if rows else None


def _covered(now: _Sum) -> np.ndarray:
    return _larger(1 - now.opening, now.scale)


def _suspended(fine: _Sum, scale: int, waiting: list[tuple[_Sum, np.ndarray]]) -> _Sum:
    """Go on at a smaller size; what has been composited waits, with what it leaves open at the smaller size."""
    ratio = scale // fine.scale
    small = _smaller(fine.opening, ratio)
    waiting.append((fine, small))
    now = _Sum.fresh(scale, len(fine.total), *small.shape)
    now.taken = _smaller(fine.taken, ratio)
    now.opening = small.copy()
    return now


def _resumed(now: _Sum, waiting: list[tuple[_Sum, np.ndarray]]) -> _Sum:
    """Back to full size: what came at smaller sizes is dealt out by what each pixel left open."""
    for fine, small in reversed(waiting):
        share = double(_dealt(fine, small))
        for sums, came in zip(fine.total, _larger_pairs(now.total, now.scale // fine.scale), strict=True):
            cv2.accumulateProduct(came, share, sums)
        now = fine
    return now if now.scale == 1 else now.enlarged(1)


def _dealt(fine: _Sum, small: np.ndarray) -> np.ndarray:
    """How much of what comes at a smaller size each pixel gets, by what it left open."""
    ratio = fine.opening.shape[0] // small.shape[0]
    return fine.opening / np.maximum(_larger(small, ratio), np.float32(1e-6))


def _seen(now: _Sum, layer: "_Layer | None") -> np.ndarray:
    """How far what comes with a layer is seen: what the surfaces before its own leave open."""
    least = 1 + np.float32(_CLOSED) - now.taken
    if layer is not None:
        (top, bottom), (left, right) = layer.box
        part = least[top:bottom, left:right]
        np.maximum(part, layer.cover, out=part)
    return now.opening / least


def _add(now: _Sum, layer: "_Layer") -> None:
    """Composite one layer, blurred, behind what is there."""
    (top, bottom), (start, stop) = layer.box
    taken, opening = now.taken[top:bottom, start:stop], now.opening[top:bottom, start:stop]
    last = len(now.total) - 1
    came, cover = layer.last_pair, layer.cover
    share = np.subtract(np.float32(1 + 1e-6), taken)  # a layer fills what its surface leaves, and no more
    cv2.max(share, cover, dst=share)
    cv2.divide(opening, share, dst=share)
    at_most(1.0, cv2.add(taken, cover, dst=taken))
    cv2.subtract(opening, cv2.multiply(cover, share), dst=opening)
    now.last = layer.number, layer.box, at_most(1.0, cover)  # what is hidden may lie in its surface's own layer
    share = double(share)
    for number in range(last, -1, -1):  # one after the other: a pair stays in the processor's cache
        came = came if number == last else layer.blurred(number)
        cv2.accumulateProduct(came, share, now.total[number, top:bottom, 2 * start : 2 * stop])


def _parted(now: _Sum, number: int, gaps: Gaps, corner: tuple[int, int]) -> None:
    """Let the present surface become one of those before it, as far as there is a gap before the layer that comes.

    Not so what came with the layer just before: the two hold one surface between them.
    """
    assert now.wanted is not None  # else the tile is done
    gap = gaps.before(number, now.scale, corner, now.wanted)
    if gap is None:
        return
    box, left = gap
    taken = now.taken[slice(*box[0]), slice(*box[1])]
    cv2.multiply(taken, left, dst=taken)
    if now.last is None or now.last[0] != number - 1:
        return
    _, where, cover = now.last
    both = _common(box, where)
    if all(low < high for low, high in both):
        lost = np.subtract(1, _cut(left, box, both))
        cv2.accumulateProduct(lost, _cut(cover, where, both), now.taken[slice(*both[0]), slice(*both[1])])


def _cut(plane: np.ndarray, box: Box, part: Box) -> np.ndarray:
    """A part of a plane that lies in a box."""
    (top, _), (left, _) = box
    return plane[part[0][0] - top : part[0][1] - top, part[1][0] - left : part[1][1] - left]


class _Window:
    """A tile's share of a level: its samples, with those around it that reach it, and the layers they belong to."""

    def __init__(self, level: Level, gaps: Gaps, place: tuple[int, int, int, int], light: Lit, lamps: set[int]) -> None:
        self.level, self._light = level, light
        top, bottom, left, right = (n // level.scale for n in place)
        (down, aside), (y, x) = level.margin, level.reach
        rows, columns = slice(top + down - y, bottom + down + y), slice(left + aside - x, right + aside + x)
        numbers = {n for n in lamps if level.first <= abs(n) <= level.last}
        self._samples = []
        for sheet, slots in zip(level.sheets, level.slots, strict=True):
            own = _numbers(slots[rows, columns], level)
            numbers |= own
            if own:
                self._samples.append((sheet.part(rows, columns), slots[rows, columns]))
        self.numbers = sorted(numbers)
        self.layers = sorted(numbers.union(n for n in gaps.left if level.first <= abs(n) <= level.last))

    def layer(self, number: int, wanted: Box) -> "_Layer | None":
        """The samples that belong to a layer and reach what is wanted of the tile; None if there are none."""
        level, light = self.level, self._light
        radius = light.stand.drawn(number)
        radius = radius if level.scale == 1 else reduced_radius(radius, level.scale)
        reach = reach_px(radius, light.aperture)
        seen = _grown(wanted, reach)
        parts = []
        for sheet, slots in self._samples:
            box = _box(slots[self._at(seen)], number, seen)
            if box is not None:
                part = sheet.part(*self._at(box))
                parts.append((box, part.pairs, double(_weight(part.place, number))))
        if not parts:
            return None
        lit = _around([box for box, _, _ in parts])
        reached = _common(_grown(lit, reach), wanted)
        fields = light.fields(*reached, level.scale)
        return _Layer(number, reached, Canvas(lit, reached, radius, light.aperture, fields), parts)

    def _at(self, box: Box) -> tuple[slice, slice]:
        """Where in the window a box of the tile lies."""
        (top, bottom), (left, right), (y, x) = *box, self.level.reach
        return slice(top + y, bottom + y), slice(left + x, right + x)


@dataclass(frozen=True)
class _Layer:
    """One layer of a tile: the samples that belong to it, by their weights, and what of the tile they reach."""

    number: int
    box: Box
    canvas: Canvas
    parts: list[tuple[Box, np.ndarray, np.ndarray]]  # where samples lie, their pairs, their weights twice

    @cached_property
    def last_pair(self) -> np.ndarray:
        """The pair with the coverage, blurred."""
        return self.blurred(-1)

    @cached_property
    def cover(self) -> np.ndarray:
        """The coverage, (h, w) of the box, blurred."""
        came = self.last_pair
        shape = came.shape[0], came.shape[1] // 2
        cover = cv2.extractChannel(came.reshape(*shape, 2), 1).reshape(shape)
        return at_least_zero(cover)  # the transform leaves a grain of noise

    def blurred(self, pair: int) -> np.ndarray:
        """One pair of planes, (h, 2 w) of the box."""
        for count, (own, pairs, weight) in enumerate(self.parts):
            into = self.canvas.part(own)
            if count == 0:
                cv2.multiply(pairs[pair], weight, dst=into)
            else:
                cv2.accumulateProduct(pairs[pair], weight, into)
        return self.canvas.blurred()


def _grown(box: Box, reach: Span) -> Box:
    (top, bottom), (left, right) = box
    return (top - reach[0], bottom + reach[0]), (left - reach[1], right + reach[1])


def _around(boxes: Sequence[Box]) -> Box:
    tall, wide = ((min(box[axis][0] for box in boxes), max(box[axis][1] for box in boxes)) for axis in (0, 1))
    return tall, wide


def _common(a: Box, b: Box) -> Box:
    tall, wide = ((max(p[0], q[0]), min(p[1], q[1])) for p, q in zip(a, b, strict=True))
    return tall, wide


def _numbers(slots: np.ndarray, level: Level) -> set[int]:
    """Numbers of the level's layers that samples may belong to: from the nearest to the farthest of them."""
    filled = cv2.threshold(slots, EMPTY_SLOT - 1, 0, cv2.THRESH_TOZERO_INV)[1]
    nearest, farthest = int(cv2.minMaxLoc(slots)[0]), int(cv2.minMaxLoc(filled)[1])
    if nearest == EMPTY_SLOT:
        return set()
    nearest, farthest = nearest - FOCUS_SLOT, farthest - FOCUS_SLOT
    layers = range(nearest - (nearest > 0), farthest + (farthest < 0) + 1)
    return {n for n in layers if level.first <= abs(n) <= level.last}


def _box(slots: np.ndarray, number: int, seen: Box) -> Box | None:
    """Where the samples lie that belong to a layer, of those seen: their slots."""
    x, y, columns, rows = cv2.boundingRect(cv2.inRange(slots, *slots_in(number)))
    top, left = seen[0][0] + y, seen[1][0] + x
    return ((top, top + rows), (left, left + columns)) if rows else None


def _weight(place: np.ndarray, number: int) -> np.ndarray:
    """How far samples belong to a layer: 1 on it, falling to 0 at the next on either side."""
    weight = np.subtract(place, np.float32(number))  # OpenCV takes a box of four values for a scalar
    np.abs(weight, out=weight)
    np.subtract(1, weight, out=weight)
    return at_least_zero(weight)


def _larger(plane: np.ndarray, ratio: int) -> np.ndarray:
    if ratio == 1:
        return plane
    size = plane.shape[1] * ratio, plane.shape[0] * ratio
    return cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)


def _larger_pairs(pairs: np.ndarray, ratio: int) -> np.ndarray:
    height, width = pairs.shape[1], pairs.shape[2] // 2
    large = np.empty((len(pairs), height * ratio, 2 * width * ratio), np.float32)
    for pair, into in zip(pairs, large, strict=True):
        size = width * ratio, height * ratio
        into = into.reshape(size[1], size[0], 2)
        cv2.resize(pair.reshape(height, width, 2), size, dst=into, interpolation=cv2.INTER_LINEAR)
    return large


def _smaller(plane: np.ndarray, ratio: int) -> np.ndarray:
    return cv2.resize(plane, (plane.shape[1] // ratio, plane.shape[0] // ratio), interpolation=cv2.INTER_AREA)
