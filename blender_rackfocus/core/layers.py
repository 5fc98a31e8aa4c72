# SPDX-License-Identifier: GPL-3.0-or-later
"""One tile of a picture, taken apart by depth, blurred layer by layer and put together again.

Layers stand at fixed circles of confusion; a sample between two of them belongs to both, linearly, so a rack moves
samples from layer to layer without a jump. They are composited from near to far; each pixel is closed once it is full.
How a layer meets the nearer ones depends on what they are:

- Slices of one surface lie side by side: their coverages add up, A + B. Composited with 'over' a floor would come out
  too near and too thin: 1 - (1 - A)(1 - B) < A + B.
- Separate surfaces cover each other independently: 1 - (1 - A)(1 - B), Porter and Duff's 'over' (1984).

A stretch of empty layers turns one into the other: after a gap in depth of `SEPARATE_PX` and more, what is nearer
counts as a surface of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from .aperture import CENTRE, Aperture, kernel

SEPARATE_PX = 6.0
"""Gap in the circle of confusion, in pixels, over which surfaces grow independent of each other (1 - 1/e of it)."""

EMPTY = 0.06
"""Coverage below which a layer counts as a gap."""

FULL = 1e-3
"""A pixel with less than this left to cover is closed."""

DIRECT_PX = 4.0
"""Kernels up to this radius are summed directly; larger ones through the Fourier transform."""

SCALE_FROM_PX = {"final": ((16.0, 2), (48.0, 4)), "draft": ((4.0, 2), (10.0, 4))}
"""Radii from which a layer is blurred at 1 / 2 and 1 / 4 of its size."""

FINENESS = {"final": 8.0, "draft": 4.0}
"""Layers stand one step apart up to so many steps; from there on, the radius over so much."""


def layer_step(width_px: int, quality: str) -> float:
    """Distance of layers around the focus plane, in pixels, in a picture so wide."""
    return max(1.0, math.sqrt(width_px / 960.0)) * (1.0 if quality == "final" else 1.5)


@dataclass(frozen=True)
class Blur:
    """How layers stand and blur: distance and fineness of the layers, scale steps, opening, place in the field."""

    step: float
    fineness: float
    scales: tuple[tuple[float, int], ...]
    aperture: Aperture
    field: tuple[float, float] = CENTRE

    def radius(self, layer: int) -> float:
        return layer_radius(layer, self.step, self.fineness)


def layer_at(coc: np.ndarray, step: float, fineness: float) -> np.ndarray:
    """Where circles stand among the layers: layer n at n, in focus at 0, near negative; linear, then logarithmic."""
    size = np.abs(coc) * np.float32(1 / step)
    log = cv2.log(np.maximum(size, np.float32(fineness)) * np.float32(1 / fineness))
    log *= np.float32(1 / math.log1p(1 / fineness))
    return np.copysign(np.minimum(size, np.float32(fineness)) + log, coc)


def layer_radius(layer: int, step: float, fineness: float) -> float:
    """The signed circle of a layer, in pixels: the inverse of `layer_at`."""
    size = abs(layer)
    radius = size if size <= fineness else fineness * (1 + 1 / fineness) ** (size - fineness)
    return math.copysign(step * radius, layer) if layer else 0.0


def render_tile(
    samples: Sequence[tuple[np.ndarray, np.ndarray]], margin: int, blur: Blur
) -> tuple[np.ndarray, np.ndarray]:
    """Blur and composite one tile.

    samples  (pairs (P, h, 2 w), place (h, w)) each: pairs of planes, interleaved along x as the real and imaginary part
             that the Fourier transform takes; premultiplied by coverage, which is the second plane of the last pair;
             place is what `layer_at` gives
    margin   width of the rim around the tile that only serves as source, a multiple of 4
    returns  (sum of pairs (P, h', 2 w'), coverage (h', w') reached by layers nearer than focus), h' = h - 2 margin;
             the sum is yet to be divided by its coverage
    """
    pairs, height, width = samples[0][0].shape
    inner = height - 2 * margin, width // 2 - 2 * margin
    total = np.zeros((pairs, inner[0], 2 * inner[1]), np.float32)
    left = np.ones(inner, np.float32)  # what the present surface leaves, 1 - its coverage
    through = np.ones(inner, np.float32)  # what surfaces before it let through
    latest = np.zeros(inner, np.float32)  # circle of the last layer that came
    before = np.zeros(inner, np.float32)
    for number in _layers_in(samples):
        radius = blur.radius(number)
        if number == 0:
            before = 1 - through * left
        came = _blurred_layer(samples, number, margin, blur)
        if came is None:
            continue
        rows, columns, blurred = came
        here = rows, columns
        cover = np.maximum(blurred[-1][:, 1::2], 0)
        _separate(left[here], through[here], cover, latest[here], radius, blur.radius(number - 1))
        latest[here] = radius
        share = np.maximum(cover, np.float32(1e-6))
        np.divide(left[here], share, out=share)
        np.minimum(share, 1, out=share)
        share *= through[here]
        left[here] = np.maximum(left[here] - cover, 0)
        blurred *= cv2.merge((share, share)).reshape(share.shape[0], -1)
        total[:, rows, 2 * columns.start : 2 * columns.stop] += blurred
        if float((left * through).max()) < FULL:
            break
    return total, before


def _layers_in(samples: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[int]:
    """Numbers of the layers that samples belong to, near to far; 0 is always among them."""
    numbers = {0}
    for _, place in samples:
        lower = np.floor(place).astype(np.int32)
        first = int(lower.min())
        present = np.flatnonzero(np.bincount((lower - first).ravel())) + first
        numbers.update(present.tolist(), (present + 1).tolist())
    return sorted(numbers)


def _separate(
    left: np.ndarray, through: np.ndarray, cover: np.ndarray, latest: np.ndarray, radius: float, below: float
) -> None:
    """Let the present surface become one of those before it, as far as there was a gap before the layer that comes."""
    empty = np.clip(1 - cover * np.float32(1 / EMPTY), 0, 1)
    empty *= np.float32(radius - below)
    empty += np.maximum(np.float32(below) - latest, 0)
    kept = (1 - left) * np.exp(empty * np.float32(-1 / SEPARATE_PX))
    moved = 1 - kept
    through *= left / np.maximum(moved, np.float32(1e-6))
    left[...] = moved


def _blurred_layer(
    samples: Sequence[tuple[np.ndarray, np.ndarray]], number: int, margin: int, blur: Blur
) -> tuple[slice, slice, np.ndarray] | None:
    """The samples that belong to a layer, blurred: (rows, columns, pairs) of the tile within its margin, or None."""
    height, width = samples[0][1].shape
    radius = blur.radius(number)
    rim = min(margin, (math.ceil(abs(radius)) + 11) // 4 * 4) if radius else 0
    cut = margin - rim
    weights = [_weight(place[cut : height - cut, cut : width - cut], number) for _, place in samples]
    lit = weights[0] if len(weights) == 1 else weights[0] + weights[1]
    x, y, columns, rows = cv2.boundingRect(cv2.compare(lit, 0, cv2.CMP_GT))
    if rows == 0:
        return None
    # on the grid of 4: the box that holds light, and the part of the tile that it reaches
    box_y, box_x = _box(y, rows, height - 2 * cut), _box(x, columns, width - 2 * cut)
    out_y, out_x = _reached(box_y, rim, height - 2 * cut), _reached(box_x, rim, width - 2 * cut)
    if out_y.start >= out_y.stop or out_x.start >= out_x.stop:
        return None
    box_y, box_x = _within(box_y, out_y, rim), _within(box_x, out_x, rim)
    layer: np.ndarray | None = None
    for (pairs, _), weight in zip(samples, weights, strict=True):
        part = weight[box_y, box_x]
        part = cv2.merge((part, part)).reshape(part.shape[0], -1)
        part = pairs[:, box_y.start + cut : box_y.stop + cut, 2 * (box_x.start + cut) : 2 * (box_x.stop + cut)] * part
        layer = part if layer is None else np.add(layer, part, out=layer)
    assert layer is not None  # samples are never empty
    over = (
        box_y.start - out_y.start + rim,
        out_y.stop + rim - box_y.stop,
        box_x.start - out_x.start + rim,
        out_x.stop + rim - box_x.stop,
    )
    blurred = _blurred(layer, over, rim, radius, blur)
    return slice(out_y.start - rim, out_y.stop - rim), slice(out_x.start - rim, out_x.stop - rim), blurred


def _box(start: int, length: int, limit: int) -> slice:
    return slice(start // 4 * 4, min(-(-(start + length) // 4) * 4, limit))


def _reached(box: slice, rim: int, limit: int) -> slice:
    return slice(max(box.start - rim, rim), min(box.stop + rim, limit - rim))


def _within(box: slice, out: slice, rim: int) -> slice:
    return slice(max(box.start, out.start - rim), min(box.stop, out.stop + rim))


def _weight(place: np.ndarray, number: int) -> np.ndarray:
    """How far samples belong to a layer: 1 on it, falling to 0 at the next on either side."""
    weight = cv2.absdiff(place, float(number)) if number else np.abs(place)
    np.subtract(1, weight, out=weight)
    return np.maximum(weight, 0, out=weight)


def _blurred(
    layer: np.ndarray, over: tuple[int, int, int, int], rim: int, radius: float, blur: Blur
) -> np.ndarray:
    """The layer's pairs convolved with the kernel.

    over  how far the picture to convolve goes over the layer: above, below, left, right; all of that is empty
    rim   how much of the picture to convolve is left out of the result on every side
    """
    if rim == 0:
        return layer
    out = []
    scale = max([s for start, s in blur.scales if abs(radius) >= start], default=1)
    turned = kernel(radius, blur.aperture, blur.field)[::-1, ::-1].copy() if abs(radius) <= DIRECT_PX else None
    for pair in layer:
        source = _two(pair)
        if scale > 1:
            size = source.shape[1] // scale, source.shape[0] // scale
            source = cv2.resize(source, size, interpolation=cv2.INTER_AREA)
        top, bottom, left, right = (o // scale for o in over)
        source = cv2.copyMakeBorder(source, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0)
        if scale > 1:
            reduced = math.sqrt(max(radius * radius - (scale * scale - 1), 0.0)) / scale  # both ways blur, too
            small = _convolved(source, math.copysign(reduced, radius), blur)
            edge = rim // scale - 1
            small = small[edge : small.shape[0] - edge, edge : small.shape[1] - edge]
            size = small.shape[1] * scale, small.shape[0] * scale
            large = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
            large = large[scale : size[1] - scale, scale : size[0] - scale]
        elif turned is not None:
            large = cv2.filter2D(source, -1, turned, borderType=cv2.BORDER_CONSTANT)
            large = large[rim : large.shape[0] - rim, rim : large.shape[1] - rim]
        else:
            large = _convolved(source, radius, blur)[rim : source.shape[0] - rim, rim : source.shape[1] - rim]
        out.append(large.reshape(large.shape[0], -1))
    return np.stack(out)


def _two(pair: np.ndarray) -> np.ndarray:
    """A pair of interleaved planes (h, 2 w) as a picture of two channels."""
    return pair.reshape(pair.shape[0], -1, 2)


def _convolved(pair: np.ndarray, radius: float, blur: Blur) -> np.ndarray:
    """Circular convolution (h, w, 2), both channels as one complex picture; what wraps around ends in the rim."""
    height, width = pair.shape[:2]
    size = cv2.getOptimalDFTSize(height), cv2.getOptimalDFTSize(width)
    if size != (height, width):
        pair = cv2.copyMakeBorder(pair, 0, size[0] - height, 0, size[1] - width, cv2.BORDER_CONSTANT, value=0)
    cv2.dft(pair, dst=pair)
    wave = pair.view(np.complex64)[..., 0]
    np.multiply(wave, _spectrum(radius, blur.aperture, blur.field, size), out=wave)
    cv2.dft(pair, dst=pair, flags=cv2.DFT_INVERSE)
    return pair[:height, :width]


@lru_cache(maxsize=160)
def _spectrum(
    radius: float, aperture: Aperture, field: tuple[float, float], size: tuple[int, int]
) -> np.ndarray:
    """Transform of the kernel centred on the first pixel, with the inverse's scale in it: complex64."""
    weights = kernel(radius, aperture, field)
    padded = np.zeros(size, np.float32)
    padded[: weights.shape[0], : weights.shape[1]] = weights
    padded = np.roll(padded, (-(weights.shape[0] // 2), -(weights.shape[1] // 2)), (0, 1))
    padded *= 1.0 / (size[0] * size[1])
    return cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT).view(np.complex64)[..., 0]
