# SPDX-License-Identifier: GPL-3.0-or-later
"""What the camera's one picture never saw: the surface behind a near edge, as a second sample per pixel.

Seen from a point u of the lens (|u| <= 1), a surface with signed circle of confusion c is shifted by c u pixels. Two
surfaces that meet at an edge are therefore moved apart by up to their difference in c, and that wide is the strip of
the farther one that some part of the lens sees and the pinhole does not. So a pixel p has a hidden surface behind it
where a farther pixel q exists with

    c(q) - c(p) > |q - p|

A continuous surface whose c changes by less than a pixel per pixel (floors, walls, faces) never fulfils it: no
threshold decides what an edge is, and, as only differences of c count, none of it changes while the focus moves.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from .workers import Each

SHALLOWEST_STEP_PX = 0.7
"""Steps in the circle of confusion below this leave no visible strip."""


MOST_RINGS = 24
"""The search goes no more cells far than this: beyond it, cells grow."""


@dataclass(frozen=True)
class Hidden:
    """The surface behind each pixel that a neighbouring farther surface continues under, in cells of the picture.

    colour  (h, w, C) float32;  coc (h, w) float32 signed radius in pixels, 0 where there is none
    reach   (h, w) float32: pixels whose own circle is below it have it behind them, -inf where there is none
    cell    edge of the cells in pixels
    """

    colour: np.ndarray
    coc: np.ndarray
    reach: np.ndarray
    cell: int

    def band(self, rows: slice, coc: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Colour (h, W, C), circle and coverage 0..1 (h, W) of rows from a multiple of `cell` on, None if all empty.

        coc  (h, W) the circles of what is in front, in these rows; it may go on beyond the picture
        """
        height, width = coc.shape
        own = slice(rows.start // self.cell, -(-rows.stop // self.cell))
        if not np.isfinite(self.reach[own]).any():
            return None
        around = slice(max(own.start - 1, 0), own.stop + 1)
        colour = _enlarged(self.colour[around], self.cell, cv2.INTER_LINEAR)
        colour = _fitted(colour[(own.start - around.start) * self.cell :], height, width)
        cells = (_enlarged(plane[own], self.cell, cv2.INTER_NEAREST) for plane in (self.reach, self.coc))
        reach, back = (_fitted(plane, height, width) for plane in cells)
        coverage = reach - coc
        coverage += np.float32(0.5)
        return colour, back, np.clip(coverage, 0, 1, out=coverage)


def _enlarged(plane: np.ndarray, cell: int, way: int) -> np.ndarray:
    large = cv2.resize(plane, (plane.shape[1] * cell, plane.shape[0] * cell), interpolation=way)
    return large.reshape(*large.shape[:2], *plane.shape[2:])


def _fitted(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """Cut to a size, or continued to it."""
    plane = plane[:height, :width]
    over = 0, height - plane.shape[0], 0, width - plane.shape[1]
    if any(over):
        plane = cv2.copyMakeBorder(plane, *over, cv2.BORDER_REPLICATE).reshape(height, width, *plane.shape[2:])
    return plane


def hidden_samples(rgb: np.ndarray, coc: np.ndarray, cell: int, each: Each) -> Hidden | None:
    """The surface behind each pixel that a neighbouring farther surface continues under, or None if there is none.

    rgb   (H, W, C) float32;  coc (H, W) float32 signed radius in pixels
    cell  edge of the search's cells in pixels, >= 1; larger ones are taken where the search would go far
    """
    nearest, farthest = _cells(coc, cell)
    while float(farthest.max() - nearest.min()) > MOST_RINGS * cell:
        cell *= 2
        nearest, farthest = _cells(coc, cell)
    receivers = _receivers(nearest, farthest, cell)
    if receivers.size == 0:
        return None
    parts = np.array_split(receivers, max(receivers.size // 4000, 1))
    results: list = [None] * len(parts)

    def search(number: int) -> None:
        results[number] = _search(parts[number], nearest, farthest, cell)

    each(search, [(number,) for number in range(len(parts))])
    source, beyond, distance = (np.concatenate(own) for own in zip(*results, strict=True))
    found = source >= 0
    if not found.any():
        return None
    receivers, source, beyond, distance = (a[found] for a in (receivers, source, beyond, distance))
    colour = _far_colour(rgb, coc, farthest, np.concatenate([source, beyond]), cell)
    colour = (colour[: source.size] + colour[source.size :]) * np.float32(0.5)
    planes = np.zeros((farthest.size, colour.shape[1] + 1), np.float32)
    planes[receivers, :-1] = colour
    planes[receivers, -1] = 1
    planes = cv2.blur(planes.reshape(*farthest.shape, -1), (3, 3), borderType=cv2.BORDER_CONSTANT)
    planes[..., :-1] /= np.maximum(planes[..., -1:], np.float32(1e-6))
    reach = np.full(farthest.shape, -np.inf, np.float32)
    reach.ravel()[receivers] = farthest.ravel()[source] - distance
    back = np.zeros(farthest.shape, np.float32)
    back.ravel()[receivers] = farthest.ravel()[source]
    return Hidden(np.ascontiguousarray(planes[..., :-1]), back, reach, cell)


def _cells(coc: np.ndarray, cell: int) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest circle in each cell of the picture."""
    height, width = coc.shape
    down, right = -height % cell, -width % cell
    if down or right:
        coc = cv2.copyMakeBorder(coc, 0, down, 0, right, cv2.BORDER_REPLICATE)
    box, corner = np.ones((cell, cell), np.uint8), (0, 0)
    return (
        np.ascontiguousarray(cv2.erode(coc, box, anchor=corner)[::cell, ::cell]),
        np.ascontiguousarray(cv2.dilate(coc, box, anchor=corner)[::cell, ::cell]),
    )


def _receivers(nearest: np.ndarray, farthest: np.ndarray, cell: int) -> np.ndarray:
    """Flat indices of cells that something farther reaches: where the cone of slope 1 over `farthest` stands above."""
    envelope = farthest
    square, cross = np.ones((3, 3), np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    span = float(farthest.max() - nearest.min())
    for turn in range(int(np.ceil(span / cell))):
        envelope = np.maximum(envelope, cv2.dilate(envelope, square if turn % 2 else cross) - np.float32(cell))
    return np.flatnonzero(envelope > nearest + np.float32(SHALLOWEST_STEP_PX))


def _search(
    receivers: np.ndarray, nearest: np.ndarray, farthest: np.ndarray, cell: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each receiver the nearest cell that reaches it, the one beyond, and its distance in pixels (-1: none)."""
    rows, columns = nearest.shape
    source = np.full(receivers.size, -1, np.int64)
    beyond, distance = source.copy(), np.zeros(receivers.size, np.float32)
    own = nearest.ravel()[receivers]
    y, x = np.divmod(receivers, columns)
    far = farthest.ravel()
    waiting = np.arange(receivers.size)
    widest = float(farthest.max()) - own
    for y_step, x_step, length in _offsets(int(np.ceil(widest.max() / cell)) + 1):
        if waiting.size == 0:
            break
        away = np.float32(length * cell)
        sy, sx = y[waiting] + y_step, x[waiting] + x_step
        inside = (sy >= 0) & (sy < rows) & (sx >= 0) & (sx < columns)
        at = np.where(inside, sy * columns + sx, 0)
        reaches = inside & (far[at] - own[waiting] > max(away - np.float32(0.5 * cell), SHALLOWEST_STEP_PX))
        if not reaches.any():
            continue
        hit = waiting[reaches]
        source[hit], distance[hit] = at[reaches], max(float(away - np.float32(0.5 * cell)), 0.0)
        by = np.clip(sy[reaches] + round(y_step / length), 0, rows - 1)
        bx = np.clip(sx[reaches] + round(x_step / length), 0, columns - 1)
        past = by * columns + bx
        alike = np.abs(far[past] - far[at[reaches]]) < 1
        beyond[hit] = np.where(alike, past, at[reaches])
        waiting = waiting[~reaches]
    return source, beyond, distance


@lru_cache(maxsize=64)
def _offsets(reach: int) -> list[tuple[int, int, float]]:
    """Cells around (0, 0) in order of distance: 8 directions close by, 16 farther out."""
    out = []
    for ring in range(1, reach + 1):
        angles = np.arange(8 if ring < 3 else 16) * (np.pi / (4 if ring < 3 else 8))
        steps = {(round(ring * np.sin(a)), round(ring * np.cos(a))) for a in angles}
        out += [(dy, dx, float(np.hypot(dy, dx))) for dy, dx in steps]
    return sorted(out, key=lambda o: (o[2], o))


def _far_colour(rgb: np.ndarray, coc: np.ndarray, farthest: np.ndarray, cells: np.ndarray, cell: int) -> np.ndarray:
    """Colour of each cell's farthest surface, (len(cells), C).

    The mean is taken over logarithms: a highlight beside an edge must not be continued under it.
    """
    unique, back = np.unique(cells, return_inverse=True)
    cy, cx = np.divmod(unique, farthest.shape[1])
    within = np.arange(cell)
    y = np.minimum(cy[:, None, None] * cell + within[None, :, None], coc.shape[0] - 1)
    x = np.minimum(cx[:, None, None] * cell + within[None, None, :], coc.shape[1] - 1)
    pixels = rgb[y, x]
    far = (coc[y, x] > farthest.ravel()[unique][:, None, None] - 1).astype(np.float32)[..., None]
    small = np.float32(1e-3)
    mean = (np.log(np.maximum(pixels, 0) + small) * far).sum((1, 2)) / far.sum((1, 2))
    return (np.exp(mean) - small)[back]
