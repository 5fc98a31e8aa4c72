# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture's samples at several sizes: what is far out of focus is kept at half, quarter or eighth size.

Layers of small circles are taken from the picture itself, layers of large ones from reduced pictures. Each sample's
share in the layers of a level is linear between the levels, as it is between layers, so nothing jumps on the way.

A cell of a reduced picture holds up to two samples, A and B: where its pixels lie more than a layer apart they are
parted in the middle, so an edge between two surfaces stays one. Both carry the light and coverage of their pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .hidden import Hidden
from .workers import Each, bands, up_to

NOWHERE = 1e6
"""Place among the layers of a sample without coverage."""

APART = 1.0
"""Pixels of a cell that lie farther apart than so many layers become two samples."""


SCALE_FROM_PX = {"final": ((13.0, 2), (36.0, 4), (96.0, 8)), "draft": ((4.0, 2), (10.0, 4), (40.0, 8))}
"""Radii from which layers are worked at 1 / 2, 1 / 4 and 1 / 8 of the size."""

FINENESS = {"final": 8.0, "draft": 4.0}
"""Layers stand one step apart up to so many steps; from there on, the radius over so much."""


def layer_step(width_px: int, quality: str) -> float:
    """Distance of layers around the focus plane, in pixels, in a picture so wide."""
    return max(1.0, math.sqrt(width_px / 960.0)) * (1.0 if quality == "final" else 1.5)


@dataclass(frozen=True)
class Stand:
    """Where layers stand: their distance around the focus plane in pixels, and from how many on it grows."""

    step: float
    fineness: float

    def at(self, coc: np.ndarray) -> np.ndarray:
        """Where circles stand among the layers: layer n at n, focus at 0, near negative; linear, then logarithmic."""
        size = np.abs(coc) * np.float32(1 / self.step)
        wide = size > np.float32(self.fineness)
        if wide.any():
            log = cv2.log(np.maximum(size, np.float32(self.fineness)) * np.float32(1 / self.fineness))
            log *= np.float32(1 / math.log1p(1 / self.fineness))
            size = np.minimum(size, np.float32(self.fineness), out=size)
            size += log.reshape(size.shape)
        return np.copysign(size, coc, out=size)

    def radius(self, layer: int) -> float:
        """The signed circle of a layer, in pixels: the inverse of `at`."""
        size = abs(layer)
        fine = self.fineness
        radius = size if size <= fine else fine * (1 + 1 / fine) ** (size - fine)
        return math.copysign(self.step * radius, layer) if layer else 0.0

    def last_within(self, radius_px: float) -> int:
        """The last layer whose circle is not above a radius."""
        layer = 0
        while self.radius(layer + 1) <= radius_px:
            layer += 1
        return layer


@dataclass(frozen=True)
class Sheet:
    """One sample for each pixel (cell) of a picture.

    pairs  (P, H, 2 W) float32: two planes each, interleaved along x; premultiplied by coverage, the very last plane
    place  (H, W) float32: where it lies among the layers (`layers.layer_at`), NOWHERE if it is empty
    """

    pairs: np.ndarray
    place: np.ndarray

    def rows(self, rows: slice) -> "Sheet":
        """A band of it, sharing memory."""
        return Sheet(self.pairs[:, rows], self.place[rows])


@dataclass(frozen=True)
class Level:
    """Layers first..last on either side of focus, and the samples that belong to them, at 1 / scale of the size."""

    scale: int
    first: int
    last: int
    sheets: list[Sheet]


def levels_of(
    light: np.ndarray, coc: np.ndarray, hidden: Hidden | None, stand: Stand, quality: str, each: Each
) -> list[Level]:
    """The picture's samples, at the sizes at which their layers are blurred.

    light   (H, W, C) float32;  coc (H, W) float32 signed radius in pixels;  hidden what lies behind them, if anything
    returns levels from full size down; heights and widths are multiples of the largest scale, the picture mirrored
    """
    widest = max(float(coc.max()), -float(coc.min()))
    top = stand.last_within(widest) + 1
    borders = [-1, *(min(stand.last_within(radius), top) for radius, _ in SCALE_FROM_PX[quality]), top]
    scales = [1, *(scale for _, scale in SCALE_FROM_PX[quality])]
    each_level = zip(scales, borders[:-1], borders[1:], strict=True)
    used = [(scale, low + 1, high) for scale, low, high in each_level if high > low]
    grid = used[-1][0]
    height, width = up_to(coc.shape[0], grid), up_to(coc.shape[1], grid)
    if (height, width) != coc.shape:
        light, coc = _mirrored(light, height, width), _mirrored(coc, height, width)
    main = _empty_sheet(light.shape[2] // 2 + 1, height, width)
    back = None if hidden is None else _empty_sheet(len(main.pairs), height, width)
    parts = bands(height, width, max(grid, 1 if hidden is None else hidden.cell))
    found: dict[tuple[int, int, bool], list[Sheet]] = {}

    def take(rows: slice) -> None:
        own = main.rows(rows)
        pairs_of(light[rows], None, own.pairs)
        own.place[...] = stand.at(coc[rows])
        sources = [own]
        if hidden is not None and back is not None and _behind(hidden, coc, rows, stand, back.rows(rows)):
            sources.append(back.rows(rows))
        for scale, first, last in used[1:]:
            for source in sources:
                found[rows.start, scale, source is own] = reduced(source, scale, first, last, part=source is own)

    each(take, [(rows,) for rows in parts])
    levels = [Level(1, 0, used[0][2], [main] if back is None else [main, back])]
    wanted: list[tuple] = []
    places: list[list[Sheet]] = []
    for scale, first, last in used[1:]:
        levels.append(Level(scale, first, last, []))
        heights = [(rows.stop - rows.start) // scale for rows in parts]
        for whole in (True, False):
            own = [found.get((rows.start, scale, whole), []) for rows in parts]
            for number in range(max(map(len, own))):
                places.append(levels[-1].sheets)
                wanted.append((len(wanted), own, number, heights, width // scale, len(main.pairs)))
    made: dict[int, Sheet] = {}
    each(lambda at, *own: made.update({at: stacked(*own)}), wanted)
    for at, sheets in enumerate(places):  # in this order, whichever was done first: sums of floats depend on it
        sheets.append(made[at])
    return levels


def _behind(hidden: Hidden, coc: np.ndarray, rows: slice, stand: Stand, sheet: Sheet) -> bool:
    """Write a band of the hidden samples into a sheet; False if there are none."""
    found = hidden.band(rows, coc[rows])
    if found is None:
        sheet.pairs.fill(0)
        sheet.place.fill(NOWHERE)
        return False
    colour, back_coc, coverage = found
    pairs_of(colour, coverage, sheet.pairs)
    sheet.place[...] = stand.at(back_coc)
    sheet.place[coverage == 0] = NOWHERE
    return True


def _empty_sheet(pairs: int, height: int, width: int) -> Sheet:
    return Sheet(np.empty((pairs, height, 2 * width), np.float32), np.empty((height, width), np.float32))


def _mirrored(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture continued below and to the right, to a height and width."""
    over = 0, height - picture.shape[0], 0, width - picture.shape[1]
    return cv2.copyMakeBorder(picture, *over, cv2.BORDER_REFLECT).reshape(height, width, *picture.shape[2:])


def pairs_of(colour: np.ndarray, coverage: np.ndarray | None, out: np.ndarray) -> None:
    """Write channels (h, w, C) and coverage (1 if None) as interleaved pairs of planes, premultiplied, into `out`."""
    channels = cv2.split(colour)
    if coverage is not None:
        channels = [cv2.multiply(channel, coverage) for channel in channels]
    else:
        coverage = np.ones(colour.shape[:2], np.float32)
    if len(channels) % 2 == 0:
        channels = [*channels, np.zeros_like(coverage)]
    planes = [*channels, coverage]
    for pair, real, imaginary in zip(out, planes[::2], planes[1::2], strict=True):
        cv2.merge((real, imaginary), dst=pair.reshape(*coverage.shape, 2))


def reduced(sheet: Sheet, scale: int, first: int, last: int, *, part: bool) -> list[Sheet]:
    """The samples that belong to layers first..last on either side of focus, at 1 / scale of the size.

    sheet   height and width multiples of `scale`
    part    whether cells may hold two samples
    returns none, one (A) or two (A, B) sheets
    """
    size = np.abs(sheet.place)
    share = np.clip(size - np.float32(first - 1), 0, 1)
    share -= np.clip(size - np.float32(last), 0, 1)
    if not share.any():
        return []
    place = np.copysign(np.clip(size, first, last, out=size), sheet.place)
    cells = place.shape[1] // scale, place.shape[0] // scale
    double = cv2.merge((share, share)).reshape(share.shape[0], -1)
    pairs = np.stack([_averaged(cv2.multiply(pair, double), cells) for pair in sheet.pairs])
    coverage = pairs[-1][:, 1::2]
    lit = coverage > 0
    covered = cv2.multiply(sheet.pairs[-1][:, 1::2], share) if not part else share
    middle = cv2.resize(cv2.multiply(place, covered), cells, interpolation=cv2.INTER_AREA)
    middle = np.where(lit, middle / np.where(lit, coverage, 1), np.float32(NOWHERE))
    whole = Sheet(pairs, middle)
    if not part:
        return [whole]
    low, high = _extremes(place, scale)
    edge = np.flatnonzero((high - low > APART) & lit)
    other = _parted(sheet, share, place, scale, edge, whole) if edge.size else None
    return [whole] if other is None else [whole, other]


def _averaged(pair: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    small = cv2.resize(pair.reshape(pair.shape[0], -1, 2), cells, interpolation=cv2.INTER_AREA)
    return small.reshape(cells[1], 2 * cells[0])


def _extremes(place: np.ndarray, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value in each cell."""
    out = []
    for pick in (cv2.min, cv2.max):
        rows = place[::scale]
        for down in range(1, scale):
            rows = pick(rows, place[down::scale])
        columns = rows[:, ::scale]
        for right in range(1, scale):
            columns = pick(columns, rows[:, right::scale])
        out.append(columns)
    return out[0], out[1]


def _parted(
    sheet: Sheet, share: np.ndarray, place: np.ndarray, scale: int, edge: np.ndarray, whole: Sheet
) -> Sheet | None:
    """Part cells whose pixels lie apart: what is nearer stays in `whole` (written), what is farther is returned."""
    rows, columns = np.divmod(edge, whole.place.shape[1])
    inner = np.arange(scale * scale)
    at = (rows[:, None] * scale + inner // scale) * place.shape[1] + columns[:, None] * scale + inner % scale
    share, place = share.ravel()[at], place.ravel()[at]
    member = share > 0
    low, high = np.where(member, place, np.inf).min(1), np.where(member, place, -np.inf).max(1)
    apart = high - low > APART
    if not apart.any():
        return None
    edge, at, share, place = edge[apart], at[apart], share[apart], place[apart]
    near = share * (place <= ((low + high)[apart] * np.float32(0.5))[:, None])
    other = Sheet(np.zeros_like(whole.pairs), np.full_like(whole.place, NOWHERE))
    for part, into in ((near, whole), (share - near, other)):
        part = part * np.float32(1 / scale**2)
        for source, target in zip(sheet.pairs, into.pairs, strict=True):
            target.view(np.complex64).ravel()[edge] = np.einsum("ij,ij->i", source.view(np.complex64).ravel()[at], part)
        into.place.ravel()[edge] = (place * part).sum(1) / part.sum(1)
    return other


def stacked(bands: Sequence[list[Sheet]], number: int, heights: Sequence[int], width: int, pairs: int) -> Sheet:
    """The sheet so numbered of each band of a picture, put together."""
    place = np.empty((sum(heights), width), np.float32)
    planes = np.empty((pairs, sum(heights), 2 * width), np.float32)
    top = 0
    for band, height in zip(bands, heights, strict=True):
        rows = slice(top, top + height)
        if number < len(band):
            place[rows], planes[:, rows] = band[number].place, band[number].pairs
        else:
            place[rows], planes[:, rows] = NOWHERE, 0
        top += height
    return Sheet(planes, place)
