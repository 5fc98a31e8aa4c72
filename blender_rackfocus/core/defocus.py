# SPDX-License-Identifier: GPL-3.0-or-later
"""The layered renderer: one sharp picture and its depth in, the picture through a lens out.

The way of a frame: depth becomes signed circles of confusion (lens); what near edges hide is added as a second sample
per pixel (hidden); tile by tile, samples are sorted into layers, blurred and composited (layers).
"""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np

from .aperture import Aperture, field_axes, vignetting_gain
from .edges import unmixed
from .hidden import hidden_samples
from .highlights import Highlights, highlight_factor
from .layers import FINENESS, SCALE_FROM_PX, Blur, layer_at, layer_step, render_tile
from .lens import Lens, breathing_scale, chromatic_offset_px, coc_px

UNTOUCHED_PX = 0.25
"""Below this radius a pixel is in focus: it comes back bit for bit."""

BLURRED_PX = 0.75
"""From this radius on a pixel is blurred by its true circle; between the two the circle grows from 0."""

QUALITIES = ("draft", "final")
TILE_PX = 224
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
        out *= vignetting_gain(coc.shape[0], coc.shape[1], aperture)[..., None]
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
    light = unmixed(light, coc) if quality == "final" else light
    hidden = hidden_samples(light, coc, 2 if width < 1400 else 4)
    reach = max(float(coc.max()), -float(coc.min())) * 1.25 + 1  # the layers around the largest circle
    margin = (math.ceil(reach) + 11) // 4 * 4
    tile = max(TILE_PX, int(reach * 3) // 4 * 4)
    blur = Blur(step or layer_step(width, quality), FINENESS[quality], SCALE_FROM_PX[quality], aperture)

    def fill(top: int, left: int) -> None:
        bottom, right = min(top + tile, height), min(left + tile, width)
        rows, columns = slice(top, bottom), slice(left, right)
        bottom_4, right_4 = bottom + (-(bottom - top) % 4), right + (-(right - left) % 4)
        cut = _cutter(height, width, top - margin, bottom_4 + margin, left - margin, right_4 + margin)
        window = cut(coc)
        if not window.any():
            put(rows, columns, light[rows, columns].copy(), np.zeros((bottom - top, right - left), np.float32))
            return
        samples = [(_pairs(cut(light), None), layer_at(window, blur.step, blur.fineness))]
        if hidden is not None:
            coverage = cut(hidden[2])
            if coverage.any():
                samples.append((_pairs(cut(hidden[0]), coverage), layer_at(cut(hidden[1]), blur.step, blur.fineness)))
        here = blur
        if aperture.varies_over_field:
            x, y = field_axes(height, width)
            here = replace(blur, field=(float(x[(left + right) // 2 - 1]), float(y[(top + bottom) // 2 - 1])))
        total, before = render_tile(samples, margin, here)
        result = _picture(total, light.shape[2])[: bottom - top, : right - left]
        put(rows, columns, result, before[: bottom - top, : right - left])

    _each(fill, [(y, x) for y in range(0, height, tile) for x in range(0, width, tile)])


def _each(job: Callable[[int, int], None], places: list[tuple[int, int]]) -> None:
    """Run the job for all places on all cores; OpenCV's own threads rest meanwhile."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for done in [pool.submit(job, *place) for place in places]:
                done.result()
    finally:
        cv2.setNumThreads(threads)


def _pairs(colour: np.ndarray, coverage: np.ndarray | None) -> np.ndarray:
    """Channels and coverage as interleaved pairs of planes (P, h, 2 w), premultiplied; coverage is the very last."""
    height, width = colour.shape[:2]
    colour = colour.reshape(height, width, -1)  # OpenCV drops a lone channel
    channels = colour.shape[2]
    pairs = np.zeros((channels // 2 + 1, height, width, 2), np.float32)
    planes = [(pair, place) for pair in range(len(pairs)) for place in (0, 1)]
    for channel, (pair, place) in zip(range(channels), planes, strict=False):
        pairs[pair, ..., place] = colour[..., channel]
    pairs[-1, ..., 1] = 1
    if coverage is not None:
        pairs *= coverage[..., None]
    return pairs.reshape(len(pairs), height, 2 * width)


def _picture(total: np.ndarray, channels: int) -> np.ndarray:
    """Interleaved pairs of sums as a picture (h, w, channels), divided by their coverage."""
    scale = 1 / np.maximum(total[-1][:, 1::2], np.float32(1e-6))
    planes = [total[channel // 2][:, channel % 2 :: 2] * scale for channel in range(channels)]
    return cv2.merge(planes).reshape(*scale.shape, channels)


def _cutter(
    height: int, width: int, top: int, bottom: int, left: int, right: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Cuts a window out of pictures; what lies over their border is mirrored."""
    inside = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    over = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    if not any(over):
        return lambda picture: picture[inside]
    return lambda picture: cv2.copyMakeBorder(picture[inside], *over, cv2.BORDER_REFLECT)


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
