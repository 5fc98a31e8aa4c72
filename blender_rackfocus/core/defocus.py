# SPDX-License-Identifier: GPL-3.0-or-later
"""The layered renderer: one sharp picture and its depth in, the picture through a lens out."""

import cv2
import numpy as np

from .aperture import Aperture, kernel
from .highlights import Highlights, highlight_factor
from .lens import Lens, coc_px

UNTOUCHED_PX = 0.25
QUALITIES = ("draft", "final")


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
    coc = coc_px(depth_m, lens, rgba.shape[1])
    step = 1.0 if quality == "final" else 2.0
    far, near = max(float(coc.max()), 0.0), min(float(coc.min()), 0.0)
    if max(far, -near) < UNTOUCHED_PX:
        return rgba.copy()
    light = rgba
    if highlights.gain > 0:
        ramp = np.clip(np.abs(coc) - UNTOUCHED_PX, 0, 1)
        light = rgba * (1 + (highlight_factor(rgba, highlights) - 1) * ramp)[..., None]
    levels = np.arange(np.floor(near / step), np.ceil(far / step) + 1)[::-1] * step
    total = np.zeros((*coc.shape, rgba.shape[2] + 1), np.float32)
    source = np.dstack([light, np.ones_like(coc)])
    for level in levels:
        weight = np.maximum(1 - np.abs(coc - np.float32(level)) / np.float32(step), 0)
        if not weight.any():
            continue
        layer = cv2.filter2D(source * weight[..., None], -1, kernel(float(level), aperture), borderType=cv2.BORDER_REFLECT)
        total = total * (1 - np.clip(layer[..., -1:], 0, 1)) + layer
    out = total[..., :-1] / np.maximum(total[..., -1:], 1e-6)
    untouched = cv2.dilate(np.abs(coc), np.ones((3, 3), np.uint8)) < UNTOUCHED_PX
    out[untouched] = rgba[untouched]
    return out


def _check(rgba: np.ndarray, depth_m: np.ndarray, quality: str) -> None:
    if not isinstance(rgba, np.ndarray) or rgba.ndim != 3 or rgba.shape[2] not in (3, 4) or rgba.dtype != np.float32:
        raise ValueError("rgba: must be a float32 array of shape (H, W, 3) or (H, W, 4)")
    if not isinstance(depth_m, np.ndarray) or depth_m.shape != rgba.shape[:2] or depth_m.dtype != np.float32:
        raise ValueError("depth_m: must be a float32 array of the picture's height and width")
    if rgba.size == 0:
        raise ValueError("rgba: must not be empty")
    if not np.isfinite(rgba).all():
        raise ValueError("rgba: must be finite everywhere")
    if quality not in QUALITIES:
        raise ValueError(f"quality: must be one of {', '.join(QUALITIES)}")
