# SPDX-License-Identifier: GPL-3.0-or-later
"""Lamps: what is small and brighter than white, drawn pixel by pixel at full size, each with its own circle.

A lamp out of focus is seen as the lens's opening, clipped to white almost up to its rim: mixed from two layers' circles
it is as large as the larger one, and grows in jumps while the focus goes evenly; drawn at a reduced size it has soft
steps. So the light that a lamp has over what is around it is taken out of the picture and its disc is drawn exactly.
What it covers, and what covers it, is as the layers have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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

DRAWN_PX = 1.75, 2.75
"""Circles from which lamps begin to be drawn pixel by pixel, and are wholly: below, layers stand close together, and a
draft mixes in what is in focus."""

THROUGH_PX = 1.5, 3.0
"""Difference of its circle to that of something nearer beside it from which what is bright is less and less a lamp, and
none: it may be a sky seen through leaves, which goes on behind them."""

RIM_PX = {"final": 100.0, "draft": 40.0}
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

_SEVERAL, _SMALL = 3, 10
"""A lamp of more than several pixels, and of no more than so many along a side, is drawn at once."""

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
    coc     (n,) float32 signed radius in pixels
    layer   (n,) int64: the layer next to them, as `Stand.at` counts: what is before it is before them. (Of the two that
            they lie between, the farther one may find its pixels closed by their own surface.)
    shape   (height, width) of the frame and margin, (rows, columns), of the picture around it
    """

    at: np.ndarray
    light: np.ndarray
    coc: np.ndarray
    layer: np.ndarray
    shape: tuple[int, int]
    margin: tuple[int, int]
    aperture: Aperture

    def over(self, place: tuple[int, int, int, int], part: Box, fine: int, last: int) -> Glow | None:
        """What lamps may bring to a part of the picture, None if they bring nothing.

        place: (top, bottom, left, right) of the tile in which layers are put together; part: rows and columns. Each of
        their pixels is `fine` of the picture's along a side. last: the last layer on either side of focus; a lamp that
        no sample of a smaller picture shows may lie beyond.
        """
        (top, bottom), (left, right) = box = _times(fine, part)
        reach = _reach(self.coc, self.aperture)
        met = np.flatnonzero(((self.at > (top, left) - reach) & (self.at - (bottom, right) < reach)).all(1))
        layers = np.clip(self.layer[met], -last, last)
        come = (self._come_with(int(layer), met[layers == layer], box) for layer in np.unique(layers))
        discs = [of_layer for of_layer in come if of_layer is not None]
        if not discs:
            return None
        return Glow(discs, _times(fine, (place[:2], place[2:])))

    def _come_with(self, layer: int, own: np.ndarray, part: Box) -> Discs | None:
        """The discs of some pixels, which come with a layer, on a part of the picture."""
        reach = np.ceil(_reach(self.coc[own], self.aperture)).astype(np.int64)
        least, most = np.array(part).T
        first, last = np.maximum((self.at[own] - reach).min(0), least), np.minimum((self.at[own] + reach).max(0), most)
        if (first >= last).any():
            return None
        out = np.zeros((self.light.shape[1], *(last - first)), np.float32)
        for at_field, here in self._by_field(own):
            starts = np.flatnonzero(np.diff(self.coc[here]) != 0) + 1
            for alike in np.split(here, starts):
                opening = kernel(float(self.coc[alike[0]]), self.aperture, at_field)
                _draw(self.at[alike] - first, self.light[alike], opening, out)
        box = (int(first[0]), int(last[0])), (int(first[1]), int(last[1]))
        return Discs(layer, bool(self.coc[own[0]] < 0), box, out)

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
    """Discs: the layer they come with, whether they are nearer than focus, where they lie, and their light
    (C, h, w) float32."""

    layer: int
    near: bool
    box: Box
    light: np.ndarray


@dataclass
class Glow:
    """What lamps bring to a part of a picture.

    discs  those yet to come;  shown  those that came, their light as far as it is seen
    tile   rows and columns of the picture where layers are put together
    dealt  (h, w) float32 of the tile: what each pixel goes on with of what it was reduced to; None is 1
    """

    discs: list[Discs]
    tile: Box
    shown: list[Discs] = field(default_factory=list)
    dealt: np.ndarray | None = None

    @property
    def layers(self) -> set[int]:
        """The layers that lamps come with."""
        return {discs.layer for discs in self.discs}

    def come(self, layer: int, seen: np.ndarray) -> None:
        """Let the discs of a layer come. seen: (h, w) float32, 0 to 1, of the tile at any size: how far they are."""
        seen = self._at_full_size(seen)
        for discs in self.discs:
            if discs.layer == layer:
                here = self._within_tile(discs.box)
                through = seen[here] if self.dealt is None else cv2.multiply(seen[here], self.dealt[here])
                for plane in discs.light:
                    cv2.multiply(plane, through, dst=plane)
                self.shown.append(discs)

    def goes_on_smaller(self, share: np.ndarray) -> None:
        """From here on, what comes is dealt out to the pixels by their shares.

        share: (h, w) float32, 0 or more, of the tile at any size.
        """
        own = self._at_full_size(share)
        self.dealt = own if self.dealt is None else self.dealt * own

    def show_before(self, before: np.ndarray) -> None:
        """Count the light of what is nearer than focus as so much coverage: a lamp covers next to nothing, and yet a
        pixel under its disc is not as it was.

        before: (h, w) float32, 0 to 1, of the tile, written.
        """
        near = [discs for discs in self.shown if discs.near]
        if near:
            whole = np.zeros([stop - start for start, stop in self.tile], np.float32)
            for discs in near:
                whole[self._within_tile(discs.box)] += discs.light.max(0)
            cv2.max(before, cv2.resize(whole, before.shape[::-1], interpolation=cv2.INTER_AREA), dst=before)
            np.minimum(before, 1, out=before)

    def add_to(self, part: np.ndarray, corner: tuple[int, int]) -> None:
        """Add what is seen to the part of the picture, whose first row and column are told.

        part: (h, w, C) float32, scene-linear, with more channels perhaps, written.
        """
        for discs in self.shown:
            planes = [*discs.light]
            planes += [np.zeros_like(planes[0])] * (part.shape[2] - len(planes))
            rows, columns = (
                slice(low - start, high - start) for (low, high), start in zip(discs.box, corner, strict=True)
            )
            part[rows, columns] += cv2.merge(planes).reshape(*planes[0].shape, part.shape[2])

    def _within_tile(self, box: Box) -> tuple[slice, slice]:
        (top, bottom), (left, right) = box
        (above, _), (before, _) = self.tile
        return slice(top - above, bottom - above), slice(left - before, right - before)

    def _at_full_size(self, plane: np.ndarray) -> np.ndarray:
        height, width = (stop - start for start, stop in self.tile)
        return plane if len(plane) == height else cv2.resize(plane, (width, height))


def _times(fine: int, box: Box) -> Box:
    """A box in pixels so many times as fine."""
    (top, bottom), (left, right) = box
    return (top * fine, bottom * fine), (left * fine, right * fine)


def _draw(at: np.ndarray, light: np.ndarray, opening: np.ndarray, out: np.ndarray) -> None:
    """Add discs of one opening around pixels (n, 2) of light (n, C) to a part of a picture, (C, h, w)."""
    reach = np.array(opening.shape) // 2
    first, last = np.maximum(at.min(0) - reach, 0), np.minimum(at.max(0) + reach + 1, out.shape[1:])
    if (first >= last).any():
        return
    rows, columns = (last - first).tolist()
    wide = rows + 2 * int(reach[0]), columns + 2 * int(reach[1])
    if len(at) * (opening.size + _EACH_PX) > wide[0] * wide[1] * _FILTERED:
        under = out[:, first[0] : last[0], first[1] : last[1]]
        _filter(at - first + reach, light, opening, wide, under)
        return
    corner = at.min(0)
    of_lamp = (at.max(0) + 1 - corner).tolist()
    if len(at) > _SEVERAL and max(of_lamp) <= _SMALL:
        lamp = np.zeros((light.shape[1], *of_lamp), np.float32)
        lamp[:, *(at - corner).T] = light.T
        _put(_spread(lamp, opening), corner - reach, out)
        return
    for place, own in zip(at - reach, light, strict=True):
        _put([opening] * len(own), place, out, own.tolist())


def _put(light: Sequence[np.ndarray], corner: np.ndarray, out: np.ndarray, times: Sequence[float] = ()) -> None:
    """Add planes (h, w), so many times each, to those of a part of a picture, (C, H, W), as far as they fall on it."""
    (top, left), (height, width) = corner.tolist(), light[0].shape
    y, x = max(top, 0), max(left, 0)
    under = out[:, y : max(top + height, 0), x : max(left + width, 0)]
    if under.size:
        within = slice(y - top, y - top + under.shape[1]), slice(x - left, x - left + under.shape[2])
        for plane, own, factor in zip(under, light, times or [1.0] * len(light), strict=True):
            cv2.scaleAdd(own[within], factor, plane, dst=plane)


def _spread(lamp: np.ndarray, opening: np.ndarray) -> list[np.ndarray]:
    """All discs of a lamp (C, h, w): the opening, moved by each of its pixels; planes (H + h - 1, W + w - 1)."""
    down, right = lamp.shape[1] - 1, lamp.shape[2] - 1
    around = cv2.copyMakeBorder(opening, down, down, right, right, cv2.BORDER_CONSTANT)
    height, width = opening.shape[0] + down, opening.shape[1] + right
    turned = [np.ascontiguousarray(plane[::-1, ::-1]) for plane in lamp]  # filter2D correlates
    spread = [cv2.filter2D(around, -1, plane, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT) for plane in turned]
    return [plane[:height, :width] for plane in spread]


def _filter(at: np.ndarray, light: np.ndarray, opening: np.ndarray, wide: tuple[int, int], under: np.ndarray) -> None:
    """As `_draw`, all at once: `wide` is as much more than what is `under` them as they reach on every side."""
    reach = np.array(opening.shape) // 2
    within = ((at >= 0) & (at < wide)).all(1)
    rows, columns = at[within].T
    turned = np.ascontiguousarray(opening[::-1, ::-1])  # filter2D correlates
    for own, plane in zip(light[within].T, under, strict=True):
        sharp = np.zeros(wide, np.float32)
        sharp[rows, columns] = own
        blurred = cv2.filter2D(sharp, -1, turned, borderType=cv2.BORDER_CONSTANT)
        plane += blurred[reach[0] : wide[0] - reach[0], reach[1] : wide[1] - reach[1]]


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
    bright, (cells, nearest) = work.empty(coc.shape), work.empty((2, -(-height // _CELL), -(-width // _CELL)))
    parts = [(rows,) for rows in bands(height, width, _CELL)]
    if not any(work.each(partial(_brightness, light, coc, bright, cells, nearest), parts)):
        return None
    wide = max(round(width * WIDEST / _CELL), 1) | 1
    around = cv2.morphologyEx(cells, cv2.MORPH_OPEN, np.ones((wide, wide), np.uint8))
    around = cv2.dilate(around, np.ones((3, 3), np.uint8))  # cells at the border of what is wide hold some of it
    nearest = cv2.erode(nearest, np.ones((5, 5), np.uint8))
    y, x = np.divmod(np.flatnonzero(bright > BRIGHT), width)
    own, circle, cell = bright[y, x], coc[y, x], (y // _CELL, x // _CELL)
    over = np.maximum(own - around[cell], 0)
    rim = over * np.float32(RIM_PX[quality]) / np.maximum(np.square(circle) * np.float32(math.pi), 1)
    share = np.clip(over - BRIGHT, 0, 1)
    share *= np.clip((np.abs(circle) - DRAWN_PX[0]) / (DRAWN_PX[1] - DRAWN_PX[0]), 0, 1)
    share *= np.clip((THROUGH_PX[1] - (circle - nearest[cell])) / (THROUGH_PX[1] - THROUGH_PX[0]), 0, 1)
    each = _SHAPED_PX if aperture.varies_over_field else _EACH_PX
    share *= _affordable(rim * share, np.square(2 * np.abs(circle) + 1) + np.float32(each), WORK_PX[quality])
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
    layer = np.rint(place_of(circle[None])[0]).astype(np.int64)
    frame = height - 2 * margin[0], width - 2 * margin[1]
    at, lamps, circle, layer = (work.copy(plane) for plane in (at, lamps[number], circle[number], layer[number]))
    return Lamps(at, lamps, circle, layer, frame, margin, aperture)


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


def _brightness(
    light: np.ndarray, coc: np.ndarray, bright: np.ndarray, cells: np.ndarray, nearest: np.ndarray, rows: slice
) -> bool:
    """Write the brightest channel of a band of rows, and the least of it and of its circles in cells; tells if it is
    bright anywhere."""
    own, shape = light[rows], bright[rows].shape
    some = cv2.minMaxLoc(own.reshape(own.shape[0], -1))[1] > BRIGHT
    brightest = np.zeros(shape, np.float32)
    for channel in range(_colours(light)) if some else ():
        cv2.max(brightest, cv2.extractChannel(own, channel).reshape(shape), dst=brightest)
    bright[rows] = brightest
    over = 0, -shape[0] % _CELL, 0, -shape[1] % _CELL
    of_rows = slice(rows.start // _CELL, -(-rows.stop // _CELL))
    for plane, least in ((brightest, cells), (coc[rows], nearest)):
        whole = cv2.copyMakeBorder(plane, *over, cv2.BORDER_REPLICATE) if any(over) else plane
        least[of_rows] = extreme_of_cells(cv2.min, whole, _CELL)
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
