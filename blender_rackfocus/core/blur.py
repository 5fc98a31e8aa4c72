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

_SIZES_PX = (16, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 240, 256, 288, 320, 384, 480, 512, 576, 640)
"""Lengths the transform is quick at; few, so that spectra are used again."""

Span = tuple[int, int]
Box = tuple[Span, Span]
Field = tuple[float, float]


def reach_px(radius_px: float) -> int:
    """How many pixels a kernel of this radius reaches to either side, never too few."""
    return math.ceil(abs(radius_px) + 1) if radius_px else 0


def reduced_radius(radius_px: float, scale: int) -> float:
    """Radius, in reduced pixels, that gives the way down and up again the second moment of the disc wanted.

    A disc's second moment along an axis is r^2 / 4. Block averages add (s^2 - 1) / 12, and linear interpolation,
    which is two of them in turn, (s^2 - 1) / 6 (uniform and triangular weights on whole pixels).
    """
    return math.copysign(math.sqrt(max(radius_px * radius_px - (scale * scale - 1), 0.0)) / scale, radius_px)


def blurred(
    pairs: np.ndarray, box: Box, out: Box, radius_px: float, aperture: Aperture, fields: dict[Field, np.ndarray]
) -> np.ndarray:
    """Convolve pairs of planes that are empty outside a box; of the result, what falls on `out`.

    pairs      (P, h, 2 w) float32, interleaved along x; h, w are those of the box
    box, out   ((top, bottom), (left, right)) in common coordinates; the box lies within kernel's reach of `out`
    radius_px  signed radius of the circle of confusion
    fields     the kernels to mix: field position (`aperture.kernel`) and its share, (h', 2 w') of `out`'s size or 1.0
    returns    (P, h', 2 w') float32, h', w' of `out`
    """
    if abs(radius_px) <= DIRECT_PX:
        return _mixed(fields, lambda field: _summed(pairs, box, out, radius_px, aperture, field))
    reach = kernel(radius_px, aperture).shape
    (rows, top, into_y), (columns, left, into_x) = (
        _placed(*both, n // 2) for both, n in zip(zip(box, out, strict=True), reach, strict=True)
    )
    waves = np.zeros((len(pairs), rows, 2 * columns), np.float32)
    waves[:, into_y : into_y + pairs.shape[1], 2 * into_x : 2 * into_x + pairs.shape[2]] = pairs
    for wave in waves:
        _transform(wave)
    height, width = out[0][1] - out[0][0], out[1][1] - out[1][0]

    def through(field: Field) -> np.ndarray:
        spectrum = _spectrum(radius_px, aperture, field, (rows, columns))
        several = len(fields) > 1
        spread = np.empty_like(waves) if several else waves
        np.multiply(waves.view(np.complex64), spectrum, out=spread.view(np.complex64))
        for wave in spread:
            _transform(wave, cv2.DFT_INVERSE)
        return spread[:, top : top + height, 2 * left : 2 * (left + width)]

    return _mixed(fields, through)


def _mixed(fields: dict[Field, np.ndarray], through: Callable[[Field], np.ndarray]) -> np.ndarray:
    if len(fields) == 1:
        return through(next(iter(fields)))
    total: np.ndarray | None = None
    for field, share in fields.items():
        part = through(field) * share
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None  # there is a field at least
    return total


def _placed(box: Span, out: Span, reach: int) -> tuple[int, int, int]:
    """Length of the transform, and where in it `out` and the box begin: nothing that wraps around meets `out`."""
    first, last = min(box[0], out[0]), max(box[1], out[1])
    least = max(box[1] - out[0] + reach, out[1] - box[0] + reach, last - first, 2 * reach + 1)
    length = next((n for n in _SIZES_PX if n >= least), None) or cv2.getOptimalDFTSize(least)
    return length, out[0] - first, box[0] - first


def _summed(pairs: np.ndarray, box: Box, out: Box, radius_px: float, aperture: Aperture, field: Field) -> np.ndarray:
    weights = kernel(radius_px, aperture, field)
    height, width = out[0][1] - out[0][0], out[1][1] - out[1][0]
    cut, over = [], []
    for inner, outer, n in zip(box, out, weights.shape, strict=True):
        before, after = inner[0] - outer[0] + n // 2, outer[1] + n // 2 - inner[1]
        cut.append(slice(max(-before, 0), inner[1] - inner[0] - max(-after, 0)))
        over.append((max(before, 0), max(after, 0)))
    turned = np.ascontiguousarray(weights[::-1, ::-1])  # filter2D correlates
    reach_y, reach_x = (n // 2 for n in weights.shape)
    result = []
    for pair in pairs:
        source = pair.reshape(pair.shape[0], -1, 2)[cut[0], cut[1]]
        source = cv2.copyMakeBorder(source, *over[0], *over[1], cv2.BORDER_CONSTANT, value=0)
        spread = cv2.filter2D(source, -1, turned, borderType=cv2.BORDER_CONSTANT)
        spread = spread[reach_y : reach_y + height, reach_x : reach_x + width]
        result.append(spread.reshape(height, 2 * width))
    return np.stack(result)


def _transform(wave: np.ndarray, flags: int = 0) -> None:
    """Fourier transform of an interleaved complex picture, in place."""
    pair = wave.reshape(wave.shape[0], -1, 2)
    cv2.dft(pair, dst=pair, flags=flags)


@lru_cache(maxsize=96)
def _spectrum(radius_px: float, aperture: Aperture, field: Field, size: tuple[int, int]) -> np.ndarray:
    """Transform of the kernel centred on the first pixel, with the inverse's scale in it: complex64."""
    varies = aperture.varies_over_field
    weights = kernels_over_field(radius_px, aperture)(field) if varies else kernel(radius_px, aperture)
    up, left = weights.shape[0] // 2, weights.shape[1] // 2
    wave = np.zeros((size[0], size[1], 2), np.float32)
    wave[: weights.shape[0], : weights.shape[1], 0] = weights
    wave = np.roll(wave, (-up, -left), (0, 1))
    wave *= np.float32(1.0 / (size[0] * size[1]))
    cv2.dft(wave, dst=wave)
    return wave.view(np.complex64)[..., 0]
