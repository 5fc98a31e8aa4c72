# SPDX-License-Identifier: GPL-3.0-or-later
"""Blurring pictures with an aperture's kernel, at any radius.

The blur is the plain convolution with `aperture.kernel`: every point of the picture becomes that kernel. Small kernels
are summed directly (cv2.filter2D); larger ones go through the Fourier transform in tiles small enough to stay in the
processor's cache, two channels at a time as real and imaginary part of one complex picture (overlap-save; Oppenheim &
Schafer, Discrete-Time Signal Processing, 8.7.3). Tiles without light are skipped: a sparse layer costs what it covers.

Very wide kernels (`_SCALE_STEPS_PX`) are taken at half or quarter size: averaged down by blocks, convolved, and
interpolated back. Both ends keep the light, and their own second moment is taken off the kernel's. Where one size takes
over from another the two are mixed, so that nothing jumps as the radius changes.

Where the kernel changes over the picture (cat's eye), the picture is cut into cells. Each pixel's light is shared among
the kernels that belong to its cell's four corners, bilinearly, so that no border shows and none is lost.

Beyond its border a picture is black and transparent (0): hand over a padded picture where that matters.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial

import cv2
import numpy as np

from .aperture import Aperture, kernel, kernels_over_field

_DIRECT_UP_TO_PX = 9
"""Kernels up to this width and height are summed directly; above it the Fourier transform is quicker
(measured).
"""

_TILE_SIZES_PX = np.array([16, 32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 512, 640, 1280, 2048])
"""Tile lengths that the transform is quick at."""

_VARYING_TILES_PX = (64, 96, 128, 160, 192, 256, 320, 384)

_FARTHEST_FIELD = 1.25
"""Where the cat's eye stops growing, in half diagonals: beyond the corner there is only padding."""

_TILE_OVERHEAD_PX = 3000
"""Fixed work for a tile (calls, set-up), in transformed pixels (measured)."""

_SCALE_STEPS_PX = {
    "final": ((40.0, 48.0), (112.0, 128.0)),
    "draft": ((5.0, 6.0), (14.0, 16.0), (36.0, 40.0), (80.0, 96.0)),
}
"""Radii from which, and from which wholly, the picture is blurred at 1/2, 1/4, 1/8, ... of its size."""

Job = Callable[[], None]
Span = tuple[int, int, int]


def blur(
    picture: np.ndarray,
    radius_px: float,
    aperture: Aperture | None = None,
    *,
    quality: str = "final",
    frame_size: tuple[int, int] | None = None,
    corner: tuple[int, int] = (0, 0),
) -> np.ndarray:
    """Blur one picture: every pixel's light is spread over `aperture.kernel(radius_px, aperture)`.

    picture : (H, W) or (H, W, C) float32, any number of channels (even ones are quicker), premultiplied; finite.
    radius_px : signed radius of the circle of confusion in pixels; negative is nearer than the focus plane.
    aperture : the lens's opening; a circle if None.
    quality : "final" is the exact convolution, within rounding of float32 (about 1e-6 of the brightest pixel nearby),
        up to a radius of 40 px; beyond, the picture is halved, from 112 px on quartered. "draft" halves it from 5 px,
        quarters it from 14 px and so on.
    frame_size : (height, width) of the frame that the picture is a part of; the picture's own size if None. Only the
        cat's eye needs it.
    corner : (row, column) in the frame of the picture's first pixel; may be negative for a padded picture.

    Returns a new array of the same shape. Light spread over the border is lost; none comes in.
    Raises ValueError naming the argument.
    """
    layer = [(picture, radius_px)]
    return blur_layers(layer, aperture, quality=quality, frame_size=frame_size, corners=[corner])[0]


def blur_layers(
    layers: Sequence[tuple[np.ndarray, float]],
    aperture: Aperture | None = None,
    *,
    quality: str = "final",
    frame_size: tuple[int, int] | None = None,
    corners: Sequence[tuple[int, int]] | None = None,
    threads: int | None = None,
) -> list[np.ndarray]:
    """Blur many pictures, each by its own radius, on all cores: `blur` for every (picture, radius_px).

    frame_size : (height, width) of the frame that all are parts of; that of the first picture if None.
    corners : (row, column) in the frame of each picture's first pixel; all (0, 0) if None.
    threads : number of threads, as many as there are cores if None.
    """
    if not layers:
        return []
    aperture = Aperture() if aperture is None else aperture
    if quality not in _SCALE_STEPS_PX:
        raise ValueError(f"quality must be one of {', '.join(_SCALE_STEPS_PX)}, not {quality!r}")
    planes = [_as_planes(picture) for picture, _ in layers]
    frame_size = layers[0][0].shape[:2] if frame_size is None else frame_size
    corners = [(0, 0)] * len(layers) if corners is None else corners
    parts = [
        [_Part(share, scale, radius_px, _Place(frame_size, corner)) for scale, share in scales(radius_px, quality)]
        for (_, radius_px), corner in zip(layers, corners, strict=True)
    ]
    each = [(source, part) for source, own in zip(planes, parts, strict=True) for part in own]
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        _run(pool, [partial(part.reduce, source) for source, part in each])
        _run(pool, [job for _, part in each for job in part.jobs(aperture)])
        _run(pool, [partial(part.enlarge, source.shape) for source, part in each])
    return [_like(picture, _mixed(own)) for (picture, _), own in zip(layers, parts, strict=True)]


def scales(radius_px: float, quality: str = "final") -> list[tuple[int, float]]:
    """At which sizes a kernel of this radius is taken: [(how many pixels make one, share of the result), ...].

    Mostly one; two where one size takes over from the next, by a smooth step, so that the sum of shares is 1.
    """
    radius = abs(radius_px)
    scale = 1
    for step, (first, last) in enumerate(_SCALE_STEPS_PX[quality]):
        if radius <= first:
            break
        if radius < last:
            t = (radius - first) / (last - first)
            share = t * t * (3.0 - 2.0 * t)
            return [(scale, 1.0 - share), (2 ** (step + 1), share)]
        scale = 2 ** (step + 1)
    return [(scale, 1.0)]


@dataclass(frozen=True)
class _Place:
    """Where a picture lies in its frame: pixels of the full size."""

    frame_size: tuple[int, int]
    corner: tuple[int, int]

    def at_scale(self, scale: int) -> Callable[[float, float], tuple[float, float]]:
        """Field position (see `aperture.kernel`) of a (row, column) of the picture reduced by `scale`."""
        height, width = self.frame_size
        half_diagonal = 0.5 * math.hypot(height, width)

        def field(row: float, column: float) -> tuple[float, float]:
            y = ((row + 0.5) * scale + self.corner[0] - 0.5 * height) / half_diagonal
            x = ((column + 0.5) * scale + self.corner[1] - 0.5 * width) / half_diagonal
            beyond = max(math.hypot(x, y) / _FARTHEST_FIELD, 1.0)  # cells may hang over the frame
            return x / beyond, y / beyond

        return field


class _Part:
    """One layer's blur at one size: reduced, convolved, enlarged; each step for all layers before the next."""

    def __init__(self, share: float, scale: int, radius_px: float, place: _Place) -> None:
        self.share, self.scale, self.radius_px, self.place = share, scale, radius_px, place

    def reduce(self, planes: np.ndarray) -> None:
        self.planes = planes
        if self.scale > 1:
            down, right = (-planes.shape[0]) % self.scale, (-planes.shape[1]) % self.scale
            if down or right:
                planes = cv2.copyMakeBorder(planes, 0, down, 0, right, cv2.BORDER_CONSTANT, value=0)
            size = planes.shape[1] // self.scale, planes.shape[0] // self.scale
            self.planes = cv2.resize(planes, size, interpolation=cv2.INTER_AREA)
        self.out = np.empty_like(self.planes)

    def jobs(self, aperture: Aperture) -> list[Job]:
        radius_px = _reduced_radius(self.radius_px, self.scale)
        if not aperture.varies_over_field:
            return _jobs(self.planes, kernel(radius_px, aperture), self.out)
        field = self.place.at_scale(self.scale)
        pairs = range(self.planes.shape[2] // 2)
        return [partial(_fill_varying, self.planes, self.out, c, radius_px, aperture, field) for c in pairs]

    def enlarge(self, shape: tuple[int, ...]) -> None:
        if self.scale > 1:
            size = self.out.shape[1] * self.scale, self.out.shape[0] * self.scale
            self.out = cv2.resize(self.out, size, interpolation=cv2.INTER_LINEAR)[: shape[0], : shape[1]]


def _reduced_radius(radius_px: float, scale: int) -> float:
    """Radius at the reduced size that gives the whole way down and up the second moment of the disc wanted.

    A disc's second moment along an axis is r^2 / 4. Block averages add (s^2 - 1) / 12, and linear interpolation,
    which is two of them in turn, (s^2 - 1) / 6 (uniform and triangular weights on whole pixels).
    """
    return math.copysign(math.sqrt(max(radius_px * radius_px - (scale * scale - 1), 0.0)) / scale, radius_px)


def _mixed(parts: list[_Part]) -> np.ndarray:
    if len(parts) == 1:
        return parts[0].out
    shape = parts[0].out.shape
    mixed = cv2.addWeighted(parts[0].out, parts[0].share, parts[1].out, parts[1].share, 0.0)
    return mixed.reshape(shape)


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


def _run(pool: ThreadPoolExecutor, jobs: list[Job]) -> None:
    for done in [pool.submit(job) for job in jobs]:
        done.result()


def _jobs(planes: np.ndarray, weights: np.ndarray, out: np.ndarray) -> list[Job]:
    """Independent pieces of work that together fill `out` with `planes` convolved with `weights`."""
    if weights.size == 1:
        return [partial(np.copyto, out, planes)]
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

    return [partial(fill, top) for top in range(0, height, strip)]


def _fourier_jobs(planes: np.ndarray, weights: np.ndarray, out: np.ndarray) -> list[Job]:
    reach = weights.shape[0] // 2, weights.shape[1] // 2
    tile = _tile_size(*planes.shape[:2], *reach)
    spectrum = _spectrum(weights, tile)
    spans = [_spans(length, n, r) for length, n, r in zip(planes.shape, tile, reach, strict=False)]
    return [partial(_fill_tile, planes, spectrum, out, y, x) for y in spans[0] for x in spans[1]]


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
    height, width = weights.shape
    up, left = height // 2, width // 2
    wave = np.zeros(tile, np.complex64)
    for into_y, from_y in ((slice(height - up), slice(up, None)), (slice(tile[0] - up, None), slice(up))):
        for into_x, from_x in ((slice(width - left), slice(left, None)), (slice(tile[1] - left, None), slice(left))):
            wave[into_y, into_x] = weights[from_y, from_x]
    wave *= np.float32(1.0 / (tile[0] * tile[1]))
    _transform(wave)
    return wave


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
    wave = np.empty(spectrum.shape, np.complex64)
    source, target = planes.view(np.complex64), out.view(np.complex64)
    for channels in range(source.shape[2]):
        if not covered:
            _clear(wave)
        np.copyto(wave[into], source[read][..., channels])
        _transform(wave)
        np.multiply(wave, spectrum, out=wave)
        _transform(wave, cv2.DFT_INVERSE)
        np.copyto(target[top:bottom, left:right, channels], wave[take])


def _varying_tile(reach: int, moves_px: float) -> int:
    """Tile length for cells that hold `tile - 2 reach` pixels each.

    moves_px : how far the barrel's rim moves over the kernel from one pixel of the picture to the next. Cells are so
        small that it moves by 2 px at most within one, unless they would be smaller than 2 radii or 48 px, where the
        kernel's own size makes them dear, or larger than the largest tile.
    """
    wanted = max(2.0 / max(moves_px, 1e-6), 2.0 * reach, 48.0) + 2 * reach
    return next((int(n) for n in _VARYING_TILES_PX if n >= wanted), max(_VARYING_TILES_PX[-1], 4 * reach))


def _fill_varying(
    planes: np.ndarray,
    out: np.ndarray,
    pair: int,
    radius_px: float,
    aperture: Aperture,
    field: Callable[[float, float], tuple[float, float]],
) -> None:
    """Convolve one pair of channels cell by cell, in one order, so that rounding does not depend on the threads."""
    source, target = planes.view(np.complex64)[..., pair], out.view(np.complex64)[..., pair]
    target[:] = 0.0
    kernel_at = kernels_over_field(radius_px, aperture)
    reach_y, reach_x = (n // 2 for n in kernel_at((0.0, 0.0)).shape)
    per_px = math.dist(field(0, 0), field(0, 1)) * aperture.cats_eye * abs(radius_px)
    tile = _varying_tile(reach_y, per_px), _varying_tile(reach_x, per_px)
    cell_y, cell_x = tile[0] - 2 * reach_y, tile[1] - 2 * reach_x

    @lru_cache(maxsize=4 * (source.shape[1] // cell_x + 2))
    def spectrum(row: int, column: int) -> np.ndarray:
        return _spectrum(kernel_at(field(row * cell_y - 0.5, column * cell_x - 0.5)), tile)

    ramp_y, ramp_x = ((np.arange(n, dtype=np.float32) + 0.5) / n for n in (cell_y, cell_x))
    both_y, both_x = (1.0 - ramp_y, ramp_y), (1.0 - ramp_x, ramp_x)
    corners = [(y, x, np.outer(both_y[y], both_x[x]).astype(np.complex64)) for y in (0, 1) for x in (0, 1)]
    wave, total = np.empty(tile, np.complex64), np.empty(tile, np.complex64)
    for row, top in enumerate(range(0, source.shape[0], cell_y)):
        for column, left in enumerate(range(0, source.shape[1], cell_x)):
            cell = source[top : top + cell_y, left : left + cell_x]
            height, width = cell.shape
            if not _has_light(planes, slice(top, top + height), slice(left, left + width)):
                continue
            _clear(total)
            for down, right, shares in corners:
                _clear(wave)
                inner = wave[reach_y : reach_y + height, reach_x : reach_x + width]
                np.multiply(cell, shares[:height, :width], out=inner)
                _transform(wave)
                wave *= spectrum(row + down, column + right)
                total += wave
            _transform(total, cv2.DFT_INVERSE)
            _add_at(target, total, top - reach_y, left - reach_x)


def _clear(wave: np.ndarray) -> None:
    wave.view(np.float32).fill(0.0)  # many times quicker than filling with a complex number


def _transform(wave: np.ndarray, flags: int = 0) -> None:
    """Fourier transform of a contiguous complex64 picture, in place."""
    pair = wave.view(np.float32).reshape(*wave.shape, 2)
    cv2.dft(pair, dst=pair, flags=flags)


def _add_at(target: np.ndarray, piece: np.ndarray, top: int, left: int) -> None:
    """Add a piece that may hang over the target's borders."""
    bottom, right = min(top + piece.shape[0], target.shape[0]), min(left + piece.shape[1], target.shape[1])
    first_y, first_x = max(top, 0), max(left, 0)
    target[first_y:bottom, first_x:right] += piece[first_y - top : bottom - top, first_x - left : right - left]


def _has_light(planes: np.ndarray, rows: slice, columns: slice) -> bool:
    channels = planes.shape[2]
    flat = planes.reshape(planes.shape[0], -1)[rows, columns.start * channels : columns.stop * channels]
    return cv2.norm(flat, cv2.NORM_INF) > 0.0
