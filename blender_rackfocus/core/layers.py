# SPDX-License-Identifier: GPL-3.0-or-later
"""One tile of a picture, taken apart by depth, blurred layer by layer and put together again.

Layers stand at fixed circles of confusion; a sample between two of them belongs to both, linearly, so a rack moves
samples from layer to layer without a jump. They are composited from near to far, and each pixel is closed once it is full.
How a layer meets the nearer ones depends on what they are:

- Slices of one surface lie side by side: their coverages add up, A + B. Composited with 'over' a floor would come out
  too near and too thin: 1 - (1 - A)(1 - B) < A + B.
- Separate surfaces cover each other independently: 1 - (1 - A)(1 - B), Porter and Duff's 'over' (1984).

A stretch of empty layers turns one into the other: after a gap in depth of `SEPARATE_PX` and more, what is nearer counts
as a surface of its own.
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from .aperture import Aperture, kernel

SEPARATE_PX = 6.0
"""Gap in the circle of confusion, in pixels, over which surfaces grow independent of each other (1 - 1/e of it)."""

EMPTY = 0.06
"""Coverage below which a layer counts as a gap."""

FULL = 1e-3
"""A pixel with less than this left to cover is closed."""

DIRECT_PX = 4.0
"""Kernels up to this radius are summed directly; larger ones through the Fourier transform."""

SCALE_FROM_PX = {"final": ((24.0, 2), (64.0, 4)), "draft": ((5.0, 2), (12.0, 4))}
"""Radii from which a layer is blurred at 1 / 2 and 1 / 4 of its size."""

STEP_PX = {"final": (1.0, 12.0), "draft": (1.5, 5.0)}
"""Distance of layers: at least so many pixels, at least the radius over so much."""


@lru_cache(maxsize=64)
def levels(nearest_px: float, farthest_px: float, step_px: float, fineness: float) -> tuple[float, ...]:
    """Circles of confusion at which layers stand, near to far, enough to hold everything from nearest to farthest."""
    up = [0.0]
    while up[-1] < max(farthest_px, -nearest_px):
        up.append(up[-1] + max(step_px, up[-1] / fineness))
    both = [-r for r in up[:0:-1]] + up
    first = max(i for i, r in enumerate(both) if r <= min(nearest_px, 0.0))
    last = min(i for i, r in enumerate(both) if r >= max(farthest_px, 0.0))
    return tuple(both[first : last + 1])


def render_tile(
    samples: Sequence[tuple[np.ndarray, np.ndarray]],
    margin: int,
    stand: tuple[float, ...],
    aperture: Aperture,
    quality: str,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Blur and composite one tile.

    samples  (planes (h, w, C), coc (h, w)) each: planes premultiplied by their coverage, which is the last plane; C even
    margin   width of the rim around the tile that only serves as source, a multiple of 4
    stand    circles of confusion of the layers, near to far, holding all of coc
    returns  (sum of colours (h', w', C) with the coverage reached as last plane, coverage (h', w') reached by layers
             nearer than 0, coverage of the layer at 0), h' = h - 2 margin; the sum is yet to be divided by coverage
    """
    height, width, channels = samples[0][0].shape
    inner = height - 2 * margin, width - 2 * margin
    total = np.zeros((*inner, channels), np.float32)
    left = np.ones(inner, np.float32)  # what the present surface leaves, 1 - its coverage
    through = np.ones(inner, np.float32)  # what surfaces before it let through
    before, focused = np.zeros(inner, np.float32), np.zeros(inner, np.float32)
    gap, started = 0.0, False
    low = min(float(coc.min()) for _, coc in samples)
    high = max(float(coc.max()) for _, coc in samples)
    for i, radius in enumerate(stand):
        below = stand[i - 1] if i else radius - 1.0
        above = stand[i + 1] if i + 1 < len(stand) else radius + 1.0
        if above <= low:
            continue
        if below >= high:
            break
        if radius == 0.0:
            before = 1.0 - through * left
        gap += radius - below
        layer = _layer(samples, below, radius, above, margin)
        if layer is None:
            continue
        layer, rim = layer
        blurred = _blurred(layer, rim, radius, aperture, quality)
        cover = np.maximum(blurred[..., -1], 0)
        if radius == 0.0:
            focused = cover
        if started:
            _separate(left, through, cover, gap, radius - below)
        gap, started = 0.0, True
        share = np.minimum(left / np.maximum(cover, np.float32(1e-6)), 1)
        np.maximum(left - cover, 0, out=left)
        blurred *= (share * through)[..., None]
        total += blurred
        if float((left * through).max()) < FULL:
            break
    return total, before, focused


def _separate(left: np.ndarray, through: np.ndarray, cover: np.ndarray, gap: float, last: float) -> None:
    """Let the present surface become one of those before it, as far as there was a gap before the layer that comes."""
    empty = np.clip(1 - cover * np.float32(1 / EMPTY), 0, 1)
    apart = 1 - np.exp((empty * np.float32(last) + np.float32(gap - last)) * np.float32(-1 / SEPARATE_PX))
    moved = 1 - (1 - left) * (1 - apart)
    through *= left / np.maximum(moved, np.float32(1e-6))
    left[...] = moved


def _layer(samples, below: float, radius: float, above: float, margin: int) -> tuple[np.ndarray, int] | None:
    """The samples that belong to the layer, with as much rim as its kernel reaches; None if there are none."""
    rim = min(margin, (int(np.ceil(abs(radius))) + 11) // 4 * 4) if radius else 0
    cut = margin - rim
    out = None
    for planes, coc in samples:
        coc = coc[cut : coc.shape[0] - cut, cut : coc.shape[1] - cut]
        weight = np.minimum(
            (coc - np.float32(below)) * np.float32(1 / (radius - below)),
            (np.float32(above) - coc) * np.float32(1 / (above - radius)),
        )
        np.clip(weight, 0, 1, out=weight)
        if not weight.any():
            continue
        part = planes[cut : planes.shape[0] - cut, cut : planes.shape[1] - cut] * weight[..., None]
        if out is None:
            out = part
        else:
            out += part
    if out is None or not out[..., -1].any():
        return None
    return out, rim


def _blurred(layer: np.ndarray, rim: int, radius: float, aperture: Aperture, quality: str) -> np.ndarray:
    """The layer convolved with its kernel, without the rim."""
    if rim == 0:
        return layer
    height, width = layer.shape[:2]
    scale = max([s for start, s in SCALE_FROM_PX[quality] if abs(radius) >= start], default=1)
    if scale == 1:
        if abs(radius) <= DIRECT_PX:
            turned = kernel(radius, aperture)[::-1, ::-1]
            out = cv2.filter2D(layer, -1, turned, borderType=cv2.BORDER_CONSTANT)
        else:
            out = _convolved(layer, radius, aperture)
        return out[rim : height - rim, rim : width - rim]
    small = cv2.resize(layer, (width // scale, height // scale), interpolation=cv2.INTER_AREA)
    reduced = np.sqrt(max(radius * radius - (scale * scale - 1), 0.0)) / scale  # the ways down and up blur, too
    small = _convolved(small, float(np.copysign(reduced, radius)), aperture)
    out = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return out[rim : height - rim, rim : width - rim]


def _convolved(layer: np.ndarray, radius: float, aperture: Aperture) -> np.ndarray:
    """Circular convolution by Fourier transform, two channels as one complex picture; what wraps ends in the rim."""
    height, width, channels = layer.shape
    size = cv2.getOptimalDFTSize(height), cv2.getOptimalDFTSize(width)
    spectrum = _spectrum(radius, aperture, size)
    out = np.empty_like(layer)
    pair = np.empty((*size, 2), np.float32)
    wave = pair.view(np.complex64)[..., 0]
    for channel in range(0, channels, 2):
        if size != (height, width):
            pair.fill(0)
        pair[:height, :width] = layer[..., channel : channel + 2]
        cv2.dft(pair, dst=pair)
        np.multiply(wave, spectrum, out=wave)
        cv2.dft(pair, dst=pair, flags=cv2.DFT_INVERSE)
        out[..., channel : channel + 2] = pair[:height, :width]
    return out


@lru_cache(maxsize=160)
def _spectrum(radius: float, aperture: Aperture, size: tuple[int, int]) -> np.ndarray:
    """Transform of the kernel centred on the first pixel, with the inverse's scale in it: complex64."""
    weights = kernel(radius, aperture)
    padded = np.zeros(size, np.float32)
    padded[: weights.shape[0], : weights.shape[1]] = weights
    padded = np.roll(padded, (-(weights.shape[0] // 2), -(weights.shape[1] // 2)), (0, 1))
    padded *= 1.0 / (size[0] * size[1])
    return cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT).view(np.complex64)[..., 0]
