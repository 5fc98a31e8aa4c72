# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture's samples at several sizes: what is far out of focus is kept at half, quarter or eighth size.

Layers of small circles are taken from the picture itself, layers of large ones from reduced pictures. Each sample's
share in the layers of a level is linear between the levels, as it is between layers, so nothing jumps on the way.

A cell of a reduced picture holds up to two samples, A and B: where its pixels lie more than a layer apart they are
parted in the middle, so an edge between two surfaces stays one. Both carry the light and coverage of their pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

NOWHERE = 1e6
"""Place among the layers of a sample without coverage."""

APART = 1.0
"""Pixels of a cell that lie farther apart than so many layers become two samples."""


@dataclass(frozen=True)
class Sheet:
    """One sample for each pixel (cell) of a picture.

    pairs  (P, H, 2 W) float32: two planes each, interleaved along x; premultiplied by coverage, the very last plane
    place  (H, W) float32: where it lies among the layers (`layers.layer_at`), NOWHERE if it is empty
    """

    pairs: np.ndarray
    place: np.ndarray


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


def stacked(bands: Sequence[list[Sheet]], heights: Sequence[int], width: int, pairs: int) -> list[Sheet]:
    """Sheets of the bands of a picture, put together."""
    out = []
    for number in range(max((len(band) for band in bands), default=0)):
        place = np.full((sum(heights), width), NOWHERE, np.float32)
        planes = np.zeros((pairs, sum(heights), 2 * width), np.float32)
        top = 0
        for band, height in zip(bands, heights, strict=True):
            if number < len(band):
                place[top : top + height], planes[:, top : top + height] = band[number].place, band[number].pairs
            top += height
        out.append(Sheet(planes, place))
    return out
