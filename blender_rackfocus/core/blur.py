# SPDX-License-Identifier: GPL-3.0-or-later
"""Convolving two planes at once with an aperture's kernel, the renderer's one blur.

Two planes are held as the real and imaginary part of one complex picture, interleaved along x. Small kernels are summed
directly; larger ones go through the Fourier transform (Oppenheim & Schafer, Discrete-Time Signal Processing, 8.7).
"""

import math
from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from .aperture import Aperture, kernel, kernels_over_field

DIRECT_PX = 3.0
"""Kernels up to this radius are summed directly; larger ones through the Fourier transform (measured)."""

_SIZES_PX = (16, 32, 64, 80, 96, 128, 144, 160, 192, 200, 240, 256, 288, 320, 384, 432, 480, 640)
"""Lengths the transform is quick at (measured); few, so that spectra are used again."""

Span = tuple[int, int]
Box = tuple[Span, Span]
Field = tuple[float, float]


def reach_px(radius_px: float, aperture: Aperture) -> tuple[int, int]:
    """How many pixels a kernel of this radius reaches beyond its centre: (up and down, to either side)."""
    tall, wide = kernel(radius_px, aperture).shape if radius_px else (1, 1)
    return tall // 2, wide // 2


def reduced_radius(radius_px: float, scale: int) -> float:
    """Radius, in reduced pixels, that gives the way down and up again the second moment of the disc wanted.

    A disc's second moment along an axis is r^2 / 4. Block averages add (s^2 - 1) / 12, and linear interpolation,
    which is two of them in turn, (s^2 - 1) / 6 (uniform and triangular weights on whole pixels).
    """
    return math.copysign(math.sqrt(max(radius_px * radius_px - (scale * scale - 1), 0.0)) / scale, radius_px)


class Canvas:
    """Room for a pair of planes that is empty outside a box, and for as much around it as its blur needs.

    Pair after pair: fill `part(box)`, which is empty at first, and take what `blurred` gives.
    """

    def __init__(
        self, box: Box, out: Box, radius_px: float, aperture: Aperture, fields: dict[Field, np.ndarray]
    ) -> None:
        """
        box, out   ((top, bottom), (left, right)) in common coordinates: where something is, and what is wanted
        radius_px  signed radius of the circle of confusion
        fields     the kernels to mix: field position (`aperture.kernel`) and its share, (h, 2 w) of `out`'s size or 1.0
        """
        if aperture.same_when_turned:  # one kernel for both sides of focus
            radius_px = abs(radius_px)
        self._out, self._radius_px, self._aperture, self._fields = out, radius_px, aperture, fields
        reach = reach_px(radius_px, aperture)
        self._direct = abs(radius_px) <= DIRECT_PX
        placed = _summed_over if self._direct else _transformed_over
        (self._top, rows), (self._left, columns) = (placed(*both) for both in zip(box, out, reach, strict=True))
        self._size = rows, columns
        self._pair: np.ndarray | None = None

    def part(self, box: Box) -> np.ndarray:
        """Where the samples of a box go: (h, 2 w) float32, interleaved along x."""
        if self._pair is None:
            self._pair = np.zeros((self._size[0], 2 * self._size[1]), np.float32)
        return self._cut(self._pair, box)

    def blurred(self) -> np.ndarray:
        """The convolution, (h, 2 w) float32, as far as it falls on `out`."""
        assert self._pair is not None  # it is filled first
        pair, self._pair = self._pair, None
        if self._radius_px == 0:
            return self._cut(pair, self._out)
        if self._direct:
            return self._mixed(lambda field: self._summed(pair, field))
        _transform(pair)
        return self._mixed(lambda field: self._transformed(pair, field))

    def _mixed(self, through: Callable[[Field], np.ndarray]) -> np.ndarray:
        if len(self._fields) == 1:
            return through(next(iter(self._fields)))
        total: np.ndarray | None = None
        for field, share in self._fields.items():
            part = through(field) * share
            total = part if total is None else np.add(total, part, out=total)
        assert total is not None  # there is a field at least
        return total

    def _summed(self, pair: np.ndarray, field: Field) -> np.ndarray:
        weights = kernel(self._radius_px, self._aperture, field)
        turned = np.ascontiguousarray(weights[::-1, ::-1])  # filter2D correlates
        spread = cv2.filter2D(_complex(pair), -1, turned, borderType=cv2.BORDER_CONSTANT)
        return self._cut(spread.reshape(pair.shape), self._out)

    def _transformed(self, pair: np.ndarray, field: Field) -> np.ndarray:
        spectrum = _spectrum(self._radius_px, self._aperture, field, self._size)
        spread = np.empty_like(pair) if len(self._fields) > 1 else pair
        np.multiply(pair.view(np.complex64), spectrum, out=spread.view(np.complex64))
        _transform(spread, cv2.DFT_INVERSE)
        return self._cut(spread, self._out)

    def _cut(self, pair: np.ndarray, box: Box) -> np.ndarray:
        (top, bottom), (left, right) = box
        return pair[top - self._top : bottom - self._top, 2 * (left - self._left) : 2 * (right - self._left)]


def _summed_over(box: Span, out: Span, reach: int) -> Span:
    """First pixel and length of what the direct sum needs: its border is taken for empty."""
    first, last = min(box[0], out[0] - reach), max(box[1], out[1] + reach)
    return first, last - first


def _transformed_over(box: Span, out: Span, reach: int) -> Span:
    """First pixel and length of the transform: nothing that wraps around meets `out`."""
    first, last = min(box[0], out[0]), max(box[1], out[1])
    least = max(box[1] - out[0] + reach, out[1] - box[0] + reach, last - first, 2 * reach + 1)
    return first, next((n for n in _SIZES_PX if n >= least), None) or cv2.getOptimalDFTSize(least)


def _complex(pair: np.ndarray) -> np.ndarray:
    """An interleaved pair as a picture of two channels."""
    return pair.reshape(pair.shape[0], -1, 2)


def _transform(wave: np.ndarray, flags: int = 0) -> None:
    """Fourier transform of an interleaved complex picture, in place."""
    cv2.dft(_complex(wave), dst=_complex(wave), flags=flags)


@lru_cache(maxsize=256)
def _spectrum(radius_px: float, aperture: Aperture, field: Field, size: tuple[int, int]) -> np.ndarray:
    """Transform of the kernel centred on the first pixel, with the inverse's scale in it: complex64."""
    varies = aperture.varies_over_field
    weights = kernels_over_field(radius_px, aperture)(field) if varies else kernel(radius_px, aperture)
    up, aside = weights.shape[0] // 2, weights.shape[1] // 2
    rows, columns = np.arange(-up, up + 1), np.arange(-aside, aside + 1)  # those before the first are the last
    wave = np.zeros((*size, 2), np.float32)
    wave[rows[:, None], columns, 0] = weights * np.float32(1.0 / (size[0] * size[1]))
    cv2.dft(wave, dst=wave)
    return wave.view(np.complex64)[..., 0]
