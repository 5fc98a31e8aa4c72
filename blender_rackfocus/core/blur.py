# SPDX-License-Identifier: GPL-3.0-or-later
"""Blurring pictures with an aperture's kernel, at any radius.

The blur is the plain convolution with `aperture.kernel`, not an approximation of it: every point of the
picture becomes that kernel. Small kernels are summed directly (cv2.filter2D); larger ones through the
Fourier transform in tiles small enough to stay in the processor's cache, two channels at a time as real and
imaginary part of one complex picture (overlap-save; Oppenheim & Schafer, Discrete-Time Signal Processing,
8.7.3). Tiles without light are skipped, so a sparse layer costs what it covers.

Beyond its border a picture is black and transparent (0): hand over a padded picture where that matters.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import cv2
import numpy as np

from .aperture import Aperture, kernel

_DIRECT_UP_TO_PX = 9
"""Kernels up to this width and height are summed directly; above it the Fourier transform is quicker
(measured).
"""

_TILE_SIZES_PX = np.array([16, 32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 512, 640, 1280, 2048])
"""Tile lengths that the transform is quick at."""

_TILE_OVERHEAD_PX = 3000
"""Fixed work for a tile (calls, set-up), in transformed pixels (measured)."""

Job = Callable[[], None]
Span = tuple[int, int, int]


def blur(picture: np.ndarray, radius_px: float, aperture: Aperture | None = None) -> np.ndarray:
    """Blur one picture: every pixel's light is spread over `aperture.kernel(radius_px, aperture)`.

    picture : (H, W) or (H, W, C) float32, any number of channels, premultiplied; finite.
    radius_px : signed radius of the circle of confusion in pixels; negative is nearer than the focus plane.
    aperture : the lens's opening; a circle if None.

    Returns a new array of the same shape. Light spread over the border is lost; none comes in. Within
    rounding of float32 (about 1e-6 of the brightest pixel nearby) the result is the exact convolution.
    Raises ValueError naming the argument.
    """
    return blur_layers([(picture, radius_px)], aperture)[0]


def blur_layers(
    layers: Sequence[tuple[np.ndarray, float]], aperture: Aperture | None = None, *, threads: int | None = None
) -> list[np.ndarray]:
    """Blur many pictures, each by its own radius, on all cores: `blur` for every (picture, radius_px).

    threads : number of threads, as many as there are cores if None.
    """
    aperture = Aperture() if aperture is None else aperture
    results: list[np.ndarray] = []
    jobs: list[Job] = []
    for picture, radius_px in layers:
        planes = _as_planes(picture)
        out = np.empty_like(planes)
        jobs += _jobs(planes, kernel(radius_px, aperture), out)
        results.append(out)
    _run(jobs, threads)
    return [_like(picture, out) for (picture, _), out in zip(layers, results, strict=True)]


def _as_planes(picture: np.ndarray) -> np.ndarray:
    if not isinstance(picture, np.ndarray) or picture.dtype != np.float32:
        raise ValueError(f"picture must be a float32 array, not {getattr(picture, 'dtype', type(picture))}")
    if picture.ndim not in (2, 3) or picture.size == 0:
        raise ValueError(f"picture must be (H, W) or (H, W, C) and not empty, not {picture.shape}")
    planes = np.ascontiguousarray(picture).reshape(*picture.shape[:2], -1)
    if planes.shape[2] % 2:  # two channels make one complex number
        planes = np.concatenate([planes, np.zeros_like(planes[..., :1])], axis=2)
    return planes


def _like(picture: np.ndarray, planes: np.ndarray) -> np.ndarray:
    """Blurred planes in the shape of the picture they came from."""
    channels = math.prod(picture.shape[2:])
    if channels != planes.shape[2]:
        planes = np.ascontiguousarray(planes[..., :channels])
    return planes.reshape(picture.shape)


def _run(jobs: list[Job], threads: int | None) -> None:
    count = min(len(jobs), threads or os.cpu_count() or 1)
    if count <= 1:
        for job in jobs:
            job()
        return
    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


def _jobs(planes: np.ndarray, weights: np.ndarray, out: np.ndarray) -> list[Job]:
    """Independent pieces of work that together fill `out` with `planes` convolved with `weights`."""
    if weights.size == 1:
        return [lambda: np.copyto(out, planes)]
    if max(weights.shape) <= _DIRECT_UP_TO_PX:
        return _direct_jobs(planes, weights, out)
    return _fourier_jobs(planes, weights, out)


def _direct_jobs(planes: np.ndarray, weights: np.ndarray, out: np.ndarray) -> list[Job]:
    height, width = planes.shape[:2]
    reach = weights.shape[0] // 2
    turned = weights[::-1, ::-1].copy()  # filter2D correlates
    strip = max(4 * reach, math.ceil(200_000 / width))

    def fill(top: int) -> None:
        bottom = min(top + strip, height)
        first, last = max(top - reach, 0), min(bottom + reach, height)
        blurred = cv2.filter2D(planes[first:last], -1, turned, borderType=cv2.BORDER_CONSTANT)
        out[top:bottom] = blurred.reshape(last - first, width, -1)[top - first : bottom - first]

    return [lambda top=top: fill(top) for top in range(0, height, strip)]


def _fourier_jobs(planes: np.ndarray, weights: np.ndarray, out: np.ndarray) -> list[Job]:
    reach = weights.shape[0] // 2, weights.shape[1] // 2
    tile = _tile_size(*planes.shape[:2], *reach)
    spectrum = _spectrum(weights, tile)
    spans = [_spans(length, n, r) for length, n, r in zip(planes.shape, tile, reach, strict=False)]
    return [lambda y=y, x=x: _fill_tile(planes, spectrum, out, y, x) for y in spans[0] for x in spans[1]]


@lru_cache(maxsize=256)
def _tile_size(height: int, width: int, reach_y: int, reach_x: int) -> tuple[int, int]:
    """Height and width of the tiles that take the least time for a picture of this size and a kernel of this
    reach.
    """
    sizes_y, count_y = _tile_counts(height, reach_y)
    sizes_x, count_x = _tile_counts(width, reach_x)
    area = sizes_y[:, None] * sizes_x[None, :]
    per_pixel = np.where(area <= 400 * 400, 1.0, np.where(area <= 640 * 640, 1.2, 3.0))  # as the caches fill (measured)
    work = (per_pixel * area + _TILE_OVERHEAD_PX) * count_y[:, None] * count_x[None, :]
    y, x = np.unravel_index(np.argmin(work), work.shape)
    return int(sizes_y[y]), int(sizes_x[x])


def _tile_counts(length: int, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Possible tile lengths, and how many of each cover `length`."""
    sizes = _TILE_SIZES_PX[2 * reach < _TILE_SIZES_PX]
    if sizes.size == 0 or (sizes[-1] < length + reach and sizes[-1] < 4 * reach):
        sizes = np.append(sizes, cv2.getOptimalDFTSize(length + reach))
    counts = np.where(sizes >= length + reach, 1, -(-length // np.maximum(sizes - 2 * reach, 1)))
    return sizes, counts


def _spans(length: int, size: int, reach: int) -> list[Span]:
    """Tiles along one axis: (first position written, first position read, end of what is written).

    A tile reads `reach` more on either side than it writes. One that holds everything at once needs the room
    on one side only: the transform is periodic, so what spreads over its start falls into the empty room at
    its end.
    """
    if size >= length + reach:
        return [(0, 0, length)]
    step = size - 2 * reach
    return [(start, start - reach, min(start + step, length)) for start in range(0, length, step)]


def _spectrum(weights: np.ndarray, tile: tuple[int, int]) -> np.ndarray:
    """Transform of the kernel centred on the tile's first pixel, with the inverse transform's scale in it:
    complex64.
    """
    padded = np.zeros(tile, np.float32)
    padded[: weights.shape[0], : weights.shape[1]] = weights
    padded = np.roll(padded, (-(weights.shape[0] // 2), -(weights.shape[1] // 2)), (0, 1))
    padded *= 1.0 / (tile[0] * tile[1])
    return cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT).view(np.complex64)[..., 0]


def _fill_tile(planes: np.ndarray, spectrum: np.ndarray, out: np.ndarray, span_y: Span, span_x: Span) -> None:
    """Write one tile of the convolution."""
    size_y, size_x = spectrum.shape
    (top, from_y, bottom), (left, from_x, right) = span_y, span_x
    rows = slice(max(from_y, 0), min(from_y + size_y, planes.shape[0]))
    columns = slice(max(from_x, 0), min(from_x + size_x, planes.shape[1]))
    read = rows, columns
    if not _has_light(planes, rows, columns):
        out[top:bottom, left:right] = 0.0
        return
    into = slice(rows.start - from_y, rows.stop - from_y), slice(columns.start - from_x, columns.stop - from_x)
    take = slice(top - from_y, bottom - from_y), slice(left - from_x, right - from_x)
    covered = rows.stop - rows.start == size_y and columns.stop - columns.start == size_x
    pair = np.empty((size_y, size_x, 2), np.float32)
    wave = pair.view(np.complex64)[..., 0]
    source, target = planes.view(np.complex64), out.view(np.complex64)
    for channels in range(source.shape[2]):
        if not covered:
            pair.fill(0.0)
        np.copyto(wave[into], source[read][..., channels])
        cv2.dft(pair, dst=pair)
        np.multiply(wave, spectrum, out=wave)
        cv2.dft(pair, dst=pair, flags=cv2.DFT_INVERSE)
        np.copyto(target[top:bottom, left:right, channels], wave[take])


def _has_light(planes: np.ndarray, rows: slice, columns: slice) -> bool:
    channels = planes.shape[2]
    flat = planes.reshape(planes.shape[0], -1)[rows, columns.start * channels : columns.stop * channels]
    return cv2.norm(flat, cv2.NORM_INF) > 0.0
