# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples at a reduced size: what the pixels of a cell hold together, as far as they belong to a level's layers.

A cell is a square of 2, 4, 8 or 16 pixels each way that becomes one pixel of the reduced picture. It holds up to two
samples of the picture, A and B: where its pixels lie more than a layer apart they are parted in the middle, so an edge
between two surfaces stays one. Both carry the light and coverage of their pixels. Cells whose pixels lie close
together, nearly all of them, are taken as their mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .planes import between_0_and_1, double, extreme_of_cells, halved, with_sign_of
from .sheet import NOWHERE, Sheet, pairs_of

APART = 1.0
"""Pixels of a cell that lie farther apart than so many layers become two samples."""

ALIKE = 0.5
"""Pixels of a cell that lie no farther apart than so many layers are taken as their mean."""


@dataclass(frozen=True)
class Cells:
    """Cells of scale x scale pixels: mean colour (h, w, C) and place, and the least and the largest place.

    Three channels go with a fourth, 1: four are quicker in most of what is done with them, and fill pairs.
    """

    scale: int
    colour: np.ndarray
    place: np.ndarray
    least: np.ndarray
    largest: np.ndarray

    @staticmethod
    def of(colour: np.ndarray, place: np.ndarray) -> "Cells":
        """Cells of one pixel.

        colour: (h, w, C) float32, scene-linear. place: (h, w) float32, layers as `Stand.at` counts them.
        """
        if colour.shape[2] == 3:
            colour = cv2.cvtColor(colour, cv2.COLOR_BGR2BGRA)
        return Cells(1, colour, place, place, place)

    def halved(self) -> "Cells":
        """Cells of twice the edge: height and width are even."""
        least = extreme_of_cells(cv2.min, self.least, 2)
        largest = extreme_of_cells(cv2.max, self.largest, 2)
        return Cells(2 * self.scale, halved(self.colour), halved(self.place), least, largest)


def front_of(cells: Cells, light: np.ndarray, place: np.ndarray, layers: tuple[int, int], into: Sequence[Sheet]) -> int:
    """Write the picture's samples that belong to some layers; tells how many sheets were needed.

    cells: of the size wanted, made of light and place, both contiguous.
    light: (h, w, C) float32, scene-linear.
    place: (h, w) float32, layers as `Stand.at` counts them.
    layers: the first and the last, on either side of focus.
    into: two sheets, A and B; those not needed are left as they were.
    """
    share = _share(np.abs(place), layers)
    if share is None:
        return 0
    coverage = share
    while coverage.shape != cells.place.shape:
        coverage = halved(coverage)
    lit = coverage > 0
    pairs_of(cells.colour, coverage, into[0].pairs)
    into[0].place.fill(NOWHERE)
    cv2.copyTo(_within(layers, cells.place), lit.view(np.uint8), dst=into[0].place)
    mixed = np.flatnonzero((cells.largest - cells.least > ALIKE) & lit)
    if mixed.size == 0:
        return 1
    return _parted(mixed, cells.scale, light, place, share, layers, into)


def back_of(halves: Sheet, layers: tuple[int, int], into: Sheet) -> bool:
    """Write samples that belong to some layers, one for each cell; False if there are none, and nothing is written.

    halves  the samples at half the picture's size, or smaller;  into  of that size, or a half, a quarter ... of it
    """
    size = np.abs(halves.place)
    share = _share(size, layers)
    if share is None or not share.any():
        return False
    scale = halves.place.shape[1] // into.place.shape[1]
    share *= np.float32(1 / scale**2)
    place = _within(layers, halves.place, size)
    twice = double(share)
    for pair, small in zip(halves.pairs, into.pairs, strict=True):
        _sum_of_cells(pair, twice, scale, small.view(np.complex64))
    coverage = np.ascontiguousarray(into.pairs[-1][:, 1::2])
    share = cv2.multiply(halves.pairs[-1][:, 1::2], share)
    middle = _sum_of_cells(place, share.reshape(place.shape), scale, np.empty_like(coverage))
    into.place.fill(NOWHERE)
    cv2.copyTo(cv2.divide(middle, coverage), (coverage > 0).view(np.uint8), dst=into.place)
    return True


def _sum_of_cells(values: np.ndarray, shares: np.ndarray, scale: int, out: np.ndarray) -> np.ndarray:
    """Sum over each cell of values times their shares, into `out`, whose numbers are floats or pairs of them."""
    rows = cv2.multiply(values[::scale], shares[::scale])
    for down in range(1, scale):
        cv2.accumulateProduct(values[down::scale], shares[down::scale], rows)
    across = rows.view(out.dtype)
    total = across[:, ::scale].copy()
    for right in range(1, scale):
        total += across[:, right::scale]
    np.copyto(out, total)  # at once: two may do the same cells at the same time
    return out


def _share(size: np.ndarray, layers: tuple[int, int]) -> np.ndarray | None:
    """How far samples at so many layers from focus belong to some of them, 0..1; None if none does."""
    first, last = layers
    largest = float(size.max())
    if largest <= first - 1:
        return None
    share = between_0_and_1(size - np.float32(first - 1))
    if largest > last:
        share -= between_0_and_1(size - np.float32(last))
    return share


def _within(layers: tuple[int, int], place: np.ndarray, size: np.ndarray | None = None) -> np.ndarray:
    """Places, moved onto the first or the last layer where they lie beyond; `size`, if given: their absolute, lost."""
    size = np.abs(place) if size is None else size
    np.clip(size, np.float32(layers[0]), np.float32(layers[1]), out=size)
    return with_sign_of(place, size)


def _parted(
    cells: np.ndarray,
    scale: int,
    light: np.ndarray,
    place: np.ndarray,
    share: np.ndarray,
    layers: tuple[int, int],
    into: Sequence[Sheet],
) -> int:
    """Write cells (flat indices) pixel by pixel: what is nearer goes to A, what is farther to B, if anything is."""
    (height, width), channels = place.shape, light.shape[2]
    across = width // scale
    rows, columns = np.divmod(cells, across)
    inner = np.arange(scale * scale)
    at = (rows * scale * width + columns * scale)[:, None] + (inner // scale * width + inner % scale)
    share, place = share.take(at), _within(layers, place.take(at))
    colour = light.reshape(height * width, channels).take(at.ravel(), axis=0).reshape(*at.shape, channels)
    member = share > 0
    least, largest = np.where(member, place, np.inf).min(1), np.where(member, place, -np.inf).max(1)
    apart = largest - least > APART
    middle = np.where(apart, (least + largest) * np.float32(0.5), np.inf)
    near = share * (place <= middle[:, None])
    _write(into[0], rows, columns, colour, place, near)
    if not apart.any():
        return 1
    into[1].clear()
    _write(into[1], rows[apart], columns[apart], colour[apart], place[apart], (share - near)[apart])
    return 2


def _write(
    sheet: Sheet, rows: np.ndarray, columns: np.ndarray, colour: np.ndarray, place: np.ndarray, share: np.ndarray
) -> None:
    """Write samples: of colours (n, k, C) and places (n, k) of k pixels each, by their shares."""
    count, pixels, channels = colour.shape
    total = share.sum(1)
    sums = np.zeros((count, 2 * len(sheet.pairs)), np.float32)
    sums[:, :channels] = np.einsum("nkc,nk->nc", colour, share)
    sums[:, -1] = total
    sums *= np.float32(1 / pixels)
    for pair, both in zip(sheet.pairs, sums.view(np.complex64).T, strict=True):
        pair.view(np.complex64)[rows, columns] = both
    sheet.place[rows, columns] = (place * share).sum(1) / total
