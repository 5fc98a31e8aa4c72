# SPDX-License-Identifier: GPL-3.0-or-later
"""Lamps: what is small and brighter than white, drawn pixel by pixel at full size, each with its own circle.

A lamp out of focus is seen as the lens's opening, clipped to white almost up to its rim: mixed from two layers' circles
it is as large as the larger one, and grows in jumps while the focus goes evenly; drawn at a reduced size it has soft
steps. So the light that a lamp has over what is around it is taken out of the picture and its disc is drawn exactly.
What it covers, and what covers it, is as the layers have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from .aperture import CENTRE, Aperture, kernel
from .blur import Box, Field
from .crew.workers import Workers, bands
from .planes import extreme_of_cells

BRIGHT = 1.0
"""Light over what is around it, in times white, from which a pixel begins to count as a lamp's; with twice that it does
wholly."""

WIDEST = 1 / 24
"""Share of the picture's width up to which something bright is a lamp; wider it is a surface."""

DRAWN_PX = 1.5, 2.5
"""Circles from which lamps begin to be drawn pixel by pixel, and are wholly: below, layers stand close together."""

RIM_PX = 300.0
"""So many pixels as bright as a lamp's have to make a disc of white for it to begin to count, of twice white for it to
do so wholly: fainter discs have no rim to be seen."""

WORK_PX = {"final": 16e6, "draft": 8e6}
"""Pixels of discs that are drawn, about: where lamps have more, those with the brightest rims are."""

ALIKE_PX = 0.03
"""Circles that lie closer together than this are drawn as their mean."""

_EACH_PX, _SHAPED_PX = 4000.0, 20000.0
"""What drawing a disc takes beside its pixels, in pixels of discs: with a shape that there is, with one of its own
(measured)."""

_FILTERED = 80.0
"""What a pixel of a filtered picture takes, in pixels of discs (measured)."""

_LIMITS = 16
"""So many limits, around that of the work, are taken together."""

_CELL = 4
"""What is too wide for a lamp is told in cells of so many pixels."""

_FIELDS = 64
"""Kernels of lamps change in so many steps from the picture's centre to its corner."""


@dataclass(frozen=True)
class Lamps:
    """The pixels of lamps, in order of their circles.

    at      (n, 2) int64: row and column in the picture, beyond it too
    light   (n, C) float32, scene-linear
    coc     (n,) float32 signed radius in pixels;  place (n,) float32 among the layers, as `Stand.at` counts
    shape   (height, width) of the frame and margin, (rows, columns), of the picture around it
    """

    at: np.ndarray
    light: np.ndarray
    coc: np.ndarray
    place: np.ndarray
    shape: tuple[int, int]
    margin: tuple[int, int]
    aperture: Aperture

    def over(self, place: tuple[int, int, int, int], part: Box, fine: int) -> Glow | None:
        """What lamps may bring to a part of the picture, None if they bring nothing.

        place: (top, bottom, left, right) of the tile in which layers are put together; part: rows and columns. Each of
        their pixels is `fine` of the picture's along a side.
        """
        (top, bottom), (left, right) = box = _times(fine, part)
        reach = _reach(self.coc, self.aperture)
        met = np.flatnonzero(((self.at > (top, left) - reach) & (self.at - (bottom, right) < reach)).all(1))
        discs = []
        for field, own in self._by_field(met):
            starts = np.flatnonzero(np.diff(self.coc[own]) != 0) + 1
            for alike in np.split(own, starts) if own.size else []:
                first = alike[0]
                opening = kernel(float(self.coc[first]), self.aperture, field)
                drawn = _drawn(self.at[alike], self.light[alike], opening, box)
                if drawn is not None:
                    discs.append(Discs(float(self.place[first]), *drawn))
        if not discs:
            return None
        boxes = np.array([one.box for one in discs])
        first, last = boxes[..., 0].min(0), boxes[..., 1].max(0)
        tile = _times(fine, (place[:2], place[2:]))
        light = np.zeros((2, self.light.shape[1], *(last - first)), np.float32)
        return Glow(discs, tile, ((first[0], last[0]), (first[1], last[1])), (light[0], light[1]))

    def _by_field(self, own: np.ndarray) -> list[tuple[Field, np.ndarray]]:
        """Pixels dealt out by where in the frame they stand, as far as that changes the opening's shape."""
        if not self.aperture.varies_over_field:
            return [(CENTRE, own)]
        middle = np.array(self.margin) + (np.array(self.shape) - 1) / 2
        cells = np.rint((self.at[own] - middle) * (2 * _FIELDS / math.hypot(*self.shape))).astype(np.int64)
        dealt = []
        for down, right in np.unique(cells, axis=0):
            beyond = max(math.hypot(down, right) / _FIELDS, 1.0) * _FIELDS
            here = own[(cells == (down, right)).all(1)]
            dealt.append(((float(right / beyond), float(down / beyond)), here))
        return dealt


@dataclass(frozen=True)
class Discs:
    """Discs of one size: their place among the layers, where they lie, and their light (C, h, w) float32."""

    place: float
    box: Box
    light: np.ndarray


@dataclass
class Glow:
    """What lamps bring to a part of a picture: their discs, and how much of their light is seen.

    tile   where layers are put together, and box where discs lie: rows and columns in the picture
    light  (C, h, w) float32 of the box: of lamps nearer than focus, and of those beyond
    dealt  (h, w) float32 of the box: what each pixel goes on with of what it was reduced to; None is 1
    """

    discs: list[Discs]
    tile: Box
    box: Box
    light: tuple[np.ndarray, np.ndarray]
    dealt: np.ndarray | None = None

    @property
    def layers(self) -> set[int]:
        """The layers that lamps belong to."""
        return {number for discs in self.discs for number in (math.floor(discs.place), math.floor(discs.place) + 1)}

    def come(self, layer: int, seen: np.ndarray) -> None:
        """Add the discs of a layer. seen: (h, w) float32, 0 to 1, of the tile at any size: how far they are seen."""
        seen = self._within_box(seen)
        seen = seen if self.dealt is None else seen * self.dealt
        (above, _), (before, _) = self.box
        for discs in self.discs:
            share = 1 - abs(discs.place - layer)
            if share > 0:
                (top, bottom), (left, right) = discs.box
                here = slice(top - above, bottom - above), slice(left - before, right - before)
                through = seen[here] * np.float32(share)
                for plane, own in zip(self.light[layer >= 0], discs.light, strict=True):
                    cv2.accumulateProduct(own, through, plane[here])

    def goes_on_smaller(self, share: np.ndarray) -> None:
        """From here on, what comes is dealt out to the pixels by their shares.

        share: (h, w) float32, 0 or more, of the tile at any size.
        """
        own = self._within_box(share)
        self.dealt = own if self.dealt is None else self.dealt * own

    def show_before(self, before: np.ndarray) -> None:
        """Count the light of what is nearer than focus as so much coverage: a lamp covers next to nothing, and yet a
        pixel under its disc is not as it was.

        before: (h, w) float32, 0 to 1, of the tile, written.
        """
        light = self.light[0].max(0)
        if light.any():
            whole = np.zeros([stop - start for start, stop in self.tile], np.float32)
            self._within_box(whole)[...] = light
            cv2.max(before, cv2.resize(whole, before.shape[::-1], interpolation=cv2.INTER_AREA), dst=before)
            np.minimum(before, 1, out=before)

    def add_to(self, picture: np.ndarray) -> None:
        """Add the light to a picture: (H, W, C) float32, scene-linear, with more channels perhaps, written."""
        planes = [cv2.add(near, far) for near, far in zip(*self.light, strict=True)]
        planes += [np.zeros_like(planes[0])] * (picture.shape[2] - len(planes))
        into = picture[slice(*self.box[0]), slice(*self.box[1])]
        into += cv2.merge(planes).reshape(into.shape)

    def _within_box(self, plane: np.ndarray) -> np.ndarray:
        """A plane of the tile at any size, at full size, as far as it lies in the box."""
        rows, columns = (
            slice(low - start, high - start) for (low, high), (start, _) in zip(self.box, self.tile, strict=True)
        )
        height, width = (stop - start for start, stop in self.tile)
        return (plane if len(plane) == height else cv2.resize(plane, (width, height)))[rows, columns]


def _times(fine: int, box: Box) -> Box:
    """A box in pixels so many times as fine."""
    (top, bottom), (left, right) = box
    return (top * fine, bottom * fine), (left * fine, right * fine)


def _drawn(at: np.ndarray, light: np.ndarray, opening: np.ndarray, part: Box) -> tuple[Box, np.ndarray] | None:
    """Discs of one opening around pixels (n, 2) of light (n, C), as far as they fall on a part of the picture: where,
    and (C, h, w) float32."""
    reach = np.array(opening.shape) // 2
    least, most = np.array(part).T
    first, last = np.maximum(at.min(0) - reach, least), np.minimum(at.max(0) + reach + 1, most)
    if (first >= last).any():
        return None
    box = (int(first[0]), int(last[0])), (int(first[1]), int(last[1]))
    wide = int(last[0] - first[0] + 2 * reach[0]), int(last[1] - first[1] + 2 * reach[1])
    if len(at) * (opening.size + _EACH_PX) > wide[0] * wide[1] * _FILTERED:
        return box, _filtered(at - first + reach, light, opening, wide)
    out = np.zeros((light.shape[1], *(last - first)), np.float32)
    for (y, x), own in zip((at - first - reach).tolist(), light.tolist(), strict=True):
        top, left = max(y, 0), max(x, 0)
        under = out[:, top : max(y + opening.shape[0], 0), left : max(x + opening.shape[1], 0)]
        if under.size:
            within = opening[top - y :, left - x :][: under.shape[1], : under.shape[2]]
            for plane, value in zip(under, own, strict=True):
                cv2.scaleAdd(within, value, plane, dst=plane)
    return box, out


def _filtered(at: np.ndarray, light: np.ndarray, opening: np.ndarray, wide: tuple[int, int]) -> np.ndarray:
    """Discs around pixels of a picture, of which as much as they reach is cut off around."""
    reach = np.array(opening.shape) // 2
    within = ((at >= 0) & (at < wide)).all(1)
    rows, columns = at[within].T
    turned = np.ascontiguousarray(opening[::-1, ::-1])  # filter2D correlates
    out = []
    for own in light[within].T:
        sharp = np.zeros(wide, np.float32)
        sharp[rows, columns] = own
        blurred = cv2.filter2D(sharp, -1, turned, borderType=cv2.BORDER_CONSTANT)
        out.append(blurred[reach[0] : wide[0] - reach[0], reach[1] : wide[1] - reach[1]])
    return np.stack(out)


def taken_out(
    light: np.ndarray,
    coc: np.ndarray,
    place_of: Callable[[np.ndarray], np.ndarray],
    aperture: Aperture,
    quality: str,
    margin: tuple[int, int],
    work: Workers,
) -> Lamps | None:
    """Take the light of lamps out of a picture; None if there are none.

    light: (H, W, C) float32, scene-linear, written: it loses what lamps have over what is around them.
    coc: (H, W) float32, signed radius in pixels. place_of: circles, (1, n) float32 px, to places, as `Stand.at` does.
    margin: (rows, columns) that lie outside the frame on every side.
    """
    height, width = coc.shape
    bright, cells = work.empty(coc.shape), work.empty((-(-height // _CELL), -(-width // _CELL)))
    parts = [(rows,) for rows in bands(height, width, _CELL)]
    if not any(work.each(partial(_brightness, light, bright, cells), parts)):
        return None
    wide = max(round(width * WIDEST / _CELL), 1) | 1
    around = cv2.morphologyEx(cells, cv2.MORPH_OPEN, np.ones((wide, wide), np.uint8))
    around = cv2.dilate(around, np.ones((3, 3), np.uint8))  # cells at the border of what is wide hold some of it
    y, x = np.divmod(np.flatnonzero(bright > BRIGHT), width)
    own = bright[y, x]
    over = np.maximum(own - around[y // _CELL, x // _CELL], 0)
    circle = coc[y, x]
    rim = over * np.float32(RIM_PX) / np.maximum(np.square(circle) * np.float32(math.pi), 1)
    share = np.clip(over - BRIGHT, 0, 1)
    share *= np.clip((np.abs(circle) - DRAWN_PX[0]) / (DRAWN_PX[1] - DRAWN_PX[0]), 0, 1)
    each = _SHAPED_PX if aperture.varies_over_field else _EACH_PX
    share *= _affordable(rim * share, np.square(2 * circle + 1) + np.float32(each), WORK_PX[quality])
    found = np.flatnonzero(share > 0)
    if found.size == 0:
        return None
    found = found[np.argsort(circle[found], kind="stable")]
    y, x, circle = y[found], x[found], circle[found]
    lamps = light[y, x] * (share[found] * over[found] / own[found])[:, None]
    lamps[:, _colours(light) :] = 0
    light[y, x] -= lamps
    circle = _alike(circle)
    at, number = _mirrored(np.column_stack([y, x]), _reach(circle, aperture), (height, width))
    place = place_of(circle[None])[0]
    frame = height - 2 * margin[0], width - 2 * margin[1]
    at, lamps, circle, place = (work.copy(plane) for plane in (at, lamps[number], circle[number], place[number]))
    return Lamps(at, lamps, circle, place, frame, margin, aperture)


def _affordable(rim: np.ndarray, cost: np.ndarray, most: float) -> np.ndarray:
    """How much of each pixel's disc is drawn, 0..1, (n,): all of those with the brightest rims, as far as it goes.

    rim: how bright it is, from 1 on to be drawn and from 2 on wholly. cost: pixels of discs; both (n,). most: of all,
    about: where many are alike, and more than can be drawn, they come and go little by little, as several limits are
    taken together.
    """
    order = np.argsort(-rim, kind="stable")
    so_far = np.cumsum(cost[order])
    limits = most * (0.5 + (np.arange(_LIMITS) + 0.5) / _LIMITS)
    first_left = np.searchsorted(so_far, limits, side="right")
    left = np.append(rim[order], 0)[first_left]
    part = np.zeros_like(rim)
    for least in np.maximum(left, 1):
        part += np.clip(rim / least - 1, 0, 1)
    return part / _LIMITS


def _colours(light: np.ndarray) -> int:
    """How many of a picture's channels are light: a second or a fourth is alpha."""
    channels = light.shape[2]
    return channels - 1 + channels % 2


def _brightness(light: np.ndarray, bright: np.ndarray, cells: np.ndarray, rows: slice) -> bool:
    """Write the brightest channel of a band of rows, and the least of it in cells; tells if it is bright anywhere."""
    own, into = light[rows], bright[rows]
    some = cv2.minMaxLoc(own.reshape(own.shape[0], -1))[1] > BRIGHT
    if some:
        planes = [cv2.extractChannel(own, channel) for channel in range(_colours(light))]
        into[...] = planes[0].reshape(into.shape)
        for plane in planes[1:]:
            cv2.max(into, plane, dst=into)
    else:
        into.fill(0)
    over = 0, -into.shape[0] % _CELL, 0, -into.shape[1] % _CELL
    whole = cv2.copyMakeBorder(into, *over, cv2.BORDER_REPLICATE)
    cells[rows.start // _CELL : -(-rows.stop // _CELL)] = extreme_of_cells(cv2.min, whole, _CELL)
    return some


def _alike(circle: np.ndarray) -> np.ndarray:
    """Circles, ascending, with those that lie close together made their mean."""
    group = ((circle - circle[0]) / np.float32(ALIKE_PX)).astype(np.int64)
    _, group = np.unique(group, return_inverse=True)
    mean = np.bincount(group, circle) / np.bincount(group)
    return mean[group].astype(np.float32)


def _reach(coc: np.ndarray, aperture: Aperture) -> np.ndarray:
    """How many (rows, columns) discs may reach, (n, 2): a picture's corners lie farther out than a circle."""
    return np.abs(coc)[:, None] * np.array([1, 1 / aperture.squeeze], np.float32) * np.float32(math.sqrt(2)) + 1


def _mirrored(at: np.ndarray, reach: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels, (n, 2), and their mirror images beyond the borders as far as they reach into the picture (`rim`); and
    which pixel each is."""
    number = np.arange(len(at))
    for axis, length in enumerate(shape):
        own = at[:, axis]
        far = reach[number, axis]
        images = [(own < far, -1 - own), (length - 1 - own < far, 2 * length - 1 - own)]
        for near, there in images:
            image = at[: len(near)][near].copy()
            image[:, axis] = there[near]
            at, number = np.concatenate([at, image]), np.concatenate([number, number[: len(near)][near]])
    order = np.argsort(number, kind="stable")
    return at[order], number[order]
