# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the surface composited so far lies before the layer that comes, all over the picture.

Layers stand apart, surfaces between them: the gap from one surface to the next is that between their samples' own
circles, not that between the layers they were dealt out to. So it grows and shrinks as evenly as the focus goes, also
where a surface leaves a layer. It is told in cells of some pixels, by one sample of each: where surfaces lie changes
little from pixel to pixel, and what no sample meets is small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import cv2
import numpy as np

from .aperture import Aperture
from .blur import Box, reach_px, reduced_radius
from .crew.workers import Workers
from .levels import MOST_LAYERS, Level, Stand

SEPARATE_PX = 6.0
"""Gap in the circle of confusion, in pixels, over which surfaces grow independent of each other (1 - 1/e of it)."""

TOGETHER = 2.0
"""Samples no farther apart than so many layers are of one surface: as far as those of neighbouring layers may be."""

EMPTY = 0.06
"""Coverage from which samples count whole as a surface's end; with less the gap begins so much earlier."""

_NO_GAP = 0.999
"""What is left of a surface, at least, where there is no gap worth the work."""

_BAND_CELLS = 10_000
"""Cells that one worker looks at, about."""

_OVERHANG_PX = 32
"""So far tiles hang over the picture, at most."""


@dataclass(frozen=True)
class Gaps:
    """What is left of the present surface before layers.

    cell    edge of the cells in full pixels, a power of two, at least the largest scale
    left    (h, w) float32, 0 to 1, for each layer before which there is a gap
    around  cells beyond the picture, on every side
    """

    cell: int
    left: dict[int, np.ndarray]
    around: int

    def before(self, layer: int, scale: int, corner: tuple[int, int], box: Box) -> tuple[Box, np.ndarray] | None:
        """Where in a box there is a gap before a layer, and what is left there; None if there is none.

        box: pixels at 1 / scale of the size, of a tile whose corner (top, left) lies there in full pixels.
        Returns a box within it, and (h, w) float32, 0 to 1.
        """
        cells = self.left.get(layer)
        if cells is None:
            return None
        ratio = self.cell // scale
        top, left = (start // scale for start in corner)
        rows, columns = (
            (self.around + (start + low) // ratio - 1, self.around - (-(start + high) // ratio) + 1)
            for start, (low, high) in zip((top, left), box, strict=True)
        )
        x, y, wide, tall = cv2.boundingRect((cells[slice(*rows), slice(*columns)] < _NO_GAP).view(np.uint8))
        if not tall:
            return None
        # From a cell with a gap to one without it changes little by little: a cell more on every side.
        y, x = max(rows[0] + y - 1, 0), max(columns[0] + x - 1, 0)
        part = cells[y : y + tall + 2, x : x + wide + 2]
        part = cv2.resize(part, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_LINEAR) if ratio > 1 else part
        y, x = (y - self.around) * ratio - top, (x - self.around) * ratio - left
        (top, bottom), (left, right) = within = (
            (max(y, box[0][0]), min(y + part.shape[0], box[0][1])),
            (max(x, box[1][0]), min(x + part.shape[1], box[1][1])),
        )
        return (within, part[top - y : bottom - y, left - x : right - x]) if top < bottom and left < right else None


def gaps_of(
    levels: Sequence[Level], shape: tuple[int, int], cell: int, stand: Stand, aperture: Aperture, work: Workers
) -> Gaps:
    """The gaps between the layers of a picture.

    levels: as `levels_of` gives them. shape: (height, width) of the picture. cell: as `Gaps` has it.
    """
    around = -(-_OVERHANG_PX // cell) + 1
    height, width = (-(-length // cell) + 2 * around for length in shape)
    left = work.empty((2 * levels[-1].last + 1, height, width))
    bands = max(1, height * width // _BAND_CELLS)
    ends = [height * band // bands for band in range(bands + 1)]
    parts = [(slice(start, stop),) for start, stop in pairwise(ends)]
    job = partial(_band, levels, cell, around, stand, aperture, left)
    used: set[int] = set().union(*work.each(job, parts))
    return Gaps(cell, {number: left[number + levels[-1].last] for number in used}, around)


def _band(
    levels: Sequence[Level], cell: int, around: int, stand: Stand, aperture: Aperture, left: np.ndarray, rows: slice
) -> set[int]:
    """Write a band of cells, for all layers from near to far; tells before which of them there is a gap."""
    columns = range(-around, left.shape[2] - around)
    span = range(rows.start - around, rows.stop - around)
    samples = {}
    for level in levels:
        own = _Samples.of(level, cell, (span, columns), stand, aperture)
        samples.update({number: own for size in range(level.first, level.last + 1) for number in (-size, size)})
    end: np.ndarray | None = None
    used = set()
    for number, out in zip(sorted(samples), left[:, rows], strict=True):
        found = samples[number].near(number)
        out.fill(1)
        if found is None:
            continue
        cover, middle = found
        below, here, above = (np.float32(stand.radius(n)) for n in (number - 1, number, number + 1))
        middle *= np.where(middle < 0, here - below, above - here)
        middle += here
        apart = np.maximum(np.abs(middle) * np.float32(TOGETHER / stand.fineness), np.float32(TOGETHER * stand.step))
        middle[cover <= 0] = -np.inf
        if end is None:
            end = np.full_like(middle, here)
        gap = end - middle
        if gap.min() < SEPARATE_PX * math.log(_NO_GAP):
            np.minimum(gap, 0, out=gap)
            gap *= np.float32(1 / SEPARATE_PX)
            np.exp(gap, out=out)
            used.add(number)
        apart *= np.minimum(cover * np.float32(1 / EMPTY), 1)
        middle += apart
        np.maximum(end, middle, out=end)
    return used


@dataclass(frozen=True)
class _Samples:
    """One sample of each cell of a part of the picture, of each of a level's sheets.

    places  (h, w) float32 each, with as many cells more on every side (rows, columns) as samples reach
    layers  those that any of them belongs to;  reach  cells that the level's layers reach, of some rows and columns
    """

    places: list[np.ndarray]
    layers: set[int]
    reach: dict[int, tuple[int, int]]
    more: tuple[int, int]

    @staticmethod
    def of(level: Level, cell: int, spans: tuple[range, range], stand: Stand, aperture: Aperture) -> _Samples:
        reach = {}
        for number in (sign * size for size in range(level.first, level.last + 1) for sign in (-1, 1)):
            radius = stand.radius(number)
            radius = radius if level.scale == 1 else reduced_radius(radius, level.scale)
            y, x = (-(-n * level.scale // cell) for n in reach_px(radius, aperture))
            reach[number] = y, x
        more = max(y for y, _ in reach.values()), max(x for _, x in reach.values())
        places, layers = [], set[int]()
        for sheet in level.sheets:
            rows, columns = (
                (np.arange(span.start - over, span.stop + over) * cell + cell // 2) // level.scale + margin
                for span, over, margin in zip(spans, more, level.margin, strict=True)
            )
            rows, columns = (np.clip(at, 0, n - 1) for at, n in zip((rows, columns), sheet.place.shape, strict=True))
            within = sheet.place[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            place = within[rows - rows[0]][:, columns - columns[0]]
            places.append(place)
            lower = np.flatnonzero(np.bincount((place[place < MOST_LAYERS] + MOST_LAYERS).astype(np.uint8)))
            layers.update((lower - MOST_LAYERS).tolist(), (lower - MOST_LAYERS + 1).tolist())
        return _Samples(places, layers, reach, more)

    def near(self, number: int) -> tuple[np.ndarray, np.ndarray] | None:
        """How far samples of a layer cover each cell, blurred, and how far from it they lie on the mean, -1..1 layers:
        (h, w) float32 both, of the part itself; None if there are none."""
        if number not in self.layers:
            return None
        shape = self.places[0].shape
        share, moment = np.zeros((2, *shape), np.float32)
        for place in self.places:
            offset = place - np.float32(number)
            own = np.abs(offset)
            np.subtract(1, own, out=own)
            np.maximum(own, 0, out=own)
            offset *= own
            share += own
            moment += offset
        y, x = self.reach[number]
        inner = slice(self.more[0], shape[0] - self.more[0]), slice(self.more[1], shape[1] - self.more[1])
        size = 2 * x + 1, 2 * y + 1
        cover, mean = (cv2.blur(plane, size, borderType=cv2.BORDER_CONSTANT)[inner] for plane in (share, moment))
        return cover, mean / np.maximum(cover, np.float32(1e-6))
