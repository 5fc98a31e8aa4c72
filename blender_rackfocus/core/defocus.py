# SPDX-License-Identifier: GPL-3.0-or-later
"""The layered renderer: one sharp picture and its depth in, the picture through a lens out.

The way of a frame: depth becomes signed circles of confusion (lens); what near edges hide is added as a second sample per
pixel (hidden); tile by tile, samples are sorted into layers, blurred and composited (layers).
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from .aperture import Aperture
from .hidden import hidden_samples
from .highlights import Highlights, highlight_factor
from .layers import layer_at, render_tile
from .lens import Lens, coc_px

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
    coc = coc_px(depth_m, lens, rgba.shape[1])
    if max(float(coc.max()), -float(coc.min())) < UNTOUCHED_PX:
        return rgba.copy()
    return _render(rgba, coc, aperture, highlights or Highlights(), quality)


def _render(
    rgba: np.ndarray, coc: np.ndarray, aperture: Aperture, highlights: Highlights, quality: str
) -> np.ndarray:
    coc = _with_dead_zone(coc)
    light = _lit(rgba, coc, highlights)
    height, width = coc.shape
    cell = 2 if width < 1400 else 4
    hidden = hidden_samples(light, coc, cell)
    reach = max(float(coc.max()), -float(coc.min())) * 1.25 + 1  # the layers around the largest circle
    margin = (int(np.ceil(reach)) + 11) // 4 * 4
    tile = max(TILE_PX, int(reach * 2.5) // 4 * 4)
    out = np.empty_like(rgba)

    def fill(top: int, left: int) -> None:
        bottom, right = min(top + tile, height), min(left + tile, width)
        bottom_4, right_4 = bottom + (-(bottom - top) % 4), right + (-(right - left) % 4)
        cut = _cutter(height, width, top - margin, bottom_4 + margin, left - margin, right_4 + margin)
        window = cut(coc)
        if not window.any():
            out[top:bottom, left:right] = rgba[top:bottom, left:right]
            return
        samples = [(_pairs(cut(light), None), layer_at(window, quality))]
        if hidden is not None:
            coverage = cut(hidden[2])
            if coverage.any():
                samples.append((_pairs(cut(hidden[0]), coverage), layer_at(cut(hidden[1]), quality)))
        total, before = render_tile(samples, margin, aperture, quality)
        rows, columns = bottom - top, right - left
        result = _picture(total, rgba.shape[2])[:rows, :columns]
        kept = (before[:rows, :columns] < NOTHING_SPREADS) & (coc[top:bottom, left:right] == 0)
        np.copyto(result, rgba[top:bottom, left:right], where=kept[..., None])
        out[top:bottom, left:right] = result

    _each(fill, [(y, x) for y in range(0, height, tile) for x in range(0, width, tile)])
    return out


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
    height, width, channels = colour.shape
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
    return cv2.merge(planes)


def _cutter(height: int, width: int, top: int, bottom: int, left: int, right: int) -> Callable[[np.ndarray], np.ndarray]:
    """Cuts a window out of pictures; what lies over their border is mirrored."""
    inside = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    over = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    if not any(over):
        return lambda picture: picture[inside]
    return lambda picture: cv2.copyMakeBorder(picture[inside], *over, cv2.BORDER_REFLECT)


def _with_dead_zone(coc: np.ndarray) -> np.ndarray:
    """Circles below UNTOUCHED_PX become 0, and grow from there to their true size at BLURRED_PX."""
    size = np.abs(coc)
    grown = np.maximum(size - np.float32(UNTOUCHED_PX), 0) * np.float32(BLURRED_PX / (BLURRED_PX - UNTOUCHED_PX))
    return np.copysign(np.minimum(size, grown), coc)


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
    if not cv2.checkRange(rgba):
        raise ValueError("rgba: must be finite everywhere")
    if quality not in QUALITIES:
        raise ValueError(f"quality: must be one of {', '.join(QUALITIES)}")
