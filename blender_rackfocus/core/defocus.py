# SPDX-License-Identifier: GPL-3.0-or-later
"""The layered renderer: one sharp picture and its depth in, the picture through a lens out.

The way of a frame: depth becomes signed circles of confusion (lens); what near edges hide is added as a second sample
per pixel (hidden); tile by tile, samples are sorted into layers, blurred and composited (layers).
"""

import math
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import cv2
import numpy as np

from .aperture import CENTRE, Aperture, vignetting_gain
from .blur import Field
from .edges import unmixed
from .hidden import hidden_samples
from .highlights import Highlights, highlight_factor
from .layers import FINENESS, Level, Lit, Stand, layer_step, render_tile
from .lens import Lens, breathing_scale, chromatic_offset_px, coc_px
from .levels import NOWHERE, Sheet, pairs_of, reduced, stacked

UNTOUCHED_PX = 0.25
"""Below this radius a pixel is in focus: it comes back bit for bit."""

BLURRED_PX = 0.75
"""From this radius on a pixel is blurred by its true circle; between the two the circle grows from 0."""

QUALITIES = ("draft", "final")
TILES_PX = {"final": 384, "draft": 256, "field": 128}
"""Edge of the tiles, multiples of the largest scale; small where kernels change over the picture."""

SCALE_FROM_PX = {"final": ((16.0, 2), (48.0, 4), (112.0, 8)), "draft": ((4.0, 2), (10.0, 4), (40.0, 8))}
"""Radii from which layers are worked at 1 / 2, 1 / 4 and 1 / 8 of the size."""

BAND_PX = 200_000
"""Pixels taken apart at once by one thread."""

NOTHING_SPREADS = 1e-4


def defocus_frame(
    rgba: np.ndarray,
    depth_m: np.ndarray,
    lens: Lens,
    *,
    aperture: Aperture | None = None,
    highlights: Highlights | None = None,
    quality: str = "final",
) -> np.ndarray:
    """The picture as the lens would have taken it.

    rgba      (H, W, 4) or (H, W, 3) float32, scene-linear, alpha premultiplied, top row first; values may exceed 1
    depth_m   (H, W) float32, metres along the optical axis, > 0; +inf (or >= 1e9) is the far background
    returns   new array of rgba's shape, float32; bit for bit rgba where the circle's radius is below a quarter pixel
              and nothing spreads over it
    raises    ValueError naming the argument for wrong shapes, dtypes, non-finite pixels or depth that is NaN or <= 0
    """
    _check(rgba, depth_m, quality)
    aperture = aperture or Aperture()
    highlights = highlights or Highlights()
    width = rgba.shape[1]
    coc = coc_px(depth_m, lens, width)
    if lens.axial_chromatic:
        out = np.empty_like(rgba)
        groups = [0], [1, 3][: rgba.shape[2] - 2], [2]  # alpha goes with green
        light = _lit(rgba, coc, highlights)
        for channels, offset in zip(groups, chromatic_offset_px(lens, width), strict=True):
            part = np.ascontiguousarray(light[..., channels])
            out[..., channels] = _render(part, coc + np.float32(offset), aperture, quality)
    elif rgba.shape[2] == 4 and (rgba[..., 3] == 1).all():  # opaque: alpha is coverage, which is carried anyway
        out = np.ones_like(rgba)
        colour = cv2.cvtColor(rgba, cv2.COLOR_BGRA2BGR)  # drops alpha, keeps the order
        out[..., :3] = _render(colour, coc, aperture, quality, light=_lit(colour, coc, highlights))
    else:
        out = _render(rgba, coc, aperture, quality, light=_lit(rgba, coc, highlights))
    if aperture.vignetting > 0:
        out *= vignetting_gain(*coc.shape, aperture)[..., None]
    scale = breathing_scale(lens)
    return out if scale == 1.0 else magnified(out, scale)


def magnified(picture: np.ndarray, scale: float) -> np.ndarray:
    """The picture scaled about its centre within its frame, as a lens that breathes shows it; borders are mirrored.

    Blur is magnified with the rest: of a lens that breathes in full the circle is the textbook's f^2 / (N (s - f)).
    """
    height, width = picture.shape[:2]
    shift_x, shift_y = (width - 1) / 2 * (1 - scale), (height - 1) / 2 * (1 - scale)
    matrix = np.array([[scale, 0, shift_x], [0, scale, shift_y]], np.float64)
    size = width, height
    return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _render(
    picture: np.ndarray, coc: np.ndarray, aperture: Aperture, quality: str, *, light: np.ndarray | None = None
) -> np.ndarray:
    """Any number of channels through the lens; `light`, if given, is what out-of-focus pixels spread."""
    coc = _with_dead_zone(coc)
    if not coc.any():
        return picture.copy()
    light = picture if light is None else light
    if quality == "draft":
        return _render_draft(picture, light, coc, aperture)
    out = np.empty_like(picture)

    def put(rows: slice, columns: slice, result: np.ndarray, before: np.ndarray) -> None:
        kept = (before < NOTHING_SPREADS) & (coc[rows, columns] == 0)
        np.copyto(result, picture[rows, columns], where=kept[..., None])
        out[rows, columns] = result

    _composite(light, coc, aperture, quality, put)
    return out


def _render_draft(picture: np.ndarray, light: np.ndarray, coc: np.ndarray, aperture: Aperture) -> np.ndarray:
    """The lens at half the size; what is in focus gets its detail back, as far as nothing nearer spreads over it."""
    height, width = coc.shape
    half = max(1, -(-width // 2)), max(1, -(-height // 2))
    small = cv2.resize(light, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], -1)
    small_coc = cv2.resize(coc, half, interpolation=cv2.INTER_NEAREST) * np.float32(half[0] / width)
    through = np.empty_like(small)
    covered = np.empty(small_coc.shape, np.float32)

    def put(rows: slice, columns: slice, result: np.ndarray, before: np.ndarray) -> None:
        through[rows, columns], covered[rows, columns] = result, before

    _composite(small, small_coc, aperture, "draft", put, step=0.75)
    out = _enlarged(through, coc.shape)
    covered = cv2.resize(covered, (width, height), interpolation=cv2.INTER_LINEAR)
    focus = cv2.min(cv2.max(1.5 - cv2.absdiff(coc, 0.0), 0.0), 1.0)  # how far a pixel is in focus
    seen = cv2.multiply(focus, 1 - covered)
    detail = cv2.subtract(picture, _enlarged(small, coc.shape)).reshape(picture.shape)
    detail *= seen[..., None]
    out += detail
    kept = (covered < NOTHING_SPREADS) & (coc == 0)
    np.copyto(out, picture, where=kept[..., None])
    return out


def _enlarged(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    large = cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return large.reshape(shape[0], shape[1], -1)


def _composite(
    light: np.ndarray,
    coc: np.ndarray,
    aperture: Aperture,
    quality: str,
    put: Callable[[slice, slice, np.ndarray, np.ndarray], None],
    *,
    step: float | None = None,
) -> None:
    """Render all tiles; `put` gets each one's place, picture and the coverage of what is nearer than focus."""
    height, width = coc.shape
    light = light.reshape(height, width, -1)
    stand = Stand(step or layer_step(width, quality), FINENESS[quality])
    with _workers() as each:
        light = unmixed(light, coc) if quality == "final" else light
        hidden = hidden_samples(light, coc, 2 if width < 1400 else 4)
        levels = _levels(light, coc, hidden, stand, quality, each)
        rim = max(level.scale for level in levels)
        tile = TILES_PX["field" if aperture.varies_over_field else quality]

        def fill(top: int, left: int) -> None:
            bottom, right = min(top + tile, height), min(left + tile, width)
            rows, columns = slice(top, bottom), slice(left, right)
            place = top - rim, top + _up_to(bottom - top, rim) + rim, left - rim, left + _up_to(right - left, rim) + rim
            lit = Lit(stand, aperture, _fields(coc.shape, aperture, (top, left), tile, rim))
            done = render_tile(levels, place, lit)
            if done is None:
                put(rows, columns, light[rows, columns], np.zeros((bottom - top, right - left), np.float32))
                return
            total, before = done
            inner = slice(rim, rim + bottom - top), slice(rim, rim + right - left)
            total = total[:, inner[0], 2 * inner[1].start : 2 * inner[1].stop]
            put(rows, columns, _picture(total, light.shape[2]), before[inner])

        each(fill, [(y, x) for y in range(0, height, tile) for x in range(0, width, tile)])


def _up_to(length: int, grid: int) -> int:
    return -(-length // grid) * grid


def _levels(
    light: np.ndarray,
    coc: np.ndarray,
    hidden: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
    stand: Stand,
    quality: str,
    each: Callable,
) -> list[Level]:
    """The picture's samples, at the sizes at which their layers are blurred."""
    widest = max(float(coc.max()), -float(coc.min()))
    top = stand.last_within(widest) + 1
    borders = [-1, *(min(stand.last_within(radius), top) for radius, _ in SCALE_FROM_PX[quality]), top]
    scales = [1, *(scale for _, scale in SCALE_FROM_PX[quality])]
    each_level = zip(scales, borders[:-1], borders[1:], strict=True)
    used = [(scale, low + 1, high) for scale, low, high in each_level if high > low]
    grid = used[-1][0]
    height, width = _up_to(coc.shape[0], grid), _up_to(coc.shape[1], grid)
    if (height, width) != coc.shape:
        light, coc = _mirrored(light, height, width), _mirrored(coc, height, width)
        hidden = None if hidden is None else tuple(_mirrored(plane, height, width) for plane in hidden)
    count = light.shape[2] // 2 + 1
    main = Sheet(np.empty((count, height, 2 * width), np.float32), np.empty((height, width), np.float32))
    back = None if hidden is None else Sheet(np.empty_like(main.pairs), np.empty_like(main.place))
    band = _up_to(max(BAND_PX // width, 1), grid)
    tops = range(0, height, band)
    found: dict[tuple[int, int, bool], list[Sheet]] = {}

    def take(start: int) -> None:
        rows = slice(start, min(start + band, height))
        own = Sheet(main.pairs[:, rows], main.place[rows])
        pairs_of(light[rows], None, own.pairs)
        own.place[...] = stand.at(coc[rows])
        sources = [own]
        if hidden is not None:
            behind = Sheet(back.pairs[:, rows], back.place[rows])
            coverage = hidden[2][rows]
            if coverage.any():
                pairs_of(hidden[0][rows], coverage, behind.pairs)
                behind.place[...] = np.where(coverage > 0, stand.at(hidden[1][rows]), np.float32(NOWHERE))
                sources.append(behind)
            else:
                behind.pairs.fill(0)
                behind.place.fill(NOWHERE)
        for scale, first, last in used[1:]:
            for source in sources:
                found[start, scale, source is own] = reduced(source, scale, first, last, part=source is own)

    each(take, [(start,) for start in tops])
    levels = [Level(1, 0, used[0][2], [main] if back is None else [main, back])]
    for scale, first, last in used[1:]:
        heights = [(min(start + band, height) - start) // scale for start in tops]
        sheets = []
        for whole in (True, False):
            bands = [found.get((start, scale, whole), []) for start in tops]
            sheets += stacked(bands, heights, width // scale, count)
        levels.append(Level(scale, first, last, sheets))
    return levels


def _mirrored(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture continued below and to the right, to a height and width."""
    over = 0, height - picture.shape[0], 0, width - picture.shape[1]
    return cv2.copyMakeBorder(picture, *over, cv2.BORDER_REFLECT).reshape(height, width, *picture.shape[2:])


def _fields(
    shape: tuple[int, int], aperture: Aperture, corner: tuple[int, int], tile: int, rim: int
) -> Callable[[tuple[int, int], tuple[int, int], int], dict[Field, np.ndarray]]:
    """The kernels of a tile: that of the centre, or those of its four corners, mixed bilinearly."""
    if not aperture.varies_over_field:
        return lambda rows, columns, scale: {CENTRE: np.float32(1)}
    half_diagonal = math.hypot(*shape) / 2
    y, x = ([(c + at - n / 2) / half_diagonal for at in (0, tile)] for c, n in zip(corner, shape, strict=True))

    def ramp(span: tuple[int, int], scale: int) -> np.ndarray:
        at = ((np.arange(*span, dtype=np.float32) + np.float32(0.5)) * scale - rim) / tile
        return np.clip(at, 0, 1)

    def fields(rows: tuple[int, int], columns: tuple[int, int], scale: int) -> dict[Field, np.ndarray]:
        down, right = ramp(rows, scale), np.repeat(ramp(columns, scale), 2)
        return {
            _within_barrel(x[i], y[j]): np.outer(down if j else 1 - down, right if i else 1 - right)
            for j in (0, 1)
            for i in (0, 1)
        }

    return fields


def _within_barrel(x: float, y: float) -> Field:
    """A field position; beyond the picture's corner, where tiles hang over it, the barrel closes no further."""
    beyond = max(math.hypot(x, y), 1.0)
    return x / beyond, y / beyond


_counting = threading.Lock()
_threads_before: list[int] = []
"""OpenCV's number of threads as each of the renders under way found it: the first one's is the user's."""


@contextmanager
def _workers() -> Iterator[Callable]:
    """Runs a job for many arguments on all cores. OpenCV's own threads rest until the last render is done."""
    with _counting:
        _threads_before.append(cv2.getNumThreads())
        cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:

            def each(job: Callable, arguments: list[tuple]) -> None:
                for done in [pool.submit(job, *own) for own in arguments]:
                    done.result()

            yield each
    finally:
        with _counting:
            last = _threads_before.pop()
            if not _threads_before:
                cv2.setNumThreads(last)


def _picture(total: np.ndarray, channels: int) -> np.ndarray:
    """Interleaved pairs of sums as a picture (h, w, channels), divided by their coverage."""
    scale = 1 / np.maximum(total[-1][:, 1::2], np.float32(1e-6))
    planes = [total[channel // 2][:, channel % 2 :: 2] * scale for channel in range(channels)]
    return cv2.merge(planes).reshape(*scale.shape, channels)


def _with_dead_zone(coc: np.ndarray) -> np.ndarray:
    """Circles below UNTOUCHED_PX become 0, and grow from there to their true size at BLURRED_PX."""
    size = np.abs(coc)
    grown = size - np.float32(UNTOUCHED_PX)
    grown *= np.float32(BLURRED_PX / (BLURRED_PX - UNTOUCHED_PX))
    np.clip(grown, 0, size, out=grown)
    return np.copysign(grown, coc, out=grown)


def _lit(rgba: np.ndarray, coc: np.ndarray, highlights: Highlights) -> np.ndarray:
    """The picture with its clipped light given back where it is out of focus."""
    if highlights.gain == 0:
        return rgba
    ramp = np.clip(np.abs(coc), 0, 1)
    factor = 1 + (highlight_factor(rgba, highlights) - 1) * ramp
    lit = rgba.copy()
    lit[..., :3] *= factor[..., None]
    return lit


def _check(rgba: np.ndarray, depth_m: np.ndarray, quality: str) -> None:
    if not isinstance(rgba, np.ndarray) or rgba.ndim != 3 or rgba.shape[2] not in (3, 4) or rgba.dtype != np.float32:
        raise ValueError("rgba: must be a float32 array of shape (H, W, 3) or (H, W, 4)")
    if not isinstance(depth_m, np.ndarray) or depth_m.shape != rgba.shape[:2] or depth_m.dtype != np.float32:
        raise ValueError("depth_m: must be a float32 array of the picture's height and width")
    if rgba.size == 0:
        raise ValueError("rgba: must not be empty")
    if not cv2.checkRange(rgba)[0]:
        raise ValueError("rgba: must be finite everywhere")
    if quality not in QUALITIES:
        raise ValueError(f"quality: must be one of {', '.join(QUALITIES)}")
