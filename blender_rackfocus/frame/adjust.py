# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender does to a strip's picture before the first modifier sees it: the strip's Saturation and Multiply.

Both work on the sequencer's own values, which are sRGB-encoded as a rule: straight alpha for 8-bit pictures,
premultiplied for floating-point ones. (Blender's `input_preprocess` in the sequencer's render.cc: saturation, then
multiply, then modifiers; flips, crop and transform come after the modifiers.)
"""

from __future__ import annotations

import numpy as np

from ..media import colour


def adjust(
    picture: np.ndarray, saturation: float, multiply: float, multiply_alpha: bool, premultiplied: bool
) -> np.ndarray:
    """A strip's colour adjustments on a picture.

    picture: (H, W, 4) float32, scene-linear, premultiplied. premultiplied: the file is floating-point, so Blender
    works on premultiplied values. Returns a new picture, or the same one when there is nothing to do.
    """
    if saturation == 1.0 and multiply == 1.0:
        return picture
    alpha = picture[..., 3:]
    cover = np.float32(1.0) if premultiplied else np.where(alpha > 0, alpha, np.float32(1.0))
    rgb = colour.linear_to_srgb(picture[..., :3] / cover)
    if saturation != 1.0:  # hue and value kept, HSV saturation times the factor
        value = rgb.max(axis=2, keepdims=True)
        rgb = value - (value - rgb) * np.float32(saturation)
    rgb = rgb * np.float32(multiply)
    if not premultiplied:
        rgb = np.clip(rgb, 0.0, 1.0)  # 8-bit values end there
    result = np.empty_like(picture)
    result[..., :3] = colour.srgb_to_linear(rgb)
    result[..., 3:] = alpha * np.float32(multiply) if multiply_alpha else alpha
    if not premultiplied:
        result[..., 3:] = np.clip(result[..., 3:], 0.0, 1.0)
        result[..., :3] *= np.where(alpha > 0, result[..., 3:], np.float32(0.0))
    return result
