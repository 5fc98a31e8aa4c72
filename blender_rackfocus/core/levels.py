# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture's samples at several sizes: what is far out of focus is kept at half, quarter or eighth size.

Layers of small circles are taken from the picture itself, layers of large ones from reduced pictures. Each sample's
share in the layers of a level is linear between the levels, as it is between layers, so nothing jumps on the way.

A cell of a reduced picture holds up to two samples, A and B: where its pixels lie more than a layer apart they are
parted in the middle, so an edge between two surfaces stays one. Both carry the light and coverage of their pixels.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from .aperture import Aperture
from .blur import reach_px, reduced_radius
from .hidden import Hidden
from .planes import at_most, between_0_and_1, double, extremes_of_cells, with_sign_of
from .workers import Workers, bands, up_to

NOWHERE = 1e6
"""Place among the layers of a sample without coverage."""

FOCUS_SLOT = 128
"""The slot (`slots_of`) of a sample on layer 0."""

MOST_LAYERS = 62
"""On either side of focus; larger circles than the last one's, far beyond any picture, count as that."""

_ON_LAYER = 1e-4
"""A sample that near to a layer, in layers, lies on it."""

APART = 1.0
"""Pixels of a cell that lie farther apart than so many layers become two samples."""


SCALE_FROM_PX = {"final": ((7.05, 2), (24.0, 4), (64.0, 8)), "draft": ((4.0, 2), (13.0, 4), (40.0, 8))}
"""Radii from which layers are worked at 1 / 2, 1 / 4 and 1 / 8 of the size."""

FINENESS = {"final": 6.0, "draft": 3.0}
"""Layers stand one step apart up to so many steps; from there on, the radius over so much."""


def layer_step(width_px: int, quality: str) -> float:
    """Distance of layers around the focus plane, in pixels, in a picture so wide; a draft's is half as wide.

    What errors layers make is small beside what one picture cannot know; in a larger picture it is seen from afar.
    """
    return min(max(width_px / 960, 1.0), 2.0) if quality == "final" else 0.75


@dataclass(frozen=True)
class Stand:
    """Where layers stand: their distance around the focus plane in pixels, and from how many on it grows."""

    step: float
    fineness: float

    def at(self, coc: np.ndarray) -> np.ndarray:
        """Where circles stand among the layers: layer n at n, focus at 0, near negative; linear, then logarithmic."""
        size = np.abs(coc)
        size *= np.float32(1 / self.step)
        fine = cv2.threshold(size, self.fineness, 0, cv2.THRESH_TRUNC)[1].reshape(size.shape)
        wide = np.subtract(size, fine, out=size)
        if wide.any():
            wide += np.float32(self.fineness)
            wide *= np.float32(1 / self.fineness)
            log = cv2.log(wide, dst=wide).reshape(size.shape)
            log *= np.float32(1 / math.log1p(1 / self.fineness))
            fine += log
            at_most(MOST_LAYERS, fine)
        return with_sign_of(coc, fine)

    def radius(self, layer: int) -> float:
        """The signed circle of a layer, in pixels: the inverse of `at`."""
        size = abs(layer)
        fine = self.fineness
        radius = size if size <= fine else fine * (1 + 1 / fine) ** (size - fine)
        return math.copysign(self.step * radius, layer) if layer else 0.0

    def last_within(self, radius_px: float) -> int:
        """The last layer whose circle is not above a radius."""
        layer = 0
        while layer < MOST_LAYERS - 1 and self.radius(layer + 1) <= radius_px:
            layer += 1
        return layer


@dataclass(frozen=True)
class Sheet:
    """One sample for each pixel (cell) of a picture.

    pairs  (P, H, 2 W) float32: two planes each, interleaved along x; premultiplied by coverage, the very last plane
    place  (H, W) float32: where it lies among the layers (`Stand.at`), NOWHERE if it is empty
    """

    pairs: np.ndarray
    place: np.ndarray

    @staticmethod
    def blank(
        pairs: int, height: int, width: int, margin: tuple[int, int] = (0, 0), empty: Callable = np.empty
    ) -> "Sheet":
        """One to be written, with a margin of so many (rows, columns) on every side; `empty` makes its arrays."""
        height, width = height + 2 * margin[0], width + 2 * margin[1]
        return Sheet(empty((pairs, height, 2 * width), np.float32), empty((height, width), np.float32))

    def part(self, rows: slice, columns: slice = slice(None)) -> "Sheet":
        """A window of it, sharing memory."""
        both = slice(columns.start and 2 * columns.start, columns.stop and 2 * columns.stop)
        return Sheet(self.pairs[:, rows, both], self.place[rows, columns])

    def within(self, margin: tuple[int, int]) -> "Sheet":
        """What lies within its margin, sharing memory."""
        height, width = self.place.shape
        return self.part(slice(margin[0], height - margin[0]), slice(margin[1], width - margin[1]))

    def clear(self) -> None:
        """Make it hold no sample."""
        self.pairs.fill(0)
        self.place.fill(NOWHERE)


@dataclass(frozen=True)
class Level:
    """Layers first..last on either side of focus, and the samples that belong to them, at 1 / scale of the size.

    margin  how many pixels (rows, columns) the sheets go on beyond the picture, which is mirrored there
    reach   how far the kernels of the last layer reach: (rows, columns)
    slots   for each sheet, (H, W) uint8: `slots_of` its places
    """

    scale: int
    first: int
    last: int
    margin: tuple[int, int]
    reach: tuple[int, int]
    sheets: list[Sheet]
    slots: list[np.ndarray]


def levels_of(
    light: np.ndarray,
    coc: np.ndarray,
    hidden: Hidden | None,
    stand: Stand,
    aperture: Aperture,
    quality: str,
    work: Workers,
) -> list[Level]:
    """The picture's samples, at the sizes at which their layers are blurred.

    light   (H, W, C) float32;  coc (H, W) float32 signed radius in pixels;  hidden what lies behind them, if anything
    returns levels from full size down; heights and widths (without margins) are multiples of the largest scale
    """
    levels = _empty_levels(stand, max(float(coc.max()), -float(coc.min())), aperture, quality)
    grid = levels[-1].scale
    height, width = up_to(coc.shape[0], grid), up_to(coc.shape[1], grid)
    if (height, width) != coc.shape:
        light, coc = (work.copy(_mirrored(plane, height, width)) for plane in (light, coc))
    pairs = light.shape[2] // 2 + 1
    sources = 1 if hidden is None else 2
    for level in levels:
        count = sources if level.scale == 1 else sources + 1  # a cell holds two samples of the picture, one behind it
        size = height // level.scale, width // level.scale
        level.sheets.extend(Sheet.blank(pairs, *size, level.margin, work.empty) for _ in range(count))
    parts = bands(height, width, max(grid, 1 if hidden is None else hidden.cell))
    used = set().union(*work.each(partial(_fill, levels, light, coc, hidden, stand), [(rows,) for rows in parts]))
    for level in levels:
        kept = [sheet for number, sheet in enumerate(level.sheets) if (level.scale, number) in used]
        level.sheets[:] = kept
        level.slots.extend(work.empty(sheet.place.shape, np.uint8) for sheet in kept)
    work.each(_finish, [(level, number) for level in levels for number in range(len(level.sheets))])
    return levels


def _fill(
    levels: list[Level], light: np.ndarray, coc: np.ndarray, hidden: Hidden | None, stand: Stand, rows: slice
) -> set[tuple[int, int]]:
    """Write a band of rows to the sheets; tells which ones are needed: (scale, number)."""
    own = [sheet.within(levels[0].margin).part(rows) for sheet in levels[0].sheets]
    pairs_of(light[rows], None, own[0].pairs)
    own[0].place[...] = stand.at(coc[rows])
    if hidden is not None and not _behind(hidden, coc, rows, stand, own[1]):
        own.pop()
    used = {(1, number) for number in range(len(own))}
    for level in levels[1:]:
        part = slice(rows.start // level.scale, rows.stop // level.scale)
        into = [sheet.within(level.margin).part(part) for sheet in level.sheets]
        written = set(range(reduced(own[0], level, into[:2])))
        if len(own) > 1 and reduced(own[1], level, into[2:]):
            written.add(2)
        used.update((level.scale, number) for number in written)
        for number in {*range(len(into))} - written:
            into[number].clear()
    return used


def _empty_levels(stand: Stand, widest_px: float, aperture: Aperture, quality: str) -> list[Level]:
    """The levels that circles up to a radius need, yet without samples."""
    top = stand.last_within(widest_px) + 1
    borders = [-1, *(min(stand.last_within(radius), top) for radius, _ in SCALE_FROM_PX[quality]), top]
    scales = [1, *(scale for _, scale in SCALE_FROM_PX[quality])]
    each_level = zip(scales, borders[:-1], borders[1:], strict=True)
    used = [(scale, low + 1, high) for scale, low, high in each_level if high > low]
    levels = []
    for scale, first, last in used:
        radius = stand.radius(last)
        reach = reach_px(radius if scale == 1 else reduced_radius(radius, scale), aperture)
        margin = reach[0] + used[-1][0] // scale, reach[1] + used[-1][0] // scale
        levels.append(Level(scale, first, last, margin, reach, [], []))
    return levels


def _finish(level: Level, number: int) -> None:
    """Mirror a sheet into its margin, and tell its samples' slots."""
    sheet = level.sheets[number]
    for plane in (sheet.place[..., None], *(pair.reshape(*sheet.place.shape, 2) for pair in sheet.pairs)):
        _mirror(plane, level.margin)
    slots_of(sheet.place, level.slots[number])


def _mirror(plane: np.ndarray, margin: tuple[int, int]) -> None:
    """Write the margin of a plane (H, W, C): what lies within, mirrored at its border as often as it takes."""
    down, right = margin
    inner = plane[down : plane.shape[0] - down, right : plane.shape[1] - right]
    cv2.copyMakeBorder(inner, down, down, right, right, cv2.BORDER_REFLECT, dst=plane)  # leaves what is there


def slots_of(place: np.ndarray, out: np.ndarray) -> None:
    """Write places as whole numbers, quick to search: FOCUS_SLOT in focus, n on layer n and between it and n - 1.

    Beyond focus, that is; before it, -n on layer -n and between it and -n + 1.
    """
    outward = with_sign_of(place, np.full(place.shape, 0.5 - _ON_LAYER, np.float32))
    cv2.addWeighted(place, 1, outward, 1, FOCUS_SLOT, dst=out, dtype=cv2.CV_8U)  # rounds; what is nowhere becomes 255


def slots_in(layer: int) -> tuple[int, int]:
    """First and last slot of the samples that belong to a layer."""
    return FOCUS_SLOT + layer - (layer <= 0), FOCUS_SLOT + layer + (layer >= 0)


def _behind(hidden: Hidden, coc: np.ndarray, rows: slice, stand: Stand, sheet: Sheet) -> bool:
    """Write a band of the hidden samples into a sheet; False if there are none."""
    found = hidden.band(rows, coc[rows], stand.at)
    if found is None:
        sheet.clear()
        return False
    colour, place, coverage = found
    pairs_of(colour, coverage, sheet.pairs)
    sheet.place.fill(NOWHERE)
    cv2.copyTo(place, (coverage > 0).view(np.uint8), dst=sheet.place)  # cv2.compare trips over a box of four
    return True


def _mirrored(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture continued below and to the right, to a height and width."""
    over = 0, height - picture.shape[0], 0, width - picture.shape[1]
    return cv2.copyMakeBorder(picture, *over, cv2.BORDER_REFLECT).reshape(height, width, *picture.shape[2:])


def pairs_of(colour: np.ndarray, coverage: np.ndarray | None, out: np.ndarray) -> None:
    """Write channels (h, w, C) and coverage (1 if None) as interleaved pairs of planes, premultiplied, into `out`."""
    height, width, channels = colour.shape
    if coverage is None:
        coverage = np.ones((height, width), np.float32)
    else:
        colour = cv2.multiply(colour, cv2.merge([coverage] * channels).reshape(colour.shape)).reshape(colour.shape)
    if channels % 2 == 0:
        out[-1][:, 0::2] = 0
    into = [pair.reshape(height, width, 2) for pair in out]
    plane_of = [n for channel in range(channels) for n in (channel, channel)]
    cv2.mixChannels([colour, coverage], into, [*plane_of, channels, 2 * len(into) - 1])


def reduced(sheet: Sheet, level: Level, into: Sequence[Sheet]) -> int:
    """Write the samples that belong to the layers of a level, at its size; tells how many sheets were needed.

    sheet  height and width multiples of the level's scale
    into   sheets for one sample a cell, or two: A, B; those not needed are left as they were
    """
    size = np.abs(sheet.place)
    share = _share(size, level)
    box = None if share is None else _cells_around(share, level.scale)
    if share is None or box is None:
        return 0
    rows, columns = (slice(side.start * level.scale, side.stop * level.scale) for side in box)
    if size[rows, columns].size < size.size:
        into[0].clear()
    sheet, whole = sheet.part(rows, columns), into[0].part(*box)
    share, size = share[rows, columns] * np.float32(1 / level.scale**2), size[rows, columns]
    size = cv2.max(at_most(level.last, size), float(level.first)).reshape(size.shape)
    place = with_sign_of(sheet.place, size)
    twice = double(share)
    for pair, small in zip(sheet.pairs, whole.pairs, strict=True):
        _sum_of_cells(pair, twice, level.scale, small.view(np.complex64))
    coverage = np.ascontiguousarray(whole.pairs[-1][:, 1::2])
    covered = share if len(into) == 2 else cv2.multiply(sheet.pairs[-1][:, 1::2], share)  # the picture's own is 1
    middle = _sum_of_cells(place, covered, level.scale, np.empty_like(coverage))
    lit = coverage > 0
    whole.place.fill(NOWHERE)
    cv2.copyTo(cv2.divide(middle, coverage), lit.view(np.uint8), dst=whole.place)
    if len(into) == 1:
        return 1
    low, high = extremes_of_cells(place, level.scale)
    edge = np.flatnonzero((high - low > APART) & lit)
    if edge.size == 0:
        return 1
    into[1].clear()
    return 2 if _parted(sheet, share, place, edge, whole, into[1].part(*box)) else 1


def _sum_of_cells(values: np.ndarray, shares: np.ndarray, scale: int, out: np.ndarray) -> np.ndarray:
    """Sum over each cell of values times their shares, into `out`, whose numbers are floats or pairs of them."""
    rows = cv2.multiply(values[::scale], shares[::scale])
    for down in range(1, scale):
        cv2.accumulateProduct(values[down::scale], shares[down::scale], rows)
    across = rows.view(out.dtype)
    np.add(across[:, ::scale], across[:, 1::scale], out=out)
    for right in range(2, scale):
        out += across[:, right::scale]
    return out


def _share(size: np.ndarray, level: Level) -> np.ndarray | None:
    """How far samples at so many layers from focus belong to a level, 0..1; None if none does."""
    largest = float(size.max())
    if largest <= level.first - 1:
        return None
    share = between_0_and_1(size - np.float32(level.first - 1))
    if largest > level.last:
        share -= between_0_and_1(size - np.float32(level.last))
    return share


def _cells_around(share: np.ndarray, scale: int) -> tuple[slice, slice] | None:
    """Rows and columns of cells that hold all there is."""
    x, y, columns, rows = cv2.boundingRect(cv2.compare(share, 0, cv2.CMP_GT))
    return (slice(y // scale, -(-(y + rows) // scale)), slice(x // scale, -(-(x + columns) // scale))) if rows else None


def _parted(sheet: Sheet, share: np.ndarray, place: np.ndarray, edge: np.ndarray, whole: Sheet, other: Sheet) -> bool:
    """Part cells whose pixels lie apart: what is nearer stays in `whole`, what is farther goes to `other`, if any."""
    scale = place.shape[1] // whole.place.shape[1]
    rows, columns = np.divmod(edge, whole.place.shape[1])
    inner = np.arange(scale * scale)
    at = rows[:, None] * scale + inner // scale, columns[:, None] * scale + inner % scale
    share, place = share[at], place[at]
    member = share > 0
    low, high = np.where(member, place, np.inf).min(1), np.where(member, place, -np.inf).max(1)
    apart = high - low > APART
    if not apart.any():
        return False
    rows, columns, at = rows[apart], columns[apart], (at[0][apart], at[1][apart])
    share, place = share[apart], place[apart]
    near = share * (place <= ((low + high)[apart] * np.float32(0.5))[:, None])
    for part, into in ((near, whole), (share - near, other)):
        for source, target in zip(sheet.pairs, into.pairs, strict=True):
            sums = np.einsum("ij,ij->i", source.view(np.complex64)[at], part)
            target.view(np.complex64)[rows, columns] = sums
        into.place[rows, columns] = (place * part).sum(1) / part.sum(1)
    return True
