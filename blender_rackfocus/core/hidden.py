# SPDX-License-Identifier: GPL-3.0-or-later
"""What the camera's one picture never saw: the surface behind a near edge, as a second sample per pixel.

The colour of the farther surface beside an edge is continued under the nearer one; where the nearer one is blurred,
that is what shows through.

Seen from a point u of the lens (|u| <= 1), a surface with signed circle of confusion c is shifted by c u pixels. Two
surfaces that meet at an edge are therefore moved apart by up to their difference in c, and that wide is the strip of
the farther one that some part of the lens sees and the pinhole does not. So a pixel p has a hidden surface behind it
where a farther pixel q exists with

    c(q) - c(p) > |q - p|

A continuous surface whose c changes by less than a pixel per pixel (floors, walls, faces) never fulfils it: no
threshold decides what an edge is, and, as only differences of c count, none of it changes while the focus moves.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import cv2
import numpy as np

from .crew.workers import LEAST_BANDS, Workers, bands
from .planes import at_least_zero, between_0_and_1, double, extreme_of_cells
from .sheet import NOWHERE, Sheet, pairs_of

SHALLOWEST_STEP_PX = 0.7
"""Steps in the circle of confusion below this leave no visible strip."""

COMING_PX = 0.2, 1.0
"""A cell begins to have something behind it once what is farther reaches it with so much to spare, and has it wholly
from the second on: as circles grow apart, cell after cell comes in little by little."""

AT_ONCE = 16_000
"""Cells that one worker looks at, at most, before it takes the next."""

SAME_PX = 1.0
"""What is continued lies before what is known where its circle is less by more than this."""

APART = 4.0
"""What is continued is wholly a surface of its own where its circle differs by 2 / APART of the nearer one's."""

SHARP_PX = 0.1, 0.7
"""Up to the first circle what is known behind a surface does not show, from the second on all of it."""

LEAST_KNOWN = 0.5
"""Share of a cell's pixels from which what is known of them stands for the cell."""

CARRIED, CARRIED_CELLS = 2, 320
"""What is known is carried on by so many cells, of which about so many lie side by side in a picture's width."""

MOST_RINGS = 24
"""The search goes no more cells far than this: beyond it, cells grow."""


@dataclass(frozen=True)
class Seen:
    """What is known of the surface behind the picture's, from elsewhere.

    light  (H, W, C) float32, of the picture's channels;  coc (H, W) float32 signed radius in pixels
    known  (H, W) float32: 1 where it is known, 0 where it is not
    """

    light: np.ndarray
    coc: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class Hidden:
    """The surface behind each pixel that a neighbouring farther surface continues under, in cells of the picture.

    pairs   (P, h, 2 w) float32: its colour, and 1, as a `Sheet` holds them
    coc     (h, w) float32 signed radius in pixels, 0 where there is none
    reach   (h, w) float32: pixels whose own circle is below it have it behind them, -inf where there is none
    cell    edge of the cells in pixels
    known   whether it is known from elsewhere: then it shows only where what is in front is blurred
    """

    pairs: np.ndarray
    coc: np.ndarray
    reach: np.ndarray
    cell: int
    known: bool = False

    def coverage(self, rows: slice, coc: np.ndarray) -> np.ndarray | None:
        """How far there is something behind the pixels of rows from a multiple of `cell` on; None where nothing is.

        coc: (h, W) float32, px: the circles of what is in front, in these rows; it may go on beyond the picture.
        Returns (h, W) float32, 0 to 1.
        """
        reach = self.reach[self._own(rows)]
        if not np.isfinite(reach).any():
            return None
        reach = _fitted(_enlarged(reach + np.float32(0.5), self.cell), *coc.shape)
        share = between_0_and_1(cv2.subtract(reach, coc).reshape(coc.shape))
        return cv2.multiply(share, _blurred(coc)).reshape(coc.shape) if self.known else share

    def nearest_to_focus(self, rows: slice) -> float:
        """The smallest circle of what lies behind these rows, in pixels; inf if there is nothing."""
        own = self._own(rows)
        return float(np.abs(self.coc[own]).min(where=np.isfinite(self.reach[own]), initial=np.inf))

    def write(
        self, rows: slice, coverage: np.ndarray, place_of: Callable[[np.ndarray], np.ndarray], scale: int, out: Sheet
    ) -> None:
        """Write what lies behind these rows, at 1 / scale of the size, 1 or 2.

        coverage: (h, w) float32, 0 to 1, of that size. place_of: circles, (n, m) float32 px, to places, as
        `Stand.at` does.
        """
        own, ratio = self._own(rows), self.cell // scale
        around = slice(max(own.start - 1, 0), own.stop + 1)
        above, twice = (own.start - around.start) * ratio, double(coverage)
        for pair, into in zip(self.pairs, out.pairs, strict=True):
            cells = pair[around].reshape(-1, pair.shape[1] // 2, 2)
            colour = _fitted(_blended(cells, ratio)[above:], *coverage.shape)
            cv2.multiply(colour.reshape(twice.shape), twice, dst=into)
        place = _fitted(_enlarged(place_of(self.coc[own]), ratio), *coverage.shape)
        out.place.fill(NOWHERE)
        cv2.copyTo(place, (coverage > 0).view(np.uint8), dst=out.place)  # cv2.compare trips over a box of four

    def _own(self, rows: slice) -> slice:
        return slice(rows.start // self.cell, -(-rows.stop // self.cell))


def _enlarged(plane: np.ndarray, cell: int) -> np.ndarray:
    """Cells as pixels, each the same all over: cv2.resize takes twice the time."""
    return plane.repeat(cell, axis=1).repeat(cell, axis=0)


def _blended(cells: np.ndarray, cell: int) -> np.ndarray:
    """Cells as pixels, linearly from one to the next."""
    return cv2.resize(cells, (cells.shape[1] * cell, cells.shape[0] * cell), interpolation=cv2.INTER_LINEAR)


def _fitted(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """Cut to a size, or continued to it."""
    plane = plane[:height, :width]
    over = 0, height - plane.shape[0], 0, width - plane.shape[1]
    if any(over):
        plane = cv2.copyMakeBorder(plane, *over, cv2.BORDER_REPLICATE).reshape(height, width, *plane.shape[2:])
    return plane


def hidden_samples(
    rgb: np.ndarray, coc: np.ndarray, cell: int, work: Workers, seen: Seen | None = None
) -> list[Hidden]:
    """The surfaces behind each pixel: the neighbouring farther surface that continues under it, and what is known.

    What is known takes the place of what is continued, unless that is nearer: then it lies between the two.

    rgb: (H, W, C) float32, scene-linear. coc: (H, W) float32, signed radius in pixels.
    cell: edge of the search's cells in pixels, >= 2; larger ones are taken where the search would go far.
    """
    continued = _continued(rgb, coc, cell, work)
    known = None if seen is None else _known(seen, coc, 2, work)
    if known is not None and continued is not None:
        continued = _between(continued, known, coc, work)
    return [one for one in (continued, known) if one is not None]


def _known(seen: Seen, front: np.ndarray, cell: int, work: Workers) -> Hidden | None:
    """What is known, in cells, and carried on a little way. front: (H, W), circles of what is in front."""
    share = _mean_of_cells(seen.known, cell)
    each = np.maximum(share, np.float32(1e-6))
    back = _mean_of_cells(seen.coc * seen.known, cell) / each
    before = _mean_of_cells(front, cell)
    there = share >= LEAST_KNOWN
    if not there.any():
        return None
    weighted = cv2.multiply(seen.light, cv2.merge([seen.known] * seen.light.shape[2])).reshape(seen.light.shape)
    colour = _mean_of_cells(weighted, cell)
    beside = cv2.blur(colour, (3, 3)).reshape(colour.shape) / np.maximum(cv2.blur(share, (3, 3)), 1e-6)[..., None]
    colour = np.where(there[..., None], colour / each[..., None], beside)  # cells are blended with those beside them
    coc = np.where(there, back, np.float32(0))
    there |= _carried_on(colour, coc, there, share < LEAST_KNOWN, before)
    pairs = work.empty((colour.shape[2] // 2 + 1, coc.shape[0], 2 * coc.shape[1]))
    pairs_of(np.ascontiguousarray(colour), None, pairs)
    reach = np.where(there, np.minimum(coc, _seen_past(front, cell, work)), -np.float32(np.inf))
    return Hidden(pairs, work.copy(coc), work.copy(reach), cell, True)


def _seen_past(front: np.ndarray, cell: int, work: Workers) -> np.ndarray:
    """Circles below which some part of the lens sees past an edge of what is in front: (h, w) float32, pixels.

    It is as far from the edge as circles differ: what is known deeper under it has no share in the picture.
    """
    nearest, farthest = _cells(front, cell, work)
    return _spare(nearest, farthest, cell) + nearest


def _carried_on(
    colour: np.ndarray, coc: np.ndarray, there: np.ndarray, open_: np.ndarray, front: np.ndarray
) -> np.ndarray:
    """Write what is there into the open cells around it that lie under something nearer; tells which.

    A strip of what is known that ends halfway under a surface would be seen as an edge of its own. It is made in cells
    of cells, the larger the picture.
    """
    height, width = coc.shape
    ratio = max(1, round(width / CARRIED_CELLS))
    known = _mean_of_cells(there.astype(np.float32), ratio)
    held = np.dstack([colour, coc]) * there[..., None]
    held = _mean_of_cells(held, ratio) / np.maximum(known, np.float32(1e-6))[..., None]
    known = (known > 0).astype(np.float32)
    front_of_all = _mean_of_cells(front, ratio)
    for _ in range(CARRIED):
        number = cv2.blur(known, (3, 3))
        mean = cv2.blur(held * known[..., None], (3, 3)) / np.maximum(number, np.float32(1e-6))[..., None]
        fresh = (known == 0) & (number > 0.05) & (mean[..., -1] > front_of_all + np.float32(SHALLOWEST_STEP_PX))
        held[fresh], known[fresh] = mean[fresh], 1
    known = _fitted(_enlarged(known, ratio), height, width)
    rows, columns = np.nonzero((known > 0) & open_)
    made = held[rows // ratio, columns // ratio]
    farther = made[:, -1] > front[rows, columns] + np.float32(SHALLOWEST_STEP_PX)
    at = rows[farther], columns[farther]
    colour[at], coc[at] = made[farther, :-1], made[farther, -1]
    fresh = np.zeros_like(there)
    fresh[at] = True
    return fresh


def _between(continued: Hidden, known: Hidden, coc: np.ndarray, work: Workers) -> Hidden:
    """What is continued, as far as it lies apart from both what is known behind it and what is before it.

    Two strands of blurred hair are one surface to the lens: under it lies the wall that is known. In focus they are
    two.
    """
    height, width = continued.coc.shape
    ratio = continued.cell // known.cell
    circles = np.where(np.isfinite(known.reach), known.coc, known.reach)
    circles = _fitted(circles, height * ratio, width * ratio)
    farthest = cv2.resize(circles, (width, height), interpolation=cv2.INTER_NEAREST)
    front = _mean_of_cells(coc, continued.cell)
    told = farthest > front + np.float32(SHALLOWEST_STEP_PX)
    share = between_0_and_1((continued.coc - front) * np.float32(APART) / np.maximum(np.abs(front), 1) - 1)
    share[continued.coc > farthest - SAME_PX] = 0
    whole = _fitted(coc, height * continued.cell, width * continued.cell)
    share = 1 - _blurred(extreme_of_cells(cv2.min, whole, continued.cell)) * (1 - share)
    least = np.where(share > 0, front + share - np.float32(0.5), -np.float32(np.inf))
    return replace(continued, reach=work.copy(np.where(told, np.minimum(continued.reach, least), continued.reach)))


def _blurred(coc: np.ndarray) -> np.ndarray:
    """How far circles are blurred enough for what is known behind them to show, 0..1.

    In focus nothing is seen but what the picture shows; but circles that differ by a grain leave gaps between them.
    """
    return between_0_and_1((np.abs(coc) - np.float32(SHARP_PX[0])) * np.float32(1 / (SHARP_PX[1] - SHARP_PX[0])))


def _mean_of_cells(plane: np.ndarray, cell: int) -> np.ndarray:
    """Means of cells of a plane (H, W) or (H, W, C); what hangs over its border is as the border is."""
    whole = -(-plane.shape[0] // cell) * cell, -(-plane.shape[1] // cell) * cell
    size = whole[1] // cell, whole[0] // cell
    fitted = _fitted(plane, *whole)
    return cv2.resize(fitted, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], *plane.shape[2:])


def _continued(rgb: np.ndarray, coc: np.ndarray, cell: int, work: Workers) -> Hidden | None:
    """The surface behind each pixel that a neighbouring farther surface continues under, or None if there is none."""
    nearest, farthest = _cells(coc, cell, work)
    while float(farthest.max() - nearest.min()) > MOST_RINGS * cell:
        cell *= 2
        nearest, farthest = _cells(coc, cell, work)
    spare = _spare(nearest, farthest, cell)
    receivers = work.copy(np.flatnonzero(spare > COMING_PX[0]))
    if receivers.size == 0:
        return None
    results = work.each(partial(_search, nearest, farthest, cell), _parts(receivers))
    source, beyond, distance = (np.concatenate(own) for own in zip(*results, strict=True))
    found = source >= 0
    if not found.any():
        return None
    receivers, source, beyond, distance = (a[found] for a in (receivers, source, beyond, distance))
    mean = _far_colours(rgb, coc, farthest, cell, source, beyond, work)
    colour, known = np.zeros((*farthest.shape, rgb.shape[2]), np.float32), np.zeros(farthest.shape, np.float32)
    colour.reshape(-1, rgb.shape[2])[receivers] = mean
    known.ravel()[receivers] = 1
    colour, known = (cv2.blur(plane, (3, 3), borderType=cv2.BORDER_CONSTANT) for plane in (colour, known))
    known = np.maximum(known, np.float32(1e-6))
    colour = cv2.divide(colour, cv2.merge([known] * rgb.shape[2])).reshape(*farthest.shape, -1)
    reach = np.full(farthest.shape, -np.inf, np.float32)
    come = (spare.ravel()[receivers] - COMING_PX[0]) * np.float32(1 / (COMING_PX[1] - COMING_PX[0]))
    come += nearest.ravel()[receivers] - np.float32(0.5)
    reach.ravel()[receivers] = np.minimum(farthest.ravel()[source] - distance, come)
    back = np.zeros(farthest.shape, np.float32)
    back.ravel()[receivers] = farthest.ravel()[source]
    pairs = work.empty((rgb.shape[2] // 2 + 1, farthest.shape[0], 2 * farthest.shape[1]))
    pairs_of(colour, None, pairs)
    return Hidden(pairs, work.copy(back), work.copy(reach), cell)


def _parts(numbers: np.ndarray) -> list[tuple[np.ndarray]]:
    """Numbers dealt out to workers."""
    count = min(LEAST_BANDS * -(-numbers.size // (LEAST_BANDS * AT_ONCE)), numbers.size)
    return [(part,) for part in np.array_split(numbers, count)]


def _cells(coc: np.ndarray, cell: int, work: Workers) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest circle in each cell of the picture."""
    height, width = coc.shape
    nearest, farthest = work.empty((2, -(-height // cell), -(-width // cell)))
    parts = [(rows,) for rows in bands(height, width, cell)]
    work.each(partial(_cell_band, coc, cell, nearest, farthest), parts)
    return nearest, farthest


def _cell_band(coc: np.ndarray, cell: int, nearest: np.ndarray, farthest: np.ndarray, rows: slice) -> None:
    cells = slice(rows.start // cell, -(-rows.stop // cell))
    whole = _fitted(coc[rows], (cells.stop - cells.start) * cell, nearest.shape[1] * cell)
    nearest[cells] = extreme_of_cells(cv2.min, whole, cell)
    farthest[cells] = extreme_of_cells(cv2.max, whole, cell)


def _spare(nearest: np.ndarray, farthest: np.ndarray, cell: int) -> np.ndarray:
    """How far the cone of slope 1 over `farthest` stands above `nearest`: where it does, something farther reaches a
    cell. Within a cell that is half a cell away. (h, w) float32, pixels."""
    cone, envelope = farthest, farthest - np.float32(cell / 2)
    square, cross = np.ones((3, 3), np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    span = float(farthest.max() - nearest.min())
    for turn in range(int(np.ceil(span / cell))):
        cone = cv2.dilate(cone, square if turn % 2 else cross) - np.float32(cell)
        envelope = np.maximum(envelope, cone)
    return envelope - nearest


def _search(
    nearest: np.ndarray, farthest: np.ndarray, cell: int, receivers: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each receiver the nearest cell that reaches it, the one beyond, and its distance in pixels (-1: none)."""
    source = np.full(receivers.size, -1, np.int64)
    beyond, distance = source.copy(), np.zeros(receivers.size, np.float32)
    own = nearest.ravel()[receivers]
    rings = int(np.ceil((float(farthest.max()) - own).max() / cell)) + 1
    rows, columns = nearest.shape
    wide = columns + 2 * rings  # nothing reaches from beyond the picture: no need to ask for its border
    far = cv2.copyMakeBorder(farthest, rings, rings, rings, rings, cv2.BORDER_CONSTANT, value=-np.inf).ravel()
    y, x = np.divmod(receivers, columns)
    at = (y + rings) * wide + x + rings
    waiting = np.arange(receivers.size)
    for steps, away in _offsets(rings):
        bound = np.maximum((away - np.float32(0.5)) * np.float32(cell), np.float32(SHALLOWEST_STEP_PX))
        there = far.take(at + (steps[:, :1] * wide + steps[:, 1:]))
        reaches = there - own > bound[:, None]
        hits = np.flatnonzero(reaches.any(axis=0))
        if hits.size == 0:
            continue
        first = reaches[:, hits].argmax(axis=0)  # the nearest of this ring
        hit, there = waiting[hits], there[first, hits]
        step = steps[first]
        sy, sx = y[hit] + step[:, 0], x[hit] + step[:, 1]
        outward = np.rint(step / away[first, None]).astype(np.int64)
        by, bx = np.clip(sy + outward[:, 0], 0, rows - 1), np.clip(sx + outward[:, 1], 0, columns - 1)
        alike = np.abs(farthest[by, bx] - there) < 1
        source[hit] = sy * columns + sx
        beyond[hit] = np.where(alike, by * columns + bx, source[hit])
        distance[hit] = np.maximum((away[first] - np.float32(0.5)) * np.float32(cell), 0)
        still = np.ones(waiting.size, bool)
        still[hits] = False
        waiting, at, own = waiting[still], at[still], own[still]
        if waiting.size == 0:
            break
    return source, beyond, distance


@lru_cache(maxsize=64)
def _offsets(reach: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cells around (0, 0) in order of distance, 8 of them each time, each in another direction.

    Returns (8, 2) steps in rows and columns, and (8,) float32 lengths, ring after ring.
    """
    out = []
    for ring in range(1, reach + 1):
        angles = np.arange(8) * (np.pi / 4)
        steps = {(round(ring * np.sin(a)), round(ring * np.cos(a))) for a in angles}
        ordered = sorted(steps, key=lambda step: (np.hypot(*step), step))
        out.append((np.array(ordered, np.int64), np.hypot(*np.array(ordered).T).astype(np.float32)))
    return out


def _far_colours(
    rgb: np.ndarray,
    coc: np.ndarray,
    farthest: np.ndarray,
    cell: int,
    source: np.ndarray,
    beyond: np.ndarray,
    work: Workers,
) -> np.ndarray:
    """Mean colour of the farthest surface in two cells at a time (their flat indices), (n, C)."""
    whole = farthest.shape[0] * cell, farthest.shape[1] * cell
    if coc.shape != whole:
        rgb, coc = work.copy(_fitted(rgb, *whole)), work.copy(_fitted(coc, *whole))
    asked = np.zeros(farthest.size, bool)
    asked[source] = asked[beyond] = True
    cells = work.copy(np.flatnonzero(asked))
    far = np.empty((farthest.size, rgb.shape[2]), np.float32)
    far[cells] = np.concatenate(work.each(partial(_far_colour, rgb, coc, farthest, cell), _parts(cells)))
    mean = far.take(source, axis=0)
    mean += far.take(beyond, axis=0)
    mean *= np.float32(0.5)
    return mean


def _far_colour(rgb: np.ndarray, coc: np.ndarray, farthest: np.ndarray, cell: int, cells: np.ndarray) -> np.ndarray:
    """Colour of the farthest surface in some cells, (n, C); height and width are multiples of `cell`.

    The mean is taken over logarithms: a highlight beside an edge must not be continued under it.
    """
    width, channels, small = rgb.shape[1], rgb.shape[2], np.float32(1e-3)
    columns, count = width // cell, cells.size
    y, x = np.divmod(cells, columns)
    runs = ((y[:, None] * cell + np.arange(cell)) * columns + x[:, None]).ravel()  # a cell's pixels side by side
    far = coc.reshape(-1, cell).take(runs, axis=0).reshape(count, cell * cell)
    far = (far > farthest.take(cells)[:, None] - np.float32(1)).astype(np.float32)
    light = at_least_zero(rgb.reshape(-1, cell * channels).take(runs, axis=0))
    light += small
    light = cv2.log(light, dst=light).reshape(count, cell * cell, channels)
    mean = np.einsum("nkc,nk->nc", light, far) / far.sum(1)[:, None]
    return np.exp(mean) - small
