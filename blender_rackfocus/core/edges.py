# SPDX-License-Identifier: GPL-3.0-or-later
"""Edge pixels whose colour is a mixture of two depths while their depth is that of one.

A renderer or a camera filters colour over about 1.5 pixels, depth is a single ray. On the far side of an edge a pixel
then holds some of the near surface's colour at the far surface's depth: it would stay behind as a sharp line where the
near surface is out of focus, or spread as a smear where the far one is. With N the near neighbours' colour and F that
of the own surface two pixels further from the edge, a colour C = F + a (N - F) + rest loses a (N - F) and keeps the
rest, its texture. What is taken out is on average what the near side's edge pixels, kept whole, have too much.

Of what is thinner than two pixels, hair and grass, no pixel has too much: its ray met it or missed it. There a N is
kept, at the near surface's circle and before what is left, so that a strand is whole where it is in focus.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from .crew.workers import Workers, bands
from .sheet import Sheet

MIXED_FROM_PX = 1.0
"""Difference in the circle of confusion to a neighbour from which a far pixel's colour is taken for a mixture."""

SAME_SURFACE_PX = 0.5
"""Largest difference in the circle of confusion within which a pixel two further belongs to the same surface."""

STRAND_PX = 3.5
"""Circle up to which strands are kept whole, and twice which none is kept: spread so far they are not seen."""

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))

_AROUND = ((-1, 0), (1, 0), (0, -1), (0, 1))

_REACH = 3
"""Rows around a pixel that decide about it."""


@dataclass(frozen=True)
class Strands:
    """What pixels hold of something thinner than themselves, before what else they show.

    at      (n,) int64 ascending: flat indices of the pixels of a picture `width` pixels wide
    colour  (n, C) float32;  share (n,) float32, 0..1, of the pixel;  coc (n,) float32 signed radius in pixels
    """

    at: np.ndarray
    colour: np.ndarray
    share: np.ndarray
    coc: np.ndarray
    width: int

    def put(self, rows: slice, place_of: Callable[[np.ndarray], np.ndarray], sheet: Sheet) -> bool:
        """Write the strands of these rows over what a sheet of them holds; False if there are none.

        What lies hidden behind such a pixel is its own surface, and not missed. place_of: circles, (n, m) float32
        px, to places, as `Stand.at` does.
        """
        start, stop = np.searchsorted(self.at, (rows.start * self.width, rows.stop * self.width))
        if start == stop:
            return False
        own = slice(start, stop)
        y, x = np.divmod(self.at[own], self.width)
        y -= rows.start
        held = np.zeros((stop - start, 2 * len(sheet.pairs)), np.float32)
        held[:, : self.colour.shape[1]] = self.colour[own] * self.share[own, None]
        held[:, -1] = self.share[own]
        for pair, both in zip(sheet.pairs, held.view(np.complex64).T, strict=True):
            pair.view(np.complex64)[y, x] = both
        sheet.place[y, x] = place_of(self.coc[None, own])[0]
        return True


def unmixed(rgb: np.ndarray, coc: np.ndarray, work: Workers) -> tuple[np.ndarray, Strands | None]:
    """The picture with the near surface's colour taken out of pixels on the far side of edges: a new array. And what of
    it is a strand.

    rgb: (H, W, C) float32, scene-linear. coc: (H, W) float32, signed radius in pixels.
    Returns (H, W, C) float32, scene-linear, and the strands, None without any.
    """
    out = work.empty(rgb.shape)
    found = work.each(partial(_unmix_band, rgb, coc, out), [(rows,) for rows in bands(*coc.shape)])
    at, colour, share, circle = (work.copy(np.concatenate(own)) for own in zip(*found, strict=True))
    return out, Strands(at, colour, share, circle, coc.shape[1]) if at.size else None


def _unmix_band(rgb: np.ndarray, coc: np.ndarray, out: np.ndarray, rows: slice) -> tuple[np.ndarray, ...]:
    """A band of rows; returns its strands as `Strands` holds them."""
    out[rows] = rgb[rows]
    around = slice(max(rows.start - _REACH, 0), rows.stop + _REACH)
    own = slice(rows.start - around.start, rows.stop - around.start)
    at, *strands = _unmix(rgb[around], coc[around], own, out[rows])
    return at + rows.start * coc.shape[1], *strands


def _unmix(rgb: np.ndarray, coc: np.ndarray, rows: slice, out: np.ndarray) -> tuple[np.ndarray, ...]:
    """Write pixels on the far side of edges into `out`, which holds these rows of the picture. Returns strands."""
    width = coc.shape[1]
    step = coc - cv2.erode(coc, _CROSS)
    mixed = np.flatnonzero(step[rows] > MIXED_FROM_PX)
    if mixed.size == 0:
        return mixed, np.empty((0, rgb.shape[2]), np.float32), *np.empty((2, 0), np.float32)
    wide = width + 4  # two pixels more on every side, so that neighbours need no bounds
    slim = cv2.morphologyEx(coc, cv2.MORPH_CLOSE, _CROSS) - coc > MIXED_FROM_PX
    steps, circles, slims, *planes = (_framed(plane) for plane in (step, coc, slim.view(np.uint8), *cv2.split(rgb)))
    y, x = np.divmod(mixed, width)
    middle = (y + rows.start + 2) * wide + x + 2
    own, excess = circles.take(middle), steps.take(middle) - np.float32(MIXED_FROM_PX)
    far, near = np.zeros((2, len(planes), mixed.size), np.float32)
    far_count, near_count, slim_count, circle = np.zeros((4, mixed.size), np.float32)
    for down, right in _AROUND:
        at = middle + (down * wide + right)
        front = (own - circles.take(at) > MIXED_FROM_PX).astype(np.float32)
        _gather(planes, at, front, near)
        near_count += front
        slim_count += front * slims.take(at)
        circle += front * circles.take(at)
        at += down * wide + right
        pure = np.abs(circles.take(at) - own) < SAME_SURFACE_PX
        pure = (pure & (steps.take(at) <= MIXED_FROM_PX)).astype(np.float32)
        _gather(planes, at, pure, far)
        far_count += pure
    far /= np.maximum(far_count, 1)
    near_count = np.maximum(near_count, 1)
    near /= near_count
    circle /= near_count
    held = np.stack([plane.take(middle) for plane in planes])
    apart = near - far
    alpha = ((held - far) * apart).sum(0) / np.maximum((apart * apart).sum(0), 1e-6)
    share = np.clip(excess, 0, 1) * (far_count > 0)
    share *= np.clip(alpha, 0, 1)
    out.reshape(-1, len(planes))[mixed] = np.maximum(held - share * apart, 0).T
    share *= slim_count / near_count * np.clip(2 - np.abs(circle) / np.float32(STRAND_PX), 0, 1)
    kept = np.flatnonzero(share)
    return mixed[kept], np.ascontiguousarray(near.T[kept]), share[kept], circle[kept]


def _gather(planes: list[np.ndarray], at: np.ndarray, share: np.ndarray, total: np.ndarray) -> None:
    """Add a share of what planes hold somewhere to their totals."""
    for plane, sums in zip(planes, total, strict=True):
        found = plane.take(at)
        found *= share
        sums += found


def _framed(picture: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(picture, 2, 2, 2, 2, cv2.BORDER_REPLICATE)
