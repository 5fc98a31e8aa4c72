# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies outside the picture, whose light reaches into it: a guess from what lies inside.

Depth goes on as it is at the border. Colour is the border's close to it, and fades over to the picture's mirror image:
what is to be expected some way out of the one pixel at the border is the less the farther, and in the end what things
look like around here (as of a process whose correlation falls off exponentially). A lamp that the border cuts is not
drawn out to a bar: what is brighter than a few times what the border is like around it is the mirror image's alone.
"""

import cv2
import numpy as np

from .sheet import Sheet

FADES_OVER = 0.015
"""Distance from the border, as a share of the picture's width, over which its colour fades to 1 / e."""

BRIGHTEST = 8.0
"""So many times the (logarithmic) mean around it, a pixel of the border counts as a lamp."""

_DARK = np.float32(1e-3)


def continue_beyond(sheet: Sheet, margin: tuple[int, int]) -> None:
    """Write a sheet's margin of so many (rows, columns) from what lies within."""
    height, width = (length - 2 * beyond for length, beyond in zip(sheet.place.shape, margin, strict=True))
    pairs = sheet.pairs.view(np.complex64)  # two numbers are moved as if they were one
    fade_px = FADES_OVER * width
    rows = slice(margin[0], margin[0] + height)
    _continue(pairs[:, rows].swapaxes(1, 2), sheet.place[rows].T, margin[1], fade_px)
    _continue(pairs, sheet.place, margin[0], fade_px)


def _continue(pairs: np.ndarray, place: np.ndarray, margin: int, fade_px: float) -> None:
    """Write the first and the last `margin` lines of pairs (P, L, n) complex64 and places (L, n)."""
    length = place.shape[0] - 2 * margin
    away = np.arange(1, margin + 1)
    near = np.exp(-away / fade_px).astype(np.float32)[:, None]
    for last, outward in ((margin, -1), (margin + length - 1, 1)):
        first = min(last + outward, last + outward * margin)
        outside = slice(first, first + margin)
        line = pairs[:, last].copy()
        cover = line[-1].imag
        share = near[::outward] * _calm(line, fade_px)
        mirrored = pairs[:, margin + _reflected(np.arange(first, first + margin) - margin, length)]
        found = mirrored[-1].imag
        rest = (1 - share) * cover / np.maximum(found, np.float32(1e-6))
        if not found.all():
            none = found == 0
            share[none], rest[none] = 1, 0
        mirrored *= rest
        for pair, edge, into in zip(mirrored, line, pairs[:, outside], strict=True):
            np.add(pair, share * edge, out=into)
        place[outside] = place[last]


def _calm(line: np.ndarray, fade_px: float) -> np.ndarray:
    """How far each of a line of samples, pairs (P, n) complex64, is no lamp among the others: 0..1, (n,)."""
    cover = line[-1].imag
    colour = [line.real.max(0), *line.imag[:-1]]
    light = np.maximum(np.max(colour, axis=0), 0) / np.maximum(cover, np.float32(1e-6)) + _DARK
    around = (2 * int(fade_px) + 1, 1)
    weight = np.maximum(cv2.blur(cover[None], around, borderType=cv2.BORDER_REPLICATE)[0], np.float32(1e-6))
    mean = cv2.blur((np.log(light) * cover)[None], around, borderType=cv2.BORDER_REPLICATE)[0]
    most = np.float32(BRIGHTEST) * np.exp(mean / weight)
    return np.minimum(most / light, 1)


def _reflected(index: np.ndarray, length: int) -> np.ndarray:
    """Where the mirror image of 0..length - 1 that goes on for ever shows an index."""
    index = index % (2 * length)
    return np.minimum(index, 2 * length - 1 - index)
