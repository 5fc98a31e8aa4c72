# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture's samples at several sizes: what is far out of focus is kept at half the size, a quarter ... a sixteenth.

Layers of small circles are taken from the picture itself, layers of large ones from reduced pictures. Each sample's
share in the layers of a level is linear between the levels, as it is between layers, so nothing jumps on the way.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import cv2
import numpy as np

from .aperture import Aperture
from .blur import reach_px, reduced_radius
from .cells import Cells, back_of, front_of
from .crew.workers import Workers, bands, up_to
from .edges import Strands
from .hidden import Hidden
from .planes import at_most, halved, with_sign_of
from .rim import continue_beyond
from .sheet import Sheet, pairs_of

FOCUS_SLOT = 128
"""The slot (`slots_of`) of a sample on layer 0."""

EMPTY_SLOT = 255
"""The slot of a sample without coverage."""

MOST_LAYERS = 62
"""On either side of focus; larger circles than the last one's, far beyond any picture, count as that."""

EVEN = 2.0
"""Square of the radius, in steps, from which on a picture changes with the circle's logarithm, for what it holds is
alike at all sizes; before it with its square, as light comes to lie beside its point."""

_ON_LAYER = 1e-4
"""A sample that near to a layer, in layers, lies on it."""

SCALE_FROM_PX = {
    "final": ((7.05, 2), (24.0, 4), (64.0, 8), (256.0, 16)),
    "draft": ((4.0, 2), (13.0, 4), (40.0, 8), (160.0, 16)),
}
"""Radii from which layers are worked at 1 / 2, 1 / 4, 1 / 8 and 1 / 16 of the size."""

FINENESS = {"final": 7.0, "draft": 5.0}
"""Layers stand one step apart up to so many steps; from there on, the radius over so much."""


def layer_step(width_px: int, quality: str) -> float:
    """Distance of layers around the focus plane, in pixels, in a picture so wide; a draft's is half as wide.

    What errors layers make is small beside what one picture cannot know; in a larger picture it is seen from afar.
    """
    return min(max(width_px / 640 - 0.75, 0.75), 2.0) if quality == "final" else 0.5


def _passed(steps: np.ndarray) -> np.ndarray:
    """How far a picture has changed, in a unit of its own, from focus to circles of so many steps."""
    return np.log1p(steps**2 / EVEN)


@dataclass(frozen=True)
class Stand:
    """Where layers stand: which circle of confusion each layer has, and so which layers a sample's circle lies between.

    step: how far the layers around the focus plane are apart, in pixels of radius. fineness: after so many layers the
    distance grows with the radius.
    """

    step: float
    fineness: float

    def at(self, coc: np.ndarray) -> np.ndarray:
        """Where circles stand among the layers: layer n at n, focus at 0, near negative.

        coc: (h, w) float32, signed radius in pixels. Returns (h, w) float32, layers.
        Between two layers they stand as far as the picture has changed on the way from one's blur to the next's
        (`_passed`), so a rack changes as evenly as the circle grows.
        """
        size = np.abs(coc)
        size *= np.float32(1 / self.step)
        place = np.multiply(size, size)
        inner = self._inner_layer(size)
        place *= np.float32(1 / EVEN)
        place += np.float32(1)
        place = cv2.log(place, dst=place).reshape(size.shape)
        slope, start = self._passed_to_place
        place *= cv2.LUT(inner, slope).reshape(size.shape)
        place += cv2.LUT(inner, start).reshape(size.shape)
        return with_sign_of(coc, place)

    def _inner_layer(self, steps: np.ndarray) -> np.ndarray:
        """The last layer whose circle is not above a radius, in steps (written over): linear, then logarithmic."""
        fine = cv2.threshold(steps, self.fineness, 0, cv2.THRESH_TRUNC)[1].reshape(steps.shape)
        wide = np.subtract(steps, fine, out=steps)
        if wide.any():
            wide += np.float32(self.fineness)
            wide *= np.float32(1 / self.fineness)
            log = cv2.log(wide, dst=wide).reshape(steps.shape)
            log *= np.float32(1 / math.log1p(1 / self.fineness))
            fine += log
            at_most(MOST_LAYERS, fine)
        return fine.astype(np.uint8)

    @cached_property
    def _passed_to_place(self) -> tuple[np.ndarray, np.ndarray]:
        """Between each layer and the next, the place as a linear function of `_passed`: slope and value at 0."""
        layers = np.arange(256)
        passed = _passed(np.array([self.radius(n) / self.step for n in range(MOST_LAYERS + 1)]))
        slope, start = np.zeros(256), np.minimum(layers, MOST_LAYERS).astype(np.float64)
        slope[:MOST_LAYERS] = 1 / np.diff(passed)
        start[:MOST_LAYERS] -= passed[:-1] * slope[:MOST_LAYERS]
        return slope.astype(np.float32), start.astype(np.float32)

    def radius(self, layer: int) -> float:
        """The signed circle of a layer, in pixels."""
        size = abs(layer)
        fine = self.fineness
        radius = size if size <= fine else fine * (1 + 1 / fine) ** (size - fine)
        return math.copysign(self.step * radius, layer) if layer else 0.0

    def drawn(self, layer: int) -> float:
        """The signed circle that a layer is blurred with, in pixels: two discs mixed spread light farther than the one
        between them, so it is smaller than its own by what they do on the mean."""
        return math.copysign(self._drawn[abs(layer)], layer) if layer else 0.0

    @cached_property
    def _drawn(self) -> list[float]:
        own = np.array([self.radius(n) for n in range(MOST_LAYERS + 1)])
        least, most = own[:-1, None], own[1:, None]
        between = least + (most - least) * np.linspace(0, 1, 65)
        low, middle, high = (_passed(radius / self.step) for radius in (least, between, most))
        spread = least**2 + (most**2 - least**2) * (middle - low) / (high - low)
        over = (spread - between**2).mean(1)
        own[1:-1] = np.sqrt(own[1:-1] ** 2 - (over[:-1] + over[1:]) / 2)
        return own.tolist()

    def last_within(self, radius_px: float) -> int:
        """The last layer whose circle is not above a radius."""
        layer = 0
        while layer < MOST_LAYERS - 1 and self.radius(layer + 1) <= radius_px:
            layer += 1
        return layer


@dataclass(frozen=True)
class Level:
    """Layers first..last on either side of focus, and the samples that belong to them, at 1 / scale of the size.

    margin  how many pixels (rows, columns) the sheets go on beyond the picture (rim)
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
    hidden: Sequence[Hidden],
    strands: Strands | None,
    stand: Stand,
    aperture: Aperture,
    quality: str,
    work: Workers,
) -> list[Level]:
    """The picture's samples, at the sizes at which their layers are blurred.

    light: (H, W, C) float32, scene-linear.
    coc: (H, W) float32, signed radius in pixels.
    hidden: what lies behind them.
    strands: what is before some of them, kept where something is hidden too.
    Returns levels from full size down; heights and widths (without margins) are multiples of the largest scale.
    """
    levels = _empty_levels(stand, max(float(coc.max()), -float(coc.min())), aperture, quality)
    grid = levels[-1].scale
    height, width = up_to(coc.shape[0], grid), up_to(coc.shape[1], grid)
    if (height, width) != coc.shape:
        light, coc = (work.copy(_grown(plane, height, width)) for plane in (light, coc))
    pairs = light.shape[2] // 2 + 1
    for level in levels:
        count = len(hidden) + (1 if level.scale == 1 else 2)  # a cell holds two samples of the picture
        size = height // level.scale, width // level.scale
        level.sheets.extend(Sheet.blank(pairs, *size, level.margin, work.empty) for _ in range(count))
    parts = bands(height, width, max(grid, *(one.cell for one in hidden)) if hidden else grid)
    used = set().union(
        *work.each(partial(_fill, levels, light, coc, hidden, strands, stand), [(rows,) for rows in parts])
    )
    for level in levels:
        kept = [sheet for number, sheet in enumerate(level.sheets) if (level.scale, number) in used]
        level.sheets[:] = kept
        level.slots.extend(work.empty(sheet.place.shape, np.uint8) for sheet in kept)
    work.each(_finish, [(level, number) for level in levels for number in range(len(level.sheets))])
    return levels


def _fill(
    levels: list[Level],
    light: np.ndarray,
    coc: np.ndarray,
    hidden: Sequence[Hidden],
    strands: Strands | None,
    stand: Stand,
    rows: slice,
) -> set[tuple[int, int]]:
    """Write a band of rows to the sheets; tells which ones are needed: (scale, number)."""
    light, coc = light[rows], coc[rows]
    place = stand.at(coc)
    full, *reduced = levels
    own = [sheet.within(full.margin).part(rows) for sheet in full.sheets]
    cells = Cells.of(light, place)
    pairs_of(cells.colour, None, own[0].pairs)
    own[0].place[...] = place
    coverages = [one.coverage(rows, coc) for one in hidden]
    used = {(1, 0)}
    for number, (one, coverage) in enumerate(zip(hidden, coverages, strict=True), 1):
        if _behind(one, coverage, rows, stand, full, own[number]):
            used.add((1, number))
    if hidden and strands is not None and strands.put(rows, stand.at, own[1]):
        used.add((1, 1))
    if not reduced:
        return used
    behind = [
        None if coverage is None else _behind_halves(one, coverage, rows, stand)
        for one, coverage in zip(hidden, coverages, strict=True)
    ]
    for level in reduced:
        while cells.scale < level.scale:
            cells = cells.halved()
        part = slice(rows.start // level.scale, rows.stop // level.scale)
        into = [sheet.within(level.margin).part(part) for sheet in level.sheets]
        layers = level.first, level.last
        written = set(range(front_of(cells, light, place, layers, into[:2])))
        for number, halves in enumerate(behind, 2):
            if halves is not None and back_of(halves, layers, into[number]):
                written.add(number)
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
    """Continue a sheet into its margin, and tell its samples' slots."""
    sheet = level.sheets[number]
    continue_beyond(sheet, level.margin)
    slots_of(sheet.place, level.slots[number])


def slots_of(place: np.ndarray, out: np.ndarray) -> None:
    """Write each sample's slot: a whole number that tells which layers the sample belongs to, quick to search.

    FOCUS_SLOT is in focus. FOCUS_SLOT + n is on layer n and between it and n - 1, beyond focus; before it,
    FOCUS_SLOT - n is on layer -n and between it and -n + 1.
    place: (h, w) float32, layers, as `Stand.at` gives. out: (h, w) uint8, slots, written.
    """
    outward = 0.5 - _ON_LAYER
    beyond = cv2.threshold(place, 0, 2 * outward, cv2.THRESH_BINARY)[1]
    cv2.addWeighted(place, 1, beyond, 1, FOCUS_SLOT - outward, dst=out, dtype=cv2.CV_8U)  # rounds; NOWHERE is above all


def slots_in(layer: int) -> tuple[int, int]:
    """First and last slot of the samples that belong to a layer."""
    return FOCUS_SLOT + layer - (layer <= 0), FOCUS_SLOT + layer + (layer >= 0)


def _behind(hidden: Hidden, coverage: np.ndarray | None, rows: slice, stand: Stand, level: Level, sheet: Sheet) -> bool:
    """Write a band of the hidden samples into a sheet of the first level; False if none belong to its layers."""
    if coverage is None or hidden.nearest_to_focus(rows) > stand.radius(level.last + 1):
        sheet.clear()
        return False
    hidden.write(rows, coverage, stand.at, 1, sheet)
    return True


def _behind_halves(hidden: Hidden, coverage: np.ndarray, rows: slice, stand: Stand) -> Sheet:
    """A band of the hidden samples at half the size."""
    coverage = halved(coverage)
    sheet = Sheet.blank(len(hidden.pairs), *coverage.shape)
    hidden.write(rows, coverage, stand.at, 2, sheet)
    return sheet


def _grown(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture continued below and to the right, to a height and width."""
    over = 0, height - picture.shape[0], 0, width - picture.shape[1]
    return cv2.copyMakeBorder(picture, *over, cv2.BORDER_REPLICATE).reshape(height, width, *picture.shape[2:])
