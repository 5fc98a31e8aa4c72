# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender does to a strip's picture before the first modifier sees it: the strip's Saturation and Multiply.

Both work on the sequencer's own values, which are sRGB-encoded as a rule: straight alpha for 8-bit pictures,
premultiplied for floating-point ones, to which it turns whatever it has to convert. (Blender's `input_preprocess` in
the sequencer's render.cc: saturation, then multiply, then modifiers; flips, crop and transform come after those.)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import media
from ..media.colour import SRGB, Space


def adjust(
    picture: np.ndarray,
    saturation: float,
    multiply: float,
    multiply_alpha: bool,
    space: Space,
    stream: int = 0,
) -> np.ndarray:
    """A strip's colour adjustments on a picture.

    picture: (H, W, 4) float32, scene-linear, premultiplied. space: the strip's; its configuration names the
    sequencer's. stream: which of a movie's video streams. Returns (H, W, 4) float32, scene-linear: a new picture, or
    the same one when there is nothing to do. Raises MediaError.
    """
    if saturation == 1.0 and multiply == 1.0:
        return picture
    sequencer = replace(space, name=space.config.sequencer if space.config else SRGB)
    # Data is never converted: it is taken as encoded.
    premultiplied = media.stores_floats(space.path, stream) or not (space.is_data or space == sequencer)
    alpha = picture[..., 3:]
    covered = alpha > 0
    rgb = picture[..., :3] / np.where(covered, alpha, np.float32(1.0))  # spaces are for straight colours
    if not space.is_data:
        rgb = sequencer.from_linear(rgb)
    if saturation != 1.0:  # hue and value kept, HSV saturation times the factor
        value = rgb.max(axis=2, keepdims=True)
        rgb = value - (value - rgb) * np.float32(saturation)
    # A premultiplied colour whose cover is multiplied too is the same straight colour under another cover.
    rgb = rgb * np.where(covered & (premultiplied and multiply_alpha), np.float32(1.0), np.float32(multiply))
    if not premultiplied:
        rgb = np.clip(rgb, 0.0, 1.0)  # 8-bit values end there
    result = np.empty_like(picture)
    result[..., :3] = sequencer.to_linear(rgb)
    result[..., 3:] = alpha * np.float32(multiply) if multiply_alpha else alpha
    if not premultiplied:
        result[..., 3:] = np.clip(result[..., 3:], 0.0, 1.0)
    result[..., :3] *= np.where(covered, result[..., 3:], np.float32(premultiplied))  # light without cover stays
    return result
